namespace Ptoy.Services.Common;

/// <summary>One table of a <see cref="SealedStore"/>. Keys are compared ordinally. Safe for concurrent use.</summary>
public sealed class SealedTable
{
    private readonly SealedEngine _engine;
    private readonly byte[] _prefix;

    internal SealedTable(SealedEngine engine, SealedScope scope, string name, bool ordered)
    {
        _engine = engine;
        Scope = scope;
        Name = name;
        Ordered = ordered;
        _prefix = scope.TablePrefix(name, ordered);
    }

    /// <summary>The table's name.</summary>
    public string Name { get; }

    /// <summary>Keys are on disk as they are, so scans are ranges.</summary>
    public bool Ordered { get; }

    internal SealedScope Scope { get; }

    /// <summary>The value under a key, or null. Throws <see cref="InvalidDataException"/> naming the table when it does not open.</summary>
    public byte[]? Get(string key)
    {
        byte[] physical = Physical(key);
        byte[]? row = _engine.Get(Scope, physical);
        return row is null ? null : Scope.OpenValue(physical, row) ?? throw Damaged();
    }

    /// <summary>True when the key has a value.</summary>
    public bool Has(string key) => _engine.Get(Scope, Physical(key)) is not null;

    /// <summary>Writes one row in a batch of its own.</summary>
    public void Put(string key, ReadOnlySpan<byte> value)
    {
        using var batch = new SealedBatch(_engine);
        batch.Put(this, key, value);
        _engine.Write(batch);
    }

    /// <summary>Deletes one row in a batch of its own.</summary>
    public void Delete(string key)
    {
        using var batch = new SealedBatch(_engine);
        batch.Delete(this, key);
        _engine.Write(batch);
    }

    /// <summary>
    /// The rows whose key starts with a prefix, in ordinal key order. Rows written or deleted meanwhile may be in it or not. A table with
    /// hidden keys holds the keys found in memory while it is read; an ordered one a page of rows.
    /// </summary>
    public IEnumerable<(string Key, byte[] Value)> Scan(string prefix = "")
    {
        ArgumentNullException.ThrowIfNull(prefix);
        return Ordered ? ScanOrdered(prefix) : ScanHidden(prefix);
    }

    /// <summary>The keys that start with a prefix, in ordinal order.</summary>
    public IReadOnlyList<string> Keys(string prefix = "")
    {
        ArgumentNullException.ThrowIfNull(prefix);
        if (Ordered) return [.. ScanOrdered(prefix).Select(r => r.Key)];
        // Only keys with the same first segment share a group; a prefix without a slash may match any.
        byte[] range = prefix.Contains('/', StringComparison.Ordinal) ? Scope.Group(_prefix, prefix) : _prefix;
        var keys = new List<string>();
        foreach ((byte[] physical, byte[] row) in _engine.Range(Scope, range))
        {
            string name = Scope.OpenName(physical, row) ?? throw Damaged();
            if (name.StartsWith(prefix, StringComparison.Ordinal)) keys.Add(name);
        }
        keys.Sort(StringComparer.Ordinal);
        return keys;
    }

    internal byte[] Physical(string key)
    {
        ArgumentNullException.ThrowIfNull(key);
        return Ordered ? [.. _prefix, .. System.Text.Encoding.UTF8.GetBytes(key)] : Scope.Hidden(_prefix, key);
    }

    private IEnumerable<(string Key, byte[] Value)> ScanHidden(string prefix)
    {
        foreach (string key in Keys(prefix))
        {
            if (Get(key) is { } value) yield return (key, value);
        }
    }

    private IEnumerable<(string Key, byte[] Value)> ScanOrdered(string prefix)
    {
        foreach ((byte[] physical, byte[] row) in _engine.Range(Scope, Physical(prefix)))
        {
            string name = Scope.OpenName(physical, row) ?? throw Damaged();
            yield return (name, Scope.OpenValue(physical, row) ?? throw Damaged());
        }
    }

    private InvalidDataException Damaged() => _engine.Damaged($"a row of table '{Name}' does not open");
}

/// <summary>Writes that become visible and durable together or not at all.</summary>
public sealed class SealedBatch : IDisposable
{
    private readonly SealedEngine _engine;
    private readonly HashSet<SealedScope> _scopes = [];
    private long _bytes;

    internal SealedBatch(SealedEngine engine) => _engine = engine;

    internal RocksDbSharp.WriteBatch Native { get; } = new();

    internal IReadOnlyCollection<SealedScope> Scopes => _scopes;

    /// <summary>Puts a value under a key. Throws <see cref="ArgumentException"/> when the value or the batch is too large.</summary>
    public void Put(SealedTable table, string key, ReadOnlySpan<byte> value)
    {
        if (value.Length > SealedStore.MaxValue)
            throw new ArgumentException($"table '{table.Name}': a value of {value.Length} bytes, more than {SealedStore.MaxValue}", nameof(value));
        byte[] physical = Physical(table, key, value.Length);
        Native.Put(physical, table.Scope.Seal(physical, key, value));
    }

    /// <summary>Deletes a key; nothing when there is none.</summary>
    public void Delete(SealedTable table, string key) => Native.Delete(Physical(table, key, 0));

    /// <inheritdoc/>
    public void Dispose() => Native.Dispose();

    private byte[] Physical(SealedTable table, string key, int valueBytes)
    {
        ArgumentNullException.ThrowIfNull(table);
        if (!ReferenceEquals(table.Scope.Root, _engine.Root)) throw new ArgumentException($"table '{table.Name}' belongs to another store", nameof(table));
        table.Scope.ThrowIfGone();
        _scopes.Add(table.Scope);
        _bytes += key.Length + valueBytes;
        if (_bytes > SealedStore.MaxBatch) throw new ArgumentException($"the batch has more than {SealedStore.MaxBatch} bytes: write it in parts", nameof(valueBytes));
        return table.Physical(key);
    }
}
