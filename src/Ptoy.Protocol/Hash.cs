using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;

namespace Ptoy.Protocol;

/// <summary>A 32-byte SHA-256 value. Ordered as big-endian bytes, compared by value.</summary>
public readonly struct Hash : IEquatable<Hash>, IComparable<Hash>
{
    /// <summary>Length in bytes.</summary>
    public const int Size = 32;

    private readonly ulong _a, _b, _c, _d;

    /// <summary>Reads 32 bytes. Throws <see cref="ArgumentException"/> for any other length.</summary>
    public Hash(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != Size) throw new ArgumentException($"a hash has {Size} bytes, not {bytes.Length}", nameof(bytes));
        _a = BinaryPrimitives.ReadUInt64BigEndian(bytes);
        _b = BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]);
        _c = BinaryPrimitives.ReadUInt64BigEndian(bytes[16..]);
        _d = BinaryPrimitives.ReadUInt64BigEndian(bytes[24..]);
    }

    /// <summary>All bytes zero: "no hash".</summary>
    public static Hash Zero => default;

    /// <summary>True for <see cref="Zero"/>.</summary>
    public bool IsZero => (_a | _b | _c | _d) == 0;

    /// <summary>Writes the 32 bytes to the start of <paramref name="target"/>.</summary>
    public void CopyTo(Span<byte> target)
    {
        BinaryPrimitives.WriteUInt64BigEndian(target, _a);
        BinaryPrimitives.WriteUInt64BigEndian(target[8..], _b);
        BinaryPrimitives.WriteUInt64BigEndian(target[16..], _c);
        BinaryPrimitives.WriteUInt64BigEndian(target[24..], _d);
    }

    /// <summary>The 32 bytes, newly allocated.</summary>
    public byte[] ToArray()
    {
        var bytes = new byte[Size];
        CopyTo(bytes);
        return bytes;
    }

    /// <summary>Lower-case hexadecimal, 64 characters.</summary>
    public override string ToString() => Convert.ToHexStringLower(ToArray());

    /// <summary>The first eight hexadecimal characters, for logs.</summary>
    public string Short => ToString()[..8];

    /// <summary>Parses 64 hexadecimal characters; false for anything else.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out Hash hash)
    {
        Span<byte> bytes = stackalloc byte[Size];
        hash = default;
        if (text is not { Length: Size * 2 }) return false;
        if (Convert.FromHexString(text, bytes, out _, out int written) != System.Buffers.OperationStatus.Done || written != Size) return false;
        hash = new Hash(bytes);
        return true;
    }

    /// <summary>Parses 64 hexadecimal characters. Throws <see cref="FormatException"/>.</summary>
    public static Hash Parse(string text) =>
        TryParse(text, out Hash hash) ? hash : throw new FormatException("a hash is 64 hexadecimal characters");

    /// <inheritdoc/>
    public bool Equals(Hash other) => _a == other._a && _b == other._b && _c == other._c && _d == other._d;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Hash other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(_a, _d);

    /// <inheritdoc/>
    public int CompareTo(Hash other)
    {
        int c = _a.CompareTo(other._a);
        if (c == 0) c = _b.CompareTo(other._b);
        if (c == 0) c = _c.CompareTo(other._c);
        return c == 0 ? _d.CompareTo(other._d) : c;
    }

    /// <summary>Value equality.</summary>
    public static bool operator ==(Hash left, Hash right) => left.Equals(right);

    /// <summary>Value inequality.</summary>
    public static bool operator !=(Hash left, Hash right) => !left.Equals(right);

    /// <summary>Byte order.</summary>
    public static bool operator <(Hash left, Hash right) => left.CompareTo(right) < 0;

    /// <summary>Byte order.</summary>
    public static bool operator >(Hash left, Hash right) => left.CompareTo(right) > 0;

    /// <summary>Byte order.</summary>
    public static bool operator <=(Hash left, Hash right) => left.CompareTo(right) <= 0;

    /// <summary>Byte order.</summary>
    public static bool operator >=(Hash left, Hash right) => left.CompareTo(right) >= 0;
}
