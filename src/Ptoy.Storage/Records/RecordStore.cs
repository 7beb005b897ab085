using Ptoy.Protocol;
using Ptoy.Protocol.Wire;
using Ptoy.Storage.Engine;

namespace Ptoy.Storage.Records;

/// <summary>
/// Sealed records by manifest. All of a manifest's keys start with its root, so that nobody can overwrite another manifest's
/// record by choosing its record id, and erasing a manifest is erasing a range. Sealed bytes are stored as they came.
/// Safe for several threads; writes of one manifest are serialised.
/// </summary>
public sealed class RecordStore
{
    private readonly Database _database;
    private readonly Lock _writing = new();

    internal RecordStore(Database database) => _database = database;

    /// <summary>
    /// Stores a whole manifest in one synced batch; only after this returns may a storage receipt be signed. Storing the same
    /// root again is harmless. Throws <see cref="StoreException"/>; then nothing of it is stored.
    /// </summary>
    public void Put(ManifestUpload upload)
    {
        if (upload.Records.Count is 0 or > ManifestInfo.MaxRecords)
            throw new StoreException(StoreProblem.Refused, $"a manifest has 1 to {ManifestInfo.MaxRecords} records, not {upload.Records.Count}");
        lock (_writing)
        {
            byte[] root = Keys.Of(upload.Root);
            byte[]? missing = _database.Get(Tables.Missing, root);
            ulong registered = missing is null ? upload.RegisteredHeight : Keys.Number(missing);
            ManifestInfo? known = Info(upload.Root);
            if (known is not null) registered = Math.Max(registered, known.RegisteredHeight);
            var info = new ManifestInfo(upload.Owner, known?.ReceivedMs ?? upload.ReceivedMs, registered,
                (ulong)upload.Records.Sum(r => (long)r.Bytes.Length),
                [.. upload.Records.Select(r => r.RecordId)], [.. upload.Records.Select(r => r.Tag)]);
            using var batch = new Batch(_database);
            batch.Put(Tables.Manifests, root, upload.Manifest);
            foreach (SealedRecord record in upload.Records)
            {
                batch.Put(Tables.SealedRecords, Keys.Of(upload.Root, record.RecordId), record.Bytes);
                batch.Put(Tables.Owners, OwnerKey(upload.Owner, record.Tag, record.RecordId, upload.Root), []);
            }
            StageWraps(batch, upload.Root, upload.Wraps);
            StageInfo(batch, upload.Root, info);
            if (missing is not null) batch.Delete(Tables.Missing, root);
            _database.Write(batch, sync: true);
        }
    }

    /// <summary>The encoded manifest, or null.</summary>
    public byte[]? Manifest(Hash root) => _database.Get(Tables.Manifests, Keys.Of(root));

    /// <summary>True when the manifest and its records are stored here.</summary>
    public bool Has(Hash root) => _database.Has(Tables.ManifestInfo, Keys.Of(root));

    /// <summary>What is known about a manifest, or null when it is not stored here.</summary>
    public ManifestInfo? Info(Hash root) => _database.Get(Tables.ManifestInfo, Keys.Of(root)) is not { } bytes ? null
        : Codec.TryDecode(bytes, ManifestInfo.MaxBytes, out ManifestInfo? info, out string error) ? info
        : throw StoreErrors.Damaged(_database.Directory, error);

    /// <summary>The sealed bytes of a record of a manifest, or null.</summary>
    public byte[]? Sealed(Hash root, Hash recordId) => _database.Get(Tables.SealedRecords, Keys.Of(root, recordId));

    /// <summary>A record's wrap to one recipient key, or null.</summary>
    public byte[]? Wrap(Hash root, Hash recordId, Hash keyId) => _database.Get(Tables.Wraps, Keys.Of(root, recordId, keyId));

    /// <summary>All wraps of a manifest, or of one of its records.</summary>
    public IEnumerable<StoredWrap> Wraps(Hash root, Hash? recordId = null) =>
        _database.Scan(Tables.Wraps, recordId is { } id ? Keys.Of(root, id) : Keys.Of(root))
            .Select(e => new StoredWrap(Keys.HashAt(e.Key, Hash.Size), Keys.HashAt(e.Key, 2 * Hash.Size), e.Value));

    /// <summary>Adds wraps to a stored manifest. Synced.</summary>
    public void PutWraps(Hash root, IReadOnlyCollection<StoredWrap> wraps)
    {
        lock (_writing)
        {
            if (!Has(root)) throw new StoreException(StoreProblem.Refused, $"the manifest {root} is not stored here");
            using var batch = new Batch(_database);
            StageWraps(batch, root, wraps);
            _database.Write(batch, sync: true);
        }
    }

    /// <summary>Deletes one wrap. Synced. <see cref="Purge"/> takes its bytes off the disk.</summary>
    public void DeleteWrap(Hash root, Hash recordId, Hash keyId)
    {
        using var batch = new Batch(_database);
        batch.Delete(Tables.Wraps, Keys.Of(root, recordId, keyId));
        _database.Write(batch, sync: true);
    }

    /// <summary>
    /// An owner's records in the order (tag, record, manifest), or those of one tag; only of registered manifests unless asked for all.
    /// </summary>
    public IEnumerable<OwnedRecord> OfOwner(Address owner, Hash? tag = null, bool includePending = false)
    {
        var registered = new Dictionary<Hash, bool>();
        byte[] prefix = tag is { } t ? Keys.Of(owner.Value, t) : Keys.Of(owner.Value);
        foreach (byte[] key in _database.ScanKeys(Tables.Owners, prefix))
        {
            var record = new OwnedRecord(Keys.HashAt(key, Hash.Size), Keys.HashAt(key, 2 * Hash.Size), Keys.HashAt(key, 3 * Hash.Size));
            if (!registered.TryGetValue(record.ManifestRoot, out bool shown))
                registered[record.ManifestRoot] = shown = includePending || Info(record.ManifestRoot) is { Registered: true };
            if (shown) yield return record;
        }
    }

    /// <summary>All stored manifests.</summary>
    public IEnumerable<Hash> Roots() => _database.ScanKeys(Tables.ManifestInfo).Select(k => Keys.HashAt(k, 0));

    /// <summary>Manifests stored but not registered, oldest first, that arrived before a time: what may be collected.</summary>
    public IEnumerable<PendingManifest> Pending(ulong receivedBeforeMs = ulong.MaxValue) => _database.ScanKeys(Tables.Pending)
        .TakeWhile(k => Keys.Number(k) < receivedBeforeMs)
        .Select(k => new PendingManifest(Keys.HashAt(k, 8), Keys.Number(k)));

    /// <summary>Manifests registered on chain whose bytes are not here: what to repair.</summary>
    public IEnumerable<MissingManifest> Missing() => _database.Scan(Tables.Missing)
        .Select(e => new MissingManifest(Keys.HashAt(e.Key, 0), Keys.Number(e.Value)));

    /// <summary>
    /// Deletes a manifest with its bytes, wraps and index entries in one synced batch. They are unreadable at once and gone from
    /// the files after <see cref="Purge"/>. False when it was not stored here.
    /// </summary>
    public bool Delete(Hash root)
    {
        lock (_writing)
        {
            using var batch = new Batch(_database);
            batch.Delete(Tables.Missing, Keys.Of(root));
            if (Info(root) is not { } info)
            {
                _database.Write(batch, sync: true);
                return false;
            }
            batch.Delete(Tables.Manifests, Keys.Of(root));
            batch.Delete(Tables.ManifestInfo, Keys.Of(root));
            batch.Delete(Tables.Pending, Keys.Of(info.ReceivedMs, root));
            for (int i = 0; i < info.RecordIds.Length; i++)
            {
                batch.Delete(Tables.SealedRecords, Keys.Of(root, info.RecordIds[i]));
                batch.Delete(Tables.Owners, OwnerKey(info.Owner, info.Tags[i], info.RecordIds[i], root));
            }
            foreach (byte[] key in _database.ScanKeys(Tables.Wraps, Keys.Of(root))) batch.Delete(Tables.Wraps, key);
            _database.Write(batch, sync: true);
            return true;
        }
    }

    /// <summary>
    /// Maintenance after erasure: rewrites the files that held the manifest and drops the write-ahead log behind it, so that
    /// the bytes are no longer on disk (as far as a file system lets one say so). Takes as long as rewriting those files.
    /// </summary>
    public void Purge(Hash root)
    {
        _database.Flush();
        foreach (Table table in (Table[])[Tables.SealedRecords, Tables.Wraps, Tables.Manifests, Tables.ManifestInfo])
            _database.Compact(table, Keys.Of(root));
    }

    internal void StageRegistered(Batch batch, IReadOnlyList<Hash> roots, ulong height)
    {
        if (roots.Count == 0) return;
        lock (_writing)
        {
            foreach (Hash root in roots)
            {
                if (Info(root) is not { } info) batch.Put(Tables.Missing, Keys.Of(root), Keys.Of(height));
                else if (!info.Registered) StageInfo(batch, root, info with { RegisteredHeight = height });
            }
        }
    }

    private static void StageInfo(Batch batch, Hash root, ManifestInfo info)
    {
        batch.Put(Tables.ManifestInfo, Keys.Of(root), Codec.Encode(info));
        byte[] pending = Keys.Of(info.ReceivedMs, root);
        if (info.Registered) batch.Delete(Tables.Pending, pending); else batch.Put(Tables.Pending, pending, []);
    }

    private static void StageWraps(Batch batch, Hash root, IEnumerable<StoredWrap> wraps)
    {
        foreach (StoredWrap wrap in wraps) batch.Put(Tables.Wraps, Keys.Of(root, wrap.RecordId, wrap.KeyId), wrap.Bytes);
    }

    private static byte[] OwnerKey(Address owner, Hash tag, Hash recordId, Hash root) => Keys.Of(owner.Value, tag, recordId, root);
}
