using System.Collections.Concurrent;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Rpc;
using Ptoy.Protocol.State;
using Ptoy.Protocol.Sync;
using Ptoy.Protocol.Wire;
using Ptoy.Storage;
using Ptoy.Storage.Ledger;

namespace Ptoy.Node.Sync;

/// <summary>
/// Serves state snapshots to nodes that join or are far behind. Every <c>interval</c> heights the certified state is pinned; the two newest
/// are served, older ones only while somebody fetches them. All members take the same heights, so one newcomer can ask several.
/// Chunks are made when asked for: nothing is written.
/// </summary>
/// <param name="store">What is served.</param>
/// <param name="interval">Heights between snapshots.</param>
/// <param name="clock">Tells how long nobody has asked.</param>
/// <param name="log">Where new snapshots are told.</param>
internal sealed class SnapshotServer(NodeStore store, ulong interval, TimeProvider clock, ILogger<SnapshotServer> log)
{
    /// <summary>Snapshots kept without anybody fetching them.</summary>
    private const int Kept = 2;

    /// <summary>Chunks made at a time for one peer, and for all together: what is above is told to come again.</summary>
    private const int MaxPerPeer = 2, MaxTogether = 6;

    /// <summary>Parts that a newcomer is advised to divide the keys into.</summary>
    private const ushort Segments = 16;

    /// <summary>Where a node takes its first snapshot when the state of the regular height is kept no more, as after a restart: still where others take theirs.</summary>
    private const ulong FirstInterval = 64;

    private static readonly TimeSpan Abandoned = TimeSpan.FromSeconds(60);

    private sealed class Held(SnapshotFacts facts)
    {
        public SnapshotFacts Facts { get; } = facts;

        public long AskedAt;
    }

    private readonly ConcurrentDictionary<ulong, Held> _held = new();
    private readonly ConcurrentDictionary<PublicKey, int> _making = new();
    private int _together;

    /// <summary>Looks whether a new snapshot is due and whether an old one can go. One caller at a time.</summary>
    public void Round()
    {
        LedgerStore ledger = store.Ledger;
        ulong certified = Math.Min(ledger.LatestExecutionCertificate()?.Statement.Height ?? 0, ledger.Last!.Height);
        ulong due = certified - (certified % interval);
        if (due > 0 && !_held.ContainsKey(due)) Take(due);
        ulong near = certified - (certified % Math.Min(interval, FirstInterval));
        if (_held.IsEmpty && near > due) Take(near);
        foreach (ulong height in _held.Keys.OrderDescending().Skip(Kept))
        {
            if ((IsAsked(_held[height]) && _held.Count < Storage.State.StateStore.MaxPins) || !_held.TryRemove(height, out _)) continue;
            store.State.Unpin(height);
        }
    }

    /// <summary>
    /// The lowest snapshot that somebody fetches, or null: who fetches it needs the blocks above it next, so they are not pruned meanwhile.
    /// </summary>
    public ulong? LowestAsked => _held.Where(h => IsAsked(h.Value)).Select(h => (ulong?)h.Key).Min();

    /// <summary>What this node can give.</summary>
    public byte[] Head()
    {
        SnapshotFacts? newest = _held.IsEmpty ? null : _held.MaxBy(h => h.Key).Value.Facts;
        return Codec.Encode(new SnapshotHead(store.Ledger.Last!.Height, store.Ledger.First, newest));
    }

    /// <summary>A chunk. Throws <see cref="RpcException"/>: the snapshot is not kept (NotFound), or the peer asks for too much at once (Busy).</summary>
    public byte[] Chunk(PublicKey peer, SnapshotChunkRequest request)
    {
        if (!_held.TryGetValue(request.Height, out Held? held))
            throw RpcException.NotFound($"there is no snapshot of height {request.Height} here; the newest is of {(_held.IsEmpty ? 0 : _held.Keys.Max())}");
        Enter(peer);
        try
        {
            Volatile.Write(ref held.AskedAt, clock.GetTimestamp());
            return Codec.Encode(store.State.Export(request.Height, request.From, request.To));
        }
        catch (StoreException e) when (e.Problem == StoreProblem.Refused || !_held.ContainsKey(request.Height))
        {
            // Given up in the middle of reading it: what it alone needed may be pruned already.
            throw RpcException.NotFound($"the snapshot of height {request.Height} is not kept any more");
        }
        finally
        {
            _making.AddOrUpdate(peer, 0, (_, n) => n - 1);
            Interlocked.Decrement(ref _together);
        }
    }

    private bool IsAsked(Held held) => Volatile.Read(ref held.AskedAt) is not 0 and var at && clock.GetElapsedTime(at) < Abandoned;

    private void Enter(PublicKey peer)
    {
        int together = Interlocked.Increment(ref _together);
        if (_making.AddOrUpdate(peer, 1, (_, n) => n + 1) <= MaxPerPeer && together <= MaxTogether) return;
        _making.AddOrUpdate(peer, 0, (_, n) => n - 1);
        Interlocked.Decrement(ref _together);
        throw new RpcException(RpcErrors.Busy, "too many snapshot chunks are being made; ask again in a moment");
    }

    private void Take(ulong height)
    {
        if (store.Ledger.ExecutionCertificate(height) is not { } certificate || store.Ledger.CommitCertificate(height) is not { } commit) return;
        // An old one makes room first when the newest heights come faster than newcomers fetch.
        if (_held.Count >= Storage.State.StateStore.MaxPins && _held.Keys.Min() is var oldest && _held.TryRemove(oldest, out _)) store.State.Unpin(oldest);
        try
        {
            store.State.Pin(height);
        }
        catch (StoreException e) when (e.Problem == StoreProblem.Refused)
        {
            // Certified too late: the next one will do.
            log.LogDebug("no snapshot of height {Height}: {Reason}", height, e.Message);
            return;
        }
        _held[height] = new Held(new SnapshotFacts(certificate, commit, Segments));
        log.LogInformation("state snapshot of height {Height} is served from now on", height);
    }
}
