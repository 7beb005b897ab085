using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Consensus;

/// <summary>The primary's side of a height.</summary>
public sealed partial class Replica
{
    /// <summary>Next height to propose in this view, while primary.</summary>
    private ulong _next = 1;

    private ProposalRequest? _lastWant;

    /// <summary>
    /// What a <see cref="Propose"/> would be taken for now, or null. Also in <see cref="Ready.WantProposal"/>; ask here when
    /// transactions arrive later.
    /// </summary>
    public ProposalRequest? WantProposal =>
        Votes && IsPrimary && _next > Committed && _next - Committed <= (ulong)_config.MaxInFlight
        && _next <= Stable + _config.Window && _next <= (_barrier ?? ulong.MaxValue) && _next - ExecutedHeight <= _config.Window
            ? new ProposalRequest(View, _next, (int)(_next - 1 - Committed), HeartbeatDue)
            : null;

    /// <summary>
    /// The blocks above the last executed height that are decided or that the current view proposes, as far as they are known here: what
    /// they list must not be proposed again.
    /// </summary>
    public IEnumerable<Block> InFlight()
    {
        foreach (Slot slot in SlotsAbove(ExecutedHeight))
        {
            if (slot.DecidedBlock is { } decided) yield return decided;
            else if (slot.Current is { } current && slot.Blocks.TryGetValue(current.BlockHash, out Block? proposed)) yield return proposed;
        }
    }

    /// <summary>The end of an epoch is waited for by those who are to join: it is approached with empty blocks if need be.</summary>
    private bool HeartbeatDue =>
        _barrier is not null || (_next == Committed + 1 && _now - _progressAt >= (ulong)_config.HeartbeatTicks);

    private void OnPropose(Propose input)
    {
        if (WantProposal is null || SlotAt(_next) is not { } slot) return;
        if (input.TransactionHashes.Length > Block.MaxTransactions)
            throw new ArgumentException($"a block has at most {Block.MaxTransactions} transactions", nameof(input));
        ExecutionStatement executed = _history[ExecutedHeight];
        // A time of 0 is the mark of the null block, which only a new view proposes.
        var header = new BlockHeader(_config.ChainId, _set.Epoch, _next, MerkleTree.Root(input.TransactionHashes),
            Math.Max(input.TimeMs, 1), executed.Height, executed.ChainHash, executed.StateRoot);
        var block = new Block(header, input.TransactionHashes);
        Hash hash = block.ComputeHash();
        if (_safety.Prepare(View, _next, hash) != Verdict.Sign) return;
        var current = new Proposal(View, hash, FromNewView: false);
        slot.Current = current;
        slot.Blocks.TryAdd(hash, block);
        slot.BodiesHeld.Add(hash);
        _next++;
        var vote = new Prepare(View, slot.Height, hash, Sign(VoteStatement.PrepareDomain, StatementOf(View, slot.Height, hash)));
        LogBlock(slot, current, block);
        _log.Put(LogKind.Prepare, slot.Height, View, vote);
        Broadcast(new PrePrepare(View, block, vote.Signature));
        AddPrepare(slot, _self, new Vote(View, hash, vote.Signature));
        TryCommit(slot);
    }
}
