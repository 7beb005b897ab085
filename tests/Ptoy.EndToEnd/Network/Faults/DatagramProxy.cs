using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Ptoy.EndToEnd.Network.Faults;

/// <summary>
/// Passes datagrams on to a node and its answers back, each way with that way's fault. Every sender has a socket of its own towards the
/// node, as behind a router that translates addresses.
/// </summary>
internal sealed class DatagramProxy : IDisposable
{
    private const int MaxDatagram = 65_507;
    private readonly Socket _front;
    private readonly IPEndPoint _target;
    private readonly Link _there, _back;
    private readonly Timeline _timeline;
    private readonly LinkCounters _counters;
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<SocketAddress, Socket> _senders = new();

    public DatagramProxy(int port, int targetPort, Link there, Link back, Timeline timeline, LinkCounters counters)
    {
        (_there, _back, _timeline, _counters) = (there, back, timeline, counters);
        _target = new IPEndPoint(IPAddress.Loopback, targetPort);
        _front = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { ReceiveBufferSize = 1 << 20 };
        _front.Bind(new IPEndPoint(IPAddress.Loopback, port));
        _ = Task.Run(ReceiveFrontAsync);
    }

    public int Port => ((IPEndPoint)_front.LocalEndPoint!).Port;

    private async Task ReceiveFrontAsync()
    {
        var buffer = new byte[MaxDatagram];
        var from = new SocketAddress(AddressFamily.InterNetwork);
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                int length = await _front.ReceiveFromAsync(buffer, SocketFlags.None, from, _stop.Token).ConfigureAwait(false);
                Pass(_there, buffer.AsSpan(0, length), SocketTowardsTarget(from), null);
            }
            catch (SocketException)
            {
                // Nobody listened at the other end of the last answer.
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private Socket SocketTowardsTarget(SocketAddress from)
    {
        if (_senders.TryGetValue(from, out Socket? known)) return known;
        var copy = new SocketAddress(from.Family, from.Size);
        from.Buffer.Span[..from.Size].CopyTo(copy.Buffer.Span);
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { ReceiveBufferSize = 1 << 20 };
        socket.Connect(_target);
        _senders[copy] = socket;
        _ = Task.Run(() => ReceiveBackAsync(socket, copy));
        return socket;
    }

    private async Task ReceiveBackAsync(Socket socket, SocketAddress sender)
    {
        var buffer = new byte[MaxDatagram];
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                int length = await socket.ReceiveAsync(buffer, SocketFlags.None, _stop.Token).ConfigureAwait(false);
                Pass(_back, buffer.AsSpan(0, length), _front, sender);
            }
            catch (SocketException)
            {
                // The node is dead: its port answers that nobody is there.
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private void Pass(Link link, ReadOnlySpan<byte> datagram, Socket socket, SocketAddress? to)
    {
        LinkCounters.Count(ref _counters.Datagrams);
        if (link.Fault == LinkFault.None)
        {
            Send(socket, datagram, to);
            return;
        }
        long[] arrivals = link.Arrivals();
        if (arrivals.Length == 0) LinkCounters.Count(ref _counters.Lost);
        if (arrivals.Length > 1) LinkCounters.Count(ref _counters.Doubled);
        if (arrivals.Length == 0) return;
        LinkCounters.Count(ref _counters.Delayed);
        byte[] kept = datagram.ToArray();
        foreach (long arrival in arrivals) _timeline.At(arrival, () => Send(socket, kept, to));
    }

    private static void Send(Socket socket, ReadOnlySpan<byte> datagram, SocketAddress? to)
    {
        try
        {
            if (to is null) socket.Send(datagram);
            else socket.SendTo(datagram, SocketFlags.None, to);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // As on any network: lost.
        }
    }

    public void Dispose()
    {
        _stop.Cancel();
        _front.Dispose();
        foreach (Socket socket in _senders.Values) socket.Dispose();
    }
}
