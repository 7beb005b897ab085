using NUnit.Framework;
using Ptoy.Node.Transport;

namespace Ptoy.Node.Tests.Transport;

/// <summary>What only the vote carrier does.</summary>
public class VoteTests
{
    private TestNode _a = null!, _b = null!;

    [SetUp]
    public async Task ConnectAsync() => (_a, _b) = await TestNode.PairAsync();

    [TearDown]
    public async Task DisconnectAsync()
    {
        await _a.DisposeAsync();
        await _b.DisposeAsync();
    }

    [TestCase(VoteLane.Ordered)]
    [TestCase(VoteLane.Proposal)]
    public async Task AnOrderedLaneKeepsItsOrder(VoteLane lane)
    {
        for (int i = 0; i < 3000; i++) Assert.That(_a.Transport.SendVote(_b.Id, BitConverter.GetBytes(i), lane), Is.True);
        for (int i = 0; i < 3000; i++) Assert.That(BitConverter.ToInt32(await _b.VoteAsync()), Is.EqualTo(i));
    }

    [Test]
    public async Task TheUnorderedLaneDeliversEachOnce()
    {
        for (int i = 0; i < 3000; i++) _b.Transport.SendVote(_a.Id, BitConverter.GetBytes(i), VoteLane.Unordered);
        var received = new List<int>();
        for (int i = 0; i < 3000; i++) received.Add(BitConverter.ToInt32(await _a.VoteAsync()));
        Assert.That(received, Is.EquivalentTo(Enumerable.Range(0, 3000)));
    }

    [TestCase(0)]
    [TestCase(1400)]
    [TestCase(60 * 1024)]
    [TestCase(60 * 1024 + 1)]
    [TestCase(5_000_000)]
    public async Task AVoteOfAnySizeArrives(int size)
    {
        var vote = new byte[size];
        new Random(size).NextBytes(vote);
        Assert.That(_a.Transport.SendVote(_b.Id, vote), Is.True);
        Assert.That(await _b.VoteAsync(), Is.EqualTo(vote));
    }
}
