using NUnit.Framework;
using Ptoy.Node.Transport;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Node.Tests.Transport;

/// <summary>What only the stand-in can do: cut a link and mend it.</summary>
public class InMemoryNetworkTests
{
    [Test]
    public async Task NothingPassesACutLinkUntilItIsMended()
    {
        using SigningKey one = TestNode.Signer(1), two = TestNode.Signer(2);
        var network = new InMemoryNetwork();
        await using InMemoryTransport a = network.Create(one.Public), b = network.Create(two.Public);
        await a.StartAsync(new TransportHandlers());
        await b.StartAsync(new TransportHandlers { OnRequest = (_, kind, _, _) => kind == 1 ? Task.FromResult<byte[]>([9]) : throw new InvalidOperationException("no such kind") });
        await InMemoryNetwork.IntroduceAsync([a, b]);
        Assert.That(await a.RequestAsync(b.Self, 1, default), Is.EqualTo(new byte[] { 9 }));
        await Assert.ThatAsync(() => a.RequestAsync(b.Self, 2, default), Throws.TypeOf<RemoteRequestException>().With.Message.EqualTo("no such kind"));
        network.Cut(a, b);
        Assert.That(a.SendBulk(b.Self, 1, new byte[] { 1 }), Is.False);
        Assert.That(a.IsUp(b.Self, Carrier.Bulk), Is.False);
        network.Mend(a, b);
        await InMemoryNetwork.IntroduceAsync([a, b]);
        Assert.That(await a.RequestAsync(b.Self, 1, default), Is.EqualTo(new byte[] { 9 }));
    }
}
