using System.Collections.Concurrent;
using System.Text;
using NSec.Cryptography;

namespace Ptoy.Protocol.Crypto;

/// <summary>
/// Ed25519 (RFC 8032) through libsodium: the one verifier of consensus. What is signed is domain ‖ message with the
/// domain's length in front, so a signature made for one use is never valid for another.
/// </summary>
public static class Signing
{
    private const int CacheLimit = 65_536;
    private static readonly ConcurrentDictionary<PublicKey, NSec.Cryptography.PublicKey?> Imported = new();

    /// <summary>True when the signature was made by that key over that message in that domain. Never throws.</summary>
    public static bool Verify(PublicKey key, string domain, ReadOnlySpan<byte> message, Signature signature)
    {
        if (key.Problem() is not null || signature.Problem() is not null || key.Suite != signature.Suite) return false;
        NSec.Cryptography.PublicKey? imported = Import(key);
        return imported is not null
            && SignatureAlgorithm.Ed25519.Verify(imported, Framed(domain, message), signature.Bytes);
    }

    private static NSec.Cryptography.PublicKey? Import(PublicKey key)
    {
        if (Imported.TryGetValue(key, out NSec.Cryptography.PublicKey? known)) return known;
        bool valid = NSec.Cryptography.PublicKey.TryImport(SignatureAlgorithm.Ed25519, key.Bytes, KeyBlobFormat.RawPublicKey, out var imported);
        if (Imported.Count >= CacheLimit) Imported.Clear();
        Imported[key] = valid ? imported : null;
        return valid ? imported : null;
    }

    internal static byte[] Framed(string domain, ReadOnlySpan<byte> message)
    {
        var framed = new byte[1 + domain.Length + message.Length];
        framed[0] = (byte)domain.Length;
        Encoding.ASCII.GetBytes(domain, framed.AsSpan(1));
        message.CopyTo(framed.AsSpan(1 + domain.Length));
        return framed;
    }
}

/// <summary>An Ed25519 private key. Made from a 32-byte seed, which the caller got from a phrase or a random source.</summary>
public sealed class SigningKey : IDisposable
{
    /// <summary>Length of a seed in bytes.</summary>
    public const int SeedSize = 32;

    private readonly Key _key;

    /// <summary>Throws <see cref="ArgumentException"/> unless the seed has 32 bytes.</summary>
    public SigningKey(ReadOnlySpan<byte> seed)
    {
        if (seed.Length != SeedSize) throw new ArgumentException($"an Ed25519 seed has {SeedSize} bytes, not {seed.Length}", nameof(seed));
        _key = Key.Import(SignatureAlgorithm.Ed25519, seed, KeyBlobFormat.RawPrivateKey);
        Public = new PublicKey(SuiteId.Ed25519, _key.PublicKey.Export(KeyBlobFormat.RawPublicKey));
        Address = Public.Address;
    }

    /// <summary>The public half.</summary>
    public PublicKey Public { get; }

    /// <summary>The account of this key.</summary>
    public Address Address { get; }

    /// <summary>Signs a message in a domain (see <see cref="Signing"/>).</summary>
    public Signature Sign(string domain, ReadOnlySpan<byte> message) =>
        new(SuiteId.Ed25519, SignatureAlgorithm.Ed25519.Sign(_key, Signing.Framed(domain, message)));

    /// <inheritdoc/>
    public void Dispose() => _key.Dispose();
}
