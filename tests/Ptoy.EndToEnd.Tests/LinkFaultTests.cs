using System.Net;
using System.Net.Sockets;
using NUnit.Framework;
using Ptoy.EndToEnd.Network.Faults;

namespace Ptoy.EndToEnd.Tests;

/// <summary>The proxies between the nodes, with real sockets: what passes, what does not, and what comes again after healing.</summary>
public sealed class LinkFaultTests
{
    private readonly CancellationTokenSource _limit = new(TimeSpan.FromSeconds(30));
    private readonly Link _there = new(1), _back = new(2);
    private readonly LinkCounters _counters = new();
    private readonly Timeline _timeline = new();

    private CancellationToken Limit => _limit.Token;

    [OneTimeTearDown]
    public void End()
    {
        _timeline.Dispose();
        _limit.Dispose();
    }

    [TearDown]
    public void Heal() => (_there.Fault, _back.Fault) = (LinkFault.None, LinkFault.None);

    [Test]
    public async Task Datagrams_pass_both_ways_and_the_answer_finds_its_sender()
    {
        using Socket node = Udp(), sender = Udp();
        using var proxy = new DatagramProxy(0, PortOf(node), _there, _back, _timeline, _counters);
        await sender.SendToAsync(new byte[] { 1, 2 }, SocketFlags.None, At(proxy.Port), Limit);
        SocketReceiveFromResult got = await ReceiveAsync(node);
        await node.SendToAsync(new byte[] { 3 }, SocketFlags.None, got.RemoteEndPoint, Limit);
        Assert.That((await ReceiveAsync(sender)).RemoteEndPoint, Is.EqualTo(At(proxy.Port)));
    }

    [Test]
    public async Task A_blocked_way_loses_datagrams_and_a_healed_one_passes_the_next()
    {
        using Socket node = Udp(), sender = Udp();
        using var proxy = new DatagramProxy(0, PortOf(node), _there, _back, _timeline, _counters);
        _there.Fault = new LinkFault { Blocked = true };
        long lost = Volatile.Read(ref _counters.Lost);
        await sender.SendToAsync(new byte[] { 1 }, SocketFlags.None, At(proxy.Port), Limit);
        await UntilAsync(() => Volatile.Read(ref _counters.Lost) > lost);
        _there.Fault = LinkFault.None;
        await sender.SendToAsync(new byte[] { 2 }, SocketFlags.None, At(proxy.Port), Limit);
        var buffer = new byte[8];
        await node.ReceiveFromAsync(buffer, SocketFlags.None, At(0), Limit);
        Assert.That(buffer[0], Is.EqualTo(2));
    }

    [Test]
    public async Task A_doubled_datagram_arrives_twice()
    {
        using Socket node = Udp(), sender = Udp();
        using var proxy = new DatagramProxy(0, PortOf(node), _there, _back, _timeline, _counters);
        _there.Fault = new LinkFault { Duplicate = 1, Delay = TimeSpan.FromMilliseconds(2) };
        await sender.SendToAsync(new byte[] { 9 }, SocketFlags.None, At(proxy.Port), Limit);
        Assert.That((await ReceiveAsync(node)).ReceivedBytes, Is.EqualTo(1));
        Assert.That((await ReceiveAsync(node)).ReceivedBytes, Is.EqualTo(1));
    }

    [Test]
    public async Task A_stream_stands_still_while_blocked_and_loses_nothing()
    {
        using Socket listener = Tcp();
        using var proxy = new StreamProxy(0, PortOf(listener), _there, _back, _timeline, _counters);
        using Socket dialler = new(SocketType.Stream, ProtocolType.Tcp);
        await dialler.ConnectAsync(At(proxy.Port), Limit);
        using Socket accepted = await listener.AcceptAsync(Limit);
        _there.Fault = new LinkFault { Blocked = true };
        await dialler.SendAsync(new byte[] { 1, 2, 3 }, SocketFlags.None, Limit);
        // The other way is open: what comes back shows that the proxy works, and nothing went there meanwhile.
        await accepted.SendAsync(new byte[] { 7 }, SocketFlags.None, Limit);
        var buffer = new byte[8];
        Assert.That(await dialler.ReceiveAsync(buffer, SocketFlags.None, Limit), Is.EqualTo(1));
        Assert.That(accepted.Available, Is.Zero);
        _there.Fault = LinkFault.None;
        int length = 0;
        while (length < 3) length += await accepted.ReceiveAsync(buffer.AsMemory(length), SocketFlags.None, Limit);
        Assert.That(buffer[..3], Is.EqualTo(new byte[] { 1, 2, 3 }));
    }

    [Test]
    public async Task A_cut_is_seen_by_both_sides()
    {
        using Socket listener = Tcp();
        using var proxy = new StreamProxy(0, PortOf(listener), _there, _back, _timeline, _counters);
        using Socket dialler = new(SocketType.Stream, ProtocolType.Tcp);
        await dialler.ConnectAsync(At(proxy.Port), Limit);
        using Socket accepted = await listener.AcceptAsync(Limit);
        proxy.Cut();
        Assert.That(await EndsAsync(dialler), Is.True);
        Assert.That(await EndsAsync(accepted), Is.True);
    }

    private async Task<bool> EndsAsync(Socket socket)
    {
        try
        {
            return await socket.ReceiveAsync(new byte[8], SocketFlags.None, Limit) == 0;
        }
        catch (SocketException e)
        {
            return e.SocketErrorCode == SocketError.ConnectionReset;
        }
    }

    private ValueTask<SocketReceiveFromResult> ReceiveAsync(Socket socket) =>
        socket.ReceiveFromAsync(new byte[64], SocketFlags.None, At(0), Limit);

    private async Task UntilAsync(Func<bool> holds)
    {
        using var poll = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        while (!holds()) await poll.WaitForNextTickAsync(Limit);
    }

    private static Socket Udp()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(At(0));
        return socket;
    }

    private static Socket Tcp()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(At(0));
        socket.Listen();
        return socket;
    }

    private static int PortOf(Socket socket) => ((IPEndPoint)socket.LocalEndPoint!).Port;

    private static IPEndPoint At(int port) => new(IPAddress.Loopback, port);
}
