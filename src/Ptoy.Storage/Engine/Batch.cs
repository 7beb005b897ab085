using RocksDbSharp;

namespace Ptoy.Storage.Engine;

/// <summary>Writes that become visible and durable together or not at all.</summary>
internal sealed class Batch(Database database) : IDisposable
{
    private readonly WriteBatch _batch = new();

    public WriteBatch Native => _batch;

    /// <summary>Plain bytes given so far, to bound a batch.</summary>
    public long Bytes { get; private set; }

    public void Put(Table table, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        Bytes += key.Length + value.Length;
        ColumnFamilyHandle handle = database.Handle(table);
        if (table.Sealed) _batch.Put(key, value, handle);
        else _batch.Put(key, database.Cipher.Seal(table, key, value), handle);
    }

    public void Delete(Table table, ReadOnlySpan<byte> key)
    {
        Bytes += key.Length;
        _batch.Delete(key, database.Handle(table));
    }

    public void Dispose() => _batch.Dispose();
}
