using Ptoy.Consensus;
using Ptoy.Node.Mempool;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Node.Consensus;

/// <summary>
/// Adaptive batching. With nothing in flight, propose at once what there is: an idle network answers in one round. With heights in
/// flight, wait until a fuller block has gathered or the pipe runs empty: under load, blocks grow by themselves.
/// </summary>
public sealed class ProposalPolicy(TransactionPool pool)
{
    /// <summary>Transactions that are worth another height in flight.</summary>
    public const int WorthAHeight = 256;

    /// <summary>Most transactions in a block.</summary>
    public const int MaxPerBlock = 1024;

    /// <summary>Most bytes of bodies in a block, so that a vote's synced write stays small.</summary>
    public const long MaxBytesPerBlock = 4 * 1024 * 1024;

    /// <summary>The transactions to propose now (none for a heartbeat), or null to wait.</summary>
    public IReadOnlyList<Transaction>? Choose(ProposalRequest want)
    {
        if (!pool.HasReady) return want.HeartbeatDue ? [] : null;
        if (want.InFlight > 0 && !pool.HasAtLeast(WorthAHeight)) return null;
        List<Transaction> chosen = pool.Take(MaxPerBlock, MaxBytesPerBlock);
        return chosen.Count > 0 ? chosen : want.HeartbeatDue ? [] : null;
    }
}
