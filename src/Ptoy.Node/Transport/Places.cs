using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Ptoy.Node.Transport;

/// <summary>
/// How much a source address may ask for while it has proved nothing. Addresses of one IPv6 network (/64) count as one. Thread-safe.
/// </summary>
internal static class Source
{
    public static IPAddress Of(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6) return address.MapToIPv4();
        if (address.AddressFamily != AddressFamily.InterNetworkV6) return address;
        byte[] network = address.GetAddressBytes();
        network.AsSpan(8).Clear();
        return new IPAddress(network);
    }
}

/// <summary>
/// Handshakes that may be paid for in a second: for each source, and in total, so that a flood of hellos in a member's name stays cheap. Thread-safe.
/// </summary>
internal sealed class HandshakeBudget(int perSource, int inTotal)
{
    private const int MaxSources = 1024;
    private readonly Lock _gate = new();
    private readonly Dictionary<IPAddress, int> _spent = [];
    private long _since = Stopwatch.GetTimestamp();
    private int _total;

    public bool TrySpend(IPAddress address)
    {
        IPAddress source = Source.Of(address);
        lock (_gate)
        {
            if (Stopwatch.GetElapsedTime(_since) > TimeSpan.FromSeconds(1))
            {
                _spent.Clear();
                _total = 0;
                _since = Stopwatch.GetTimestamp();
            }
            if (!_spent.TryGetValue(source, out int spent) && _spent.Count >= MaxSources) return false;
            if (spent >= perSource || _total >= inTotal) return false;
            _spent[source] = spent + 1;
            _total++;
            return true;
        }
    }
}

/// <summary>Room that each of several may hold at one time, of the room that all share. Thread-safe.</summary>
internal sealed class Places<T>(long each, long inTotal) where T : notnull
{
    private readonly Lock _gate = new();
    private readonly Dictionary<T, long> _held = [];
    private long _total;

    public long Held
    {
        get { lock (_gate) return _total; }
    }

    public bool TryTake(T who, long amount = 1)
    {
        lock (_gate)
        {
            _held.TryGetValue(who, out long held);
            if (held + amount > each || _total + amount > inTotal) return false;
            _held[who] = held + amount;
            _total += amount;
            return true;
        }
    }

    public void Return(T who, long amount = 1)
    {
        lock (_gate)
        {
            _total -= amount;
            if ((_held[who] -= amount) == 0) _held.Remove(who);
        }
    }
}
