using System.Net;
using System.Net.Sockets;
using LiteNetLib;
using NUnit.Framework;
using Ptoy.Node.Transport;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Node.Tests.Transport;

/// <summary>What an attempt to get in costs the node, counted: no cryptography for who is no member, no signature check for who is not where it says.</summary>
public class StrangerCostTests
{
    private TestNode _member = null!, _listener = null!;

    [SetUp]
    public async Task StartAsync()
    {
        (byte dialler, byte listener) = TestNode.Seeds();
        (_member, _listener) = (new TestNode(dialler), new TestNode(listener));
        await _listener.StartAsync();
        // A member that is not there: strangers come in its name.
        _listener.Transport.UpdatePeers([new PeerAddress(_member.Id, "127.0.0.1", 9, 9)]);
    }

    [TearDown]
    public async Task StopAsync()
    {
        await _member.DisposeAsync();
        await _listener.DisposeAsync();
    }

    [Test]
    public async Task WhoIsNoMemberCostsNoCryptography()
    {
        using SigningKey stranger = TestNode.Signer(StrangerSeed());
        byte[] hello = new VoteHandshake(new NodeIdentity(stranger, TestNode.Chain)).Begin(_listener.Id).Hello;
        using var udp = new Engine();
        const int Attempts = 20;
        for (int i = 0; i < Attempts; i++)
        {
            udp.Dial(_listener, hello);
            await TcpAsync([.. "PTB2"u8, .. TestNode.Chain.ToArray(), .. stranger.Public.Bytes]);
        }
        await _listener.RefusalsAsync(Carrier.Bulk, Attempts);
        await _listener.RefusalsAsync(Carrier.Votes, 1);
        TransportSnapshot counters = _listener.Transport.Snapshot();
        Assert.That(counters.Bulk.NoMember, Is.EqualTo(Attempts));
        Assert.That(counters.Votes.NoMember, Is.Positive);
        Assert.That((counters.Votes.Challenged, counters.Votes.ProofsChecked, counters.Bulk.ProofsChecked), Is.EqualTo((0L, 0L, 0L)));
    }

    [Test]
    public async Task AMembersNameFromAnywhereCostsACookieAndNoSignatureCheck()
    {
        var engines = new List<Engine>();
        byte[] hello = HelloInTheNameOf(_member.Id, new byte[CookieJar.Size]);
        for (int i = 0; i < 10; i++)
        {
            engines.Add(new Engine());
            engines[i].Dial(_listener, hello);
        }
        byte[][] cookies = await Task.WhenAll(engines.Select(e => e.CookieAsync()));
        Assert.That(cookies.Select(Convert.ToHexString), Is.Unique, "each for its own address");
        Assert.That(_listener.Transport.Snapshot().Votes, Has.Property("ProofsChecked").EqualTo(0).And.Property("Challenged").GreaterThanOrEqualTo(10));
        // Somebody else's cookie is worth nothing; one's own buys one signature check.
        engines[0].Dial(_listener, HelloInTheNameOf(_member.Id, cookies[1]));
        await engines[0].CookieAsync();
        Assert.That(_listener.Transport.Snapshot().Votes.ProofsChecked, Is.Zero);
        engines[2].Dial(_listener, HelloInTheNameOf(_member.Id, cookies[2]));
        await _listener.RefusalsAsync(Carrier.Votes, 1);
        Assert.That(_listener.Transport.Snapshot().Votes, Has.Property("ProofsChecked").Positive.And.Property("Unproven").Positive);
        engines.ForEach(e => e.Dispose());
    }

    [Test]
    public async Task ARemovedMemberIsAStrangerAtOnce()
    {
        _listener.Transport.UpdatePeers([]);
        using var engine = new Engine();
        engine.Dial(_listener, HelloInTheNameOf(_member.Id, new byte[CookieJar.Size]));
        await TcpAsync([.. "PTB2"u8, .. TestNode.Chain.ToArray(), .. _member.Id.Bytes]);
        await _listener.RefusalsAsync(Carrier.Votes, 1);
        await _listener.RefusalsAsync(Carrier.Bulk, 1);
        TransportSnapshot counters = _listener.Transport.Snapshot();
        Assert.That((counters.Votes.Challenged, counters.Votes.ProofsChecked, counters.Bulk.ProofsChecked), Is.EqualTo((0L, 0L, 0L)));
    }

    [Test]
    public async Task OneSourceCannotTakeAllThePlaces()
    {
        var silent = new List<Socket>();
        // More than one source may hold; the listener closes those beyond.
        for (int i = 0; i < 80; i++)
        {
            var tcp = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            await tcp.ConnectAsync(IPAddress.Loopback, _listener.Transport.BulkPort);
            silent.Add(tcp);
        }
        await _listener.RefusalsAsync(Carrier.Bulk, 16);
        Assert.That(_listener.Transport.Snapshot().Bulk.TooMany, Is.GreaterThanOrEqualTo(16));
        silent.ForEach(s => s.Dispose());
        await _listener.RefusalsAsync(Carrier.Bulk, 64);
    }

    [Test]
    public void PlacesAreHeldPerSourceAndInTotal()
    {
        var places = new Places<int>(each: 2, inTotal: 5);
        Assert.That((bool[])[places.TryTake(1), places.TryTake(1), places.TryTake(1)], Is.EqualTo((bool[])[true, true, false]));
        Assert.That((bool[])[places.TryTake(2), places.TryTake(2), places.TryTake(3), places.TryTake(4)], Is.EqualTo((bool[])[true, true, true, false]));
        places.Return(1);
        Assert.That(places.TryTake(4), Is.True);
        Assert.That(places.Held, Is.EqualTo(5));
    }

    [Test]
    public void AHandshakeBudgetIsPerNetworkAndInTotal()
    {
        var budget = new HandshakeBudget(perSource: 2, inTotal: 5);
        IPAddress one = IPAddress.Parse("2001:db8::1"), sameNetwork = IPAddress.Parse("2001:db8::ffff"), other = IPAddress.Parse("10.0.0.1");
        Assert.That((bool[])[budget.TrySpend(one), budget.TrySpend(sameNetwork), budget.TrySpend(one)], Is.EqualTo((bool[])[true, true, false]));
        Assert.That((bool[])[budget.TrySpend(other), budget.TrySpend(other.MapToIPv6()), budget.TrySpend(other)], Is.EqualTo((bool[])[true, true, false]));
    }

    [Test]
    public void ACookieIsForOneAddressOneClaimAndAMinuteOrTwo()
    {
        long now = 0;
        var jar = new CookieJar(() => now);
        var here = new IPEndPoint(IPAddress.Loopback, 5);
        byte[] cookie = jar.Make(here, _member.Id);
        Assert.That(jar.Accepts(cookie, here, _member.Id), Is.True);
        Assert.That(jar.Accepts(cookie, new IPEndPoint(IPAddress.Loopback, 6), _member.Id), Is.False);
        Assert.That(jar.Accepts(cookie, here, _listener.Id), Is.False);
        Assert.That(new CookieJar(() => now).Accepts(cookie, here, _member.Id), Is.False, "another node's");
        now = 119;
        Assert.That(jar.Accepts(cookie, here, _member.Id), Is.True);
        now = 120;
        Assert.That(jar.Accepts(cookie, here, _member.Id), Is.False);
    }

    /// <summary>A seed whose key is smaller than the listener's, so that it is the one to dial.</summary>
    private byte StrangerSeed()
    {
        for (byte seed = 10; ; seed++)
        {
            using SigningKey key = TestNode.Signer(seed);
            if (key.Public.Bytes.AsSpan().SequenceCompareTo(_listener.Id.Bytes) < 0) return seed;
        }
    }

    private static byte[] HelloInTheNameOf(PublicKey member, byte[] cookie)
    {
        var noise = new byte[32 + 64];
        new Random(1).NextBytes(noise);
        return [.. "PTV2"u8, .. TestNode.Chain.ToArray(), .. member.Bytes, .. noise[..32], .. cookie, .. noise[32..]];
    }

    private async Task TcpAsync(byte[] preface)
    {
        using var tcp = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await tcp.ConnectAsync(IPAddress.Loopback, _listener.Transport.BulkPort);
        await tcp.SendAsync(preface);
        // Until the listener hangs up.
        try { await tcp.ReceiveAsync(new byte[1]).WaitAsync(TestNode.Patience); }
        catch (SocketException) { /* it did, with a reset */ }
    }

    /// <summary>A stranger's UDP engine: sends hellos and keeps what comes back.</summary>
    private sealed class Engine : IDisposable
    {
        private readonly EventBasedNetListener _events = new();
        private readonly NetManager _net;
        private readonly System.Threading.Channels.Channel<byte[]> _cookies = System.Threading.Channels.Channel.CreateUnbounded<byte[]>();

        public Engine()
        {
            _net = new NetManager(_events) { UnsyncedEvents = true, AutoRecycle = true, ReconnectDelay = 100 };
            _events.PeerDisconnectedEvent += (_, info) =>
            {
                if (info.AdditionalData is { AvailableBytes: CookieJar.Size } cookie) _cookies.Writer.TryWrite(cookie.GetRemainingBytes());
            };
            _net.Start();
        }

        public void Dial(TestNode to, byte[] hello) => _net.Connect(new IPEndPoint(IPAddress.Loopback, to.Transport.VotePort), hello);

        public async Task<byte[]> CookieAsync() => await _cookies.Reader.ReadAsync().AsTask().WaitAsync(TestNode.Patience);

        public void Dispose() => _net.Stop();
    }
}
