using NUnit.Framework;
using Ptoy.Node.Transport;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Node.Tests.Transport;

/// <summary>The stand-in keeps the promises of the real transport that others' tests rely on.</summary>
public class InMemoryNetworkTests
{
    [Test]
    public async Task VotesBulkAndRequestsPassUntilTheLinkIsCut()
    {
        using SigningKey one = TestNode.Signer(1), two = TestNode.Signer(2);
        var network = new InMemoryNetwork();
        await using InMemoryTransport a = network.Create(one.Public), b = network.Create(two.Public);
        var vote = new TaskCompletionSource<byte[]>();
        var bulk = new TaskCompletionSource<ushort>();
        await a.StartAsync(new TransportHandlers());
        await b.StartAsync(new TransportHandlers
        {
            OnVote = (_, bytes) => vote.SetResult(bytes.ToArray()),
            OnBulk = (_, kind, _) => { bulk.SetResult(kind); return ValueTask.CompletedTask; },
            OnRequest = (_, kind, _, _) => kind == 1 ? Task.FromResult<byte[]>([9]) : throw new InvalidOperationException("no such kind"),
        });
        Assert.That(a.SendVote(b.Self, new byte[] { 1 }), Is.True);
        Assert.That(await vote.Task.WaitAsync(TestNode.Patience), Is.EqualTo(new byte[] { 1 }));
        Assert.That(a.SendBulk(b.Self, 3, default), Is.True);
        Assert.That(await bulk.Task.WaitAsync(TestNode.Patience), Is.EqualTo(3));
        Assert.That(await a.RequestAsync(b.Self, 1, default), Is.EqualTo(new byte[] { 9 }));
        await Assert.ThatAsync(() => a.RequestAsync(b.Self, 2, default), Throws.TypeOf<RemoteRequestException>().With.Message.EqualTo("no such kind"));
        network.Cut(a, b);
        Assert.That(a.SendVote(b.Self, new byte[] { 1 }), Is.False);
        Assert.That(a.IsUp(b.Self, Carrier.Bulk), Is.False);
        network.Mend(a, b);
        Assert.That(await a.RequestAsync(b.Self, 1, default), Is.EqualTo(new byte[] { 9 }));
    }
}
