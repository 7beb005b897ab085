using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;

namespace Ptoy.Node.Tests.Transport;

/// <summary>
/// A bad network between a dialler and a listener: drops, duplicates, holds back (so that later packets overtake), replays old
/// packets and flips bytes, each with its own probability, by a seed.
/// </summary>
internal sealed class UdpProxy : IAsyncDisposable
{
    private const int Remembered = 64;
    private readonly Socket _front = Open(), _back = Open();
    private readonly IPEndPoint _listener;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task[] _work;
    private readonly int _seed;
    private readonly Channel<(byte[] Packet, bool ToListener, DateTimeOffset Due)> _road =
        Channel.CreateUnbounded<(byte[], bool, DateTimeOffset)>(new UnboundedChannelOptions { SingleReader = true });
    private EndPoint? _dialler;
    private long _dropped, _duplicated, _delayed, _replayed, _tampered;

    public UdpProxy(int listenerPort, int seed)
    {
        _listener = new IPEndPoint(IPAddress.Loopback, listenerPort);
        _seed = seed;
        _work = [Task.Run(() => PassAsync(_front, toListener: true)), Task.Run(() => PassAsync(_back, toListener: false)), Task.Run(BringAsync)];
    }

    public int Port => ((IPEndPoint)_front.LocalEndPoint!).Port;

    public double Drop { get; set; }

    public double Duplicate { get; set; }

    public double Delay { get; set; }

    /// <summary>How much later each packet arrives. Packets keep their order, but for the other faults.</summary>
    public TimeSpan Length { get; set; }

    public double Replay { get; set; }

    public double Tamper { get; set; }

    public (long Dropped, long Duplicated, long Delayed, long Replayed, long Tampered) Done => (_dropped, _duplicated, _delayed, _replayed, _tampered);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_work);
        _front.Dispose();
        _back.Dispose();
        _stop.Dispose();
    }

    private static Socket Open()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return socket;
    }

    private async Task PassAsync(Socket from, bool toListener)
    {
        var random = new Random(_seed + (toListener ? 0 : 1));
        var buffer = new byte[65_536];
        var past = new List<byte[]>();
        byte[]? held = null;
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                SocketReceiveFromResult got = await from.ReceiveFromAsync(buffer, new IPEndPoint(IPAddress.Any, 0), _stop.Token);
                if (toListener) Volatile.Write(ref _dialler, got.RemoteEndPoint);
                byte[] packet = buffer[..got.ReceivedBytes];
                past.Add(packet);
                if (past.Count > Remembered) past.RemoveAt(0);
                if (Happens(random, Drop, ref _dropped)) continue;
                if (held is null && Happens(random, Delay, ref _delayed))
                {
                    held = packet;
                    continue;
                }
                if (Happens(random, Tamper, ref _tampered))
                {
                    packet = [.. packet];
                    packet[random.Next(packet.Length)] ^= (byte)random.Next(1, 256);
                }
                await SendAsync(packet, toListener);
                if (Happens(random, Duplicate, ref _duplicated)) await SendAsync(packet, toListener);
                if (Happens(random, Replay, ref _replayed)) await SendAsync(past[random.Next(past.Count)], toListener);
                if (held is not null) await SendAsync(held, toListener);
                held = null;
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (SocketException)
            {
                // The other side is not there (yet): a lost packet.
            }
        }
    }

    private static bool Happens(Random random, double probability, ref long counter)
    {
        if (random.NextDouble() >= probability) return false;
        Interlocked.Increment(ref counter);
        return true;
    }

    private Task SendAsync(byte[] packet, bool toListener)
    {
        if (Length == TimeSpan.Zero) return SendNowAsync(packet, toListener);
        _road.Writer.TryWrite((packet, toListener, DateTimeOffset.UtcNow + Length));
        return Task.CompletedTask;
    }

    private async Task BringAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                (byte[] packet, bool toListener, DateTimeOffset due) = await _road.Reader.ReadAsync(_stop.Token);
                TimeSpan early = due - DateTimeOffset.UtcNow;
                if (early > TimeSpan.Zero) await Task.Delay(early, _stop.Token); // the length of the road
                await SendNowAsync(packet, toListener);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (SocketException)
            {
                // The other side is not there (yet): a lost packet.
            }
        }
    }

    private async Task SendNowAsync(byte[] packet, bool toListener)
    {
        EndPoint? target = toListener ? _listener : Volatile.Read(ref _dialler);
        if (target is not null) await (toListener ? _back : _front).SendToAsync(packet, target, _stop.Token);
    }
}
