using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Ptoy.Protocol.Crypto;

/// <summary>AEAD of an HPKE context, by its RFC 9180 number. The network uses AES-256-GCM; the RFC's own vectors use the other.</summary>
public enum HpkeAead : ushort
{
    /// <summary>AES-128-GCM.</summary>
    Aes128Gcm = 1,
    /// <summary>AES-256-GCM.</summary>
    Aes256Gcm = 2,
}

/// <summary>
/// HPKE (RFC 9180), base mode, DHKEM(X25519, HKDF-SHA256) with HKDF-SHA256. Pure: the sender's ephemeral seed is a parameter
/// and must be 32 fresh random bytes for every context, else two contexts share their nonces.
/// </summary>
public static class Hpke
{
    /// <summary>Length of an encapsulated key in bytes.</summary>
    public const int EncSize = X25519.KeySize;

    /// <summary>Length of an ephemeral seed in bytes.</summary>
    public const int SeedSize = 32;

    /// <summary>How much longer a ciphertext is than its plaintext, in bytes.</summary>
    public const int TagSize = 16;

    private const ushort KemId = 0x0020, KdfId = 0x0001;
    private static readonly byte[] KemSuite = [.. "KEM"u8, 0x00, 0x20];

    /// <summary>SetupBaseS. Gives the sender's context, whose <see cref="HpkeSender.Enc"/> goes to the recipient.</summary>
    public static HpkeSender SetupSender(
        PublicKey recipient, ReadOnlySpan<byte> info, ReadOnlySpan<byte> ephemeralSeed, HpkeAead aead = HpkeAead.Aes256Gcm)
    {
        if (recipient.Suite != SuiteId.HpkeX25519 || recipient.Problem() is not null)
            throw new ArgumentException("the recipient's key is not an HPKE X25519 key", nameof(recipient));
        byte[] ephemeral = DeriveKeyPair(ephemeralSeed);
        byte[] enc = X25519.PublicOf(ephemeral);
        byte[] agreed = X25519.Agree(ephemeral, recipient.Bytes);
        Schedule schedule = KeySchedule(SharedSecret(agreed, enc, recipient.Bytes), info, aead);
        CryptographicOperations.ZeroMemory(ephemeral);
        CryptographicOperations.ZeroMemory(agreed);
        return new HpkeSender(schedule, enc);
    }

    /// <summary>SetupBaseR. Throws <see cref="CryptographicException"/> for an encapsulated key of small order.</summary>
    public static HpkeRecipient SetupRecipient(
        SealingKey recipient, ReadOnlySpan<byte> enc, ReadOnlySpan<byte> info, HpkeAead aead = HpkeAead.Aes256Gcm)
    {
        byte[] agreed = X25519.Agree(recipient.Private, enc);
        Schedule schedule = KeySchedule(SharedSecret(agreed, enc, recipient.Public.Bytes), info, aead);
        CryptographicOperations.ZeroMemory(agreed);
        return new HpkeRecipient(schedule);
    }

    /// <summary>DeriveKeyPair (section 7.1.3): the private key that belongs to input keying material of at least 32 bytes.</summary>
    public static byte[] DeriveKeyPair(ReadOnlySpan<byte> seed)
    {
        if (seed.Length < SeedSize) throw new ArgumentException($"a seed has at least {SeedSize} bytes, not {seed.Length}", nameof(seed));
        byte[] secret = LabeledExtract(KemSuite, default, "dkp_prk"u8, seed);
        return LabeledExpand(KemSuite, secret, "sk"u8, default, X25519.KeySize);
    }

    private static byte[] SharedSecret(ReadOnlySpan<byte> agreed, ReadOnlySpan<byte> enc, ReadOnlySpan<byte> recipient)
    {
        byte[] secret = LabeledExtract(KemSuite, default, "eae_prk"u8, agreed);
        return LabeledExpand(KemSuite, secret, "shared_secret"u8, [.. enc, .. recipient], 32);
    }

    private static Schedule KeySchedule(ReadOnlySpan<byte> sharedSecret, ReadOnlySpan<byte> info, HpkeAead aead)
    {
        byte[] suite = [.. "HPKE"u8, .. U16(KemId), .. U16(KdfId), .. U16((ushort)aead)];
        byte[] context =
        [
            0x00, // mode_base
            .. LabeledExtract(suite, default, "psk_id_hash"u8, default),
            .. LabeledExtract(suite, default, "info_hash"u8, info),
        ];
        byte[] secret = LabeledExtract(suite, sharedSecret, "secret"u8, default);
        int keySize = aead == HpkeAead.Aes128Gcm ? 16 : 32;
        return new Schedule(
            suite,
            LabeledExpand(suite, secret, "key"u8, context, keySize),
            LabeledExpand(suite, secret, "base_nonce"u8, context, 12),
            LabeledExpand(suite, secret, "exp"u8, context, 32));
    }

    private static byte[] LabeledExtract(ReadOnlySpan<byte> suite, ReadOnlySpan<byte> salt, ReadOnlySpan<byte> label, ReadOnlySpan<byte> material)
    {
        var secret = new byte[32];
        HKDF.Extract(HashAlgorithmName.SHA256, [.. "HPKE-v1"u8, .. suite, .. label, .. material], salt, secret);
        return secret;
    }

    internal static byte[] LabeledExpand(ReadOnlySpan<byte> suite, ReadOnlySpan<byte> secret, ReadOnlySpan<byte> label, ReadOnlySpan<byte> info, int length)
    {
        var output = new byte[length];
        HKDF.Expand(HashAlgorithmName.SHA256, secret, output, [.. U16((ushort)length), .. "HPKE-v1"u8, .. suite, .. label, .. info]);
        return output;
    }

    private static byte[] U16(ushort value) => [(byte)(value >> 8), (byte)value];

    internal sealed record Schedule(byte[] Suite, byte[] Key, byte[] BaseNonce, byte[] ExporterSecret);
}

/// <summary>What sender and recipient share: the exporter and the nonce of a sequence number. Not for use by several threads at once.</summary>
public abstract class HpkeContext : IDisposable
{
    private readonly Hpke.Schedule _schedule;

    private protected HpkeContext(Hpke.Schedule schedule)
    {
        _schedule = schedule;
        Cipher = new AesGcm(schedule.Key, Hpke.TagSize);
    }

    private protected AesGcm Cipher { get; }

    /// <summary>Context.Export (section 5.3): a secret both sides derive for another use.</summary>
    public byte[] Export(ReadOnlySpan<byte> exporterContext, int length) =>
        Hpke.LabeledExpand(_schedule.Suite, _schedule.ExporterSecret, "sec"u8, exporterContext, length);

    private protected void Nonce(ulong sequence, Span<byte> nonce)
    {
        _schedule.BaseNonce.CopyTo(nonce);
        ulong low = BinaryPrimitives.ReadUInt64BigEndian(nonce[4..]) ^ sequence;
        BinaryPrimitives.WriteUInt64BigEndian(nonce[4..], low);
    }

    /// <summary>Overwrites the keys.</summary>
    public void Dispose()
    {
        Cipher.Dispose();
        CryptographicOperations.ZeroMemory(_schedule.Key);
        CryptographicOperations.ZeroMemory(_schedule.ExporterSecret);
        GC.SuppressFinalize(this);
    }
}

/// <summary>A sender's context. A sequence number is used once: they must ascend, gaps are allowed.</summary>
public sealed class HpkeSender : HpkeContext
{
    private ulong _next;

    internal HpkeSender(Hpke.Schedule schedule, byte[] enc) : base(schedule) => Enc = enc;

    /// <summary>The encapsulated key, which the recipient needs to set up its context.</summary>
    public byte[] Enc { get; }

    /// <summary>
    /// Seals under a sequence number, which the recipient names to open. Throws <see cref="InvalidOperationException"/> when
    /// it is not above the last: a nonce used twice would give the plaintexts away.
    /// </summary>
    public byte[] Seal(ulong sequence, ReadOnlySpan<byte> aad, ReadOnlySpan<byte> plaintext)
    {
        if (sequence < _next || sequence == ulong.MaxValue)
            throw new InvalidOperationException($"sequence number {sequence} was used or passed over; the next is {_next}");
        _next = sequence + 1;
        Span<byte> nonce = stackalloc byte[12];
        Nonce(sequence, nonce);
        var output = new byte[plaintext.Length + Hpke.TagSize];
        Cipher.Encrypt(nonce, plaintext, output.AsSpan(0, plaintext.Length), output.AsSpan(plaintext.Length), aad);
        return output;
    }
}

/// <summary>A recipient's context: opens any sequence number, in any order.</summary>
public sealed class HpkeRecipient : HpkeContext
{
    internal HpkeRecipient(Hpke.Schedule schedule) : base(schedule)
    {
    }

    /// <summary>Opens what was sealed under that sequence number and associated data; null when anything differs.</summary>
    public byte[]? Open(ulong sequence, ReadOnlySpan<byte> aad, ReadOnlySpan<byte> ciphertext)
    {
        if (ciphertext.Length < Hpke.TagSize) return null;
        Span<byte> nonce = stackalloc byte[12];
        Nonce(sequence, nonce);
        int length = ciphertext.Length - Hpke.TagSize;
        var output = new byte[length];
        try
        {
            Cipher.Decrypt(nonce, ciphertext[..length], ciphertext[length..], output, aad);
            return output;
        }
        catch (AuthenticationTagMismatchException)
        {
            return null;
        }
    }
}
