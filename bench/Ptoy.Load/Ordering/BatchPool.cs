using Ptoy.Consensus;
using Ptoy.Node.Consensus;
using Ptoy.Protocol;
using Ptoy.Storage;

namespace Ptoy.Load.Ordering;

/// <summary>
/// Batches between their arrival and their execution: the ordering node's pool, proposal source and body source in one, bounded in number.
/// Proposes at once when nothing is in flight, else when a block's worth has gathered.
/// </summary>
internal sealed class BatchPool(NodeStore store, int mostPerBlock, int worthAHeight) : IProposalSource, IBodySource
{
    /// <summary>Most batches held; beyond, clients are refused and what peers spread is dropped.</summary>
    private const int MostHeld = 8_192;

    private readonly Lock _gate = new();
    private readonly Dictionary<Hash, Held> _held = [];
    private readonly Queue<Hash> _ready = new();
    private long _arrivals;

    private sealed class Held(byte[] bytes, long order)
    {
        public byte[] Bytes => bytes;
        public long Order => order;
        public bool Taken;
    }

    public bool HasExecutable
    {
        get { lock (_gate) return _held.Count > 0; }
    }

    /// <summary>Takes a batch in. False when it is held or executed already, or when the pool is full.</summary>
    public bool Add(Hash hash, byte[] bytes, bool taken = false)
    {
        // A batch of a block under way is always taken in: consensus bounds those.
        if (!taken && store.Ledger.HasTransaction(hash)) return false;
        lock (_gate)
        {
            if ((!taken && _held.Count >= MostHeld) || !_held.TryAdd(hash, new Held(bytes, _arrivals++) { Taken = taken })) return false;
            if (!taken) _ready.Enqueue(hash);
            return true;
        }
    }

    public IReadOnlyList<Hash>? Choose(ProposalRequest want, Func<IReadOnlySet<Hash>> inFlight)
    {
        lock (_gate)
        {
            DropTaken();
            if (_ready.Count == 0) return want.HeartbeatDue ? [] : null;
            if (want.InFlight > 0 && _ready.Count < worthAHeight) return null;
            var chosen = new List<Hash>(Math.Min(_ready.Count, mostPerBlock));
            while (chosen.Count < mostPerBlock && _ready.TryDequeue(out Hash hash))
            {
                if (!_held.TryGetValue(hash, out Held? held) || held.Taken) continue;
                held.Taken = true;
                chosen.Add(hash);
            }
            return chosen;
        }
    }

    public void MarkTaken(IEnumerable<Hash> hashes)
    {
        lock (_gate)
        {
            foreach (Hash hash in hashes)
            {
                if (_held.TryGetValue(hash, out Held? held)) held.Taken = true;
            }
        }
    }

    public void ResetTaken(IReadOnlySet<Hash> inFlight)
    {
        lock (_gate)
        {
            _ready.Clear();
            foreach ((Hash hash, Held held) in _held.OrderBy(h => h.Value.Order))
            {
                held.Taken = inFlight.Contains(hash);
                if (!held.Taken) _ready.Enqueue(hash);
            }
        }
    }

    public byte[]? Bytes(Hash hash)
    {
        lock (_gate)
        {
            if (_held.TryGetValue(hash, out Held? held)) return held.Bytes;
        }
        return store.Consensus.Body(hash) ?? store.Ledger.TransactionBytes(hash);
    }

    public Hash[] Missing(IEnumerable<Hash> hashes) => [.. hashes.Where(h => Bytes(h) is null)];

    /// <summary>Drops the batches of an executed block.</summary>
    public void Executed(IEnumerable<Hash> hashes)
    {
        lock (_gate)
        {
            foreach (Hash hash in hashes) _held.Remove(hash);
        }
    }

    // What another primary proposed, or a block executed, is skipped where it stands in the queue.
    private void DropTaken()
    {
        while (_ready.TryPeek(out Hash hash) && (!_held.TryGetValue(hash, out Held? held) || held.Taken)) _ready.Dequeue();
    }
}
