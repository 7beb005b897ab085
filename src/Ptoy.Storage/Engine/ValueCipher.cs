using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;

namespace Ptoy.Storage.Engine;

/// <summary>
/// Encrypts values at rest with AES-256-GCM. A node writes more values than random 96-bit nonces are good for under one key
/// (2^32, NIST SP 800-38D), so each time a database is opened for writing it begins a new <em>session</em>: a key of its own,
/// derived by HKDF from the storage key and a random salt, with a counter as nonce. The counter starts at zero and a session is
/// never resumed; a database restored from a backup gets a new salt and so another key.
/// A value is <c>session u32 ‖ counter u64 ‖ ciphertext ‖ tag</c>; its associated data is <c>table ‖ 0 ‖ key</c>, so a value cannot be
/// moved to another key.
/// </summary>
internal sealed class ValueCipher : IDisposable
{
    public const int SaltSize = 16, CheckSize = 32, Overhead = HeadSize + TagSize;
    private const int HeadSize = 12, TagSize = 16;

    private readonly byte[] _storageKey;
    private readonly byte[] _info;
    private readonly ConcurrentDictionary<uint, byte[]> _keys = new();
    // An AesGcm object is not safe for several threads at once.
    private readonly ThreadLocal<Dictionary<uint, AesGcm>> _ciphers = new(() => [], trackAllValues: true);
    private uint _session;
    private ulong _counter;

    /// <param name="storageKey">32 bytes; copied.</param>
    /// <param name="database">Keeps the keys of two databases under one storage key apart.</param>
    public ValueCipher(ReadOnlySpan<byte> storageKey, string database)
    {
        _storageKey = storageKey.ToArray();
        _info = Encoding.ASCII.GetBytes($"ptoy/store/{database}/v1");
    }

    /// <summary>Makes an earlier session readable. False when the check value says that the storage key is another one.</summary>
    public bool Add(uint session, ReadOnlySpan<byte> record)
    {
        if (record.Length != SaltSize + CheckSize) return false;
        ReadOnlySpan<byte> salt = record[..SaltSize];
        if (!CryptographicOperations.FixedTimeEquals(CheckValue(session, salt), record[SaltSize..])) return false;
        _keys[session] = Derive(session, salt);
        return true;
    }

    /// <summary>Begins a session for writing. The caller makes the returned record durable before the first value.</summary>
    public byte[] Begin(uint session)
    {
        byte[] salt = RandomNumberGenerator.GetBytes(SaltSize);
        _keys[session] = Derive(session, salt);
        _session = session;
        return [.. salt, .. CheckValue(session, salt)];
    }

    public byte[] Seal(Table table, ReadOnlySpan<byte> key, ReadOnlySpan<byte> plain)
    {
        var sealedValue = new byte[Overhead + plain.Length];
        Span<byte> head = sealedValue.AsSpan(0, HeadSize);
        BinaryPrimitives.WriteUInt32BigEndian(head, _session);
        BinaryPrimitives.WriteUInt64BigEndian(head[4..], Interlocked.Increment(ref _counter));
        Span<byte> data = stackalloc byte[table.Tag.Length + key.Length];
        FillData(data, table, key);
        Cipher(_session)!.Encrypt(head, plain, sealedValue.AsSpan(HeadSize, plain.Length), sealedValue.AsSpan(HeadSize + plain.Length), data);
        return sealedValue;
    }

    /// <summary>The plain value, or null when the bytes were not written by this store at this place.</summary>
    public byte[]? Open(Table table, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        if (value.Length < Overhead) return null;
        AesGcm? cipher = Cipher(BinaryPrimitives.ReadUInt32BigEndian(value));
        if (cipher is null) return null;
        var plain = new byte[value.Length - Overhead];
        Span<byte> data = stackalloc byte[table.Tag.Length + key.Length];
        FillData(data, table, key);
        try
        {
            cipher.Decrypt(value[..HeadSize], value[HeadSize..^TagSize], value[^TagSize..], plain, data);
            return plain;
        }
        catch (AuthenticationTagMismatchException)
        {
            return null;
        }
    }

    public void Dispose()
    {
        foreach (AesGcm cipher in _ciphers.Values.SelectMany(v => v.Values)) cipher.Dispose();
        _ciphers.Dispose();
        foreach (byte[] key in _keys.Values) CryptographicOperations.ZeroMemory(key);
        CryptographicOperations.ZeroMemory(_storageKey);
    }

    private static void FillData(Span<byte> data, Table table, ReadOnlySpan<byte> key)
    {
        table.Tag.CopyTo(data);
        key.CopyTo(data[table.Tag.Length..]);
    }

    private AesGcm? Cipher(uint session)
    {
        Dictionary<uint, AesGcm> mine = _ciphers.Value!;
        if (mine.TryGetValue(session, out AesGcm? cipher)) return cipher;
        if (!_keys.TryGetValue(session, out byte[]? key)) return null;
        return mine[session] = new AesGcm(key, TagSize);
    }

    private byte[] Derive(uint session, ReadOnlySpan<byte> salt) =>
        HKDF.DeriveKey(HashAlgorithmName.SHA256, _storageKey, 32, salt.ToArray(), [.. _info, .. Number(session)]);

    private byte[] CheckValue(uint session, ReadOnlySpan<byte> salt) =>
        HMACSHA256.HashData(_storageKey, (byte[])[.. _info, .. "/check"u8, .. Number(session), .. salt]);

    private static byte[] Number(uint session)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, session);
        return bytes;
    }
}
