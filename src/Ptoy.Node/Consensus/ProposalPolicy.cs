using Ptoy.Consensus;
using Ptoy.Node.Mempool;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Node.Consensus;

/// <summary>
/// Adaptive batching. With nothing in flight, propose at once what there is: an idle network answers in one round. With heights in
/// flight, wait until a fuller block has gathered or the pipe runs empty: under load, blocks grow by themselves.
/// </summary>
public sealed class ProposalPolicy(TransactionPool pool, BodyCache bodies) : IProposalSource
{
    /// <summary>
    /// Transactions that are worth another height in flight, for each height that is: the more are under way, the more it pays to share a
    /// block's votes, synced writes and tree nodes.
    /// </summary>
    public const int WorthAHeight = 256;

    /// <summary>Most transactions in a block.</summary>
    public const int MaxPerBlock = 1024;

    /// <summary>Most bytes of bodies in a block, so that a vote's synced write stays small.</summary>
    public const long MaxBytesPerBlock = 4 * 1024 * 1024;

    /// <inheritdoc/>
    public bool HasExecutable => pool.HasExecutable;

    /// <inheritdoc/>
    public IReadOnlyList<Hash>? Choose(ProposalRequest want, Func<IReadOnlySet<Hash>> inFlight)
    {
        if (Chosen(want) is not { } chosen) return null;
        if (chosen.Count == 0) return [];
        // A client may hand in again what a height in flight holds already, to a node whose pool has lost it: never propose it twice.
        IReadOnlySet<Hash> under = inFlight();
        var fresh = new List<Hash>(chosen.Count);
        foreach (Transaction transaction in chosen)
        {
            if (under.Contains(transaction.Hash)) continue;
            bodies.Add(transaction);
            fresh.Add(transaction.Hash);
        }
        return fresh;
    }

    /// <inheritdoc/>
    public void MarkTaken(IEnumerable<Hash> hashes) => pool.MarkTaken(hashes);

    /// <inheritdoc/>
    public void ResetTaken(IReadOnlySet<Hash> inFlight) => pool.ResetTaken(inFlight);

    private IReadOnlyList<Transaction>? Chosen(ProposalRequest want)
    {
        if (!pool.HasReady) return want.HeartbeatDue ? [] : null;
        if (want.InFlight > 0 && !want.HeartbeatDue && !pool.HasAtLeast(Math.Min(MaxPerBlock, WorthAHeight * want.InFlight))) return null;
        List<Transaction> chosen = pool.Take(MaxPerBlock, MaxBytesPerBlock);
        return chosen.Count > 0 ? chosen : want.HeartbeatDue ? [] : null;
    }
}
