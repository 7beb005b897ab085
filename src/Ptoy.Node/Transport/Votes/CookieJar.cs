using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Security.Cryptography;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Node.Transport;

/// <summary>
/// Cookies: what a dialler has to show before its signature is looked at. A cookie is sent to the address that a hello claims to come from, so who
/// shows one receives there; nothing is remembered for it (RFC 9147 §5.1, RFC 7296 §2.6). Good for one to two minutes. Thread-safe.
/// </summary>
internal sealed class CookieJar
{
    public const int Size = 16;
    private const long PeriodSeconds = 60;

    private readonly byte[] _secret = RandomNumberGenerator.GetBytes(32);
    private readonly Func<long> _seconds;

    public CookieJar(Func<long>? seconds = null)
    {
        long start = Stopwatch.GetTimestamp();
        _seconds = seconds ?? (() => (long)Stopwatch.GetElapsedTime(start).TotalSeconds);
    }

    public byte[] Make(IPEndPoint source, PublicKey claimed) => Make(Period, source, claimed);

    public bool Accepts(ReadOnlySpan<byte> cookie, IPEndPoint source, PublicKey claimed)
    {
        long period = Period;
        return CryptographicOperations.FixedTimeEquals(cookie, Make(period, source, claimed))
            || CryptographicOperations.FixedTimeEquals(cookie, Make(period - 1, source, claimed));
    }

    private long Period => _seconds() / PeriodSeconds;

    private byte[] Make(long period, IPEndPoint source, PublicKey claimed)
    {
        var head = new byte[sizeof(long) + sizeof(int)];
        BinaryPrimitives.WriteInt64BigEndian(head, period);
        BinaryPrimitives.WriteInt32BigEndian(head.AsSpan(sizeof(long)), source.Port);
        byte[] content = [.. head, .. claimed.Bytes, .. source.Address.GetAddressBytes()];
        return HMACSHA256.HashData(_secret, content)[..Size];
    }
}
