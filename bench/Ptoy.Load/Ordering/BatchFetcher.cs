using Ptoy.Consensus;
using Ptoy.Node.Consensus;
using Ptoy.Node.Transport;
using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Sync;
using Ptoy.Protocol.Wire;
using Ptoy.Storage;

namespace Ptoy.Load.Ordering;

/// <summary>Asks the other replicas for batches and decided blocks, and answers their requests, as a node does for transactions.</summary>
internal sealed class BatchFetcher(ITransport transport, ValidatorSet validators, BatchPool pool, MessageVerifier verifier, NodeStore store) : IPeerFetcher
{
    private const int MaxAnswerBytes = 32 * 1024 * 1024;

    public async Task<bool> FetchBodiesAsync(IReadOnlyCollection<Hash> wanted, int first, CancellationToken cancellation)
    {
        for (int i = 0; i < validators.Count; i++)
        {
            PublicKey peer = validators.Members[(first + i) % validators.Count].NodeKey;
            Hash[] missing = pool.Missing(wanted);
            if (missing.Length == 0) return true;
            if (peer == transport.Self) continue;
            if (await AskAsync(peer, BulkKind.Bodies, Codec.Encode(new BodiesRequest(missing)), cancellation).ConfigureAwait(false) is not { } answer) continue;
            if (Codec.TryDecode(answer, TransactionBatch.MaxBytes, out TransactionBatch? batch, out _)) Take(batch!.Transactions, missing.ToHashSet());
        }
        return pool.Missing(wanted).Length == 0;
    }

    public async Task<IReadOnlyList<VerifiedBlock>> FetchBlocksAsync(ulong from, ulong to, IReadOnlyList<int> replicas, CancellationToken cancellation)
    {
        ushort count = (ushort)Math.Min(to - from + 1, BlockRangeRequest.MaxCount);
        foreach (PublicKey peer in replicas.Select(r => validators.Members[r].NodeKey).Where(k => k != transport.Self))
        {
            if (await AskAsync(peer, BulkKind.Blocks, Codec.Encode(new BlockRangeRequest(from, count)), cancellation).ConfigureAwait(false) is not { } answer) continue;
            if (!Codec.TryDecode(answer, BlockBatch.MaxBytes, out BlockBatch? batch, out _)) continue;
            var accepted = new List<VerifiedBlock>();
            foreach (FullBlock full in batch!.Blocks)
            {
                if (full.Block.Header.Height != from + (ulong)accepted.Count) break;
                if (verifier.VerifyBlock(new CertifiedBlock(full.Block, full.Certificate), out _) is not { } verified) break;
                Take(full.Bodies, full.Block.TransactionHashes.ToHashSet());
                accepted.Add(verified);
            }
            if (accepted.Count > 0) return accepted;
        }
        return [];
    }

    /// <summary>Answers a request of another replica.</summary>
    public Task<byte[]> AnswerAsync(PublicKey peer, ushort kind, ReadOnlyMemory<byte> payload, CancellationToken cancellation) => Task.Run(
        () => (BulkKind)kind switch
        {
            BulkKind.Bodies => Codec.Encode(new TransactionBatch(
                [.. Codec.Decode<BodiesRequest>(payload, TransactionBatch.MaxBytes).Hashes.Select(pool.Bytes).OfType<byte[]>()])),
            BulkKind.Blocks => Blocks(Codec.Decode<BlockRangeRequest>(payload, 64)),
            _ => throw new NotSupportedException($"requests of kind {kind} are not served here"),
        },
        cancellation);

    private byte[] Blocks(BlockRangeRequest request)
    {
        var blocks = new List<FullBlock>();
        long bytes = 0;
        for (ulong height = request.From; height < request.From + request.Count && bytes < MaxAnswerBytes; height++)
        {
            if (store.Ledger.Block(height) is not { } block || store.Ledger.CommitCertificate(height) is not { } certificate) break;
            byte[][] bodies = [.. block.TransactionHashes.Select(h => store.Ledger.TransactionBytes(h)!)];
            bytes += bodies.Sum(b => (long)b.Length) + 4096;
            blocks.Add(new FullBlock(block, certificate, bodies));
        }
        return Codec.Encode(new BlockBatch([.. blocks]));
    }

    private async Task<byte[]?> AskAsync(PublicKey peer, BulkKind kind, byte[] request, CancellationToken cancellation)
    {
        try
        {
            return await transport.RequestAsync(peer, (ushort)kind, request, cancellation).ConfigureAwait(false);
        }
        catch (Exception e) when (e is TransportException or RemoteRequestException)
        {
            return null;
        }
    }

    private void Take(byte[][] bodies, HashSet<Hash> wanted)
    {
        foreach (byte[] body in bodies)
        {
            Hash hash = Digest.Of(Domains.Transaction, body);
            if (wanted.Contains(hash) && CommandBatch.Count(body) > 0) pool.Add(hash, body, taken: true);
        }
    }
}
