using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
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

    /// <summary>Transactions that one sender gets into a block before the next sender's turn.</summary>
    public const int Share = 64;

    private readonly Lock _gate = new();
    private readonly Dictionary<Hash, Transaction> _byHash = [];
    private readonly Dictionary<Hash, PublicKey> _spreadBy = [];
    private readonly Dictionary<PublicKey, int> _spread = [];
    private readonly Dictionary<Address, Lane> _lanes = [];
    // Only senders of whom something could be proposed, so that a proposal looks at nobody in vain.
    private readonly LinkedList<Address> _turns = [];
    private long _bytes;
    private long _ready;
    private int _executable;

    private sealed class Lane
    {
        public readonly SortedDictionary<ulong, Transaction> ByNonce = [];
        public ulong NextToPropose;
        public ulong NextExpected;
        // The sender's nonce on the chain, as of the last of its transactions that had its turn.
        public ulong Committed;
        // What Track counted of this lane.
        public long Ready;
        public bool Executable;
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
    /// replicas (<paramref name="allowGap"/>), whose order of arrival is not the sender's. <paramref name="reserve"/> lets as many in beyond the
    /// bound, and 4 KiB for each: what another replica hands over because it has waited for long. <paramref name="from"/> is the replica that spread it:
    /// in a pool that is three quarters full, none has more than an eighth.
    /// </summary>
    public Rejection? Add(Transaction transaction, ulong height, bool allowGap, int reserve = 0, PublicKey? from = null)
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
            if (_byHash.Count >= maxTransactions + reserve || _bytes + transaction.Bytes.Length > maxBytes + (reserve * 4096L))
                return new Rejection("full", $"{_byHash.Count} transactions are waiting; try again in a moment");
            if (known && lane!.ByNonce.Count >= MaxPerSender)
                return new Rejection("full", $"{MaxPerSender} transactions of this sender are waiting; try again when some are done");
            if (from is not null && _byHash.Count >= maxTransactions / 4 * 3 && _spread.GetValueOrDefault(from) >= maxTransactions / 8)
                return new Rejection("full", "the pool is nearly full, and that replica has its share of it");
            Insert(transaction, known ? lane! : NewLane(transaction.Sender, committed));
            if (from is not null) Spread(transaction.Hash, from);
            return null;
        }
    }

    /// <summary>
    /// The next transactions to propose, in order, at most that many and that many bytes; they are marked as taken. Senders take
    /// turns, <see cref="Share"/> transactions each, and the next call goes on with the next sender: nobody is kept waiting by
    /// somebody who sends much.
    /// </summary>
    public List<Transaction> Take(int most, long mostBytes)
    {
        var taken = new List<Transaction>();
        long bytes = 0;
        lock (_gate)
        {
            while (taken.Count < most && _turns.First is { } turn)
            {
                Lane lane = _lanes[turn.Value];
                bool full = TakeShare(lane, taken, ref bytes, most, mostBytes);
                if (!full) _turns.RemoveFirst();
                Track(lane);
                if (full) return taken;
            }
        }
        return taken;
    }

    /// <summary>One sender's turn. True when its next transaction would not fit any more: then the next block begins with it.</summary>
    private static bool TakeShare(Lane lane, List<Transaction> taken, ref long bytes, int most, long mostBytes)
    {
        for (int i = 0; i < Share && taken.Count < most && lane.ByNonce.TryGetValue(lane.NextToPropose, out Transaction? transaction); i++)
        {
            if (bytes + transaction.Bytes.Length > mostBytes && taken.Count > 0) return true;
            taken.Add(transaction);
            bytes += transaction.Bytes.Length;
            lane.NextToPropose++;
        }
        return false;
    }

    /// <summary>True when <see cref="Take"/> would return something.</summary>
    public bool HasReady
    {
        get
        {
            lock (_gate) return _ready > 0;
        }
    }

    /// <summary>True when at least that many transactions could be taken.</summary>
    public bool HasAtLeast(int count)
    {
        lock (_gate) return _ready >= count;
    }

    /// <summary>True when some transaction could be executed next: work that a primary owes.</summary>
    public bool HasExecutable
    {
        get
        {
            lock (_gate) return _executable > 0;
        }
    }

    /// <summary>The transactions that could be executed next, one of each sender, at most that many; <paramref name="all"/> is false when there are more.</summary>
    public List<Transaction> Heads(int most, out bool all)
    {
        var heads = new List<Transaction>();
        lock (_gate)
        {
            foreach ((Address sender, Lane lane) in _lanes)
            {
                if (!lane.ByNonce.TryGetValue(nonceOf(sender), out Transaction? head)) continue;
                if (heads.Count == most)
                {
                    all = false;
                    return heads;
                }
                heads.Add(head);
            }
        }
        all = true;
        return heads;
    }

    /// <summary>
    /// Forgets what was taken, except the transactions of <paramref name="inFlight"/>: after a view change, transactions of
    /// blocks that were not carried over can be proposed again, those that were carried over must not be.
    /// </summary>
    public void ResetTaken(IReadOnlySet<Hash> inFlight)
    {
        lock (_gate)
        {
            foreach ((Address sender, Lane lane) in _lanes)
            {
                ulong next = nonceOf(sender);
                lane.Committed = next;
                while (lane.ByNonce.TryGetValue(next, out Transaction? transaction) && inFlight.Contains(transaction.Hash)) next++;
                lane.NextToPropose = next;
                Track(lane);
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
                if (transaction.Body.Nonce < lane.NextToPropose) continue;
                lane.NextToPropose = transaction.Body.Nonce + 1;
                Track(lane);
            }
        }
    }

    /// <summary>
    /// After a block was executed: drops its transactions, those its senders can no longer use, and the expired. A transaction of
    /// <paramref name="early"/> came before the nonces below it and had no effect: it waits on, to be proposed again behind them.
    /// </summary>
    public void Executed(IReadOnlyList<Transaction> done, IReadOnlyList<Transaction> early, ulong height)
    {
        lock (_gate)
        {
            foreach (Transaction transaction in done)
            {
                Remove(transaction);
                Settle(transaction);
            }
            foreach (Transaction transaction in early) Settle(transaction);
            if (height % ExpirySweep == 0) DropExpired(height);
        }
    }

    /// <summary>Brings the sender's lane in line with its nonce on the chain, after one of its transactions had its turn.</summary>
    private void Settle(Transaction transaction)
    {
        if (!_lanes.TryGetValue(transaction.Sender, out Lane? lane)) return;
        ulong committed = nonceOf(transaction.Sender);
        while (lane.ByNonce.Count > 0 && lane.ByNonce.First() is var first && first.Key < committed) Remove(first.Value);
        // Without effect its nonce is still to be used: whatever was proposed behind it comes again, behind it.
        bool effect = transaction.Body.Nonce < committed;
        if (!effect) Rewind(lane, committed);
        lane.Committed = committed;
        lane.NextToPropose = Math.Max(lane.NextToPropose, committed);
        lane.NextExpected = Math.Max(lane.NextExpected, committed);
        Track(lane);
        DropIfEmpty(transaction.Sender, lane);
    }

    private static void Rewind(Lane lane, ulong nonce)
    {
        lane.NextToPropose = Math.Min(lane.NextToPropose, nonce);
        if (lane.NextExpected <= nonce) return;
        lane.NextExpected = nonce;
        while (lane.ByNonce.ContainsKey(lane.NextExpected)) lane.NextExpected++;
    }

    private const ulong ExpirySweep = 16;

    private void DropExpired(ulong height)
    {
        List<Transaction> expired = [.. _byHash.Values.Where(t => t.Body.ExpiryHeight <= height)];
        foreach (Transaction transaction in expired)
        {
            Remove(transaction);
            Lane lane = _lanes[transaction.Sender];
            Rewind(lane, transaction.Body.Nonce);
            Track(lane);
            DropIfEmpty(transaction.Sender, lane);
        }
    }

    private Lane NewLane(Address sender, ulong committed)
    {
        var lane = new Lane { NextToPropose = committed, NextExpected = committed, Committed = committed, Turn = new LinkedListNode<Address>(sender) };
        _lanes.Add(sender, lane);
        return lane;
    }

    private void Insert(Transaction transaction, Lane lane)
    {
        _byHash.Add(transaction.Hash, transaction);
        _bytes += transaction.Bytes.Length;
        lane.ByNonce.Add(transaction.Body.Nonce, transaction);
        while (lane.ByNonce.ContainsKey(lane.NextExpected)) lane.NextExpected++;
        Track(lane);
    }

    private void Spread(Hash hash, PublicKey from)
    {
        _spreadBy[hash] = from;
        _spread[from] = _spread.GetValueOrDefault(from) + 1;
    }

    /// <summary>Brings the counts and the turns in line with a lane that changed.</summary>
    private void Track(Lane lane)
    {
        long ready = lane.NextExpected > lane.NextToPropose && lane.ByNonce.ContainsKey(lane.NextToPropose) ? (long)(lane.NextExpected - lane.NextToPropose) : 0;
        bool executable = lane.ByNonce.ContainsKey(lane.Committed);
        _ready += ready - lane.Ready;
        _executable += (executable ? 1 : 0) - (lane.Executable ? 1 : 0);
        (lane.Ready, lane.Executable) = (ready, executable);
        if (ready > 0 && lane.Turn.List is null) _turns.AddLast(lane.Turn);
        else if (ready == 0 && lane.Turn.List is not null) _turns.Remove(lane.Turn);
    }

    private void Remove(Transaction transaction)
    {
        if (!_byHash.Remove(transaction.Hash)) return;
        if (_spreadBy.Remove(transaction.Hash, out PublicKey? from) && --_spread[from] == 0) _spread.Remove(from);
        _bytes -= transaction.Bytes.Length;
        _lanes[transaction.Sender].ByNonce.Remove(transaction.Body.Nonce);
    }

    private void DropIfEmpty(Address sender, Lane lane)
    {
        if (lane.ByNonce.Count > 0) return;
        _lanes.Remove(sender);
        Track(lane);
    }
}
