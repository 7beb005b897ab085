using NUnit.Framework;
using Ptoy.Node.Transport;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Node.Tests.Transport;

/// <summary>What a transport promises on both carriers, over real sockets and in memory.</summary>
[TestFixture(Wire.Sockets, Carrier.Votes)]
[TestFixture(Wire.Sockets, Carrier.Bulk)]
[TestFixture(Wire.Memory, Carrier.Votes)]
[TestFixture(Wire.Memory, Carrier.Bulk)]
public class ConformanceTests(ConformanceTests.Wire wire, Carrier carrier)
{
    /// <summary>What the transport under test runs over.</summary>
    public enum Wire
    {
        /// <summary>UDP and TCP on loopback.</summary>
        Sockets,
        /// <summary>An <see cref="InMemoryNetwork"/>.</summary>
        Memory,
    }

    private InMemoryNetwork? _network;
    private readonly List<TestNode> _nodes = [];

    [SetUp]
    public void MakeNetwork() => _network = wire == Wire.Memory ? new InMemoryNetwork() : null;

    [TearDown]
    public async Task StopAsync()
    {
        foreach (TestNode node in _nodes) await node.DisposeAsync();
        _nodes.Clear();
    }

    [Test]
    public async Task WhatIsSentArrivesInOrderInBothDirections()
    {
        (TestNode a, TestNode b) = await PairAsync();
        for (int i = 0; i < 2000; i++)
        {
            Assert.That(Send(a, b, BitConverter.GetBytes(i)), Is.True);
            Assert.That(Send(b, a, BitConverter.GetBytes(-i)), Is.True);
        }
        for (int i = 0; i < 2000; i++)
        {
            Assert.That(BitConverter.ToInt32(await ReceiveAsync(b)), Is.EqualTo(i));
            Assert.That(BitConverter.ToInt32(await ReceiveAsync(a)), Is.EqualTo(-i));
        }
    }

    [Test]
    public async Task EveryoneReachesEveryone()
    {
        TestNode[] all = [.. Enumerable.Range(1, 4).Select(i => Make((byte)i))];
        foreach (TestNode node in all) await node.StartAsync();
        TestNode.Introduce(all);
        foreach (TestNode from in all)
            foreach (TestNode to in all.Where(n => n != from)) await from.UpAsync(to);
        foreach (TestNode from in all)
            foreach (TestNode to in all.Where(n => n != from)) Assert.That(Send(from, to, from.Id.Bytes), Is.True);
        foreach (TestNode to in all)
        {
            var senders = new List<string>();
            for (int i = 0; i < 3; i++) senders.Add(Convert.ToHexString(await ReceiveAsync(to)));
            Assert.That(senders, Is.EquivalentTo(all.Where(n => n != to).Select(n => Convert.ToHexString(n.Id.Bytes))));
        }
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task TheOrderOfStartDoesNotMatter(bool diallerFirst)
    {
        (byte dialler, byte listener) = TestNode.Seeds();
        (TestNode late, TransportOptions ports) = await ReserveAsync(diallerFirst ? listener : dialler);
        PeerAddress address = late.Address;
        await late.Transport.DisposeAsync();
        TestNode early = Make(diallerFirst ? dialler : listener);
        await early.StartAsync();
        early.Transport.UpdatePeers([address]);
        TestNode again = Make(diallerFirst ? listener : dialler, ports);
        again.Transport.UpdatePeers([early.Address]);
        await again.StartAsync();
        await early.UpAsync(again);
        await again.UpAsync(early);
        Assert.That(Send(early, again, [1]), Is.True);
        Assert.That(await ReceiveAsync(again), Is.EqualTo(new byte[] { 1 }));
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task APeerThatRestartsIsConnectedAgain(bool diallerRestarts)
    {
        (byte dialler, byte listener) = TestNode.Seeds();
        (TestNode restarting, TransportOptions ports) = await ReserveAsync(diallerRestarts ? dialler : listener);
        TestNode staying = Make(diallerRestarts ? listener : dialler);
        await staying.StartAsync();
        TestNode.Introduce(restarting, staying);
        await staying.UpAsync(restarting);
        await restarting.Transport.DisposeAsync();
        await staying.DownAsync(restarting);
        TestNode restarted = Make(diallerRestarts ? dialler : listener, ports);
        restarted.Transport.UpdatePeers([staying.Address]);
        await restarted.StartAsync();
        await restarted.UpAsync(staying);
        await staying.UpAsync(restarted);
        Assert.That(Send(staying, restarted, [7]), Is.True);
        Assert.That(await ReceiveAsync(restarted), Is.EqualTo(new byte[] { 7 }));
        Assert.That(Send(restarted, staying, [8]), Is.True);
        Assert.That(await ReceiveAsync(staying), Is.EqualTo(new byte[] { 8 }));
        Assert.That(Connects(staying, restarted), Is.EqualTo(2));
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task AStrangerIsRefused(bool strangerDials)
    {
        (byte dialler, byte listener) = TestNode.Seeds();
        TestNode member = Make(strangerDials ? listener : dialler), stranger = Make(strangerDials ? dialler : listener);
        await member.StartAsync();
        await stranger.StartAsync();
        stranger.Transport.UpdatePeers([member.Address]);
        if (strangerDials) await member.RefusalsAsync(carrier, 3);
        Assert.That(member.Transport.IsUp(stranger.Id, carrier), Is.False);
        Assert.That(stranger.Transport.IsUp(member.Id, carrier), Is.False);
        // Once it is a member, the same node gets in.
        TestNode.Introduce(member, stranger);
        await member.UpAsync(stranger);
    }

    [Test]
    public async Task AMemberThatWasRemovedIsCutOffAndRefused()
    {
        (TestNode a, TestNode b) = await PairAsync();
        b.Transport.UpdatePeers([]);
        await a.DownAsync(b);
        await b.RefusalsAsync(carrier, 2);
        Assert.That(b.Transport.IsUp(a.Id, carrier), Is.False);
        Assert.That(Send(b, a, [1]), Is.False);
    }

    [Test]
    public async Task AnotherChainIsRefused()
    {
        (byte dialler, byte listener) = TestNode.Seeds();
        TestNode here = Make(listener), elsewhere = Make(dialler, chain: Digest.Of("ptoy/test/v1", "another"u8));
        await here.StartAsync();
        await elsewhere.StartAsync();
        TestNode.Introduce(here, elsewhere);
        await here.RefusalsAsync(carrier, 3);
        Assert.That(here.Transport.IsUp(elsewhere.Id, carrier), Is.False);
        Assert.That(elsewhere.Transport.IsUp(here.Id, carrier), Is.False);
    }

    [Test]
    public async Task SendingToNoMemberAnswersFalse()
    {
        TestNode alone = Make(1);
        await alone.StartAsync();
        using SigningKey nobody = TestNode.Signer(9);
        Assert.That(alone.Transport.SendVote(nobody.Public, new byte[1]), Is.False);
        Assert.That(alone.Transport.SendBulk(nobody.Public, 1, new byte[1]), Is.False);
    }

    /// <summary>A removed member's messages are not handed on, whatever was under way when it was removed.</summary>
    [Test]
    public async Task AMemberRemovedWhileItConnectsIsOutAndMayComeBack()
    {
        (byte dialler, byte listener) = TestNode.Seeds();
        TestNode a = Make(dialler), b = Make(listener);
        var removed = new TaskCompletionSource();
        bool once = false;
        b.WhenUp = (_, up) =>
        {
            if (up != carrier || once) return;
            once = true;
            b.Transport.UpdatePeers([]);
            removed.SetResult();
        };
        await a.StartAsync();
        await b.StartAsync();
        TestNode.Introduce(a, b);
        await removed.Task.WaitAsync(TestNode.Patience);
        await b.DownAsync(a);
        Assert.That(b.Transport.IsUp(a.Id, carrier), Is.False);
        await b.RefusalsAsync(carrier, 2);
        Assert.That(b.HasVote || b.HasBulk, Is.False);
        b.Transport.UpdatePeers([a.Address]);
        await b.UpAsync(a);
        await a.UpAsync(b);
        Assert.That(Send(a, b, [5]), Is.True);
        Assert.That(await ReceiveAsync(b), Is.EqualTo(new byte[] { 5 }));
    }

    [Test]
    public async Task AMemberListThatChangesAllTheTimeEndsWhereItSays()
    {
        (TestNode a, TestNode b) = await PairAsync();
        var random = new Random(5);
        for (int i = 0; i < 40; i++)
        {
            (TestNode one, TestNode other) = random.Next(2) == 0 ? (a, b) : (b, a);
            one.Transport.UpdatePeers(random.Next(2) == 0 ? [] : [other.Address]);
            if (random.Next(3) == 0) Send(a, b, [1]);
        }
        TestNode.Introduce(a, b);
        await a.UpAsync(b);
        await b.UpAsync(a);
        // A connection of before may still be about to go: what counts is that messages come through in the end.
        byte[] last = [42];
        Task<byte[]> arrived = LastAsync(b, last);
        await TestNode.UntilAsync(() =>
        {
            Send(a, b, last);
            return arrived.IsCompleted;
        });
        await arrived;
    }

    private TestNode Make(byte seed, TransportOptions? options = null, Protocol.Hash? chain = null)
    {
        var node = new TestNode(seed, chain, options, _network);
        _nodes.Add(node);
        return node;
    }

    private async Task<(TestNode A, TestNode B)> PairAsync()
    {
        (TestNode a, TestNode b) = await TestNode.PairAsync(network: _network);
        _nodes.AddRange([a, b]);
        return (a, b);
    }

    /// <summary>A started node and the options by which another one gets the same ports.</summary>
    private async Task<(TestNode Node, TransportOptions Ports)> ReserveAsync(byte seed)
    {
        TestNode node = Make(seed);
        await node.StartAsync();
        return (node, TestNode.Options with { VotePort = node.Transport.VotePort, BulkPort = node.Transport.BulkPort });
    }

    private bool Send(TestNode from, TestNode to, byte[] bytes) =>
        carrier == Carrier.Votes ? from.Transport.SendVote(to.Id, bytes) : from.Transport.SendBulk(to.Id, 1, bytes);

    private async Task<byte[]> ReceiveAsync(TestNode node) => carrier == Carrier.Votes ? await node.VoteAsync() : (await node.BulkAsync()).Payload;

    private async Task<byte[]> LastAsync(TestNode node, byte[] wanted)
    {
        while (true)
        {
            byte[] bytes = await ReceiveAsync(node);
            if (bytes.AsSpan().SequenceEqual(wanted)) return bytes;
        }
    }

    private long Connects(TestNode node, TestNode peer) =>
        carrier == Carrier.Votes ? node.Counters(peer).VoteConnects : node.Counters(peer).BulkConnects;
}
