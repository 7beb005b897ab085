using MessagePack;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Wire;

namespace Ptoy.Protocol.Consensus;

/// <summary>
/// A quorum's prepare votes for one block in one view (the paper's P set): no other block can be prepared in that view and
/// height. Carries the block's hash, not its bytes: a replica that lacks the block asks for it by hash.
/// </summary>
[MessagePackObject]
public sealed record PreparedCertificate(
    [property: Key(0)] VoteStatement Statement,
    [property: Key(1)] ReplicaSignature[] Signatures) : IWire
{
    /// <inheritdoc/>
    public string? Problem() => Check.Nested("statement", Statement) ?? Check.Each("signatures", Signatures, ValidatorSet.MaxMembers);
}

/// <summary>
/// What a replica signs when it asks for a view: its newest execution certificate of the epoch (null: none yet) and its prepared
/// certificates above it, in the order of heights.
/// </summary>
[MessagePackObject]
public sealed record ViewChangeStatement(
    [property: Key(0)] Hash ChainId,
    [property: Key(1)] ulong Epoch,
    [property: Key(2)] byte Replica,
    [property: Key(3)] ulong View,
    [property: Key(4)] ExecutionCertificate? Checkpoint,
    [property: Key(5)] PreparedCertificate[] Prepared) : IWire
{
    /// <summary>Most prepared certificates: the largest watermark window.</summary>
    public const int MaxPrepared = 256;

    /// <summary>Domain of the signature.</summary>
    public const string Domain = "ptoy/view-change/v1";

    /// <summary>Height of the checkpoint; 0 is the start of the epoch.</summary>
    [IgnoreMember]
    public ulong CheckpointHeight => Checkpoint?.Statement.Height ?? 0;

    /// <inheritdoc/>
    public string? Problem() =>
        (View == 0 ? "view is 0, which nobody asks for" : null)
        ?? (Replica < ValidatorSet.MaxMembers ? null : $"replica {Replica} is beyond the largest set")
        ?? (Checkpoint?.Problem() is { } problem ? $"checkpoint: {problem}" : null)
        ?? Check.Each("prepared", Prepared, MaxPrepared)
        ?? PreparedProblem();

    private string? PreparedProblem()
    {
        // Without a checkpoint the heights begin above the end of the epoch before, which is not known here.
        ulong bottom = Checkpoint is null && Prepared.Length > 0 ? Math.Max(Prepared[0].Statement.Height, 1) - 1 : CheckpointHeight;
        ulong previous = bottom;
        foreach (PreparedCertificate prepared in Prepared)
        {
            if (prepared.Statement.Height <= previous) return "prepared certificates are not in the order of heights above the checkpoint";
            if (prepared.Statement.View >= View) return "a prepared certificate is not from an earlier view";
            previous = prepared.Statement.Height;
        }
        return previous - bottom <= MaxPrepared ? null : "a prepared certificate is beyond the window";
    }
}

/// <summary>A replica asks for a view (section 4.4 of the paper).</summary>
[MessagePackObject]
public sealed record ViewChange(
    [property: Key(0)] ViewChangeStatement Statement,
    [property: Key(1)] Signature Signature) : ConsensusMessage
{
    /// <inheritdoc/>
    public override string? Problem() => Check.Nested("statement", Statement) ?? Check.Nested("signature", Signature);
}

/// <summary>What a new view proposes for one height: a prepared block, or the null block that fills a gap.</summary>
[MessagePackObject]
public sealed record ReProposal([property: Key(0)] ulong Height, [property: Key(1)] Hash BlockHash) : IWire
{
    /// <inheritdoc/>
    public string? Problem() => Height == 0 ? "height is 0" : null;
}

/// <summary>
/// What the primary of a new view signs: a quorum of view changes (the paper's V) and what follows from them (O). Everyone
/// computes the proposals again from the view changes.
/// </summary>
[MessagePackObject]
public sealed record NewViewStatement(
    [property: Key(0)] Hash ChainId,
    [property: Key(1)] ulong Epoch,
    [property: Key(2)] ulong View,
    [property: Key(3)] ViewChange[] ViewChanges,
    [property: Key(4)] ReProposal[] Proposals) : IWire
{
    /// <summary>Domain of the signature.</summary>
    public const string Domain = "ptoy/new-view/v1";

    /// <inheritdoc/>
    public string? Problem() =>
        (View == 0 ? "view is 0, which needs no new-view" : null)
        ?? Check.Each("view changes", ViewChanges, ValidatorSet.MaxMembers)
        ?? Check.Each("proposals", Proposals, ViewChangeStatement.MaxPrepared);
}

/// <summary>The primary of a view opens it.</summary>
[MessagePackObject]
public sealed record NewView(
    [property: Key(0)] NewViewStatement Statement,
    [property: Key(1)] Signature Signature) : ConsensusMessage
{
    /// <inheritdoc/>
    public override string? Problem() => Check.Nested("statement", Statement) ?? Check.Nested("signature", Signature);
}
