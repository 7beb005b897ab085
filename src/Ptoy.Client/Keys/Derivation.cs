using System.Buffers.Binary;
using System.Security.Cryptography;
using Org.BouncyCastle.Asn1.X9;
using Org.BouncyCastle.Crypto.EC;
using Org.BouncyCastle.Math;

namespace Ptoy.Client.Keys;

/// <summary>A derived private key and its chain code.</summary>
public sealed record DerivedKey(byte[] PrivateKey, byte[] ChainCode);

/// <summary>
/// Hierarchical derivation from a seed: SLIP-10 for Ed25519 and X25519 (hardened steps only), BIP-32 for secp256k1.
/// Paths are written <c>m/44'/60'/0'/0/0</c>.
/// </summary>
public static class Derivation
{
    private const uint Hardened = 0x80000000;
    private static readonly X9ECParameters Secp256k1 = CustomNamedCurves.GetByName("secp256k1");

    /// <summary>SLIP-10, curve ed25519. Throws <see cref="FormatException"/> for a step that is not hardened.</summary>
    public static DerivedKey Ed25519(ReadOnlySpan<byte> seed, string path) => Slip10("ed25519 seed"u8, seed, path);

    /// <summary>SLIP-10, curve curve25519: keys for X25519.</summary>
    public static DerivedKey Curve25519(ReadOnlySpan<byte> seed, string path) => Slip10("curve25519 seed"u8, seed, path);

    /// <summary>BIP-32, secp256k1.</summary>
    public static DerivedKey Bip32(ReadOnlySpan<byte> seed, string path)
    {
        DerivedKey key = Split(HMACSHA512.HashData("Bitcoin seed"u8, seed));
        BigInteger master = new(1, key.PrivateKey);
        if (master.SignValue == 0 || master.CompareTo(Secp256k1.N) >= 0) throw new FormatException("the seed gives no valid secp256k1 key");
        foreach (uint index in Steps(path)) key = Child(key, index);
        return key;
    }

    /// <summary>The secp256k1 public point of a private key: 33 bytes compressed, or 65.</summary>
    public static byte[] Secp256k1Public(ReadOnlySpan<byte> privateKey, bool compressed) =>
        Secp256k1.G.Multiply(new BigInteger(1, privateKey.ToArray())).Normalize().GetEncoded(compressed);

    private static DerivedKey Slip10(ReadOnlySpan<byte> curve, ReadOnlySpan<byte> seed, string path)
    {
        DerivedKey key = Split(HMACSHA512.HashData(curve, seed));
        foreach (uint index in Steps(path))
        {
            if (index < Hardened) throw new FormatException($"path '{path}': every step must be hardened (') on this curve");
            byte[] data = [0x00, .. key.PrivateKey, .. U32(index)];
            key = Split(HMACSHA512.HashData(key.ChainCode, data));
        }
        return key;
    }

    private static DerivedKey Child(DerivedKey parent, uint index)
    {
        byte[] data = index >= Hardened
            ? [0x00, .. parent.PrivateKey, .. U32(index)]
            : [.. Secp256k1Public(parent.PrivateKey, compressed: true), .. U32(index)];
        DerivedKey step = Split(HMACSHA512.HashData(parent.ChainCode, data));
        BigInteger left = new(1, step.PrivateKey);
        BigInteger sum = left.Add(new BigInteger(1, parent.PrivateKey)).Mod(Secp256k1.N);
        // BIP-32 says to go on with the next index; at 2^-127 nobody will ever see it, so say what happened instead.
        if (left.CompareTo(Secp256k1.N) >= 0 || sum.SignValue == 0) throw new FormatException($"derivation step {index} gives no valid key");
        byte[] bytes = sum.ToByteArrayUnsigned();
        return new DerivedKey([.. new byte[32 - bytes.Length], .. bytes], step.ChainCode);
    }

    private static IEnumerable<uint> Steps(string path)
    {
        string[] parts = path.Split('/');
        if (parts[0] != "m") throw new FormatException($"path '{path}' does not begin with m");
        foreach (string part in parts.Skip(1))
        {
            bool hardened = part.EndsWith('\'');
            if (!uint.TryParse(hardened ? part[..^1] : part, out uint index) || index >= Hardened)
                throw new FormatException($"path '{path}': '{part}' is not a step");
            yield return hardened ? index | Hardened : index;
        }
    }

    private static DerivedKey Split(byte[] hash) => new(hash[..32], hash[32..]);

    private static byte[] U32(uint value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return bytes;
    }
}
