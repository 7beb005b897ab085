using System.Collections.Concurrent;
using Ptoy.Node.Mempool;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Node.Consensus;

/// <summary>
/// Transactions of proposed and decided blocks, held in decoded and verified form from the moment a block needs them until
/// it is executed: the pool may drop a transaction meanwhile, a block may not lose it. What is not held comes from disk: a transaction
/// that two blocks list is dropped with the first of them, and after a restart nothing is held.
/// </summary>
/// <param name="pool">Where bodies wait.</param>
/// <param name="stored">The verified bytes of a transaction on this node's disk, or null.</param>
public sealed class BodyCache(TransactionPool pool, Func<Hash, byte[]?> stored) : IBodySource
{
    /// <summary>
    /// Most that are held: two full windows. A faulty primary's proposals that are never decided would otherwise stay; beyond, the oldest is let go. What a
    /// vote depends on is on disk by then, and anything else is fetched again when it is needed.
    /// </summary>
    public const int MaxHeld = 2 * 128 * 1024;

    private readonly ConcurrentDictionary<Hash, Transaction> _held = new();
    private readonly ConcurrentQueue<Hash> _order = new();

    /// <summary>How many are held.</summary>
    public int Count => _held.Count;

    /// <summary>Holds a verified transaction.</summary>
    public void Add(Transaction transaction)
    {
        if (!_held.TryAdd(transaction.Hash, transaction)) return;
        _order.Enqueue(transaction.Hash);
        while (_order.Count > MaxHeld && _order.TryDequeue(out Hash oldest)) _held.TryRemove(oldest, out _);
    }

    /// <summary>The transaction, from here, from the pool (and held from now on) or from disk, or null.</summary>
    public Transaction? Find(Hash hash)
    {
        if (_held.TryGetValue(hash, out Transaction? held)) return held;
        if (pool.Find(hash) is not { } waiting) return stored(hash) is { } bytes ? Transaction.Decode(bytes) : null;
        Add(waiting);
        return waiting;
    }

    /// <inheritdoc/>
    public byte[]? Bytes(Hash hash) => Find(hash)?.Bytes;

    /// <summary>The hashes that are not held.</summary>
    public Hash[] Missing(IEnumerable<Hash> hashes) => [.. hashes.Where(h => Find(h) is null)];

    /// <summary>Drops the transactions of an executed block.</summary>
    public void Drop(IEnumerable<Hash> hashes)
    {
        foreach (Hash hash in hashes) _held.TryRemove(hash, out _);
    }
}
