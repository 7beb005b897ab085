using System.Collections.Concurrent;
using Ptoy.Node.Mempool;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Node.Consensus;

/// <summary>
/// Transactions of proposed and decided blocks, held in decoded and verified form from the moment a block needs them until
/// it is executed: the pool may drop a transaction meanwhile, a block may not lose it.
/// </summary>
public sealed class BodyCache(TransactionPool pool)
{
    private readonly ConcurrentDictionary<Hash, Transaction> _held = new();

    /// <summary>How many are held.</summary>
    public int Count => _held.Count;

    /// <summary>Holds a verified transaction.</summary>
    public void Add(Transaction transaction) => _held[transaction.Hash] = transaction;

    /// <summary>The transaction, from here or from the pool (and held from now on), or null.</summary>
    public Transaction? Find(Hash hash)
    {
        if (_held.TryGetValue(hash, out Transaction? held)) return held;
        if (pool.Find(hash) is not { } waiting) return null;
        _held[hash] = waiting;
        return waiting;
    }

    /// <summary>The hashes that are not held.</summary>
    public Hash[] Missing(IEnumerable<Hash> hashes) => [.. hashes.Where(h => Find(h) is null)];

    /// <summary>Drops the transactions of an executed block.</summary>
    public void Drop(IEnumerable<Hash> hashes)
    {
        foreach (Hash hash in hashes) _held.TryRemove(hash, out _);
    }
}
