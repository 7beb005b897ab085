using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Node.Mempool;

/// <summary>Why a transaction was not admitted. The message names what is wrong and, for a nonce, what is expected.</summary>
public sealed record Rejection(string Reason, string Message);

/// <summary>
/// Transactions that wait for a block: decoded, signatures verified, within bounds. One sender's transactions are proposed in
/// the order of their nonces; senders take turns by arrival. Everything is behind one lock; nothing in here waits.
/// </summary>
public sealed class TransactionPool(int maxTransactions, long maxBytes, Func<Address, ulong> nonceOf)
{
    /// <summary>Most waiting transactions of one sender.</summary>
    public const int MaxPerSender = 20_000;

    private readonly Lock _gate = new();
    private readonly Dictionary<Hash, Transaction> _byHash = [];
    private readonly Dictionary<Address, Lane> _lanes = [];
    private readonly LinkedList<Address> _turns = [];
    private long _bytes;

    private sealed class Lane
    {
        public readonly SortedDictionary<ulong, Transaction> ByNonce = [];
        public ulong NextToPropose;
        public ulong NextExpected;
        public required LinkedListNode<Address> Turn;
    }

    /// <summary>Waiting transactions.</summary>
    public int Count
    {
        get { lock (_gate) return _byHash.Count; }
    }

    /// <summary>Bytes of waiting transactions.</summary>
    public long Bytes
    {
        get { lock (_gate) return _bytes; }
    }

    /// <summary>True when a transaction with that hash waits.</summary>
    public bool Contains(Hash hash)
    {
        lock (_gate) return _byHash.ContainsKey(hash);
    }

    /// <summary>The waiting transaction with that hash, or null.</summary>
    public Transaction? Find(Hash hash)
    {
        lock (_gate) return _byHash.GetValueOrDefault(hash);
    }

    /// <summary>The nonce that a sender's next transaction should have: after those that wait.</summary>
    public ulong NextNonce(Address sender)
    {
        lock (_gate) return _lanes.TryGetValue(sender, out Lane? lane) ? lane.NextExpected : nonceOf(sender);
    }

    /// <summary>
    /// Admits a verified transaction or says why not. A gap in nonces is allowed only for transactions that came from other
    /// replicas (<paramref name="allowGap"/>), whose order of arrival is not the sender's.
    /// </summary>
    public Rejection? Add(Transaction transaction, ulong height, bool allowGap)
    {
        lock (_gate)
        {
            if (_byHash.ContainsKey(transaction.Hash)) return null;
            ulong nonce = transaction.Body.Nonce;
            if (transaction.Body.ExpiryHeight <= height)
                return new Rejection("expired", $"the transaction expired at height {transaction.Body.ExpiryHeight}; the chain is at {height}");
            ulong committed = nonceOf(transaction.Sender);
            if (nonce < committed)
                return new Rejection("replayed", $"nonce {nonce} was used; the next nonce of {transaction.Sender} is {committed}");
            bool known = _lanes.TryGetValue(transaction.Sender, out Lane? lane);
            ulong expected = known ? Math.Max(lane!.NextExpected, committed) : committed;
            if (nonce > expected && !allowGap)
                return new Rejection("nonce gap", $"nonce {nonce} leaves a gap; the next nonce of {transaction.Sender} is {expected}");
            if (known && lane!.ByNonce.ContainsKey(nonce))
                return new Rejection("nonce taken", $"another transaction with nonce {nonce} is waiting; the next nonce of {transaction.Sender} is {expected}");
            if (_byHash.Count >= maxTransactions || _bytes + transaction.Bytes.Length > maxBytes)
                return new Rejection("full", $"{_byHash.Count} transactions are waiting; try again in a moment");
            if (known && lane!.ByNonce.Count >= MaxPerSender)
                return new Rejection("full", $"{MaxPerSender} transactions of this sender are waiting; try again when some are done");
            Insert(transaction, known ? lane! : NewLane(transaction.Sender, committed));
            return null;
        }
    }

    /// <summary>The next transactions to propose, in order, at most that many and that many bytes; they are marked as taken.</summary>
    public List<Transaction> Take(int most, long mostBytes)
    {
        var taken = new List<Transaction>();
        long bytes = 0;
        lock (_gate)
        {
            LinkedListNode<Address>? node = _turns.First;
            while (node is not null && taken.Count < most)
            {
                LinkedListNode<Address>? next = node.Next;
                Lane lane = _lanes[node.Value];
                bool full = false;
                while (taken.Count < most && lane.ByNonce.TryGetValue(lane.NextToPropose, out Transaction? transaction))
                {
                    if (bytes + transaction.Bytes.Length > mostBytes && taken.Count > 0)
                    {
                        full = true;
                        break;
                    }
                    taken.Add(transaction);
                    bytes += transaction.Bytes.Length;
                    lane.NextToPropose++;
                }
                if (full) break;
                node = next;
            }
        }
        return taken;
    }

    /// <summary>True when <see cref="Take"/> would return something.</summary>
    public bool HasReady
    {
        get
        {
            lock (_gate)
            {
                foreach (Lane lane in _lanes.Values)
                {
                    if (lane.ByNonce.ContainsKey(lane.NextToPropose)) return true;
                }
                return false;
            }
        }
    }

    /// <summary>True when at least that many transactions could be taken.</summary>
    public bool HasAtLeast(int count)
    {
        lock (_gate)
        {
            ulong ready = 0;
            foreach (Lane lane in _lanes.Values)
            {
                if (lane.NextExpected > lane.NextToPropose) ready += lane.NextExpected - lane.NextToPropose;
                if (ready >= (ulong)count) return true;
            }
            return false;
        }
    }

    /// <summary>True when some transaction could be executed next: work that a primary owes.</summary>
    public bool HasExecutable
    {
        get
        {
            lock (_gate)
            {
                foreach ((Address sender, Lane lane) in _lanes)
                {
                    if (lane.ByNonce.ContainsKey(nonceOf(sender))) return true;
                }
                return false;
            }
        }
    }

    /// <summary>
    /// Forgets what was taken, except the transactions of <paramref name="inFlight"/>: after a view change, transactions of
    /// blocks that were not carried over can be proposed again.
    /// </summary>
    public void ResetTaken(IReadOnlySet<Hash> inFlight)
    {
        lock (_gate)
        {
            foreach (Lane lane in _lanes.Values)
            {
                ulong next = lane.NextToPropose;
                foreach ((ulong nonce, Transaction transaction) in lane.ByNonce)
                {
                    if (inFlight.Contains(transaction.Hash)) continue;
                    next = Math.Min(next, nonce);
                    break;
                }
                lane.NextToPropose = next;
            }
        }
    }

    /// <summary>Marks transactions of another primary's proposal as taken, so that this replica does not propose them again.</summary>
    public void MarkTaken(IEnumerable<Hash> hashes)
    {
        lock (_gate)
        {
            foreach (Hash hash in hashes)
            {
                if (!_byHash.TryGetValue(hash, out Transaction? transaction)) continue;
                Lane lane = _lanes[transaction.Sender];
                if (transaction.Body.Nonce >= lane.NextToPropose) lane.NextToPropose = transaction.Body.Nonce + 1;
            }
        }
    }

    /// <summary>After a block was executed: drops its transactions, those its senders can no longer use, and the expired.</summary>
    public void Executed(IReadOnlyList<Transaction> transactions, ulong height)
    {
        lock (_gate)
        {
            foreach (Transaction transaction in transactions)
            {
                Remove(transaction);
                if (!_lanes.TryGetValue(transaction.Sender, out Lane? lane)) continue;
                ulong committed = nonceOf(transaction.Sender);
                while (lane.ByNonce.Count > 0 && lane.ByNonce.First() is var first && first.Key < committed) Remove(first.Value);
                lane.NextToPropose = Math.Max(lane.NextToPropose, committed);
                lane.NextExpected = Math.Max(lane.NextExpected, committed);
                DropIfEmpty(transaction.Sender, lane);
            }
            if (height % ExpirySweep == 0) DropExpired(height);
        }
    }

    private const ulong ExpirySweep = 16;

    private void DropExpired(ulong height)
    {
        List<Transaction> expired = [.. _byHash.Values.Where(t => t.Body.ExpiryHeight <= height)];
        foreach (Transaction transaction in expired)
        {
            Remove(transaction);
            Lane lane = _lanes[transaction.Sender];
            lane.NextExpected = Math.Min(lane.NextExpected, transaction.Body.Nonce);
            DropIfEmpty(transaction.Sender, lane);
        }
    }

    private Lane NewLane(Address sender, ulong committed)
    {
        var lane = new Lane { NextToPropose = committed, NextExpected = committed, Turn = _turns.AddLast(sender) };
        _lanes.Add(sender, lane);
        return lane;
    }

    private void Insert(Transaction transaction, Lane lane)
    {
        _byHash.Add(transaction.Hash, transaction);
        _bytes += transaction.Bytes.Length;
        lane.ByNonce.Add(transaction.Body.Nonce, transaction);
        while (lane.ByNonce.ContainsKey(lane.NextExpected)) lane.NextExpected++;
    }

    private void Remove(Transaction transaction)
    {
        if (!_byHash.Remove(transaction.Hash)) return;
        _bytes -= transaction.Bytes.Length;
        _lanes[transaction.Sender].ByNonce.Remove(transaction.Body.Nonce);
    }

    private void DropIfEmpty(Address sender, Lane lane)
    {
        if (lane.ByNonce.Count > 0) return;
        _lanes.Remove(sender);
        _turns.Remove(lane.Turn);
    }
}
