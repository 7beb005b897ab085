using Ptoy.Node.Consensus;
using Ptoy.Node.Diagnostics;
using Ptoy.Node.Gatekeeper;
using Ptoy.Node.Mail;
using Ptoy.Node.Membership;
using Ptoy.Node.Mempool;
using Ptoy.Node.Sync;
using Ptoy.Node.Transport;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Records;
using Ptoy.Protocol.Rpc;
using Ptoy.Protocol.Sync;
using Ptoy.Protocol.Wire;
using Ptoy.Storage;

namespace Ptoy.Node;

/// <summary>Answers the other members over the bulk carrier.</summary>
internal sealed class BulkServer(
    NodeStore store, Admission admission, BodyCache bodies, RecordKeeper keeper, MailRoom mail, EpochBook epochs,
    ForwardDesk forwarded, SnapshotServer snapshots)
{
    private const int MaxAnswerBytes = 32 * 1024 * 1024;

    /// <summary>What the transport calls. <paramref name="onLink"/> is told of the bulk carrier alone: a process that dies breaks it at once.</summary>
    public TransportHandlers Handlers(Action<PublicKey, ReadOnlyMemory<byte>> onVote, Action<PublicKey, bool> onLink) => new()
    {
        OnVote = onVote,
        OnPeerUp = (peer, carrier) => { if (carrier == Carrier.Bulk) onLink(peer, true); },
        OnPeerDown = (peer, carrier) => { if (carrier == Carrier.Bulk) onLink(peer, false); },
        OnBulk = OnBulkAsync,
        OnRequest = OnRequestAsync,
    };

    private ValueTask OnBulkAsync(PublicKey peer, ushort kind, ReadOnlyMemory<byte> payload)
    {
        using CpuParts.Section section = CpuParts.Measure(CpuPart.Codec);
        switch ((BulkKind)kind)
        {
            case BulkKind.Transactions:
                if (Codec.TryDecode(payload, TransactionBatch.MaxBytes, out TransactionBatch? batch, out _)) admission.AcceptSpread(batch!.Transactions, peer);
                break;
            case BulkKind.Mail:
                mail.Accept(peer, payload);
                break;
            default:
                break;
        }
        return ValueTask.CompletedTask;
    }

    private Task<byte[]> OnRequestAsync(PublicKey peer, ushort kind, ReadOnlyMemory<byte> payload, CancellationToken cancellation) =>
        Task.Run(() => (BulkKind)kind switch
        {
            BulkKind.Bodies => Bodies(Codec.Decode<BodiesRequest>(payload, TransactionBatch.MaxBytes)),
            BulkKind.Blocks => Blocks(Codec.Decode<BlockRangeRequest>(payload, 64)),
            BulkKind.Certificates => Certificates(Codec.Decode<BlockRangeRequest>(payload, 64)),
            BulkKind.Forward => Forwarded(peer, Codec.Decode<TransactionBatch>(payload, TransactionBatch.MaxBytes)),
            BulkKind.Epochs => Codec.Encode(new EpochBatch([.. epochs.Chain.From(Codec.Decode<EpochsRequest>(payload, 64).From, EpochBatch.MaxCount)])),
            BulkKind.SnapshotHead => snapshots.Head(),
            BulkKind.SnapshotChunk => snapshots.Chunk(peer, Codec.Decode<SnapshotChunkRequest>(payload, SnapshotChunkRequest.MaxBytes)),
            BulkKind.StoreRecords => Codec.Encode(keeper.Store(Codec.Decode<UploadPackage>(payload, UploadPackage.MaxBytes))),
            BulkKind.FetchRecords => keeper.Package(Codec.Decode<RecordRequest>(payload, 64 * 1024).ManifestRoot) is { } package ? Codec.Encode(package) : [],
            _ => throw new RpcException(RpcErrors.MethodNotFound, $"requests of kind {kind} are not served here"),
        }, cancellation);

    private byte[] Forwarded(PublicKey peer, TransactionBatch batch)
    {
        forwarded.Accept(peer, batch.Transactions);
        return [];
    }

    private byte[] Bodies(BodiesRequest request)
    {
        var found = new List<byte[]>();
        long bytes = 0;
        foreach (Hash hash in request.Hashes)
        {
            if (bodies.Find(hash)?.Bytes is not { } body) continue;
            bytes += body.Length;
            if (bytes > TransactionBatch.MaxBytes - 65_536) break;
            found.Add(body);
        }
        return Codec.Encode(new TransactionBatch([.. found]));
    }

    private byte[] Certificates(BlockRangeRequest request)
    {
        var held = new List<ExecutionCertificate>();
        for (ulong height = request.From; height < request.From + request.Count; height++)
        {
            if (store.Ledger.ExecutionCertificate(height) is { } certificate) held.Add(certificate);
        }
        return Codec.Encode(new CertificateBatch([.. held]));
    }

    private byte[] Blocks(BlockRangeRequest request)
    {
        var blocks = new List<FullBlock>();
        long bytes = 0;
        for (ulong height = request.From; height < request.From + request.Count && bytes < MaxAnswerBytes; height++)
        {
            if (store.Ledger.Block(height) is not { } block || store.Ledger.CommitCertificate(height) is not { } certificate) break;
            byte[][] held = [.. store.Ledger.Bodies(height)];
            // Pruned while it was being read.
            if (held.Length != block.TransactionHashes.Length) break;
            bytes += held.Sum(b => (long)b.Length) + 4096;
            blocks.Add(new FullBlock(block, certificate, held));
        }
        return Codec.Encode(new BlockBatch([.. blocks]));
    }
}
