using System.Collections.Concurrent;
using Ptoy.Node.Transport;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Sync;
using Ptoy.Protocol.Wire;
using Ptoy.Storage.Ledger;

namespace Ptoy.Node.Sync;

/// <summary>
/// Notices that this node is too far behind to catch up by blocks: a peer shows a certified snapshot more than <c>threshold</c> heights
/// above, or nobody keeps the next block any more. Nobody's word is taken for it: the snapshot's certificates are.
/// </summary>
/// <param name="transport">To the peers.</param>
/// <param name="peers">Whom to ask now.</param>
/// <param name="epochs">Which validators decide which heights.</param>
/// <param name="add">Takes and keeps how an epoch began; says what is wrong with it, or null.</param>
/// <param name="ledger">What is executed here.</param>
/// <param name="threshold">Heights that are rather fetched as a snapshot than executed.</param>
/// <param name="behind">Called with this node's height when a snapshot is needed.</param>
/// <param name="log">Where a peer that shows a wrong snapshot is named.</param>
internal sealed class SyncWatch(
    ITransport transport, Func<IReadOnlyList<PublicKey>> peers, EpochChain epochs, Func<EpochStart, string?> add, LedgerStore ledger,
    ulong threshold, Action<ulong> behind, ILogger<SyncWatch> log)
{
    private readonly ConcurrentDictionary<PublicKey, SnapshotHead> _heads = new();
    private int _turn;

    /// <summary>
    /// True once a peer has answered and no snapshot was called for: until then nothing should be executed that a snapshot may make needless.
    /// </summary>
    public bool Looked { get; private set; }

    /// <summary>Asks one peer that is connected, another one each round.</summary>
    public async Task RoundAsync(CancellationToken cancellation)
    {
        PublicKey[] up = [.. peers().Where(p => transport.IsUp(p, Carrier.Bulk))];
        foreach (PublicKey gone in _heads.Keys.Except(up)) _heads.TryRemove(gone, out _);
        if (up.Length == 0) return;
        PublicKey peer = up[(_turn++ & int.MaxValue) % up.Length];
        try
        {
            SnapshotHead head = await AskAsync(transport, peer, cancellation).ConfigureAwait(false);
            _heads[peer] = head;
            Looked |= !await NeedsSnapshotAsync(peer, head, cancellation).ConfigureAwait(false);
        }
        catch (Exception e) when (e is TransportException or RemoteRequestException or WireException)
        {
            _heads.TryRemove(peer, out _);
            log.LogDebug("head of {Peer}: {Reason}", peer, e.Message);
        }
    }

    /// <summary>
    /// A height that at least one correct validator of this set says it has executed: the highest that f + 1 of them show. Null while fewer than
    /// a quorum less this node have said anything.
    /// </summary>
    public ulong? Shown(ValidatorSet set)
    {
        ulong[] shown = [.. _heads.Where(h => set.IndexOf(h.Key) >= 0).Select(h => h.Value.Newest).OrderDescending()];
        return shown.Length >= set.Quorum - 1 && shown.Length > set.Faulty ? shown[set.Faulty] : null;
    }

    /// <summary>A peer's head. Throws as <see cref="ITransport.RequestAsync"/> does, and <see cref="WireException"/>.</summary>
    public static async Task<SnapshotHead> AskAsync(ITransport transport, PublicKey peer, CancellationToken cancellation)
    {
        byte[] answer = await transport.RequestAsync(peer, (ushort)BulkKind.SnapshotHead, ReadOnlyMemory<byte>.Empty, cancellation).ConfigureAwait(false);
        return Codec.Decode<SnapshotHead>(answer, SnapshotHead.MaxBytes);
    }

    private async Task<bool> NeedsSnapshotAsync(PublicKey peer, SnapshotHead head, CancellationToken cancellation)
    {
        ulong own = ledger.Last!.Height;
        if (head.Snapshot is not { } snapshot || snapshot.Height <= own) return false;
        bool far = snapshot.Height - own > threshold;
        bool stranded = !far && _heads.Count > peers().Count / 2 && _heads.Values.All(h => h.FirstBlock > own + 1);
        if (!far && !stranded) return false;
        if (epochs.Of(snapshot.Certificate.Statement.Epoch) is null)
        {
            await EpochFetch.RunAsync(transport, peer, epochs, add, cancellation).ConfigureAwait(false);
        }
        if (snapshot.Verify(epochs) is { } problem)
        {
            log.LogError("the snapshot that {Peer} shows is refused: {Problem}", peer, problem);
            return false;
        }
        log.LogWarning("this node is at height {Own}, {Why}: it fetches a state snapshot", own,
            far ? $"{snapshot.Height - own} heights below a certified snapshot" : "and no peer in reach keeps the next block");
        behind(own);
        return true;
    }
}
