using System.Security.Cryptography;
using System.Text;

namespace Ptoy.Services.Common;

/// <summary>The keys of a store or of one of its partitions, and how names and values look on disk under them.</summary>
internal sealed class SealedScope : IDisposable
{
    public const int IdSize = 16;
    public const int TableIdSize = 8;
    private const int GroupSize = 8;
    private const int NameSize = 16;
    private const int NonceSize = 12;
    private const int TagSize = 16;
    private const int LengthSize = 4;

    private readonly byte[] _id, _nameKey, _valueKey;
    private volatile bool _gone;

    /// <param name="id">What the physical keys begin with.</param>
    /// <param name="key">The scope's key.</param>
    /// <param name="root">The store's own scope; null for that itself.</param>
    public SealedScope(byte[] id, ReadOnlySpan<byte> key, SealedScope? root)
    {
        _id = id;
        Root = root ?? this;
        byte[] secret = key.ToArray();
        _nameKey = HKDF.DeriveKey(HashAlgorithmName.SHA256, secret, 32, info: "ptoy/store/names/v1"u8.ToArray());
        _valueKey = HKDF.DeriveKey(HashAlgorithmName.SHA256, secret, 32, info: "ptoy/store/values/v1"u8.ToArray());
        CryptographicOperations.ZeroMemory(secret);
    }

    /// <summary>The store's own scope: two scopes are of one store when they share it.</summary>
    public SealedScope Root { get; }

    public bool IsRoot => ReferenceEquals(Root, this);

    public ReadOnlySpan<byte> Id => _id;

    public void ThrowIfGone()
    {
        if (_gone) throw new StoreGoneException(IsRoot ? "the store is closed" : "the partition was destroyed");
    }

    /// <summary>What all physical keys of a table begin with.</summary>
    public byte[] TablePrefix(string table, bool ordered)
    {
        byte[] hashed = Mac(Encoding.UTF8.GetBytes((ordered ? "ordered/" : "table/") + table));
        return [.. _id, .. hashed.AsSpan(0, TableIdSize)];
    }

    /// <summary>The physical key: scope, table, group of the first segment, name. One cannot tell the name from it without the key.</summary>
    public byte[] Hidden(byte[] tablePrefix, string key)
    {
        byte[] name = Mac([.. tablePrefix, 0, .. Encoding.UTF8.GetBytes(key)]);
        return [.. Group(tablePrefix, key), .. name.AsSpan(0, NameSize)];
    }

    /// <summary>What the physical keys of a first segment (up to the first slash) begin with.</summary>
    public byte[] Group(byte[] tablePrefix, string key)
    {
        int slash = key.IndexOf('/', StringComparison.Ordinal);
        byte[] segment = Mac([.. tablePrefix, 1, .. Encoding.UTF8.GetBytes(slash < 0 ? "" : key[..slash])]);
        return [.. tablePrefix, .. segment.AsSpan(0, GroupSize)];
    }

    /// <summary>Seals name and value, each on its own (a scan reads names only), both bound to the physical key.</summary>
    public byte[] Seal(byte[] physical, string key, ReadOnlySpan<byte> value)
    {
        ThrowIfGone();
        byte[] name = Encoding.UTF8.GetBytes(key);
        int nameBox = NonceSize + name.Length + TagSize;
        var row = new byte[LengthSize + nameBox + NonceSize + value.Length + TagSize];
        BitConverter.TryWriteBytes(row, name.Length);
        using var cipher = new AesGcm(_valueKey, TagSize);
        SealBox(cipher, row.AsSpan(LengthSize, nameBox), name, [.. physical, 0]);
        SealBox(cipher, row.AsSpan(LengthSize + nameBox), value, [.. physical, 1]);
        return row;
    }

    /// <summary>The name in a row, null when it does not open.</summary>
    public string? OpenName(byte[] physical, ReadOnlySpan<byte> row) =>
        NameBox(row) is var box and > 0 && OpenBox(row.Slice(LengthSize, box), [.. physical, 0]) is { } name ? Encoding.UTF8.GetString(name) : null;

    /// <summary>The value in a row, null when it does not open.</summary>
    public byte[]? OpenValue(byte[] physical, ReadOnlySpan<byte> row) =>
        NameBox(row) is var box and > 0 ? OpenBox(row[(LengthSize + box)..], [.. physical, 1]) : null;

    /// <summary>Seals a small text of the engine's own (a slot, the check) under this scope's key.</summary>
    public byte[] SealSmall(ReadOnlySpan<byte> plain, ReadOnlySpan<byte> context)
    {
        var box = new byte[NonceSize + plain.Length + TagSize];
        using var cipher = new AesGcm(_valueKey, TagSize);
        SealBox(cipher, box, plain, [.. context, 2]);
        return box;
    }

    /// <summary>Opens what <see cref="SealSmall"/> sealed; null when it does not open.</summary>
    public byte[]? OpenSmall(ReadOnlySpan<byte> box, ReadOnlySpan<byte> context) => OpenBox(box, [.. context, 2]);

    /// <summary>Forgets the keys.</summary>
    public void Dispose()
    {
        _gone = true;
        CryptographicOperations.ZeroMemory(_nameKey);
        CryptographicOperations.ZeroMemory(_valueKey);
    }

    private byte[] Mac(byte[] text) => HMACSHA256.HashData(_nameKey, text);

    private static int NameBox(ReadOnlySpan<byte> row)
    {
        if (row.Length < LengthSize) return -1;
        int name = BitConverter.ToInt32(row);
        const int overhead = NonceSize + TagSize;
        return name >= 0 && name <= row.Length - LengthSize - overhead * 2 ? overhead + name : -1;
    }

    private static void SealBox(AesGcm cipher, Span<byte> box, ReadOnlySpan<byte> plain, byte[] context)
    {
        RandomNumberGenerator.Fill(box[..NonceSize]);
        cipher.Encrypt(box[..NonceSize], plain, box.Slice(NonceSize, plain.Length), box[^TagSize..], context);
    }

    private byte[]? OpenBox(ReadOnlySpan<byte> box, byte[] context)
    {
        ThrowIfGone();
        if (box.Length < NonceSize + TagSize) return null;
        var plain = new byte[box.Length - NonceSize - TagSize];
        using var cipher = new AesGcm(_valueKey, TagSize);
        try
        {
            cipher.Decrypt(box[..NonceSize], box.Slice(NonceSize, plain.Length), box[^TagSize..], plain, context);
            return plain;
        }
        catch (AuthenticationTagMismatchException)
        {
            // A partition that is destroyed at this moment has its key zeroed under us: that is not damage.
            ThrowIfGone();
            return null;
        }
    }
}
