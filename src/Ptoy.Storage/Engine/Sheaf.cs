using System.Buffers.Binary;

namespace Ptoy.Storage.Engine;

/// <summary>
/// Several items in one value: what is written together and mostly read together costs one key, one encryption and one place in
/// the memory table instead of many. Layout: number of items u32, their ends u32 each, then the items.
/// </summary>
internal static class Sheaf
{
    /// <summary>Items in a sheaf: few enough that reading one item is cheap.</summary>
    public const int Size = 32;

    public static byte[] Pack(ReadOnlySpan<byte[]> items)
    {
        int head = 4 * (1 + items.Length), length = head;
        foreach (byte[] item in items) length += item.Length;
        var packed = new byte[length];
        BinaryPrimitives.WriteInt32BigEndian(packed, items.Length);
        int end = head;
        for (int i = 0; i < items.Length; i++)
        {
            items[i].CopyTo(packed.AsSpan(end));
            end += items[i].Length;
            BinaryPrimitives.WriteInt32BigEndian(packed.AsSpan(4 * (1 + i)), end);
        }
        return packed;
    }

    public static int Count(ReadOnlySpan<byte> packed) => BinaryPrimitives.ReadInt32BigEndian(packed);

    public static ReadOnlySpan<byte> Item(ReadOnlySpan<byte> packed, int index)
    {
        int count = Count(packed);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)count, nameof(index));
        int start = index == 0 ? 4 * (1 + count) : BinaryPrimitives.ReadInt32BigEndian(packed[(4 * index)..]);
        return packed[start..BinaryPrimitives.ReadInt32BigEndian(packed[(4 * (1 + index))..])];
    }

    /// <summary>Stores items under keys of (number, index of the first item): sheaves of <see cref="Size"/>.</summary>
    public static void Put(Batch batch, Table table, ulong number, ReadOnlySpan<byte[]> items)
    {
        for (int i = 0; i < items.Length; i += Size)
            batch.Put(table, Keys.Of(number, (uint)i), Pack(items[i..Math.Min(i + Size, items.Length)]));
    }

    /// <summary>Removes what was stored under a number.</summary>
    public static void Delete(Batch batch, Table table, ulong number, int count)
    {
        for (int i = 0; i < count; i += Size) batch.Delete(table, Keys.Of(number, (uint)i));
    }

    /// <summary>One item of those stored under a number, or null.</summary>
    public static byte[]? Get(Database database, Table table, ulong number, uint index)
    {
        if (database.Get(table, Keys.Of(number, index - (index % Size))) is not { } packed) return null;
        int at = (int)(index % Size);
        return at < Count(packed) ? Item(packed, at).ToArray() : null;
    }

    /// <summary>All items stored under a number, in order.</summary>
    public static List<byte[]> All(Database database, Table table, ulong number)
    {
        var items = new List<byte[]>();
        foreach ((_, byte[] packed) in database.Scan(table, Keys.Of(number)))
        {
            for (int i = 0; i < Count(packed); i++) items.Add(Item(packed, i).ToArray());
        }
        return items;
    }
}
