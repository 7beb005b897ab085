using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace Ptoy.Node.Transport;

/// <summary>
/// One direction's keys. The key of the next generation is derived from the last one, which is then forgotten: who steals a key learns nothing of
/// earlier traffic of the session.
/// </summary>
internal sealed class KeyChain(byte[] key) : IDisposable
{
    private byte[] _key = key;

    public uint Generation { get; private set; }

    public AesGcm Cipher { get; private set; } = new(key, SecureSession.TagSize);

    public static byte[] Following(byte[] key) => HKDF.Expand(HashAlgorithmName.SHA256, key, 32, "ptoy/transport/vote-rekey/v1"u8.ToArray());

    /// <summary>Whether a packet opens under the next generation's key; if so that is the current one from now on, and the last is handed out.</summary>
    public bool TryAdvance(Func<AesGcm, bool> opens, [NotNullWhen(true)] out AesGcm? previous)
    {
        byte[] next = Following(_key);
        var cipher = new AesGcm(next, SecureSession.TagSize);
        previous = null;
        if (!opens(cipher))
        {
            cipher.Dispose();
            return false;
        }
        previous = Cipher;
        CryptographicOperations.ZeroMemory(_key);
        _key = next;
        Cipher = cipher;
        Generation++;
        return true;
    }

    public void Dispose()
    {
        CryptographicOperations.ZeroMemory(_key);
        Cipher.Dispose();
    }
}

/// <summary>
/// AES-256-GCM over the UDP library's messages: lane(1) · generation(4) · counter(8) · ciphertext · tag(16), the head authenticated. Each lane
/// counts for itself and has its own replay window, because lanes overtake one another; ordered lanes only go up. Not thread-safe in one direction.
/// </summary>
internal sealed class SecureSession : IDisposable
{
    public const int TagSize = 16;
    public const int HeadSize = 13;
    public const int Overhead = HeadSize + TagSize;
    public const int Lanes = 5;
    private const int NonceSize = 12;

    private readonly int _rekeyAfter;
    private readonly KeyChain _sending, _receiving;
    private readonly ulong[] _counters = new ulong[Lanes];
    private readonly ReplayWindow[] _windows = [new(), new(), new(), new(), new()];
    private AesGcm? _previous;
    private int _sealed;

    public SecureSession(byte[] sendKey, byte[] receiveKey, int rekeyAfter)
    {
        _sending = new KeyChain(sendKey);
        _receiving = new KeyChain(receiveKey);
        _rekeyAfter = rekeyAfter;
    }

    /// <summary>Generation of the sending key.</summary>
    public uint Generation => _sending.Generation;

    public byte[] Seal(byte lane, ReadOnlySpan<byte> plaintext)
    {
        if (++_sealed > _rekeyAfter)
        {
            _sealed = 1;
            if (_sending.TryAdvance(static _ => true, out AesGcm? last)) last.Dispose();
        }
        var packet = new byte[Overhead + plaintext.Length];
        ulong counter = _counters[lane]++;
        packet[0] = lane;
        BinaryPrimitives.WriteUInt32BigEndian(packet.AsSpan(1), _sending.Generation);
        BinaryPrimitives.WriteUInt64BigEndian(packet.AsSpan(5), counter);
        Span<byte> nonce = stackalloc byte[NonceSize];
        Nonce(nonce, lane, counter);
        Span<byte> body = packet.AsSpan(HeadSize);
        _sending.Cipher.Encrypt(nonce, plaintext, body[..plaintext.Length], body[plaintext.Length..], packet.AsSpan(0, HeadSize));
        return packet;
    }

    /// <summary>False for anything that was not sealed by the other side of this session, or was opened before.</summary>
    public bool TryOpen(ReadOnlySpan<byte> packet, out byte lane, [NotNullWhen(true)] out byte[]? plaintext)
    {
        plaintext = null;
        lane = 0;
        if (packet.Length < Overhead || packet[0] >= Lanes) return false;
        lane = packet[0];
        uint generation = BinaryPrimitives.ReadUInt32BigEndian(packet[1..]);
        ulong counter = BinaryPrimitives.ReadUInt64BigEndian(packet[5..]);
        // The library's sequence numbers are not authenticated; these are, so order is enforced here.
        if (lane == (byte)VoteLane.Unordered ? !_windows[lane].IsNew(counter) : !_windows[lane].IsHighest(counter)) return false;
        var opened = new byte[packet.Length - Overhead];
        if (!Open(generation, lane, counter, packet.ToArray(), opened)) return false;
        _windows[lane].Take(counter);
        plaintext = opened;
        return true;
    }

    public void Dispose()
    {
        _sending.Dispose();
        _receiving.Dispose();
        _previous?.Dispose();
    }

    private bool Open(uint generation, byte lane, ulong counter, byte[] packet, byte[] opened)
    {
        if (generation == _receiving.Generation) return Decrypt(_receiving.Cipher, lane, counter, packet, opened);
        // Lanes overtake one another, so the last generation's stragglers are still welcome.
        if (_previous is not null && generation + 1 == _receiving.Generation) return Decrypt(_previous, lane, counter, packet, opened);
        if (generation != _receiving.Generation + 1) return false;
        if (!_receiving.TryAdvance(cipher => Decrypt(cipher, lane, counter, packet, opened), out AesGcm? last)) return false;
        _previous?.Dispose();
        _previous = last;
        return true;
    }

    private static bool Decrypt(AesGcm cipher, byte lane, ulong counter, ReadOnlySpan<byte> packet, Span<byte> opened)
    {
        Span<byte> nonce = stackalloc byte[NonceSize];
        Nonce(nonce, lane, counter);
        try
        {
            cipher.Decrypt(nonce, packet.Slice(HeadSize, opened.Length), packet[(HeadSize + opened.Length)..], opened, packet[..HeadSize]);
            return true;
        }
        catch (AuthenticationTagMismatchException)
        {
            return false;
        }
    }

    private static void Nonce(Span<byte> nonce, byte lane, ulong counter)
    {
        nonce.Clear();
        nonce[0] = lane;
        BinaryPrimitives.WriteUInt64BigEndian(nonce[4..], counter);
    }
}
