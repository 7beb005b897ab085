using System.Globalization;
using System.Text;
using Org.BouncyCastle.Crypto.Digests;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Client.Keys;

/// <summary>
/// The keys of one account, all from one BIP-39 seed: Ed25519 to sign (SLIP-10 <c>m/44'/PTOY'/n'/0'</c>), X25519 to open what
/// is sealed to the account (SLIP-10 curve25519 <c>m/44'/PTOY'/n'/1'</c>), secp256k1 for Ether (BIP-32 <c>m/44'/60'/0'/0/n</c>).
/// PTOY is the number <see cref="CoinType"/>. The vault root is deliberately not among them (see <see cref="VaultRoot"/>).
/// </summary>
public sealed class AccountKeys : IDisposable
{
    /// <summary>The ASCII letters PTOY as a number: 1347702617.</summary>
    public const uint CoinType = 0x50544F59;

    private AccountKeys(SigningKey signing, SealingKey sealing, EtherKey ether)
    {
        Signing = signing;
        Sealing = sealing;
        Ether = ether;
    }

    /// <summary>Signs transactions and requests; its address is the account.</summary>
    public SigningKey Signing { get; }

    /// <summary>Opens what is sealed to the account itself: mail, letters, the wrapped vault root.</summary>
    public SealingKey Sealing { get; }

    /// <summary>The Ether key.</summary>
    public EtherKey Ether { get; }

    /// <summary>The account.</summary>
    public Address Address => Signing.Address;

    /// <summary>Keys of the n-th account of a phrase.</summary>
    public static AccountKeys FromPhrase(Mnemonic phrase, string passphrase = "", uint account = 0) => FromSeed(phrase.ToSeed(passphrase), account);

    /// <summary>Keys of the n-th account of a BIP-39 seed of 64 bytes. Throws <see cref="ArgumentException"/> for another length.</summary>
    public static AccountKeys FromSeed(ReadOnlySpan<byte> seed, uint account = 0)
    {
        if (seed.Length != 64) throw new ArgumentException($"a seed has 64 bytes, not {seed.Length}", nameof(seed));
        string root = string.Create(CultureInfo.InvariantCulture, $"m/44'/{CoinType}'/{account}'");
        return new AccountKeys(
            new SigningKey(Derivation.Ed25519(seed, root + "/0'").PrivateKey),
            new SealingKey(Derivation.Curve25519(seed, root + "/1'").PrivateKey),
            new EtherKey(Derivation.Bip32(seed, string.Create(CultureInfo.InvariantCulture, $"m/44'/60'/0'/0/{account}")).PrivateKey));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Signing.Dispose();
        Sealing.Dispose();
    }
}

/// <summary>A secp256k1 key with its Ethereum address.</summary>
public sealed class EtherKey
{
    private readonly byte[] _privateKey;

    internal EtherKey(byte[] privateKey)
    {
        _privateKey = privateKey;
        byte[] point = Derivation.Secp256k1Public(privateKey, compressed: false);
        Address = Checksummed(Keccak256(point.AsSpan(1)).AsSpan(12));
    }

    /// <summary>The address with EIP-55 checksum: <c>0x…</c>.</summary>
    public string Address { get; }

    /// <summary>The 32 private bytes, newly allocated.</summary>
    public byte[] Export() => [.. _privateKey];

    /// <summary>The EIP-55 text of a 20-byte address.</summary>
    public static string Checksummed(ReadOnlySpan<byte> address)
    {
        string hex = Convert.ToHexStringLower(address);
        byte[] hash = Keccak256(Encoding.ASCII.GetBytes(hex));
        var text = new StringBuilder("0x", 42);
        for (int i = 0; i < hex.Length; i++)
        {
            int nibble = (hash[i / 2] >> (i % 2 == 0 ? 4 : 0)) & 15;
            text.Append(nibble >= 8 ? char.ToUpperInvariant(hex[i]) : hex[i]);
        }
        return text.ToString();
    }

    private static byte[] Keccak256(ReadOnlySpan<byte> data)
    {
        var digest = new KeccakDigest(256);
        digest.BlockUpdate(data);
        var hash = new byte[32];
        digest.DoFinal(hash);
        return hash;
    }
}
