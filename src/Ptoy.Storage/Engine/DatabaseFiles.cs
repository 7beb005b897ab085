using Ptoy.Protocol;
using RocksDbSharp;

namespace Ptoy.Storage.Engine;

/// <summary>How one database is opened.</summary>
internal sealed record DatabaseOptions
{
    public required string Directory { get; init; }

    /// <summary>Separates the value keys of databases under one storage key.</summary>
    public required string Name { get; init; }

    public required byte[] StorageKey { get; init; }

    /// <summary>Null accepts any chain: for tools that only read.</summary>
    public required Hash? ChainId { get; init; }

    public required IReadOnlyList<Table> Tables { get; init; }

    public bool ReadOnly { get; init; }

    public ulong BlockCacheBytes { get; init; } = 32UL << 20;

    public ulong WriteBufferBytes { get; init; } = 64UL << 20;

    /// <summary>A seam for tests: called before each write; an <see cref="IOException"/> it throws is a failing disk.</summary>
    public Action<string>? BeforeWrite { get; init; }
}

/// <summary>Directory checks before RocksDB sees it, and RocksDB's settings.</summary>
internal static class DatabaseFiles
{
    /// <summary>
    /// The column families found on disk; none for a directory to be created. RocksDB would create a new database over the
    /// remains of one whose CURRENT file went missing: that is refused here.
    /// </summary>
    public static IReadOnlyList<string> TablesOnDisk(DatabaseOptions options)
    {
        string directory = options.Directory;
        try
        {
            if (!System.IO.Directory.Exists(directory))
            {
                if (options.ReadOnly) throw new StoreException(StoreProblem.Unavailable, $"{directory} does not exist");
                System.IO.Directory.CreateDirectory(directory);
                return [];
            }
            if (File.Exists(Path.Combine(directory, "CURRENT")))
                return [.. StoreErrors.Guard(directory, () => RocksDb.ListColumnFamilies(new DbOptions(), directory))];
            return System.IO.Directory.EnumerateFiles(directory).Any(f => IsData(Path.GetFileName(f)))
                ? throw StoreErrors.Damaged(directory, "the file CURRENT is missing")
                : (IReadOnlyList<string>)[];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw StoreErrors.From(e, directory);
        }
    }

    // A process killed while creating leaves MANIFEST and an empty log, but no table file and no log with data.
    private static bool IsData(string name) => name.EndsWith(".sst", StringComparison.Ordinal);

    public static DbOptions DbOptions(DatabaseOptions options) => new DbOptions()
        .SetCreateIfMissing(!options.ReadOnly)
        .SetCreateMissingColumnFamilies(!options.ReadOnly)
        .SetParanoidChecks(true)
        // A torn last record is a write that nobody was told about; a bad record before it is damage.
        .SetWalRecoveryMode(Recovery.TolerateCorruptedTailRecords)
        .SetDbWriteBufferSize(options.WriteBufferBytes)
        .SetMaxTotalWalSize(options.WriteBufferBytes * 2)
        .SetMaxOpenFiles(1024)
        .SetMaxBackgroundCompactions(2)
        .SetBytesPerSync(1 << 20)
        .SetKeepLogFileNum(4)
        .SetMaxLogFileSize(4 << 20)
        .SetInfoLogLevel(InfoLogLevel.Warn)
        .SetStatsDumpPeriodSec(0);

    public static ColumnFamilies Families(DatabaseOptions options, IReadOnlyList<string> onDisk)
    {
        Cache cache = Cache.CreateLru(options.BlockCacheBytes);
        var families = new ColumnFamilies(Options(cache, options));
        IEnumerable<string> names = options.ReadOnly ? onDisk : options.Tables.Select(t => t.Name).Union(onDisk);
        foreach (string name in names.Where(n => n != "default")) families.Add(name, Options(cache, options));
        return families;
    }

    private static ColumnFamilyOptions Options(Cache cache, DatabaseOptions options) => new ColumnFamilyOptions()
        .SetCompression(Compression.Lz4)
        .SetWriteBufferSize(Math.Min(32UL << 20, options.WriteBufferBytes / 2))
        .SetMaxWriteBufferNumber(3)
        .SetLevelCompactionDynamicLevelBytes(true)
        .SetBlockBasedTableFactory(new BlockBasedTableOptions()
            .SetBlockCache(cache)
            .SetBlockSize(16 << 10)
            .SetFormatVersion(5)
            .SetCacheIndexAndFilterBlocks(true)
            .SetPinL0FilterAndIndexBlocksInCache(true)
            .SetFilterPolicy(BloomFilterPolicy.Create(10, false)));
}
