using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Ptoy.Node.Devnet;

namespace Ptoy.Load.Network;

/// <summary>
/// Delays every link between nodes: each node is told proxies in the place of its peers. A proxy hands on what it gets, in order, so many
/// milliseconds later, in both directions. Its CPU time is the generator's: use it for latency, not for limits.
/// </summary>
internal sealed class LinkDelays : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Task> _tasks = [];
    private readonly int _nodes, _firstPort;
    private readonly TimeSpan _delay;

    public LinkDelays(DevnetLayout layout, int firstPort, int delayMs)
    {
        (_nodes, _firstPort, _delay) = (layout.Nodes.Count, firstPort, TimeSpan.FromMilliseconds(delayMs));
        for (int from = 0; from < _nodes; from++)
        {
            for (int to = 0; to < _nodes; to++)
            {
                if (from == to) continue;
                int rpc = layout.Nodes[to].Rpc.Port, port = Port(from, to);
                _tasks.Add(UdpAsync(port, new IPEndPoint(IPAddress.Loopback, rpc - 2)));
                _tasks.Add(TcpAsync(port, new IPEndPoint(IPAddress.Loopback, rpc - 1)));
            }
        }
    }

    /// <summary>Puts the proxies into a node's configured peers.</summary>
    public void Redirect(int node, JsonArray peers)
    {
        int at = 0;
        for (int to = 0; to < _nodes; to++)
        {
            if (to == node) continue;
            JsonNode peer = peers[at++]!;
            peer["votePort"] = Port(node, to);
            peer["bulkPort"] = Port(node, to);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(_tasks).ConfigureAwait(false);
        _stop.Dispose();
    }

    private int Port(int from, int to) => _firstPort + (from * _nodes) + to;

    /// <summary>One dialler: what comes in goes on from a socket of its own, and answers go back to where the last packet came from.</summary>
    private async Task UdpAsync(int port, IPEndPoint target)
    {
        using var inside = new UdpClient(new IPEndPoint(IPAddress.Loopback, port));
        using var outside = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        IPEndPoint? dialler = null;
        var there = new DelayLine(_delay, bytes => outside.Client.SendTo(bytes.Span, target), _stop.Token);
        var back = new DelayLine(_delay, bytes => inside.Client.SendTo(bytes.Span, dialler!), _stop.Token);
        async Task PumpAsync(UdpClient from, DelayLine line, bool learns)
        {
            while (!_stop.IsCancellationRequested)
            {
                try
                {
                    UdpReceiveResult packet = await from.ReceiveAsync(_stop.Token).ConfigureAwait(false);
                    if (learns) dialler = packet.RemoteEndPoint;
                    line.Add(packet.Buffer);
                }
                catch (Exception e) when (e is SocketException or OperationCanceledException)
                {
                    // A node that is down answers with ICMP; the end of the run cancels.
                }
            }
        }
        await Task.WhenAll(PumpAsync(inside, there, true), PumpAsync(outside, back, false), there.Run, back.Run).ConfigureAwait(false);
    }

    private async Task TcpAsync(int port, IPEndPoint target)
    {
        using var listener = new TcpListener(IPAddress.Loopback, port);
        listener.Start();
        var served = new List<Task>();
        try
        {
            while (true) served.Add(ServeAsync(await listener.AcceptTcpClientAsync(_stop.Token).ConfigureAwait(false), target));
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(served).ConfigureAwait(false);
        }
    }

    private async Task ServeAsync(TcpClient accepted, IPEndPoint target)
    {
        using TcpClient near = accepted, far = new() { NoDelay = true };
        near.NoDelay = true;
        try
        {
            await far.ConnectAsync(target, _stop.Token).ConfigureAwait(false);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
            await Task.WhenAny(CopyAsync(near, far, either.Token), CopyAsync(far, near, either.Token)).ConfigureAwait(false);
            await either.CancelAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            // The target is down: the dialler sees its connection end.
        }
    }

    private async Task CopyAsync(TcpClient from, TcpClient to, CancellationToken cancellation)
    {
        NetworkStream source = from.GetStream(), target = to.GetStream();
        var line = new DelayLine(_delay, bytes => target.Write(bytes.Span), cancellation);
        var buffer = new byte[64 * 1024];
        try
        {
            while (await source.ReadAsync(buffer, cancellation).ConfigureAwait(false) is > 0 and int read) line.Add(buffer.AsSpan(0, read).ToArray());
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // One side closed.
        }
    }

    /// <summary>Hands on what is added, in order, a fixed time later.</summary>
    private sealed class DelayLine
    {
        private readonly Channel<(long Due, ReadOnlyMemory<byte> Bytes)> _queue = Channel.CreateUnbounded<(long, ReadOnlyMemory<byte>)>();
        private readonly long _delay;

        public DelayLine(TimeSpan delay, Action<ReadOnlyMemory<byte>> send, CancellationToken cancellation)
        {
            _delay = (long)(delay.TotalSeconds * Stopwatch.Frequency);
            Run = Task.Run(() => RunAsync(send, cancellation), CancellationToken.None);
        }

        public Task Run { get; }

        public void Add(ReadOnlyMemory<byte> bytes) => _queue.Writer.TryWrite((Stopwatch.GetTimestamp() + _delay, bytes));

        private async Task RunAsync(Action<ReadOnlyMemory<byte>> send, CancellationToken cancellation)
        {
            try
            {
                await foreach ((long due, ReadOnlyMemory<byte> bytes) in _queue.Reader.ReadAllAsync(cancellation).ConfigureAwait(false))
                {
                    TimeSpan early = Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), due);
                    if (early > TimeSpan.Zero) await Task.Delay(early, cancellation).ConfigureAwait(false);
                    send(bytes);
                }
            }
            catch (Exception e) when (e is IOException or SocketException or OperationCanceledException or ObjectDisposedException)
            {
                // The link is down; what was on it is lost, as on a wire.
            }
        }
    }
}
