using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;

namespace Ptoy.EndToEnd.Network.Faults;

/// <summary>Passes connections on to a node, each way with that way's fault. When one side ends, the other is told at once.</summary>
internal sealed class StreamProxy : IDisposable
{
    private const int Chunk = 16 * 1024, ChunksOnTheWay = 64;
    private readonly Socket _listener;
    private readonly IPEndPoint _target;
    private readonly Link _there, _back;
    private readonly Timeline _timeline;
    private readonly LinkCounters _counters;
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<Socket, bool> _open = new();

    public StreamProxy(int port, int targetPort, Link there, Link back, Timeline timeline, LinkCounters counters)
    {
        (_there, _back, _timeline, _counters) = (there, back, timeline, counters);
        _target = new IPEndPoint(IPAddress.Loopback, targetPort);
        _listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, port));
        _listener.Listen(64);
        _ = Task.Run(AcceptAsync);
    }

    public int Port => ((IPEndPoint)_listener.LocalEndPoint!).Port;

    /// <summary>Resets every connection, as a router does that forgot them.</summary>
    public void Cut()
    {
        foreach (Socket socket in _open.Keys)
        {
            if (_open.TryRemove(socket, out _)) LinkCounters.Count(ref _counters.Cut);
            Reset(socket);
        }
    }

    private static void Reset(Socket socket)
    {
        try
        {
            socket.LingerState = new LingerOption(true, 0);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // It has ended by itself.
        }
        socket.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                Socket accepted = await _listener.AcceptAsync(_stop.Token).ConfigureAwait(false);
                _ = Task.Run(() => ServeAsync(accepted));
            }
            catch (SocketException)
            {
                // The dialler gave up.
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private async Task ServeAsync(Socket accepted)
    {
        using Socket near = accepted;
        using var far = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        near.NoDelay = true;
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        try
        {
            _open[near] = true;
            await _there.OpenAsync(ended.Token).ConfigureAwait(false);
            await _back.OpenAsync(ended.Token).ConfigureAwait(false);
            await far.ConnectAsync(_target, ended.Token).ConfigureAwait(false);
            LinkCounters.Count(ref _counters.Connections);
            Task[] ways = [PassAsync(near, far, _there, ended.Token), PassAsync(far, near, _back, ended.Token)];
            await Task.WhenAny(ways).ConfigureAwait(false);
            await ended.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(ways).ConfigureAwait(false);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // Both sides are closed below: a broken connection is broken for both.
        }
        finally
        {
            _open.TryRemove(near, out _);
            Reset(near);
            Reset(far);
        }
    }

    /// <summary>One way of a connection; ends when its source does, when it is cut, or with <paramref name="stop"/>.</summary>
    private async Task PassAsync(Socket from, Socket to, Link link, CancellationToken stop)
    {
        var bounds = new BoundedChannelOptions(ChunksOnTheWay) { SingleReader = true, SingleWriter = true };
        var way = Channel.CreateBounded<(byte[] Bytes, long Due)>(bounds);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(stop);
        Task reading = ReadAsync(from, way.Writer, link, ended.Token);
        Task writing = WriteAsync(to, way.Reader, link, ended.Token);
        await Task.WhenAny(reading, writing).ConfigureAwait(false);
        await ended.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(reading, writing).ConfigureAwait(false);
    }

    private static async Task ReadAsync(Socket from, ChannelWriter<(byte[], long)> way, Link link, CancellationToken stop)
    {
        var buffer = new byte[Chunk];
        while (await from.ReceiveAsync(buffer, SocketFlags.None, stop).ConfigureAwait(false) is var length and > 0)
            await way.WriteAsync((buffer[..length], Timeline.After(link.Fault.Delay)), stop).ConfigureAwait(false);
    }

    private async Task WriteAsync(Socket to, ChannelReader<(byte[] Bytes, long Due)> way, Link link, CancellationToken stop)
    {
        await foreach ((byte[] bytes, long due) in way.ReadAllAsync(stop).ConfigureAwait(false))
        {
            await _timeline.UntilAsync(due, stop).ConfigureAwait(false);
            await link.OpenAsync(stop).ConfigureAwait(false);
            for (int sent = 0; sent < bytes.Length;)
                sent += await to.SendAsync(bytes.AsMemory(sent), SocketFlags.None, stop).ConfigureAwait(false);
            LinkCounters.Count(ref _counters.StreamBytes, bytes.Length);
            if (link.Fault.BytesPerSecond is var rate and > 0)
                await _timeline.UntilAsync(Timeline.After(TimeSpan.FromSeconds((double)bytes.Length / rate)), stop).ConfigureAwait(false);
        }
    }

    public void Dispose()
    {
        _stop.Cancel();
        _listener.Dispose();
        foreach (Socket socket in _open.Keys) socket.Dispose();
    }
}
