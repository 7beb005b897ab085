using Ptoy.Consensus;
using Ptoy.Node.Consensus;
using Ptoy.Node.Transport;
using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Sync;
using Ptoy.Protocol.Wire;
using Ptoy.Storage.Ledger;

namespace Ptoy.Node.Membership;

/// <summary>
/// How a node follows that nobody sends votes: one that is no validator, or slept through the end of an epoch. It asks its peers how
/// the epochs began, then for certified blocks and execution certificates, all of which prove themselves. A validator of the epoch in
/// force only looks now and then whether another epoch has begun.
/// </summary>
/// <param name="transport">The peers.</param>
/// <param name="peers">Who may be asked.</param>
/// <param name="epochs">What is known of epochs.</param>
/// <param name="fetcher">Fetches and verifies blocks.</param>
/// <param name="ledger">Where this node stands.</param>
/// <param name="decides">True while this node's replica votes in the epoch of the ledger.</param>
/// <param name="give">Takes what was verified, for the replica.</param>
/// <param name="log">For people.</param>
public sealed class Follower(
    ITransport transport, Func<IReadOnlyList<PublicKey>> peers, EpochBook epochs, PeerFetcher fetcher, LedgerStore ledger, Func<bool> decides,
    Action<ReplicaInput> give, ILogger<Follower> log)
{
    private const int QuietRounds = 8;
    private static readonly TimeSpan ExecutionPatience = TimeSpan.FromSeconds(10);

    private TaskCompletionSource _executed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _turn;
    private int _rounds;

    /// <summary>Tells that a height was executed here.</summary>
    public void OnExecuted() =>
        Interlocked.Exchange(ref _executed, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();

    /// <summary>One round: until no peer knows more.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        bool voting = decides();
        if (voting && ++_rounds % QuietRounds != 0) return;
        IReadOnlyList<PublicKey> order = Order();
        await LearnEpochsAsync(order, cancellation).ConfigureAwait(false);
        if (voting && epochs.Chain.NewestFirst <= ledger.Last!.Height + 1) return;
        while (!cancellation.IsCancellationRequested && await AdvanceAsync(order, cancellation).ConfigureAwait(false)) { }
    }

    /// <summary>Learns from any peer how the epochs after the newest known one began. True when one was new.</summary>
    public async Task<bool> LearnEpochsAsync(IReadOnlyList<PublicKey> order, CancellationToken cancellation)
    {
        bool learnt = false;
        foreach (PublicKey peer in order)
        {
            EpochBatch? batch = await AskAsync<EpochBatch>(
                peer, BulkKind.Epochs, new EpochsRequest(epochs.Chain.Newest.Epoch + 1), EpochBatch.MaxBytes, cancellation).ConfigureAwait(false);
            if (batch is null) continue;
            foreach (EpochStart start in batch.Epochs)
            {
                if (epochs.Add(start) is { } problem)
                {
                    log.LogWarning("node {Node} told of an epoch that does not hold: {Problem}", peer, problem);
                    break;
                }
                learnt = true;
            }
            if (batch.Epochs.Length > 0) break;
            // One that has nothing new is enough for a round; another is asked in the next.
            return learnt;
        }
        return learnt;
    }

    private async Task<bool> AdvanceAsync(IReadOnlyList<PublicKey> order, CancellationToken cancellation)
    {
        ulong from = ledger.Last!.Height + 1;
        IReadOnlyList<VerifiedBlock> blocks = await fetcher.FetchBlocksAsync(from, from + BlockRangeRequest.MaxCount - 1, order, cancellation).ConfigureAwait(false);
        ulong epoch = epochs.Current.Epoch;
        ulong top = from - 1;
        foreach (VerifiedBlock block in blocks.TakeWhile(b => b.Block.Header.Epoch == epoch))
        {
            give(new CommittedBlock(block));
            top = block.Block.Header.Height;
        }
        if (!await ReachedAsync(top, cancellation).ConfigureAwait(false)) return false;
        await FetchCertificatesAsync(order, epoch, top, cancellation).ConfigureAwait(false);
        return top >= from;
    }

    /// <summary>Certificates let the replica forget what lies below them, and let this node prove what it serves.</summary>
    private async Task FetchCertificatesAsync(IReadOnlyList<PublicKey> order, ulong epoch, ulong top, CancellationToken cancellation)
    {
        ulong from = Math.Max(ledger.LatestExecutionCertificate()?.Statement.Height ?? 0, top > BlockRangeRequest.MaxCount ? top - BlockRangeRequest.MaxCount : 0) + 1;
        if (from > top) return;
        foreach (PublicKey peer in order)
        {
            CertificateBatch? batch = await AskAsync<CertificateBatch>(
                peer, BulkKind.Certificates, new BlockRangeRequest(from, (ushort)(top - from + 1)), CertificateBatch.MaxBytes, cancellation).ConfigureAwait(false);
            if (batch is null || batch.Certificates.Length == 0) continue;
            foreach (ExecutionCertificate certificate in batch.Certificates.Where(c => c.Statement.Epoch == epoch)) Give(certificate, peer);
            return;
        }
    }

    private void Give(ExecutionCertificate certificate, PublicKey peer)
    {
        ulong epoch = certificate.Statement.Epoch;
        string? problem = epochs.Chain.Place(certificate.Statement.ChainId, epoch, certificate.Statement.Height);
        // A certificate proves itself; whose envelope it comes in does not matter, as long as it is not this node's own.
        byte sender = epochs.Chain.Of(epoch) is { } set && set.IndexOf(transport.Self) == 0 ? (byte)1 : (byte)0;
        var envelope = new ConsensusEnvelope(epoch, sender, new Checkpoint(certificate), []);
        if (problem is null && epochs.Verifier(epoch).Verify(envelope, out problem) is { } verified) give(new Received(verified));
        else log.LogWarning("node {Node} gave an execution certificate that does not hold: {Problem}", peer, problem);
    }

    private async Task<bool> ReachedAsync(ulong height, CancellationToken cancellation)
    {
        try
        {
            while (true)
            {
                // Taken first, looked at the ledger second: what is executed between the two is not missed.
                Task next = Volatile.Read(ref _executed).Task;
                if (ledger.Last!.Height >= height) return true;
                await next.WaitAsync(ExecutionPatience, cancellation).ConfigureAwait(false);
            }
        }
        catch (TimeoutException)
        {
            log.LogDebug("height {Height} was not executed in time", height);
            return false;
        }
    }

    private async Task<T?> AskAsync<T>(PublicKey peer, BulkKind kind, IWire request, int maxBytes, CancellationToken cancellation) where T : class, IWire
    {
        try
        {
            byte[] question = request switch { EpochsRequest r => Codec.Encode(r), BlockRangeRequest r => Codec.Encode(r), _ => throw new ArgumentException("not a request", nameof(request)) };
            return Codec.Decode<T>(await transport.RequestAsync(peer, (ushort)kind, question, cancellation).ConfigureAwait(false), maxBytes);
        }
        catch (Exception e) when (e is TransportException or RemoteRequestException or WireException)
        {
            log.LogDebug("{Kind} from node {Node}: {Reason}", kind, peer, e.Message);
            return null;
        }
    }

    /// <summary>The peers that are there, each round another one first.</summary>
    private List<PublicKey> Order()
    {
        List<PublicKey> up = [.. peers().Where(p => transport.IsUp(p, Carrier.Bulk))];
        int first = up.Count == 0 ? 0 : _turn++ % up.Count;
        return [.. up[first..], .. up[..first]];
    }
}
