using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Ptoy.Client.Sealing;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Records;

namespace Ptoy.Client.Keys;

/// <summary>
/// 32 random bytes from which an owner's vault keys and tag key derive. Versioned, and never from the phrase: after theft or
/// recovery a new version takes over, while the phrase may stay. It travels only wrapped to the account's sealing key, in a
/// keystore, or in Shamir shares.
/// </summary>
public sealed class VaultRoot : IDisposable
{
    /// <summary>Bytes of a root.</summary>
    public const int Size = 32;

    /// <summary>Epochs run from 0 to one below this; each has its own key for every compartment.</summary>
    public const int Epochs = ManifestEntry.MaxEpoch + 1;

    private const int CheckSize = 4;
    private const string WrapPurpose = "ptoy/vault-root/v1";
    private readonly byte[] _root;
    private readonly byte[] _tagKey;

    /// <summary>A root that was exported. Throws <see cref="ArgumentException"/> unless it has 32 bytes and a version above 0.</summary>
    public VaultRoot(uint version, ReadOnlySpan<byte> root)
    {
        if (version == 0) throw new ArgumentException("a vault root's version begins at 1", nameof(version));
        if (root.Length != Size) throw new ArgumentException($"a vault root has {Size} bytes, not {root.Length}", nameof(root));
        Version = version;
        _root = root.ToArray();
        _tagKey = Derive("tag-key");
        Tags = Compartments.Names.ToDictionary(n => n, n => Compartments.Tag(_tagKey, n), StringComparer.Ordinal);
    }

    /// <summary>A new random root.</summary>
    public static VaultRoot Create(uint version = 1) => new(version, RandomNumberGenerator.GetBytes(Size));

    /// <summary>1 for the first root of an account, one more after each recovery or theft.</summary>
    public uint Version { get; }

    /// <summary>The tag key: whoever holds it can tell which tag is which compartment.</summary>
    public ReadOnlySpan<byte> TagKey => _tagKey;

    /// <summary>The tag of every compartment, by name.</summary>
    public IReadOnlyDictionary<string, Hash> Tags { get; }

    /// <summary>The 32 bytes, newly allocated: for keystores only.</summary>
    public byte[] Export() => [.. _root];

    /// <summary>The vault key pair of a compartment in an epoch. Throws for a name that is no compartment.</summary>
    public SealingKey VaultKey(string compartment, int epoch)
    {
        if (!Tags.ContainsKey(compartment)) throw new ArgumentException($"'{compartment}' is not a compartment", nameof(compartment));
        ArgumentOutOfRangeException.ThrowIfNegative(epoch);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(epoch, Epochs);
        return new SealingKey(Derive($"vault/{compartment}/{epoch}"));
    }

    /// <summary>The public keys of an epoch, by tag: what the device publishes, and what authors wrap to.</summary>
    public IReadOnlyDictionary<Hash, PublicKey> PublicKeys(int epoch)
    {
        var keys = new Dictionary<Hash, PublicKey>();
        foreach ((string name, Hash tag) in Tags)
        {
            using SealingKey key = VaultKey(name, epoch);
            keys[tag] = key.Public;
        }
        return keys;
    }

    /// <summary>The key pair of an organisation's role in a version: team keys derive too, so a keystore restores them.</summary>
    public SealingKey TeamKey(string role, uint version) => new(Derive($"team/{version}/{role}"));

    /// <summary>Every vault key of the epochs 0 to <paramref name="lastEpoch"/>: what opens an owner's records.</summary>
    public IEnumerable<SealingKey> VaultKeys(int lastEpoch) =>
        Enumerable.Range(0, lastEpoch + 1).SelectMany(_ => Compartments.Names, (epoch, name) => VaultKey(name, epoch));

    /// <summary>Seals the root to an account's sealing key.</summary>
    public SealedMessage WrapTo(PublicKey account)
    {
        byte[] content = Content();
        try { return SealedBox.Seal(account, WrapPurpose, content); }
        finally { CryptographicOperations.ZeroMemory(content); }
    }

    /// <summary>Opens <see cref="WrapTo"/>. Throws <see cref="SealException"/>.</summary>
    public static VaultRoot Unwrap(SealedMessage wrapped, SealingKey account) =>
        Read(SealedBox.Open(wrapped, WrapPurpose, account))
            ?? throw new SealException(SealFault.Header, "the wrapped message is not a vault root");

    /// <summary>Splits the root among guardians: any <paramref name="threshold"/> of the shares give it back, fewer tell nothing.</summary>
    public IReadOnlyList<ShamirShare> Split(int threshold, int count)
    {
        byte[] content = Content();
        byte[] coefficients = RandomNumberGenerator.GetBytes(Shamir.RandomSize(content.Length, threshold));
        try { return Shamir.Split(content, threshold, count, coefficients); }
        finally
        {
            CryptographicOperations.ZeroMemory(content);
            CryptographicOperations.ZeroMemory(coefficients);
        }
    }

    /// <summary>Joins shares. Throws <see cref="FormatException"/> when they are too few, of different roots, or damaged.</summary>
    public static VaultRoot Join(IReadOnlyList<ShamirShare> shares) =>
        Read(Shamir.Combine(shares)) ?? throw new FormatException("the shares do not give a vault root: too few, damaged, or of different roots");

    /// <inheritdoc/>
    public void Dispose()
    {
        CryptographicOperations.ZeroMemory(_root);
        CryptographicOperations.ZeroMemory(_tagKey);
    }

    private byte[] Derive(string label) =>
        HKDF.DeriveKey(HashAlgorithmName.SHA256, _root, Size, salt: null, info: Encoding.UTF8.GetBytes($"ptoy/vault/v1/{Version}/{label}"));

    private byte[] Content()
    {
        var content = new byte[CheckSize + Size + CheckSize];
        BinaryPrimitives.WriteUInt32BigEndian(content, Version);
        _root.CopyTo(content, CheckSize);
        SHA256.HashData(content.AsSpan(0, CheckSize + Size)).AsSpan(0, CheckSize).CopyTo(content.AsSpan(CheckSize + Size));
        return content;
    }

    private static VaultRoot? Read(byte[] content)
    {
        if (content.Length != CheckSize + Size + CheckSize) return null;
        ReadOnlySpan<byte> check = SHA256.HashData(content.AsSpan(0, CheckSize + Size)).AsSpan(0, CheckSize);
        uint version = BinaryPrimitives.ReadUInt32BigEndian(content);
        return check.SequenceEqual(content.AsSpan(CheckSize + Size)) && version > 0 ? new VaultRoot(version, content.AsSpan(CheckSize, Size)) : null;
    }
}
