using Ptoy.Consensus;
using Ptoy.Node.Membership;
using Ptoy.Node.Mempool;
using Ptoy.Node.Transport;
using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Sync;
using Ptoy.Protocol.Wire;

namespace Ptoy.Node.Consensus;

/// <summary>Asks other replicas for transaction bodies and for decided blocks. Everything that comes back is verified here.</summary>
public sealed class PeerFetcher(
    ITransport transport, EpochBook epochs, Admission admission, BodyCache bodies, ILogger<PeerFetcher> log)
    : IPeerFetcher
{
    /// <summary>
    /// Fetches the missing bodies of a block, first from <paramref name="first"/>, then from the others. False when nobody had
    /// all of them.
    /// </summary>
    public async Task<bool> FetchBodiesAsync(IReadOnlyCollection<Hash> wanted, int first, CancellationToken cancellation)
    {
        foreach (PublicKey peer in Order(first))
        {
            Hash[] missing = bodies.Missing(wanted);
            if (missing.Length == 0) return true;
            try
            {
                byte[] answer = await transport.RequestAsync(peer, (ushort)BulkKind.Bodies, Codec.Encode(new BodiesRequest(missing)), cancellation).ConfigureAwait(false);
                TransactionBatch batch = Codec.Decode<TransactionBatch>(answer, TransactionBatch.MaxBytes);
                Take(batch.Transactions, missing.ToHashSet());
            }
            catch (Exception e) when (e is TransportException or RemoteRequestException or WireException)
            {
                log.LogDebug("bodies from {Peer}: {Reason}", Name(peer), e.Message);
            }
        }
        return bodies.Missing(wanted).Length == 0;
    }

    /// <summary>Fetches decided blocks from a height on, as many as one answer holds; empty when nobody could help.</summary>
    public Task<IReadOnlyList<VerifiedBlock>> FetchBlocksAsync(ulong from, ulong to, IReadOnlyList<int> replicas, CancellationToken cancellation)
    {
        ValidatorSet validators = epochs.Current;
        // The epoch may have changed since the replica asked; a number beyond its set is nobody's.
        return FetchBlocksAsync(from, to, [.. replicas.Where(r => r < validators.Count).Select(r => validators.Members[r].NodeKey)], cancellation);
    }

    /// <summary>As above, from any peers, in their order.</summary>
    public async Task<IReadOnlyList<VerifiedBlock>> FetchBlocksAsync(ulong from, ulong to, IReadOnlyList<PublicKey> peers, CancellationToken cancellation)
    {
        ushort count = (ushort)Math.Min(to - from + 1, BlockRangeRequest.MaxCount);
        foreach (PublicKey peer in peers)
        {
            if (peer == transport.Self) continue;
            try
            {
                byte[] answer = await transport.RequestAsync(peer, (ushort)BulkKind.Blocks, Codec.Encode(new BlockRangeRequest(from, count)), cancellation).ConfigureAwait(false);
                List<VerifiedBlock> blocks = Accept(Codec.Decode<BlockBatch>(answer, BlockBatch.MaxBytes), from, peer);
                if (blocks.Count > 0) return blocks;
            }
            catch (Exception e) when (e is TransportException or RemoteRequestException or WireException)
            {
                log.LogDebug("blocks from {Peer}: {Reason}", Name(peer), e.Message);
            }
        }
        return [];
    }

    /// <summary>Hands transactions that have waited for long to a replica. True when it says that it has all of them.</summary>
    public async Task<bool> ForwardAsync(int replica, IReadOnlyList<Transaction> transactions, CancellationToken cancellation)
    {
        ValidatorSet validators = epochs.Current;
        if (replica >= validators.Count) return false;
        PublicKey peer = validators.Members[replica].NodeKey;
        try
        {
            byte[] batch = Codec.Encode(new TransactionBatch([.. transactions.Select(t => t.Bytes)]));
            await transport.RequestAsync(peer, (ushort)BulkKind.Forward, batch, cancellation).ConfigureAwait(false);
            return true;
        }
        catch (TransportException e)
        {
            log.LogDebug("forwarding to {Peer}: {Reason}", Name(peer), e.Message);
            return false;
        }
    }

    private List<VerifiedBlock> Accept(BlockBatch batch, ulong from, PublicKey peer)
    {
        var accepted = new List<VerifiedBlock>();
        foreach (FullBlock full in batch.Blocks)
        {
            if (full.Block.Header.Height != from + (ulong)accepted.Count) break;
            if (epochs.Verify(new CertifiedBlock(full.Block, full.Certificate), out string error) is not { } verified)
            {
                log.LogWarning("block {Height} from {Peer} refused: {Reason}", full.Block.Header.Height, Name(peer), error);
                break;
            }
            // The certificate vouches for the hashes; a body is right when it has its hash. Its signature was checked by the quorum that voted.
            if (!Take(full.Bodies, full.Block.TransactionHashes.ToHashSet(), verify: false)) break;
            accepted.Add(verified);
        }
        return accepted;
    }

    private bool Take(byte[][] bytes, HashSet<Hash> wanted, bool verify = true)
    {
        int taken = 0;
        foreach (byte[] body in bytes)
        {
            Transaction? transaction = verify ? Verified(body) : Decoded(body);
            if (transaction is null || !wanted.Contains(transaction.Hash)) continue;
            bodies.Add(transaction);
            taken++;
        }
        return taken >= wanted.Count;
    }

    private Transaction? Verified(byte[] body)
    {
        Transaction? transaction = Decoded(body);
        return transaction is not null && transaction.Body.ChainId == admission.ChainId && transaction.VerifySignatures() ? transaction : null;
    }

    private static Transaction? Decoded(byte[] body)
    {
        try
        {
            return Transaction.Decode(body);
        }
        catch (WireException)
        {
            return null;
        }
    }

    private IEnumerable<PublicKey> Order(int first)
    {
        ValidatorSet validators = epochs.Current;
        for (int i = 0; i < validators.Count; i++)
        {
            PublicKey key = validators.Members[(first + i) % validators.Count].NodeKey;
            if (key != transport.Self) yield return key;
        }
    }

    private string Name(PublicKey peer) => epochs.Current.IndexOf(peer) is var replica and >= 0 ? $"replica {replica}" : $"node {peer}";
}
