using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace Ptoy.Node.Transport;

/// <summary>The keys of both directions, as one side holds them.</summary>
internal sealed record SessionKeys(byte[] Send, byte[] Receive);

/// <summary>
/// One direction's keys. The key of the next generation is derived from the last one, which is then forgotten: who steals a key learns nothing of
/// earlier traffic. A key agreed anew (<see cref="Offer"/>) takes over with the next generation: who stole a key learns nothing of later traffic.
/// </summary>
internal sealed class KeyChain(byte[] key) : IDisposable
{
    private byte[] _key = key;
    private byte[]? _fresh;

    public uint Generation { get; private set; }

    public AesGcm Cipher { get; private set; } = new(key, SecureSession.TagSize);

    public bool HasOffer => _fresh is not null;

    public static byte[] Following(byte[] key) => HKDF.Expand(HashAlgorithmName.SHA256, key, 32, "ptoy/transport/vote-rekey/v1"u8.ToArray());

    public void Offer(byte[] fresh) => _fresh = fresh;

    /// <summary>The next generation, under the key agreed anew if there is one; the last cipher is gone.</summary>
    public void Advance()
    {
        Cipher.Dispose();
        Become(_fresh ?? Following(_key));
    }

    /// <summary>
    /// Whether a packet opens under a key of the next generation; if so that is the current one from now on, and the last cipher is handed out.
    /// </summary>
    public bool TryAdvance(Func<AesGcm, bool> opens, [NotNullWhen(true)] out AesGcm? previous)
    {
        previous = null;
        byte[] next = Following(_key);
        if (!Opens(next, opens))
        {
            CryptographicOperations.ZeroMemory(next);
            if (_fresh is null || !Opens(_fresh, opens)) return false;
            next = _fresh;
        }
        previous = Cipher;
        Become(next);
        return true;
    }

    public void Dispose()
    {
        CryptographicOperations.ZeroMemory(_key);
        if (_fresh is not null) CryptographicOperations.ZeroMemory(_fresh);
        Cipher.Dispose();
    }

    private static bool Opens(byte[] key, Func<AesGcm, bool> opens)
    {
        using var cipher = new AesGcm(key, SecureSession.TagSize);
        return opens(cipher);
    }

    private void Become(byte[] key)
    {
        CryptographicOperations.ZeroMemory(_key);
        if (key == _fresh) _fresh = null;
        _key = key;
        Cipher = new AesGcm(key, SecureSession.TagSize);
        Generation++;
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
    private readonly long _rekeyBytes;
    private readonly KeyChain _sending, _receiving;
    private readonly ulong[] _counters = new ulong[Lanes];
    private readonly ReplayWindow[] _windows = [new(), new(), new(), new(), new()];
    private AesGcm? _previous;
    private int _sealed;
    private long _sealedBytes;

    public SecureSession(SessionKeys keys, int rekeyAfter, long rekeyBytes)
    {
        _sending = new KeyChain(keys.Send);
        _receiving = new KeyChain(keys.Receive);
        _rekeyAfter = rekeyAfter;
        _rekeyBytes = rekeyBytes;
    }

    /// <summary>Generation of the sending key.</summary>
    public uint Generation => _sending.Generation;

    /// <summary>True from <see cref="OfferReceiving"/> until the other side uses that key.</summary>
    public bool IsOffered => _receiving.HasOffer;

    /// <summary>The other side may use a key agreed anew from now on.</summary>
    public void OfferReceiving(byte[] fresh) => _receiving.Offer(fresh);

    /// <summary>What is sealed next is sealed under a key agreed anew, which the other side was offered.</summary>
    public void RenewSending(byte[] fresh)
    {
        _sending.Offer(fresh);
        _sealed = _rekeyAfter;
    }

    public byte[] Seal(byte lane, ReadOnlySpan<byte> plaintext)
    {
        _sealedBytes += plaintext.Length;
        if (++_sealed > _rekeyAfter || _sealedBytes > _rekeyBytes)
        {
            _sealed = 1;
            _sealedBytes = plaintext.Length;
            _sending.Advance();
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
