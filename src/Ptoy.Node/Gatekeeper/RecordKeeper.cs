using System.Collections.Concurrent;
using Ptoy.Node.Execution;
using Ptoy.Node.Transport;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Records;
using Ptoy.Protocol.Rpc;
using Ptoy.Protocol.Sync;
using Ptoy.Protocol.Wire;
using Ptoy.Storage;
using Ptoy.Storage.Records;

namespace Ptoy.Node.Gatekeeper;

/// <summary>
/// Sealed bytes on this member: stores uploads, has the other members store them, signs receipts, fetches what is missing,
/// erases what was retired.
/// </summary>
public sealed class RecordKeeper(
    NodeStore store, ITransport transport, Func<ValidatorSet> validators, SigningKey nodeKey, Hash chainId, TimeProvider clock, ILogger<RecordKeeper> log)
{
    /// <summary>Largest sealed record in bytes that this version stores.</summary>
    public const int MaxRecordBytes = 16 * 1024 * 1024;

    /// <summary>Receipts that make a registration good without a repair.</summary>
    public int Quorum => validators().Quorum;

    private static readonly TimeSpan UnregisteredLifetime = TimeSpan.FromHours(24);
    private static readonly TimeSpan QuorumPatience = TimeSpan.FromSeconds(10);
    private readonly ConcurrentDictionary<Hash, Lazy<Task<bool>>> _fetching = new();

    /// <summary>
    /// Stores an upload durably here and at the other members. Returns once a quorum holds it, or after a time with f+1
    /// receipts. Throws <see cref="RpcException"/> when the package is wrong or too few members answer.
    /// </summary>
    public async Task<IReadOnlyList<StorageReceipt>> UploadAsync(ReadOnlyMemory<byte> encoded, UploadPackage package, CancellationToken cancellation)
    {
        ValidatorSet members = validators();
        StorageReceipt own = Store(package);
        StorageStatement statement = StorageStatement.For(chainId, package);
        byte[] bytes = encoded.ToArray();
        // A node that only follows keeps a copy, but its receipt counts for nothing.
        List<StorageReceipt> receipts = members.IndexOf(own.Node) >= 0 ? [own] : [];
        // The other members go on storing after the quorum is reached: the request's own end must not cut them short.
        List<Task<StorageReceipt?>> waiting = [.. Peers().Select(peer => Task.Run(() => AskToStoreAsync(peer, bytes, statement), CancellationToken.None))];
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(QuorumPatience);
        while (waiting.Count > 0 && receipts.Count < members.Quorum)
        {
            Task<StorageReceipt?> first;
            try
            {
                first = await Task.WhenAny(waiting).WaitAsync(patience.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
            {
                break;
            }
            waiting.Remove(first);
            if (await first.ConfigureAwait(false) is { } receipt) receipts.Add(receipt);
        }
        return receipts.Count > members.Faulty
            ? receipts
            : throw new RpcException(RpcErrors.Busy, $"only {receipts.Count} members could store the records, fewer than {members.Faulty + 1}; try again");
    }

    /// <summary>Verifies and stores a package on this node; the receipt is signed after everything is on disk.</summary>
    public StorageReceipt Store(UploadPackage package)
    {
        if (package.Verify() is { } problem) throw new RpcException(RpcErrors.BadUpload, problem);
        if (package.Manifest.Entries.Any(e => e.Epoch != package.Manifest.Entries[0].Epoch))
            throw new RpcException(RpcErrors.BadUpload, "the entries are of several epochs; a registration has one");
        if (package.Manifest.Entries.Any(e => e.Epoch != package.Manifest.Entries[0].Epoch))
            throw new RpcException(RpcErrors.BadUpload, "the entries are of several vault epochs; make one manifest for each");
        if (package.Sealed.Any(s => s.Length > MaxRecordBytes))
            throw new RpcException(RpcErrors.TooLarge, $"a sealed record is larger than {MaxRecordBytes} bytes");
        Manifest manifest = package.Manifest;
        var records = new List<SealedRecord>(manifest.Entries.Length);
        var wraps = new List<StoredWrap>();
        for (int i = 0; i < manifest.Entries.Length; i++)
        {
            ManifestEntry entry = manifest.Entries[i];
            records.Add(new SealedRecord(entry.RecordId, entry.Tag, package.Sealed[i]));
        }
        foreach (RecipientWraps recipient in package.Wraps.Recipients)
        {
            foreach (WrappedKey key in recipient.Keys)
            {
                var wrap = new RecordWrap(key.Entry, recipient.KeyId, recipient.Suite, recipient.Enc, key.Ciphertext);
                wraps.Add(new StoredWrap(manifest.Entries[key.Entry].RecordId, recipient.KeyId, Codec.Encode(wrap)));
            }
        }
        store.Records.Put(new ManifestUpload
        {
            Root = manifest.Root(),
            Owner = manifest.Owner,
            Manifest = Codec.Encode(new StoredManifest(manifest, package.Wraps.Salts)),
            Records = records,
            Wraps = wraps,
            ReceivedMs = (ulong)clock.GetUtcNow().ToUnixTimeMilliseconds(),
        });
        return StorageReceipt.Sign(StorageStatement.For(chainId, package), nodeKey);
    }

    /// <summary>The manifest, fetched from another member when this node lacks it. Throws <see cref="RpcException"/> (NotFound).</summary>
    public async Task<Manifest> ManifestAsync(Hash root, CancellationToken cancellation)
    {
        if (Stored(root) is { } here) return here.Manifest;
        await FetchAsync(root, cancellation).ConfigureAwait(false);
        return Stored(root)?.Manifest ?? throw RpcException.NotFound($"no member in reach holds manifest {root.Short}…");
    }

    /// <summary>The sealed bytes of a record, fetched from another member when this node lacks them.</summary>
    public async Task<byte[]> SealedAsync(Hash root, Hash record, CancellationToken cancellation)
    {
        if (store.Records.Sealed(root, record) is { } bytes) return bytes;
        await FetchAsync(root, cancellation).ConfigureAwait(false);
        return store.Records.Sealed(root, record) ?? throw RpcException.NotFound($"no member in reach holds record {record.Short}…");
    }

    /// <summary>Encoded wraps of a record.</summary>
    public IReadOnlyList<byte[]> Wraps(Hash root, Hash record) => [.. store.Records.Wraps(root, record).Select(w => w.Bytes)];

    /// <summary>Everything that is held of a manifest as a package, for another member; null when it is not held.</summary>
    public UploadPackage? Package(Hash root)
    {
        if (Stored(root) is not { } held) return null;
        Manifest manifest = held.Manifest;
        var sealedBytes = new byte[manifest.Entries.Length][];
        for (int i = 0; i < sealedBytes.Length; i++)
        {
            if (store.Records.Sealed(root, manifest.Entries[i].RecordId) is not { } s) return null;
            sealedBytes[i] = s;
        }
        IEnumerable<RecordWrap> wraps = store.Records.Wraps(root).Select(w => Codec.Decode<RecordWrap>(w.Bytes, RecordWrap.MaxBytes));
        RecipientWraps[] recipients = [.. wraps.GroupBy(w => w.KeyId).OrderBy(g => g.Key)
            .Select(g => new RecipientWraps(g.Key, g.First().Suite, g.First().Enc, [.. g.OrderBy(w => w.Entry).Select(w => new WrappedKey(w.Entry, w.Ciphertext))]))];
        return new UploadPackage(manifest, new WrapSet(recipients, held.Salts), sealedBytes);
    }

    /// <summary>Fetches a manifest with its bytes and wraps from whichever member has it. True when it is here afterwards.</summary>
    public Task<bool> FetchAsync(Hash root, CancellationToken cancellation) =>
        // Lazy: the fetch starts only once it is in the table, so that its end always takes it out again.
        _fetching.GetOrAdd(root, r => new Lazy<Task<bool>>(() => Task.Run(() => FetchFromPeersAsync(r), CancellationToken.None))).Value.WaitAsync(cancellation);

    /// <summary>
    /// Fetches what the chain registered and this node lacks: a few manifests now and then, or all of them after a snapshot. One that nobody
    /// gives holds up none of the others.
    /// </summary>
    public async Task RepairAsync(CancellationToken cancellation)
    {
        const int AtOnce = 4;
        int repaired = 0;
        await Parallel.ForEachAsync(
            store.Records.Missing().ToList(),
            new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellation },
            async (missing, token) =>
            {
                if (await FetchAsync(missing.Root, token).ConfigureAwait(false)) Interlocked.Increment(ref repaired);
            }).ConfigureAwait(false);
        if (repaired > 0) log.LogInformation("{Count} manifests were repaired", repaired);
    }

    /// <summary>Drops uploads that nobody registered within a day: their author can no longer be waited for.</summary>
    public void Collect()
    {
        ulong before = (ulong)(clock.GetUtcNow() - UnregisteredLifetime).ToUnixTimeMilliseconds();
        foreach (PendingManifest pending in store.Records.Pending(before).ToList())
        {
            if (store.Records.Delete(pending.Root)) log.LogInformation("upload {Root} was never registered and is dropped", pending.Root.Short);
        }
    }

    /// <summary>Erases what a block retired.</summary>
    public void Erase(IReadOnlyList<Receipt> receipts)
    {
        foreach ((Hash root, _) in RecordEvents.Retired(receipts))
        {
            if (store.Records.Delete(root)) log.LogInformation("manifest {Root} was retired; its bytes and wraps are erased", root.Short);
        }
    }

    private StoredManifest? Stored(Hash root) =>
        store.Records.Manifest(root) is { } bytes ? Codec.Decode<StoredManifest>(bytes, StoredManifest.MaxBytes) : null;

    private async Task<bool> FetchFromPeersAsync(Hash root)
    {
        try
        {
            foreach (PublicKey peer in Peers())
            {
                try
                {
                    byte[] answer = await transport.RequestAsync(peer, (ushort)BulkKind.FetchRecords, Codec.Encode(new RecordRequest(root, []))).ConfigureAwait(false);
                    if (answer.Length == 0) continue;
                    var package = Codec.Decode<UploadPackage>(answer, UploadPackage.MaxBytes);
                    if (package.Manifest.Root() != root) continue;
                    Store(package);
                    return true;
                }
                catch (Exception e) when (e is TransportException or RemoteRequestException or WireException or RpcException)
                {
                    log.LogDebug("manifest {Root} from replica {Replica}: {Reason}", root.Short, validators().IndexOf(peer), e.Message);
                }
            }
            return false;
        }
        finally
        {
            _fetching.TryRemove(root, out _);
        }
    }

    private async Task<StorageReceipt?> AskToStoreAsync(PublicKey peer, byte[] bytes, StorageStatement statement)
    {
        try
        {
            byte[] answer = await transport.RequestAsync(peer, (ushort)BulkKind.StoreRecords, bytes).ConfigureAwait(false);
            var receipt = Codec.Decode<StorageReceipt>(answer, StorageReceipt.MaxBytes);
            if (receipt.Node == peer && receipt.Verify(statement)) return receipt;
            log.LogWarning("replica {Replica} answered with a wrong storage receipt", validators().IndexOf(peer));
        }
        catch (Exception e) when (e is TransportException or RemoteRequestException or WireException)
        {
            log.LogDebug("replica {Replica} did not store: {Reason}", validators().IndexOf(peer), e.Message);
        }
        return null;
    }

    private IEnumerable<PublicKey> Peers() => validators().Members.Select(m => m.NodeKey).Where(k => k != transport.Self);
}
