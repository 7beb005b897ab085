using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Node.Mempool;

/// <summary>
/// Takes what other replicas hand to this one because it has waited for long with them. The pool has a reserve for it, so that a full pool is no
/// excuse for leaving somebody out; each peer has a share of the reserve, so that none can use it up.
/// </summary>
public sealed class ForwardDesk(TransactionPool pool, Admission admission, int peers)
{
    /// <summary>Transactions that one peer handed over and that still wait.</summary>
    public const int PerPeer = 1_024;

    private readonly Lock _gate = new();
    private readonly Dictionary<PublicKey, HashSet<Hash>> _waiting = [];

    /// <summary>Admits a batch of a peer. Throws <see cref="RpcException"/> (Busy) when its share is used up or the pool refuses one of them.</summary>
    public void Accept(PublicKey peer, IReadOnlyList<byte[]> batch)
    {
        // One at a time: what a batch costs is bounded, and so no two of one peer take the same room.
        lock (_gate)
        {
            if (!_waiting.TryGetValue(peer, out HashSet<Hash>? mine)) _waiting[peer] = mine = [];
            mine.RemoveWhere(h => !pool.Contains(h));
            if (mine.Count + batch.Count > PerPeer)
                throw new RpcException(RpcErrors.Busy, $"{mine.Count} transactions of this replica wait already, of at most {PerPeer}");
            if (!admission.AcceptForwarded(batch, peers * PerPeer, mine)) throw new RpcException(RpcErrors.Busy, "not all of them could be admitted");
        }
    }
}
