using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Consensus;

/// <summary>
/// What follows from a quorum of view changes (the paper's computation of O): it starts above the newest checkpoint
/// (min-s), and every height up to the highest prepared one (max-s) gets the block prepared in the highest view, or the
/// null block. A pure function, so that everyone computes the same.
/// </summary>
internal sealed class NewViewPlan
{
    /// <summary>The newest certificate among the view changes; null is genesis.</summary>
    public ExecutionCertificate? Checkpoint { get; }

    /// <summary>One proposal for each height above the checkpoint up to the highest prepared.</summary>
    public ReProposal[] Proposals { get; }

    /// <summary>The certificates that the proposals rest on, by height; null blocks have none.</summary>
    public IReadOnlyDictionary<ulong, PreparedCertificate> Prepared { get; }

    /// <summary>Height of the checkpoint.</summary>
    public ulong Base { get; }

    /// <summary>Highest height proposed, or the checkpoint.</summary>
    public ulong Top => Base + (ulong)Proposals.Length;

    /// <summary>The plan of an epoch whose heights are above <paramref name="epochBase"/>.</summary>
    public NewViewPlan(ReplicaConfig config, ulong epochBase, IEnumerable<ViewChange> viewChanges)
    {
        var chosen = new Dictionary<ulong, PreparedCertificate>();
        ViewChangeStatement[] statements = [.. viewChanges.Select(v => v.Statement)];
        Checkpoint = statements.MaxBy(s => s.CheckpointHeight)?.Checkpoint;
        Base = Math.Max(epochBase, Checkpoint?.Statement.Height ?? 0);
        ulong top = Base;
        foreach (PreparedCertificate prepared in statements.SelectMany(s => s.Prepared))
        {
            ulong height = prepared.Statement.Height;
            if (height <= Base) continue;
            top = Math.Max(top, height);
            bool prevails = !chosen.TryGetValue(height, out PreparedCertificate? other)
                || Prevails(config, prepared.Statement.View, other.Statement.View);
            if (prevails) chosen[height] = prepared;
        }
        if (config.Fault == PlantedFault.NewViewDropsPrepared && top > Base)
        {
            chosen.Remove(top);
            top--;
        }
        Prepared = chosen;
        Proposals = new ReProposal[Math.Min(top - Base, ViewChangeStatement.MaxPrepared)];
        for (ulong i = 0; i < (ulong)Proposals.Length; i++)
        {
            ulong height = Base + 1 + i;
            Hash hash = chosen.TryGetValue(height, out PreparedCertificate? prepared)
                ? prepared.Statement.BlockHash
                : Filler(config, height).ComputeHash();
            if (config.Fault == PlantedFault.ViewInDigest)
                hash = Digest.Of("ptoy/planted/view/v1", hash.ToArray(), BitConverter.GetBytes(statements[0].View));
            Proposals[i] = new ReProposal(height, hash);
        }
    }

    /// <summary>The block for a height of which nothing was prepared.</summary>
    public static Block Filler(ReplicaConfig config, ulong height) =>
        Block.Null(config.ChainId, config.Validators.Epoch, config.Fault == PlantedFault.GapFilledWrong ? height + 1 : height);

    /// <summary>View changes that open a view.</summary>
    public static int QuorumOf(ReplicaConfig config) => config.Fault == PlantedFault.NewViewWithoutQuorum ? 1 : config.Quorum;

    private static bool Prevails(ReplicaConfig config, ulong view, ulong over) =>
        config.Fault == PlantedFault.LowerViewChosen ? view < over : view > over;

    /// <summary>Null when a new view follows from its own view changes, else what is wrong.</summary>
    public static string? Check(ReplicaConfig config, ulong epochBase, NewViewStatement statement)
    {
        int previous = -1;
        foreach (ViewChange change in statement.ViewChanges)
        {
            if (change.Statement.View != statement.View) return "a view change is for another view";
            if (change.Statement.Replica <= previous) return "view changes are not in the order of replicas, or one is repeated";
            previous = change.Statement.Replica;
        }
        if (statement.ViewChanges.Length < QuorumOf(config)) return $"{statement.ViewChanges.Length} view changes, fewer than a quorum";
        if (config.Fault == PlantedFault.NewViewNotChecked) return null;
        var plan = new NewViewPlan(config, epochBase, statement.ViewChanges);
        return plan.Proposals.AsSpan().SequenceEqual(statement.Proposals) ? null : "the proposals do not follow from the view changes";
    }
}
