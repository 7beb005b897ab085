using System.Collections.Concurrent;
using System.Text.Json;
using Ptoy.Node.Transport;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.State;
using Ptoy.Protocol.Sync;
using Ptoy.Protocol.Wire;
using Ptoy.Storage.Snapshots;

namespace Ptoy.Node.Sync;

/// <summary>
/// Fetches a state snapshot from several peers at once and imports it. Each chunk is verified by itself against the certified state root;
/// a peer that gives a wrong one is named and asked no more. Goes on with an import that was begun, as long as a peer keeps that snapshot.
/// </summary>
/// <param name="transport">Started; reaches the peers.</param>
/// <param name="peers">Whom to ask.</param>
/// <param name="epochs">Which validators decide which heights; what peers prove is added.</param>
/// <param name="import">Where it goes.</param>
/// <param name="log">Progress, and peers that lied.</param>
internal sealed class SnapshotJoin(
    ITransport transport, IReadOnlyList<PublicKey> peers, EpochChain epochs, SnapshotImport import, ILogger log)
{
    private const int Workers = 4;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    /// <summary>Rounds without a single chunk after which a newer snapshot is begun instead.</summary>
    private const int IdleRounds = 8;

    private readonly ConcurrentDictionary<PublicKey, string> _liars = new();
    private readonly ConcurrentDictionary<PublicKey, int> _failures = new();
    private int _turn;

    /// <summary>Peers that gave something wrong, with the reason.</summary>
    public IReadOnlyDictionary<PublicKey, string> Liars => _liars;

    /// <summary>
    /// Imports a snapshot above <paramref name="above"/>, or ends the import under way. Asks until it is done; false when nothing was under way
    /// and within <paramref name="patience"/> rounds of asking no peer showed such a snapshot: then nothing was changed.
    /// </summary>
    public async Task<bool> RunAsync(ulong above, int patience, CancellationToken cancellation)
    {
        using var pace = new PeriodicTimer(Pause);
        int idle = 0;
        for (int round = 0; ; round++)
        {
            if (import.Progress is null)
            {
                if (await BestAsync(above, cancellation).ConfigureAwait(false) is { } facts) Begin(facts);
                else if (round >= patience) return false;
            }
            ImportProgress? before = import.Progress;
            if (before is not null && await FetchAllAsync(cancellation).ConfigureAwait(false)) break;
            idle = before is null || before != import.Progress ? 0 : idle + 1;
            if (idle >= IdleRounds) idle = await BeginNewerAsync(before!.Facts.Height, cancellation).ConfigureAwait(false);
            await pace.WaitForNextTickAsync(cancellation).ConfigureAwait(false);
        }
        SnapshotFacts done = import.Progress!.Facts;
        ulong entries = import.Progress.Entries;
        import.Finish();
        log.LogInformation("the state of height {Height} is here: {Entries} entries, root {Root}", done.Height, entries, done.Certificate.Statement.StateRoot.Short);
        return true;
    }

    /// <summary>What the <c>Records</c> contract says of a manifest, if the entry is one.</summary>
    public static ChainManifest? Manifest(StateItem item)
    {
        const string Prefix = "Records//manifest/";
        if (!item.Path.StartsWith(Prefix, StringComparison.Ordinal) || !Hash.TryParse(item.Path[Prefix.Length..], out Hash root)) return null;
        using JsonDocument json = JsonDocument.Parse(item.Json);
        return new ChainManifest(root, json.RootElement.GetProperty("height").GetUInt64(), json.RootElement.GetProperty("retired").GetBoolean());
    }

    private string? Keep(EpochStart start)
    {
        // Only what the chain of epochs took for new was proved to it.
        ulong before = epochs.Newest.Epoch;
        string? problem = epochs.Add(start);
        if (problem is null && epochs.Newest.Epoch > before) import.PutEpoch(start);
        return problem;
    }

    /// <summary>Nobody gives the snapshot that is under way any more: a newer one is begun if there is one.</summary>
    private async Task<int> BeginNewerAsync(ulong stuck, CancellationToken cancellation)
    {
        if (await BestAsync(stuck, cancellation).ConfigureAwait(false) is { } newer) Begin(newer);
        else log.LogWarning("no peer gives the rest of the snapshot of height {Height}, or a newer one: asking on", stuck);
        return 0;
    }

    private void Begin(SnapshotFacts facts)
    {
        log.LogInformation("fetching the state of height {Height}", facts.Height);
        import.Begin(facts, Math.Min((int)facts.Segments, ImportProgress.MaxSegments));
    }

    private PublicKey[] Asked() => [.. peers.Where(p => !_liars.ContainsKey(p) && transport.IsUp(p, Carrier.Bulk))];

    /// <summary>
    /// Of the snapshots above a height that verify, the one that most peers show, and of such the newest. What one peer alone shows is certified
    /// too, but nobody else may have it: then that peer could hold this node up for ever by giving nothing of it.
    /// </summary>
    private async Task<SnapshotFacts?> BestAsync(ulong above, CancellationToken cancellation)
    {
        var shown = new List<SnapshotFacts>();
        foreach (PublicKey peer in Asked())
        {
            if (await ShownAsync(peer, above, cancellation).ConfigureAwait(false) is { } facts) shown.Add(facts);
        }
        return shown.GroupBy(f => f.Height).OrderByDescending(g => g.Count()).ThenByDescending(g => g.Key).FirstOrDefault()?.First();
    }

    private async Task<SnapshotFacts?> ShownAsync(PublicKey peer, ulong above, CancellationToken cancellation)
    {
        try
        {
            SnapshotHead head = await SyncWatch.AskAsync(transport, peer, cancellation).ConfigureAwait(false);
            if (head.Snapshot is not { } facts || facts.Height <= above) return null;
            if (epochs.Of(facts.Certificate.Statement.Epoch) is null)
                await EpochFetch.RunAsync(transport, peer, epochs, Keep, cancellation).ConfigureAwait(false);
            if (facts.Verify(epochs) is not { } problem) return facts;
            Blame(peer, $"the snapshot that it shows: {problem}");
        }
        catch (Exception e) when (e is TransportException or RemoteRequestException or WireException)
        {
            log.LogDebug("head of {Peer}: {Reason}", peer, e.Message);
        }
        return null;
    }

    private async Task<bool> FetchAllAsync(CancellationToken cancellation)
    {
        var waiting = new ConcurrentQueue<OpenSegment>(import.OpenSegments);
        await Task.WhenAll(Enumerable.Range(0, Workers).Select(_ => Task.Run(
            async () =>
            {
                while (waiting.TryDequeue(out OpenSegment segment) && await FetchSegmentAsync(segment.Index, cancellation).ConfigureAwait(false))
                {
                }
            },
            cancellation))).ConfigureAwait(false);
        return import.OpenSegments.Count == 0;
    }

    // Each peer gets its turn, those that failed least first; when none helped with the next chunk the segment waits for another round.
    private async Task<bool> FetchSegmentAsync(int index, CancellationToken cancellation)
    {
        int failed = 0;
        while (import.OpenSegments.FirstOrDefault(s => s.Index == index, new OpenSegment(-1, default, default)) is { Index: >= 0 } segment)
        {
            PublicKey[] asked = Asked();
            if (failed >= asked.Length) return false;
            PublicKey peer = Turn(asked);
            failed = await FetchChunkAsync(peer, segment, cancellation).ConfigureAwait(false) ? 0 : failed + 1;
        }
        return true;
    }

    // One that lets requests run out would otherwise cost that time again at each of its turns.
    private PublicKey Turn(PublicKey[] asked)
    {
        int least = asked.Min(p => _failures.GetValueOrDefault(p));
        PublicKey[] best = [.. asked.Where(p => _failures.GetValueOrDefault(p) == least)];
        return best[(Interlocked.Increment(ref _turn) & int.MaxValue) % best.Length];
    }

    private async Task<bool> FetchChunkAsync(PublicKey peer, OpenSegment segment, CancellationToken cancellation)
    {
        var request = new SnapshotChunkRequest(import.Progress!.Facts.Height, segment.From, segment.To);
        try
        {
            byte[] answer = await transport.RequestAsync(peer, (ushort)BulkKind.SnapshotChunk, Codec.Encode(request), cancellation).ConfigureAwait(false);
            StateRange range = Codec.Decode<StateRange>(answer, StateRange.MaxBytes);
            if (import.Put(segment.Index, range, Manifest) is not { } problem) return true;
            Blame(peer, $"a chunk of the snapshot of height {request.Height}: {problem}");
        }
        catch (WireException e)
        {
            Blame(peer, $"a chunk of the snapshot of height {request.Height}: {e.Message}");
        }
        catch (Exception e) when (e is TransportException or RemoteRequestException)
        {
            log.LogDebug("chunk from {Peer}: {Reason}", peer, e.Message);
        }
        _failures.AddOrUpdate(peer, 1, static (_, n) => n + 1);
        return false;
    }

    private void Blame(PublicKey peer, string what)
    {
        if (_liars.TryAdd(peer, what)) log.LogError("node {Peer} gave something wrong and is asked no more: {What}", peer, what);
    }
}
