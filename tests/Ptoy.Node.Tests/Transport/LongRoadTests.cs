using NUnit.Framework;
using Ptoy.Node.Transport;

namespace Ptoy.Node.Tests.Transport;

/// <summary>Both carriers over a road with a round trip of 50 ms, which loses, doubles and swaps packets and hands TCP on in pieces.</summary>
public class LongRoadTests
{
    private const int Messages = 200;
    private static readonly TimeSpan OneWay = TimeSpan.FromMilliseconds(25);
    private TestNode _dialler = null!, _listener = null!;
    private UdpProxy _udp = null!;
    private TcpProxy _tcp = null!;

    [SetUp]
    public async Task StartAsync()
    {
        (byte dialler, byte listener) = TestNode.Seeds();
        // Under a second: what is measured of the road comes with the probes.
        TransportOptions options = TestNode.Options with { DeadAfter = TimeSpan.FromSeconds(3), HandshakeTimeout = TimeSpan.FromSeconds(20) };
        (_dialler, _listener) = (new TestNode(dialler, options: options), new TestNode(listener, options: options));
        await _dialler.StartAsync();
        await _listener.StartAsync();
        (_udp, _tcp) = (new UdpProxy(_listener.Transport.VotePort, seed: 11) { Length = OneWay }, new TcpProxy(_listener.Transport.BulkPort, seed: 12) { Delay = OneWay });
        _dialler.Transport.UpdatePeers([_listener.Address with { VotePort = _udp.Port, BulkPort = _tcp.Port }]);
        _listener.Transport.UpdatePeers([_dialler.Address]);
        await _dialler.UpAsync(_listener);
        await _listener.UpAsync(_dialler);
    }

    [TearDown]
    public async Task StopAsync()
    {
        await _dialler.DisposeAsync();
        await _listener.DisposeAsync();
        await _udp.DisposeAsync();
        await _tcp.DisposeAsync();
    }

    [Test]
    public async Task VotesArriveInOrderThroughLossDoublesAndSwaps()
    {
        (_udp.Drop, _udp.Duplicate, _udp.Delay) = (0.03, 0.1, 0.1);
        for (int i = 0; i < Messages; i++)
        {
            // Large enough for a packet each.
            var vote = new byte[1_000];
            BitConverter.TryWriteBytes(vote, i);
            _dialler.Transport.SendVote(_listener.Id, vote);
            _listener.Transport.SendVote(_dialler.Id, vote, VoteLane.Proposal);
        }
        for (int i = 0; i < Messages; i++)
        {
            Assert.That(BitConverter.ToInt32(await _listener.VoteAsync()), Is.EqualTo(i));
            Assert.That(BitConverter.ToInt32(await _dialler.VoteAsync()), Is.EqualTo(i));
        }
        Assert.That((long[])[_udp.Done.Dropped, _udp.Done.Duplicated, _udp.Done.Delayed], Is.All.Positive);
        await TestNode.UntilAsync(() => _dialler.Counters(_listener).VoteRtt >= 20);
    }

    [Test]
    public async Task BulkArrivesInOrderAndWhole()
    {
        var large = new byte[3_000_000];
        new Random(2).NextBytes(large);
        Assert.That(_dialler.Transport.SendBulk(_listener.Id, 2, large), Is.True);
        for (int i = 0; i < Messages; i++) Assert.That(_dialler.Transport.SendBulk(_listener.Id, 1, BitConverter.GetBytes(i)), Is.True);
        int next = 0;
        byte[]? whole = null;
        while (next < Messages || whole is null)
        {
            (_, ushort kind, byte[] payload) = await _listener.BulkAsync();
            if (kind == 2) whole = payload;
            else Assert.That(BitConverter.ToInt32(payload), Is.EqualTo(next++));
        }
        Assert.That(whole.AsSpan().SequenceEqual(large), Is.True);
        byte[][] answers = await Task.WhenAll(Enumerable.Range(0, 40).Select(i => _listener.Transport.RequestAsync(_dialler.Id, 1, BitConverter.GetBytes(i))));
        Assert.That(answers.Select(a => BitConverter.ToInt32(a)), Is.EqualTo(Enumerable.Range(0, 40)));
        await TestNode.UntilAsync(() => _dialler.Counters(_listener).BulkRtt >= 50);
    }

    [Test]
    public async Task ABrokenBulkConnectionFailsItsRequestsAndComesBack()
    {
        var never = new TaskCompletionSource<byte[]>();
        var started = new TaskCompletionSource();
        _listener.Answer = (_, kind, payload, _) =>
        {
            if (kind != 9) return Task.FromResult(payload.ToArray());
            started.TrySetResult();
            return never.Task;
        };
        Task<byte[]> asked = _dialler.Transport.RequestAsync(_listener.Id, 9, default);
        await started.Task.WaitAsync(TestNode.Patience);
        int before = _tcp.Connections;
        _tcp.Cut();
        await Assert.ThatAsync(async () => await asked.WaitAsync(TestNode.Patience), Throws.TypeOf<TransportException>().With.Message.Contains("was lost"));
        await TestNode.UntilAsync(() => _tcp.Connections > before && _dialler.Transport.IsUp(_listener.Id, Carrier.Bulk) && _listener.Transport.IsUp(_dialler.Id, Carrier.Bulk));
        Assert.That(await _dialler.Transport.RequestAsync(_listener.Id, 1, new byte[] { 6 }), Is.EqualTo(new byte[] { 6 }));
    }
}
