using System.Security.Cryptography;

namespace Ptoy.Protocol.Crypto;

/// <summary>X25519 (RFC 7748): Diffie-Hellman over 32-byte keys. Private keys are clamped where they are used, as the RFC says.</summary>
public static class X25519
{
    /// <summary>Length of a private key, a public key and a shared secret in bytes.</summary>
    public const int KeySize = 32;

    /// <summary>The public key of a private key.</summary>
    public static byte[] PublicOf(ReadOnlySpan<byte> privateKey)
    {
        Require(privateKey, nameof(privateKey));
        var result = new byte[KeySize];
        Org.BouncyCastle.Math.EC.Rfc7748.X25519.ScalarMultBase(privateKey, result);
        return result;
    }

    /// <summary>
    /// The shared secret. Throws <see cref="CryptographicException"/> for a public key of small order, whose secret is zero
    /// whatever the private key is (RFC 7748 section 6.1, demanded by RFC 9180 section 7.1.4).
    /// </summary>
    public static byte[] Agree(ReadOnlySpan<byte> privateKey, ReadOnlySpan<byte> publicKey)
    {
        Require(privateKey, nameof(privateKey));
        Require(publicKey, nameof(publicKey));
        var secret = new byte[KeySize];
        if (!Org.BouncyCastle.Math.EC.Rfc7748.X25519.CalculateAgreement(privateKey, publicKey, secret))
            throw new CryptographicException("the X25519 public key has small order");
        return secret;
    }

    private static void Require(ReadOnlySpan<byte> key, string name)
    {
        if (key.Length != KeySize) throw new ArgumentException($"an X25519 key has {KeySize} bytes, not {key.Length}", name);
    }
}
