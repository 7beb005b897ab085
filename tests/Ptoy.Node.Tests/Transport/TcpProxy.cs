using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;

namespace Ptoy.Node.Tests.Transport;

/// <summary>
/// A slow and rough road between a dialler and a TCP listener: each piece arrives later by <see cref="Delay"/>, in pieces of sizes that a seed decides, and
/// <see cref="Cut"/> breaks what is open in the middle.
/// </summary>
internal sealed class TcpProxy : IAsyncDisposable
{
    private readonly Socket _front = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _gate = new();
    private readonly List<Socket> _open = [];
    private readonly List<Task> _work = [];
    private readonly int _listenerPort, _seed;

    public TcpProxy(int listenerPort, int seed)
    {
        (_listenerPort, _seed) = (listenerPort, seed);
        _front.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _front.Listen();
        Run(AcceptAsync());
    }

    public int Port => ((IPEndPoint)_front.LocalEndPoint!).Port;

    public TimeSpan Delay { get; set; }

    /// <summary>Connections that came through here.</summary>
    public int Connections { get; private set; }

    /// <summary>Breaks all open connections, with whatever is under way.</summary>
    public void Cut()
    {
        lock (_gate)
        {
            foreach (Socket socket in _open) socket.Close(0);
            _open.Clear();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _front.Dispose();
        Cut();
        Task[] work;
        lock (_gate) work = [.. _work];
        await Task.WhenAll(work);
        _stop.Dispose();
    }

    private void Run(Task task)
    {
        lock (_gate) _work.Add(task);
    }

    private async Task AcceptAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                Socket dialler = await _front.AcceptAsync(_stop.Token);
                var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                dialler.NoDelay = true;
                await listener.ConnectAsync(IPAddress.Loopback, _listenerPort, _stop.Token);
                lock (_gate) _open.AddRange([dialler, listener]);
                Connections++;
                foreach ((Socket from, Socket to) in new[] { (dialler, listener), (listener, dialler) })
                {
                    Channel<(byte[] Piece, DateTimeOffset Due)> road = Channel.CreateUnbounded<(byte[], DateTimeOffset)>();
                    Run(Task.Run(() => TakeAsync(from, road.Writer)));
                    Run(Task.Run(() => BringAsync(to, road.Reader)));
                }
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
            {
                // The listener is not there, or the proxy stops.
            }
        }
    }

    private async Task TakeAsync(Socket from, ChannelWriter<(byte[], DateTimeOffset)> road)
    {
        var random = new Random(_seed);
        var buffer = new byte[64 * 1024];
        try
        {
            while (await from.ReceiveAsync(buffer.AsMemory(0, random.Next(1, buffer.Length)), _stop.Token) is > 0 and int read)
                road.TryWrite((buffer[..read], DateTimeOffset.UtcNow + Delay));
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // Cut.
        }
        road.TryComplete();
    }

    private async Task BringAsync(Socket to, ChannelReader<(byte[] Piece, DateTimeOffset Due)> road)
    {
        try
        {
            await foreach ((byte[] piece, DateTimeOffset due) in road.ReadAllAsync(_stop.Token))
            {
                TimeSpan early = due - DateTimeOffset.UtcNow;
                if (early > TimeSpan.Zero) await Task.Delay(early, _stop.Token); // the length of the road
                await to.SendAsync(piece, _stop.Token);
            }
            to.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // Cut.
        }
    }
}
