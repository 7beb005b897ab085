using System.Net;
using System.Net.Sockets;
using NUnit.Framework;
using Ptoy.Node.Transport;

namespace Ptoy.Node.Tests.Transport;

/// <summary>Bad networks and strangers with bytes.</summary>
public class HostileNetworkTests
{
    private TestNode _dialler = null!, _listener = null!;
    private UdpProxy _proxy = null!;

    [SetUp]
    public async Task StartAsync()
    {
        (byte dialler, byte listener) = TestNode.Seeds();
        TransportOptions options = TestNode.Options with { VoteQueueLengthWhileDown = 64, DeadAfter = TimeSpan.FromSeconds(1) };
        _dialler = new TestNode(dialler, options: options);
        _listener = new TestNode(listener, options: options);
        await _dialler.StartAsync();
        await _listener.StartAsync();
        _proxy = new UdpProxy(_listener.Transport.VotePort, seed: 42);
        _dialler.Transport.UpdatePeers([_listener.Address with { VotePort = _proxy.Port }]);
        _listener.Transport.UpdatePeers([_dialler.Address]);
    }

    [TearDown]
    public async Task StopAsync()
    {
        await _dialler.DisposeAsync();
        await _listener.DisposeAsync();
        await _proxy.DisposeAsync();
    }

    [Test]
    public async Task LossDuplicatesAndReorderingAreHidden()
    {
        await BothUpAsync();
        (_proxy.Drop, _proxy.Duplicate, _proxy.Delay) = (0.05, 0.1, 0.2);
        const int Votes = 400;
        for (int i = 0; i < Votes; i++)
        {
            _dialler.Transport.SendVote(_listener.Id, Numbered(i));
            _listener.Transport.SendVote(_dialler.Id, Numbered(i), VoteLane.Unordered);
        }
        for (int i = 0; i < Votes; i++) Assert.That(Number(await _listener.VoteAsync()), Is.EqualTo(i));
        var unordered = new List<int>();
        for (int i = 0; i < Votes; i++) unordered.Add(Number(await _dialler.VoteAsync()));
        Assert.That(unordered, Is.EquivalentTo(Enumerable.Range(0, Votes)));
        Assert.That((long[])[_proxy.Done.Dropped, _proxy.Done.Duplicated, _proxy.Done.Delayed], Is.All.Positive);
    }

    [Test]
    public async Task TamperedAndReplayedPacketsNeverBecomeVotesAndTheLinkRecovers()
    {
        await BothUpAsync();
        (_proxy.Tamper, _proxy.Replay) = (0.1, 0.3);
        int next = 0;
        var received = new List<int>();
        while (_proxy.Done.Tampered < 50 || _proxy.Done.Replayed < 50 || _listener.Counters(_dialler).PacketsRefused == 0)
        {
            _dialler.Transport.SendVote(_listener.Id, Numbered(next++));
            await _dialler.Transport.RequestAsync(_listener.Id, 1, default); // paces by the carrier that is not disturbed
        }
        (_proxy.Tamper, _proxy.Replay) = (0, 0);
        // Sent until one comes through on a link that is whole again.
        Task<int> last = ReceiveFromAsync(next, received);
        for (int i = next; !last.IsCompleted; i++)
        {
            _dialler.Transport.SendVote(_listener.Id, Numbered(i));
            await _dialler.Transport.RequestAsync(_listener.Id, 1, default);
        }
        await last;
        Assert.That(received, Is.Ordered.And.Unique);
    }

    [Test]
    public async Task ThePeerComesUpThroughABadNetwork()
    {
        (_proxy.Drop, _proxy.Duplicate, _proxy.Delay) = (0.3, 0.2, 0.2);
        await BothUpAsync();
        Assert.That(_dialler.Transport.IsUp(_listener.Id, Carrier.Votes), Is.True);
    }

    [Test]
    public async Task WhenThePeerIsDownTheNewestVotesAreKeptAndTheRestCounted()
    {
        await BothUpAsync();
        _proxy.Drop = 1;
        await _dialler.VotesDownAsync(_listener);
        long before = _dialler.Counters(_listener).VotesDropped;
        for (int i = 0; i < 100; i++) _dialler.Transport.SendVote(_listener.Id, Numbered(i));
        Assert.That(_dialler.Counters(_listener).VotesDropped - before, Is.EqualTo(36));
        Assert.That(_dialler.Counters(_listener).VotesQueued, Is.EqualTo(64));
        _proxy.Drop = 0;
        for (int i = 36; i < 100; i++) Assert.That(Number(await _listener.VoteAsync()), Is.EqualTo(i));
    }

    [Test]
    public async Task GarbageOnBothPortsDoesNoHarm()
    {
        await BothUpAsync();
        var random = new Random(7);
        using var udp = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        for (int i = 0; i < 2000; i++)
        {
            var bytes = new byte[random.Next(1, 1400)];
            random.NextBytes(bytes);
            await udp.SendToAsync(bytes, new IPEndPoint(IPAddress.Loopback, _listener.Transport.VotePort));
        }
        const int Strangers = 20;
        for (int i = 0; i < Strangers; i++)
        {
            using var tcp = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            await tcp.ConnectAsync(IPAddress.Loopback, _listener.Transport.BulkPort);
            var bytes = new byte[random.Next(0, 300)];
            random.NextBytes(bytes);
            await tcp.SendAsync(bytes);
        }
        await _listener.RefusalsAsync(Carrier.Bulk, Strangers);
        _dialler.Transport.SendVote(_listener.Id, new byte[] { 1 });
        Assert.That(await _listener.VoteAsync(), Is.EqualTo(new byte[] { 1 }));
        Assert.That(await _dialler.Transport.RequestAsync(_listener.Id, 1, new byte[] { 2 }), Is.EqualTo(new byte[] { 2 }));
    }

    [Test]
    public async Task AClaimedNodeKeyWithoutItsSignatureIsRefusedAfterTls()
    {
        await BothUpAsync();
        // Right chain, a member's public key in the preface, but the hello is signed by somebody else.
        using Protocol.Crypto.SigningKey thief = TestNode.Signer(77);
        using var certificate = BulkHandshake.CreateCertificate();
        var handshake = new BulkHandshake(new NodeIdentity(thief, TestNode.Chain), certificate);
        byte[] preface = [.. "PTB2"u8, .. TestNode.Chain.ToArray(), .. _dialler.Id.Bytes];
        using var tcp = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await tcp.ConnectAsync(IPAddress.Loopback, _listener.Transport.BulkPort);
        await using var stream = new PrefaceReplacingStream(new NetworkStream(tcp), preface);
        await Assert.ThatAsync(() => handshake.DialAsync(stream, _listener.Id, false, CancellationToken.None), Throws.Exception);
        await _listener.RefusalsAsync(Carrier.Bulk, 1);
        Assert.That(await _dialler.Transport.RequestAsync(_listener.Id, 1, new byte[] { 2 }), Is.EqualTo(new byte[] { 2 }), "the member itself is not disturbed");
    }

    private async Task BothUpAsync()
    {
        await _dialler.UpAsync(_listener);
        await _listener.UpAsync(_dialler);
    }

    private async Task<int> ReceiveFromAsync(int first, List<int> received)
    {
        while (true)
        {
            int number = Number(await _listener.VoteAsync());
            received.Add(number);
            if (number >= first) return number;
        }
    }

    private static byte[] Numbered(int number)
    {
        var vote = new byte[200];
        BitConverter.TryWriteBytes(vote, number);
        return vote;
    }

    private static int Number(byte[] vote)
    {
        Assert.That(vote, Has.Length.EqualTo(200));
        Assert.That(vote.AsSpan(4).ContainsAnyExcept((byte)0), Is.False);
        return BitConverter.ToInt32(vote);
    }
}
