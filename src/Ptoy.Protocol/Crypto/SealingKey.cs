using System.Security.Cryptography;

namespace Ptoy.Protocol.Crypto;

/// <summary>A private key that opens what was wrapped to its public half (suite <see cref="SuiteId.HpkeX25519"/>).</summary>
public sealed class SealingKey : IDisposable
{
    /// <summary>Length of the private key in bytes.</summary>
    public const int Size = X25519.KeySize;

    private readonly byte[] _privateKey;

    /// <summary>Takes 32 private bytes. Throws <see cref="ArgumentException"/> for any other length.</summary>
    public SealingKey(ReadOnlySpan<byte> privateKey)
    {
        Public = new PublicKey(SuiteId.HpkeX25519, X25519.PublicOf(privateKey));
        _privateKey = privateKey.ToArray();
        Id = KeyId.Of(Public);
    }

    /// <summary>The public half.</summary>
    public PublicKey Public { get; }

    /// <summary>The name of the public half in wraps.</summary>
    public Hash Id { get; }

    /// <summary>The 32 private bytes, newly allocated: for letters and keystores only.</summary>
    public byte[] Export() => [.. _privateKey];

    internal ReadOnlySpan<byte> Private => _privateKey;

    /// <summary>Overwrites the private bytes.</summary>
    public void Dispose() => CryptographicOperations.ZeroMemory(_privateKey);
}

/// <summary>Names a recipient's public key in wraps and on chain: a domain-separated hash of suite and key.</summary>
public static class KeyId
{
    /// <summary>Domain of key ids.</summary>
    public const string Domain = "ptoy/key-id/v1";

    /// <summary>The id of a public key.</summary>
    public static Hash Of(PublicKey key) => Digest.Of(Domain, [(byte)key.Suite], key.Bytes);
}
