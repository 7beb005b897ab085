using RocksDbSharp;

namespace Ptoy.Services.Common;

/// <summary>
/// RocksDB below a <see cref="SealedStore"/>, with bounded cache, write buffers and log; the partitions' keys; and the lock that keeps a
/// late reader from a closed database (which would crash the process).
/// </summary>
internal sealed class SealedEngine : IDisposable
{
    private const int PageRows = 256;
    private const long PageBytes = 4 * 1024 * 1024;
    private static readonly WriteOptions Synced = new WriteOptions().SetSync(true);

    private readonly string _folder;
    private readonly RocksDb _db;
    private readonly PartitionKeys _keys;
    private readonly ReaderWriterLockSlim _use = new();
    private bool _closed;

    private SealedEngine(string folder, RocksDb db, SealedScope root, PartitionKeys keys)
    {
        _folder = folder;
        _db = db;
        Root = root;
        _keys = keys;
    }

    /// <summary>The store's own scope.</summary>
    public SealedScope Root { get; }

    public static SealedEngine Open(string folder, ReadOnlySpan<byte> key)
    {
        string rows = Path.Combine(folder, "rows");
        Directory.CreateDirectory(rows);
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        bool create = !File.Exists(Path.Combine(rows, "CURRENT"));
        if (create && Directory.EnumerateFiles(rows, "*.sst").Any())
            throw new InvalidDataException($"store {folder} is damaged: the file CURRENT is missing. Restore it from a backup");
        var root = new SealedScope(new byte[SealedScope.IdSize], key, root: null);
        PartitionKeys? keys = null;
        try
        {
            // RocksDB's own lock comes first, so that a second process is told what is the matter.
            RocksDb db = Guard(folder, () => RocksDb.Open(Options(), rows));
            try
            {
                keys = PartitionKeys.Open(Path.Combine(folder, "partitions.keys"), root, create || IsEmpty(db));
                var engine = new SealedEngine(folder, db, root, keys);
                engine.DropOrphans();
                return engine;
            }
            catch
            {
                db.Dispose();
                throw;
            }
        }
        catch
        {
            keys?.Dispose();
            root.Dispose();
            throw;
        }
    }

    public byte[]? Get(SealedScope scope, byte[] physical) => Using(() =>
    {
        scope.ThrowIfGone();
        return _db.Get(physical);
    });

    /// <summary>Rows whose physical key begins so, in its order, read in pages: nothing of RocksDB is held between them.</summary>
    public IEnumerable<(byte[] Key, byte[] Row)> Range(SealedScope scope, byte[] prefix)
    {
        byte[]? after = null;
        while (true)
        {
            List<(byte[] Key, byte[] Row)> page = Using(() => Page(scope, prefix, after));
            foreach ((byte[] Key, byte[] Row) row in page) yield return row;
            if (page.Count == 0) yield break;
            after = page[^1].Key;
        }
    }

    public void Write(SealedBatch batch) => Using(() =>
    {
        foreach (SealedScope scope in batch.Scopes) scope.ThrowIfGone();
        _db.Write(batch.Native, Synced);
        return 0;
    });

    public IReadOnlyList<string> Owners() => Using(() => _keys.Owners.Order(StringComparer.Ordinal).ToArray());

    public bool HasPartition(string owner) => Using(() => _keys.Find(owner) is not null);

    public SealedScope Partition(string owner) => Using(() => _keys.Find(owner)) ?? Alone(() => _keys.Find(owner) ?? _keys.Add(owner));

    /// <summary>Erases a partition's key, then its rows. A stop in between leaves rows nobody can open: the next start drops them.</summary>
    public bool Destroy(string owner) => Alone(() =>
    {
        if (_keys.Erase(owner) is not { } scope) return false;
        DropRows(scope.Id);
        return true;
    });

    public InvalidDataException Damaged(string what) => new($"store {_folder} is damaged ({what}). Restore it from a backup");

    public void Dispose()
    {
        _use.EnterWriteLock();
        try
        {
            if (_closed) return;
            _closed = true;
            _db.Dispose();
            _keys.Dispose();
            Root.Dispose();
        }
        finally
        {
            _use.ExitWriteLock();
        }
    }

    private static bool IsEmpty(RocksDb db)
    {
        using Iterator iterator = db.NewIterator();
        return !iterator.SeekToFirst().Valid();
    }

    private List<(byte[] Key, byte[] Row)> Page(SealedScope scope, byte[] prefix, byte[]? after)
    {
        scope.ThrowIfGone();
        var page = new List<(byte[] Key, byte[] Row)>();
        long bytes = 0;
        using Iterator iterator = _db.NewIterator();
        // The shortest key after the last one is that key with a zero byte.
        for (iterator.Seek(after is null ? prefix : [.. after, 0]); iterator.Valid(); iterator.Next())
        {
            byte[] key = iterator.Key();
            if (!key.AsSpan().StartsWith(prefix)) break;
            byte[] row = iterator.Value();
            page.Add((key, row));
            bytes += row.Length;
            if (page.Count >= PageRows || bytes >= PageBytes) return page;
        }
        Native.Instance.rocksdb_iter_get_error(iterator.Handle);
        return page;
    }

    private void DropOrphans()
    {
        var known = _keys.Scopes.Select(s => Convert.ToHexString(s.Id)).Append(Convert.ToHexString(Root.Id)).ToHashSet();
        byte[]? next = null;
        while (true)
        {
            byte[] id;
            using (Iterator iterator = _db.NewIterator())
            {
                if (next is null) iterator.SeekToFirst(); else iterator.Seek(next);
                if (!iterator.Valid()) return;
                id = iterator.Key().AsSpan(0, SealedScope.IdSize).ToArray();
            }
            if (!known.Contains(Convert.ToHexString(id))) DropRows(id);
            next = After(id);
        }
    }

    private void DropRows(ReadOnlySpan<byte> scopeId)
    {
        byte[] from = scopeId.ToArray(), to = After(from);
        using var batch = new WriteBatch();
        batch.DeleteRange(from, (ulong)from.Length, to, (ulong)to.Length);
        _db.Write(batch, Synced);
    }

    // Greater than every key of that scope and not greater than any of the next: ids are random, keys shorter than 255 of 0xff do not occur.
    private static byte[] After(byte[] scopeId) => [.. scopeId, .. Enumerable.Repeat((byte)0xff, 64)];

    private T Using<T>(Func<T> call)
    {
        _use.EnterReadLock();
        try
        {
            ObjectDisposedCheck();
            return Guard(_folder, call);
        }
        finally
        {
            _use.ExitReadLock();
        }
    }

    private T Alone<T>(Func<T> call)
    {
        _use.EnterWriteLock();
        try
        {
            ObjectDisposedCheck();
            return Guard(_folder, call);
        }
        finally
        {
            _use.ExitWriteLock();
        }
    }

    private void ObjectDisposedCheck()
    {
        if (_closed) throw new StoreGoneException($"store {_folder} is closed");
    }

    private static T Guard<T>(string folder, Func<T> call)
    {
        try
        {
            return call();
        }
        catch (RocksDbSharpException e)
        {
            string text = e.Message.Split('\n')[0].Trim();
            if (Has(text, "lock hold by") || Has(text, "While lock file")) throw new InvalidDataException($"store {folder} is in use by another process: stop that first", e);
            if (Has(text, "No space left") || Has(text, "NoSpace")) throw new IOException($"disk full: store {folder} has no space left. Nothing acknowledged is lost", e);
            if (Has(text, "Corruption")) throw new InvalidDataException($"store {folder} is damaged ({text}). Restore it from a backup", e);
            throw new IOException($"store {folder}: {text}", e);
        }
    }

    private static bool Has(string text, string part) => text.Contains(part, StringComparison.OrdinalIgnoreCase);

    private static DbOptions Options()
    {
        var options = new DbOptions();
        options.SetCreateIfMissing(true)
            .SetParanoidChecks(true)
            // A torn last record is a write that nobody was told about; a bad record before it is damage.
            .SetWalRecoveryMode(Recovery.TolerateCorruptedTailRecords)
            .SetDbWriteBufferSize(16UL << 20)
            .SetMaxTotalWalSize(32UL << 20)
            .SetMaxOpenFiles(256)
            .SetMaxBackgroundCompactions(1)
            .SetKeepLogFileNum(2)
            .SetMaxLogFileSize(1 << 20)
            .SetInfoLogLevel(InfoLogLevel.Warn)
            .SetStatsDumpPeriodSec(0);
        // Sealed bytes do not compress.
        options.SetCompression(Compression.No)
            .SetWriteBufferSize(4UL << 20)
            .SetMaxWriteBufferNumber(3)
            .SetLevelCompactionDynamicLevelBytes(true)
            .SetBlockBasedTableFactory(new BlockBasedTableOptions()
                .SetBlockCache(Cache.CreateLru(16UL << 20))
                .SetBlockSize(16 << 10)
                .SetCacheIndexAndFilterBlocks(true)
                .SetFilterPolicy(BloomFilterPolicy.Create(10, false)));
        return options;
    }
}
