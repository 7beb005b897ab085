using System.Diagnostics.CodeAnalysis;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Protocol;

/// <summary>An account: the hash of its signing key, written bech32m (BIP-350) with the prefix <c>ptoy</c>: <c>ptoy1…</c>.</summary>
public readonly record struct Address(Hash Value) : IComparable<Address>
{
    /// <summary>The human-readable part.</summary>
    public const string Prefix = "ptoy";

    /// <summary>No account: the owner of contracts that exist once.</summary>
    public static Address None => default;

    /// <summary>The address of a signing key.</summary>
    public static Address Of(PublicKey key) => new(Digest.Of(Domains.Address, [(byte)key.Suite], key.Bytes));

    /// <summary>True for <see cref="None"/>.</summary>
    public bool IsNone => Value.IsZero;

    /// <summary>Parses bech32m text; false for anything else.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out Address address)
    {
        address = default;
        if (text is null || !Bech32m.TryDecode(text, Prefix, out byte[]? bytes) || bytes.Length != Hash.Size) return false;
        address = new Address(new Hash(bytes));
        return true;
    }

    /// <summary>Parses bech32m text. Throws <see cref="FormatException"/>.</summary>
    public static Address Parse(string text) =>
        TryParse(text, out Address address) ? address : throw new FormatException($"'{text}' is not a ptoy1… address");

    /// <summary>Bech32m text.</summary>
    public override string ToString() => Bech32m.Encode(Prefix, Value.ToArray());

    /// <inheritdoc/>
    public int CompareTo(Address other) => Value.CompareTo(other.Value);

    /// <summary>Byte order.</summary>
    public static bool operator <(Address left, Address right) => left.CompareTo(right) < 0;

    /// <summary>Byte order.</summary>
    public static bool operator >(Address left, Address right) => left.CompareTo(right) > 0;

    /// <summary>Byte order.</summary>
    public static bool operator <=(Address left, Address right) => left.CompareTo(right) <= 0;

    /// <summary>Byte order.</summary>
    public static bool operator >=(Address left, Address right) => left.CompareTo(right) >= 0;
}
