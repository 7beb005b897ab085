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

    /// <summary>Deletes everything in a table, whatever its size.</summary>
    public void Clear(Table table)
    {
        byte[] end = [.. Enumerable.Repeat((byte)0xff, 128)];
        _batch.DeleteRange([], 0, end, (ulong)end.Length, database.Handle(table));
    }

    public void Dispose() => _batch.Dispose();
}
