using System.Globalization;
using MessagePack;
using Ptoy.Protocol.Wire;

namespace Ptoy.Protocol.Crypto;

/// <summary>Which algorithms a key, signature or ciphertext belongs to. Every one carries its suite, so that others can be added.</summary>
public enum SuiteId : byte
{
    /// <summary>Ed25519 signatures (RFC 8032): 32-byte keys, 64-byte signatures.</summary>
    Ed25519 = 1,
    /// <summary>HPKE base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM (RFC 9180): 32-byte keys.</summary>
    HpkeX25519 = 2,
    /// <summary>Record bytes: STREAM over AES-256-GCM in 1 MiB chunks, with key commitment.</summary>
    StreamAes256Gcm = 3,
}

/// <summary>A public key with its suite. Compared by value.</summary>
[MessagePackObject]
public sealed record PublicKey([property: Key(0)] SuiteId Suite, [property: Key(1)] byte[] Bytes) : IWire
{
    /// <inheritdoc/>
    public string? Problem() => Suite switch
    {
        SuiteId.Ed25519 or SuiteId.HpkeX25519 => Check.Exactly("public key", Bytes, 32),
        _ => $"public key: suite {(byte)Suite} is not known",
    };

    /// <summary>The account address of this (signing) key.</summary>
    [IgnoreMember]
    public Address Address => Address.Of(this);

    /// <summary>Suite number, a colon and lower-case hexadecimal: <c>1:ab…</c>.</summary>
    public override string ToString() => $"{(byte)Suite}:{Convert.ToHexStringLower(Bytes)}";

    /// <summary>Parses <see cref="ToString"/>. Throws <see cref="FormatException"/> naming what is wrong.</summary>
    public static PublicKey Parse(string text)
    {
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        if (colon < 1 || !byte.TryParse(text.AsSpan(0, colon), NumberStyles.None, CultureInfo.InvariantCulture, out byte suite) || (text[0] == '0' && colon > 1)) throw new FormatException("a public key is written suite:hex");
        byte[] bytes;
        try { bytes = Convert.FromHexString(text.AsSpan(colon + 1)); }
        catch (FormatException) { throw new FormatException("a public key is written suite:hex; the part after the colon is not hexadecimal"); }
        var key = new PublicKey((SuiteId)suite, bytes);
        return key.Problem() is { } problem ? throw new FormatException(problem) : key;
    }

    /// <inheritdoc/>
    public bool Equals(PublicKey? other) => other is not null && Suite == other.Suite && Bytes.AsSpan().SequenceEqual(other.Bytes);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.Add(Suite);
        hash.AddBytes(Bytes);
        return hash.ToHashCode();
    }
}

/// <summary>A signature with its suite. Compared by value.</summary>
[MessagePackObject]
public sealed record Signature([property: Key(0)] SuiteId Suite, [property: Key(1)] byte[] Bytes) : IWire
{
    /// <inheritdoc/>
    public string? Problem() => Suite == SuiteId.Ed25519
        ? Check.Exactly("signature", Bytes, 64)
        : $"signature: suite {(byte)Suite} is not known";

    /// <inheritdoc/>
    public bool Equals(Signature? other) => other is not null && Suite == other.Suite && Bytes.AsSpan().SequenceEqual(other.Bytes);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.AddBytes(Bytes);
        return hash.ToHashCode();
    }
}
