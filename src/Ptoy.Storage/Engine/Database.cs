using System.Buffers.Binary;
using Ptoy.Protocol;
using RocksDbSharp;

namespace Ptoy.Storage.Engine;

/// <summary>
/// One RocksDB with its tables, its cipher and the checks made at opening: format, chain, storage key. What it needs before it
/// can decrypt (format number, chain id, session salts) is in the default column family in plain.
/// </summary>
internal sealed class Database : IDisposable
{
    /// <summary>The layout on disk. A higher number than this is refused.</summary>
    public const uint Format = 2;

    private static readonly byte[] FormatKey = "format"u8.ToArray(), ChainKey = "chain"u8.ToArray(), SessionPrefix = "session/"u8.ToArray();
    private static readonly WriteOptions Synced = new WriteOptions().SetSync(true), Unsynced = new();

    private readonly RocksDb _db;
    private readonly Dictionary<Table, ColumnFamilyHandle> _handles = [];
    private readonly Action<string>? _beforeWrite;
    private int _disposed;

    private Database(RocksDb db, string directory, IReadOnlyList<Table> tables, ValueCipher cipher, Action<string>? beforeWrite)
    {
        _db = db;
        _beforeWrite = beforeWrite;
        Directory = directory;
        Tables = tables;
        Cipher = cipher;
        foreach (Table table in tables) _handles[table] = db.GetColumnFamily(table.Name);
    }

    public string Directory { get; }

    public IReadOnlyList<Table> Tables { get; }

    public ValueCipher Cipher { get; }

    // Every read and write passes here; a closed RocksDB would crash the process instead of saying so.
    public ColumnFamilyHandle Handle(Table table) => Volatile.Read(ref _disposed) == 0
        ? _handles[table]
        : throw new StoreException(StoreProblem.Unavailable, $"{Directory} is closed: the node is stopping");

    /// <summary>Opens or creates. Throws <see cref="StoreException"/> that says what to do.</summary>
    public static Database Open(DatabaseOptions options)
    {
        string directory = options.Directory;
        IReadOnlyList<string> names = DatabaseFiles.TablesOnDisk(options);
        var cipher = new ValueCipher(options.StorageKey, options.Name);
        RocksDb? db = null;
        try
        {
            db = StoreErrors.Guard(directory, () => options.ReadOnly
                ? RocksDb.OpenReadOnly(DatabaseFiles.DbOptions(options), directory, DatabaseFiles.Families(options, names), false)
                : RocksDb.Open(DatabaseFiles.DbOptions(options), directory, DatabaseFiles.Families(options, names)));
            StoreErrors.Guard(directory, () => { Unlock(db, options, cipher, names); return 0; });
            return new Database(db, directory, options.Tables, cipher, options.BeforeWrite);
        }
        catch
        {
            db?.Dispose();
            cipher.Dispose();
            throw;
        }
    }

    public byte[]? Get(Table table, ReadOnlySpan<byte> key)
    {
        byte[]? value;
        try { value = _db.Get(key, Handle(table)); }
        catch (RocksDbSharpException e) { throw StoreErrors.From(e, Directory); }
        return value is null ? null : Opened(table, key, value);
    }

    public bool Has(Table table, ReadOnlySpan<byte> key)
    {
        try { return _db.HasKey(key, Handle(table)); }
        catch (RocksDbSharpException e) { throw StoreErrors.From(e, Directory); }
    }

    /// <summary>Writes the batch atomically; with <paramref name="sync"/> it returns only when it is on the device.</summary>
    public void Write(Batch batch, bool sync)
    {
        try
        {
            _beforeWrite?.Invoke(Directory);
            _db.Write(batch.Native, sync ? Synced : Unsynced);
        }
        catch (RocksDbSharpException e) { throw StoreErrors.From(e, Directory); }
        catch (IOException e) { throw StoreErrors.From(e, Directory); }
    }

    /// <summary>Entries whose key starts with <paramref name="prefix"/>, in order from <paramref name="from"/> on; a consistent view.</summary>
    public IEnumerable<(byte[] Key, byte[] Value)> Scan(Table table, byte[]? prefix = null, byte[]? from = null)
    {
        foreach ((byte[] key, byte[] raw) in Raw(table, prefix, from)) yield return (key, Opened(table, key, raw));
    }

    /// <summary>Keys only: nothing is decrypted.</summary>
    public IEnumerable<byte[]> ScanKeys(Table table, byte[]? prefix = null, byte[]? from = null)
    {
        foreach ((byte[] key, byte[] _) in Raw(table, prefix, from, keysOnly: true)) yield return key;
    }

    /// <summary>The entry with the greatest key, or null.</summary>
    public (byte[] Key, byte[] Value)? Last(Table table)
    {
        using Iterator iterator = _db.NewIterator(Handle(table));
        iterator.SeekToLast();
        CheckIterator(iterator);
        if (!iterator.Valid()) return null;
        byte[] key = iterator.Key();
        return (key, Opened(table, key, iterator.Value()));
    }

    /// <summary>Default column family, in plain: format, chain and salts.</summary>
    public IEnumerable<(byte[] Key, byte[] Value)> Header()
    {
        using Iterator iterator = _db.NewIterator();
        for (iterator.SeekToFirst(); iterator.Valid(); iterator.Next()) yield return (iterator.Key(), iterator.Value());
        CheckIterator(iterator);
    }

    /// <summary>Rewrites the files that hold keys with this prefix, so that deleted and overwritten bytes leave the disk.</summary>
    public void Compact(Table table, byte[] prefix) => StoreErrors.Guard(Directory, () =>
    {
        byte[] end = [.. prefix, .. Enumerable.Repeat((byte)0xff, 128)];
        _db.CompactRange(prefix, end, Handle(table));
        return 0;
    });

    /// <summary>Writes all memory tables to files and drops the write-ahead log behind them.</summary>
    public void Flush() => StoreErrors.Guard(Directory, () =>
    {
        var options = new FlushOptions().SetWaitForFlush(true);
        foreach (Table table in Tables) Native.Instance.rocksdb_flush_cf(_db.Handle, options.Handle, Handle(table).Handle);
        _db.Flush(options);
        return 0;
    });

    /// <summary>How far behind with writing this database is.</summary>
    public StorePressure Pressure()
    {
        (ulong bytes, string table) = Tables.Select(t => (Number("rocksdb.estimate-pending-compaction-bytes", t), t.Name)).Max();
        return new StorePressure(Number("rocksdb.is-write-stopped", Tables[0]) != 0, Number("rocksdb.actual-delayed-write-rate", Tables[0]), bytes, table);
    }

    private ulong Number(string property, Table table) =>
        ulong.TryParse(_db.GetProperty(property, Handle(table)), System.Globalization.CultureInfo.InvariantCulture, out ulong number) ? number : 0;

    /// <summary>Hard-links the files into a new directory: a backup of this moment.</summary>
    public void Checkpoint(string directory) => StoreErrors.Guard(Directory, () =>
    {
        using Checkpoint checkpoint = _db.Checkpoint();
        checkpoint.Save(directory);
        return 0;
    });

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0) return;
        _db.Dispose();
        Cipher.Dispose();
    }

    private IEnumerable<(byte[] Key, byte[] Raw)> Raw(Table table, byte[]? prefix, byte[]? from, bool keysOnly = false)
    {
        using Iterator iterator = _db.NewIterator(Handle(table));
        if ((from ?? prefix) is { } start) iterator.Seek(start); else iterator.SeekToFirst();
        for (; iterator.Valid(); iterator.Next())
        {
            byte[] key = iterator.Key();
            if (prefix is not null && !key.AsSpan().StartsWith(prefix)) break;
            yield return (key, keysOnly ? [] : iterator.Value());
        }
        CheckIterator(iterator);
    }

    // An iterator that met damage just becomes invalid, as at the end: ask it which.
    private void CheckIterator(Iterator iterator) => StoreErrors.Guard(Directory, () =>
    {
        Native.Instance.rocksdb_iter_get_error(iterator.Handle);
        return 0;
    });

    private byte[] Opened(Table table, ReadOnlySpan<byte> key, byte[] value) => table.Sealed
        ? value
        : Cipher.Open(table, key, value) ?? throw StoreErrors.Damaged(Directory, $"a value of '{table.Name}' fails authentication");

    private static void Unlock(RocksDb db, DatabaseOptions options, ValueCipher cipher, IReadOnlyList<string> namesOnDisk)
    {
        byte[]? format = db.Get(FormatKey);
        if (format is null)
        {
            if (HasData(db, options)) throw StoreErrors.Damaged(options.Directory, "its format record is missing");
        }
        else CheckHeader(db, options, format, namesOnDisk);
        uint last = 0;
        bool any = false, ok = true;
        using (Iterator iterator = db.NewIterator())
        {
            for (iterator.Seek(SessionPrefix); iterator.Valid() && iterator.Key().AsSpan().StartsWith(SessionPrefix); iterator.Next())
            {
                last = BinaryPrimitives.ReadUInt32BigEndian(iterator.Key().AsSpan(SessionPrefix.Length));
                any = true;
                ok &= cipher.Add(last, iterator.Value());
            }
        }
        if (!ok)
        {
            throw new StoreException(StoreProblem.WrongKey, $"the node storage key does not fit {options.Directory}: "
                + "start the node with the storage key that this data was written with (its file, environment variable or credential).");
        }
        if (!any && format is not null) throw StoreErrors.Damaged(options.Directory, "its key sessions are missing");
        if (!options.ReadOnly) Begin(db, options, cipher, any ? last + 1 : 0);
    }

    private static void CheckHeader(RocksDb db, DatabaseOptions options, byte[] format, IReadOnlyList<string> namesOnDisk)
    {
        uint number = format.Length == 4 ? BinaryPrimitives.ReadUInt32BigEndian(format) : 0;
        if (number == 0) throw StoreErrors.Damaged(options.Directory, "its format record is not readable");
        bool unknown = namesOnDisk.Any(n => n != "default" && options.Tables.All(t => t.Name != n));
        if (number > Format || unknown)
        {
            throw new StoreException(StoreProblem.NewerFormat, $"{options.Directory} was written by a newer version (format {number}, this version "
                + $"knows {Format}): start it with that version, or start this one with an empty directory.");
        }
        if (number < Format)
        {
            throw new StoreException(StoreProblem.OlderFormat, $"{options.Directory} was written by an older version (format {number}, this version "
                + $"writes {Format}): start this version with an empty data directory and let the node fetch the chain from the others.");
        }
        byte[]? chain = db.Get(ChainKey);
        if (chain is not { Length: Hash.Size }) throw StoreErrors.Damaged(options.Directory, "its chain record is not readable");
        if (options.ChainId is { } wanted && new Hash(chain) != wanted)
        {
            throw new StoreException(StoreProblem.WrongChain, $"{options.Directory} belongs to chain {new Hash(chain).Short}…, not {wanted.Short}…: "
                + "use the genesis file that it was made with, or another data directory.");
        }
    }

    private static void Begin(RocksDb db, DatabaseOptions options, ValueCipher cipher, uint session)
    {
        using var batch = new WriteBatch();
        var number = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(number, Format);
        batch.Put(FormatKey, number);
        batch.Put(ChainKey, options.ChainId!.Value.ToArray());
        BinaryPrimitives.WriteUInt32BigEndian(number, session);
        byte[] sessionKey = [.. SessionPrefix, .. number];
        batch.Put(sessionKey, cipher.Begin(session));
        db.Write(batch, Synced);
    }

    private static bool HasData(RocksDb db, DatabaseOptions options)
    {
        foreach (Table table in options.Tables)
        {
            using Iterator iterator = db.NewIterator(db.GetColumnFamily(table.Name));
            if (iterator.SeekToFirst().Valid()) return true;
        }
        return false;
    }

}
