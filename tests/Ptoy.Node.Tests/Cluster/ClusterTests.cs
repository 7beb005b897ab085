using System.Text.Json;
using NUnit.Framework;
using Ptoy.Protocol;

namespace Ptoy.Node.Tests.Cluster;

/// <summary>Four whole nodes: what they do together, and what one does that was away or has lost something.</summary>
[NonParallelizable]
public sealed class ClusterTests
{
    private TestCluster _cluster = null!;

    [SetUp]
    public async Task StartAsync() => _cluster = await TestCluster.StartAllAsync();

    [TearDown]
    public async Task StopAsync() => await _cluster.DisposeAsync();

    [Test]
    public async Task ATransferHasTheSameCertifiedReceiptOnEveryNode()
    {
        Hash transfer = await _cluster.TransferAsync(1, 0, 1_234);
        (ulong Height, string Receipt) first = await _cluster.ReceiptAsync(1, transfer);
        for (int node = 0; node < 4; node++)
        {
            Assert.That(await _cluster.ReceiptAsync(node, transfer), Is.EqualTo(first), $"node {node}");
            Assert.That(await _cluster.BalanceAsync(node), Is.EqualTo("1234"), $"node {node}");
        }
    }

    /// <summary>
    /// More heights than a checkpoint interval pass meanwhile, so nobody sends votes on the oldest of them any more: their certificates have
    /// to be fetched, or this node could never show the receipt.
    /// </summary>
    [Test]
    public async Task ANodeThatWasAwayCatchesUpAndShowsEveryReceipt()
    {
        const int Away = 3, Transfers = 70;
        await _cluster.StopAsync(Away);
        var sent = new List<(Hash Transfer, (ulong Height, string Receipt) Receipt)>();
        for (ulong nonce = 0; nonce < Transfers; nonce++)
        {
            Hash transfer = await _cluster.TransferAsync((int)(nonce % Away), nonce, 1);
            sent.Add((transfer, await _cluster.ReceiptAsync((int)(nonce % Away), transfer)));
        }
        Assert.That(sent[^1].Receipt.Height, Is.GreaterThan(32), "not enough heights to pass a checkpoint");

        await _cluster.StartAsync(Away);

        foreach ((Hash transfer, (ulong, string) receipt) in sent) Assert.That(await _cluster.ReceiptAsync(Away, transfer), Is.EqualTo(receipt));
        Assert.That(await _cluster.BalanceAsync(Away), Is.EqualTo($"{Transfers}"));
        JsonElement health = await _cluster.HealthAsync(Away, h => h.GetProperty("signs").GetBoolean());
        Assert.That(health.GetProperty("height").GetUInt64(), Is.GreaterThanOrEqualTo(sent[^1].Receipt.Height));
    }

    [Test]
    public async Task ANodeThatLostItsConsensusLogSaysWhyAndFollowsWithoutSigning()
    {
        const int Lost = 2;
        await _cluster.ReceiptAsync(Lost, await _cluster.TransferAsync(0, 0, 5));
        await _cluster.StopAsync(Lost);
        Directory.Delete(Path.Combine(_cluster.Layout.Nodes[Lost].DataDir, "consensus"), recursive: true);
        using var log = new CapturedLog();

        await _cluster.StartAsync(Lost, log);

        Hash later = await _cluster.TransferAsync(0, 1, 6);
        await _cluster.ReceiptAsync(0, later);
        await _cluster.ReceiptAsync(Lost, later);
        Assert.That((await _cluster.CallAsync(Lost, "node_health")).GetProperty("signs").GetBoolean(), Is.False);
        Assert.That(log.Lines, Has.Some.Contains("votes forgotten").And.Some.Contains("make a new node key"));
        Assert.That(await _cluster.BalanceAsync(Lost), Is.EqualTo("11"));
    }

    [Test]
    public async Task AllFourStoppedTogetherGoOnWhereTheyWere()
    {
        Hash before = await _cluster.TransferAsync(0, 0, 7);
        (ulong Height, string Receipt) receipt = await _cluster.ReceiptAsync(0, before);
        for (int node = 0; node < 4; node++) await _cluster.StopAsync(node);
        for (int node = 0; node < 4; node++) await _cluster.StartAsync(node);

        await _cluster.ReceiptAsync(1, await _cluster.TransferAsync(1, 1, 8));

        for (int node = 0; node < 4; node++) Assert.That(await _cluster.ReceiptAsync(node, before), Is.EqualTo(receipt), $"node {node}");
        Assert.That(await _cluster.BalanceAsync(1), Is.EqualTo("15"));
    }
}
