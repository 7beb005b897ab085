using NUnit.Framework;
using Ptoy.Node.Transport;

namespace Ptoy.Node.Tests.Transport;

/// <summary>Every queue has an end, and says what happens there.</summary>
public class BoundTests
{
    [Test]
    public async Task AFullVoteQueueDropsItsOldest()
    {
        (byte dialler, byte listener) = TestNode.Seeds();
        TransportOptions options = TestNode.Options with { VotesInFlight = 4, VoteQueueLength = 10, VoteQueueLengthWhileDown = 10, DeadAfter = TimeSpan.FromMinutes(5) };
        await using var a = new TestNode(dialler, options: options);
        await using var b = new TestNode(listener, options: options);
        await a.StartAsync();
        await b.StartAsync();
        await using var proxy = new UdpProxy(b.Transport.VotePort, seed: 1);
        a.Transport.UpdatePeers([b.Address with { VotePort = proxy.Port }]);
        b.Transport.UpdatePeers([a.Address]);
        await a.UpAsync(b);
        await b.UpAsync(a);
        a.Transport.SendVote(b.Id, new byte[] { 255 });
        await b.VoteAsync();
        proxy.Drop = 1;
        for (byte i = 0; i < 200; i++) a.Transport.SendVote(b.Id, new[] { i });
        PeerSnapshot counters = a.Counters(b);
        Assert.That(counters.VotesQueued, Is.EqualTo(10));
        Assert.That(counters.VotesDropped, Is.EqualTo(200 - 10 - (counters.VotesSent - 1)), "all but the queued and those under way");
        proxy.Drop = 0;
        var received = new List<byte>();
        while (received.LastOrDefault() != 199) received.Add((await b.VoteAsync())[0]);
        Assert.That(received, Is.Ordered.And.Unique);
        Assert.That(received.TakeLast(10), Is.EqualTo(Enumerable.Range(190, 10)), "the newest stay");
    }

    [Test]
    public async Task AFullBulkQueueAnswersFalseOrWaitsUntilThereIsRoom()
    {
        (TestNode a, TestNode b) = await TestNode.PairAsync(TestNode.Options with { BulkQueueBytes = 1 << 20, BulkInboxBytes = 1 << 20 });
        await using TestNode sender = a, receiver = b;
        var hold = new TaskCompletionSource();
        receiver.HoldBulk = hold.Task;
        while (sender.Transport.SendBulk(receiver.Id, 1, new byte[50_000])) { /* until the first refusal */ }
        // The sockets' buffers still drain the queue for a while; then a message waits for room.
        var waiting = new List<Task<bool>>();
        while (waiting.Count < 1000 && (waiting.Count == 0 || waiting[^1].IsCompleted))
            waiting.Add(sender.Transport.SendBulkAsync(receiver.Id, 2, new byte[50_000], CancellationToken.None).AsTask());
        Assert.That(sender.Counters(receiver).BulkRefused, Is.Positive);
        Assert.That(sender.Counters(receiver).BulkBytesQueued, Is.LessThanOrEqualTo(1 << 20));
        hold.SetResult();
        Assert.That(await waiting[^1].WaitAsync(TestNode.Patience), Is.True);
    }

    [Test]
    public async Task MoreRequestsThanServedAreAnsweredBusy()
    {
        (TestNode a, TestNode b) = await TestNode.PairAsync(TestNode.Options with { ServedRequests = 2 });
        await using TestNode asker = a, server = b;
        var finish = new TaskCompletionSource<byte[]>();
        using var started = new CountdownEvent(2);
        server.Answer = (_, _, _, _) => { started.Signal(); return finish.Task; };
        Task<byte[]>[] served = [asker.Transport.RequestAsync(server.Id, 1, default), asker.Transport.RequestAsync(server.Id, 1, default)];
        RemoteRequestException busy = (await Assert.ThrowsAsync<RemoteRequestException>(() => asker.Transport.RequestAsync(server.Id, 1, default)))!;
        Assert.That(busy.Message, Does.StartWith("busy: 2 requests"));
        finish.SetResult([1]);
        Assert.That(await Task.WhenAll(served), Has.Length.EqualTo(2));
    }

    [Test]
    public async Task APeersRequestsAreWorkedOnAFewAtATime()
    {
        (TestNode a, TestNode b) = await TestNode.PairAsync();
        await using TestNode asker = a, server = b;
        const int Asked = 30, AtOnce = 8;
        using var started = new CountdownEvent(AtOnce);
        var finish = new TaskCompletionSource();
        int now = 0, most = 0;
        server.Answer = async (_, _, _, _) =>
        {
            InterlockedMax(ref most, Interlocked.Increment(ref now));
            if (!started.IsSet) started.Signal();
            await finish.Task;
            Interlocked.Decrement(ref now);
            return [];
        };
        Task<byte[]>[] asked = [.. Enumerable.Range(0, Asked).Select(_ => asker.Transport.RequestAsync(server.Id, 1, default))];
        Assert.That(await Task.Run(() => started.Wait(TestNode.Patience)), Is.True);
        finish.SetResult();
        await Task.WhenAll(asked).WaitAsync(TestNode.Patience);
        Assert.That(most, Is.EqualTo(AtOnce));
    }

    [Test]
    public async Task ARequestThatIsNotAnsweredInTimeFailsByName()
    {
        (TestNode a, TestNode b) = await TestNode.PairAsync(TestNode.Options with { RequestTimeout = TimeSpan.FromMilliseconds(50) });
        await using TestNode asker = a, server = b;
        server.Answer = static (_, _, _, _) => new TaskCompletionSource<byte[]>().Task;
        TransportException error = (await Assert.ThrowsAsync<TransportException>(() => asker.Transport.RequestAsync(server.Id, 12, default)))!;
        Assert.That(error.Message, Is.EqualTo($"node {server.Id} did not answer a request of kind 12 within 0.05 s"));
    }

    [Test]
    public async Task AMessageBeyondTheBoundIsRefusedBeforeItIsSent()
    {
        (TestNode a, TestNode b) = await TestNode.PairAsync();
        await using TestNode sender = a, receiver = b;
        var payload = new byte[ITransport.MaxMessageSize + 1];
        Assert.That(() => sender.Transport.SendBulk(receiver.Id, 1, payload), Throws.TypeOf<TransportException>().With.Message.Contains("is larger than 67108864"));
        Assert.That(() => sender.Transport.SendVote(receiver.Id, payload), Throws.TypeOf<TransportException>());
        Assert.That(() => sender.Transport.SendBulk(receiver.Id, ITransport.FirstReservedKind, default), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    private static void InterlockedMax(ref int target, int value)
    {
        for (int seen = Volatile.Read(ref target); seen < value;)
        {
            int before = Interlocked.CompareExchange(ref target, value, seen);
            if (before == seen) return;
            seen = before;
        }
    }

    [TestCase("votePort")]
    [TestCase("transport.rekeyAfter")]
    [TestCase("transport.deadAfter")]
    public void OptionsOutOfRangeAreRefusedByName(string key)
    {
        TransportOptions wrong = key switch
        {
            "votePort" => new TransportOptions { VotePort = 70_000 },
            "transport.rekeyAfter" => new TransportOptions { RekeyAfter = 0 },
            _ => new TransportOptions { DeadAfter = TimeSpan.Zero },
        };
        Assert.That(() => new TestNode(1, options: wrong), Throws.TypeOf<TransportException>().With.Message.StartsWith(key + " is "));
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task AnOccupiedPortIsNamedWithItsConfigurationKey(bool votes)
    {
        await using var first = new TestNode(1);
        await first.StartAsync();
        await using var second = new TestNode(2, options: votes
            ? TestNode.Options with { VotePort = first.Transport.VotePort }
            : TestNode.Options with { BulkPort = first.Transport.BulkPort });
        TransportException error = (await Assert.ThrowsAsync<TransportException>(second.StartAsync))!;
        Assert.That(error.Message, votes
            ? Does.Contain($"UDP port {first.Transport.VotePort} (votePort)")
            : Does.Contain($"TCP port {first.Transport.BulkPort} (bulkPort)"));
    }

    [Test]
    public void AMemberListWithAWrongEntryIsRefusedByName()
    {
        var node = new TestNode(1);
        using Protocol.Crypto.SigningKey other = TestNode.Signer(2);
        var good = new PeerAddress(other.Public, "127.0.0.1", 1, 1);
        Assert.That(() => node.Transport.UpdatePeers([good with { Host = " " }]), Throws.TypeOf<TransportException>().With.Message.EndsWith("has no host"));
        Assert.That(() => node.Transport.UpdatePeers([good with { VotePort = 0 }]), Throws.TypeOf<TransportException>().With.Message.EndsWith("has vote port 0"));
        Assert.That(() => node.Transport.UpdatePeers([good, good]), Throws.TypeOf<TransportException>().With.Message.EndsWith("is in the member list twice"));
    }
}
