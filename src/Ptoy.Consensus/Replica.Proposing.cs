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
        Votes && IsPrimary && _next > Committed && _next - Committed <= (ulong)_config.MaxInFlight && _next <= LastProposal
            ? new ProposalRequest(View, _next, (int)(_next - 1 - ExecutedHeight), HeartbeatDue)
            : null;

    /// <summary>
    /// The highest height that this primary may propose now: a window above the stable checkpoint and above what it executed, not beyond
    /// its tenure or the epoch.
    /// </summary>
    private ulong LastProposal => _config.Fault == PlantedFault.WatermarkIgnored
        ? Math.Min(TenureEnd, LastHeight)
        : Math.Min(Math.Min(Stable, ExecutedHeight) + _config.Window, Math.Min(TenureEnd, LastHeight));

    /// <summary>
    /// The blocks above the last executed height that are decided or that the current view proposes, as far as they are known here: what
    /// they list must not be proposed again.
    /// </summary>
    public IEnumerable<Block> InFlight()
    {
        for (ulong h = ExecutedHeight + 1; h <= _slots.Top; h++)
        {
            if (_slots[h] is not { } slot) continue;
            if (slot.DecidedBlock is { } decided) yield return decided;
            else if (slot.Current is { } current && slot.Find(current.BlockHash) is { } proposed) yield return proposed.Block;
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
        // Not before the chain's own time; and a time of 0 is the mark of the null block, which only a new view proposes.
        ulong time = Math.Max(Math.Max(input.TimeMs, executed.TimeMs), 1);
        var header = new BlockHeader(_config.ChainId, _set.Epoch, _next, MerkleTree.Root(input.TransactionHashes),
            time, executed.Height, executed.ChainHash, executed.StateRoot);
        var block = new Block(header, input.TransactionHashes);
        Hash hash = block.ComputeHash();
        if (_safety.Prepare(View, _next, hash) != Verdict.Sign) return;
        var current = new Proposal(View, hash, FromNewView: false);
        slot.Current = current;
        KnownBlock known = slot.Learn(hash, block);
        known.BodiesHeld = true;
        _next++;
        var vote = new Prepare(View, slot.Height, hash, Sign(VoteStatement.PrepareDomain, StatementOf(View, slot.Height, hash)));
        LogBlock(slot, current, known);
        _log.Put(LogKind.Prepare, slot.Height, View, vote);
        Broadcast(new PrePrepare(View, block, vote.Signature));
        AddPrepare(slot, _self, new Vote(View, hash, vote.Signature));
        TryCommit(slot);
    }
}
