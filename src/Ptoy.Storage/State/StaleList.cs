using System.Buffers.Binary;
using Ptoy.Protocol;
using Ptoy.Storage.Engine;

namespace Ptoy.Storage.State;

/// <summary>
/// What each height made superfluous: one record a height, listing the keys of nodes and values that only older versions
/// refer to. When those versions leave the retention window the list is executed, in the batch of a later block.
/// </summary>
internal static class StaleList
{
    public static void Stage(Batch batch, ulong height, TreeUpdate tree)
    {
        var list = new MemoryStream();
        Span<byte> count = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(count, tree.StaleValues.Count);
        list.Write(count);
        foreach (byte[] key in Sorted(tree.StaleValues.Select(v => Keys.Of(v.Version, v.Key)))) list.Write(key);
        foreach (byte[] key in Sorted(tree.Stale.Select(n => n.Encode())))
        {
            list.WriteByte((byte)key.Length);
            list.Write(key);
        }
        batch.Put(Tables.StateStale, Keys.Of(height), list.ToArray());
    }

    private static byte[][] Sorted(IEnumerable<byte[]> keys)
    {
        byte[][] sorted = [.. keys];
        Array.Sort(sorted, static (a, b) => a.AsSpan().SequenceCompareTo(b));
        return sorted;
    }

    /// <summary>The lowest height whose list is still to be executed, or null.</summary>
    public static ulong? Oldest(Database database)
    {
        foreach (byte[] key in database.ScanKeys(Tables.StateStale)) return Keys.Number(key);
        return null;
    }

    /// <summary>
    /// Executes the list of a height: versions below it are no longer readable afterwards, and no version that stays refers
    /// to what is deleted.
    /// </summary>
    public static void Execute(Database database, Batch batch, ulong height)
    {
        byte[] heightKey = Keys.Of(height);
        if (database.Get(Tables.StateStale, heightKey) is { } list) Execute(batch, list);
        batch.Delete(Tables.StateStale, heightKey);
        if (height > 0) batch.Delete(Tables.StateRoots, Keys.Of(height - 1));
    }

    private static void Execute(Batch batch, byte[] list)
    {
        const int ValueKey = Hash.Size + 8;
        ReadOnlySpan<byte> rest = list;
        int values = BinaryPrimitives.ReadInt32BigEndian(rest);
        rest = rest[4..];
        for (int i = 0; i < values; i++, rest = rest[ValueKey..]) batch.Delete(Tables.StateValues, rest[..ValueKey]);
        while (!rest.IsEmpty)
        {
            int length = rest[0];
            batch.Delete(Tables.StateNodes, rest.Slice(1, length));
            rest = rest[(1 + length)..];
        }
    }
}
