using System.Buffers.Binary;
using Ptoy.Protocol;

namespace Ptoy.Storage.Engine;

/// <summary>Builds and takes apart keys: big-endian numbers and raw hashes, so that byte order is the order wanted.</summary>
internal static class Keys
{
    public static byte[] Of(ulong number)
    {
        var key = new byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(key, number);
        return key;
    }

    public static byte[] Of(ulong number, uint index)
    {
        var key = new byte[12];
        BinaryPrimitives.WriteUInt64BigEndian(key, number);
        BinaryPrimitives.WriteUInt32BigEndian(key.AsSpan(8), index);
        return key;
    }

    public static byte[] Of(Hash hash) => hash.ToArray();

    public static byte[] Of(ulong number, Hash hash)
    {
        var key = new byte[8 + Hash.Size];
        BinaryPrimitives.WriteUInt64BigEndian(key, number);
        hash.CopyTo(key.AsSpan(8));
        return key;
    }

    public static byte[] Of(Hash hash, ulong number)
    {
        var key = new byte[Hash.Size + 8];
        hash.CopyTo(key);
        BinaryPrimitives.WriteUInt64BigEndian(key.AsSpan(Hash.Size), number);
        return key;
    }

    public static byte[] Of(params ReadOnlySpan<Hash> hashes)
    {
        var key = new byte[Hash.Size * hashes.Length];
        for (int i = 0; i < hashes.Length; i++) hashes[i].CopyTo(key.AsSpan(i * Hash.Size));
        return key;
    }

    public static ulong Number(ReadOnlySpan<byte> key, int offset = 0) => BinaryPrimitives.ReadUInt64BigEndian(key[offset..]);

    public static uint Index(ReadOnlySpan<byte> key, int offset) => BinaryPrimitives.ReadUInt32BigEndian(key[offset..]);

    public static Hash HashAt(ReadOnlySpan<byte> key, int offset) => new(key.Slice(offset, Hash.Size));
}
