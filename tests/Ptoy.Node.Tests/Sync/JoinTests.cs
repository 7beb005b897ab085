using System.Text.Json;
using NUnit.Framework;
using Ptoy.Node.Config;
using Ptoy.Node.Tests.Cluster;
using Ptoy.Protocol;

namespace Ptoy.Node.Tests.Sync;

/// <summary>Whole nodes that come by their state from the others: from nothing, or after the store was lost.</summary>
[NonParallelizable]
public sealed class JoinTests
{
    private static readonly string[] OftenSnapshots = ["--sync:snapshotInterval", "16", "--sync:snapshotGap", "16"];

    private TestCluster _cluster = null!;
    private ulong _nonce;

    [SetUp]
    public void Create()
    {
        _cluster = new TestCluster();
        _cluster.Flags.AddRange(OftenSnapshots);
        _nonce = 0;
    }

    [TearDown]
    public async Task RemoveAsync() => await _cluster.DisposeAsync();

    private async Task<Hash> TransferAsync(int through)
    {
        Hash transfer = await _cluster.TransferAsync(through, _nonce++, 1);
        await _cluster.ReceiptAsync(through, transfer);
        return transfer;
    }

    // One block a transfer, until a snapshot lies so far above genesis that it has to be taken.
    private async Task FillAsync(int through, ulong height)
    {
        while ((await _cluster.CallAsync(through, "node_health")).GetProperty("certified").GetUInt64() < height) await TransferAsync(through);
    }

    [Test]
    public async Task AFollowerJoinsFromNothingUnderLoadServesReadsAndForwardsTransactions()
    {
        (Uri rpc, string configFile) = _cluster.AddFollower();
        for (int i = 0; i < 4; i++) await _cluster.StartAsync(i);
        await FillAsync(0, 40);
        using var enough = new CancellationTokenSource();
        Task load = Task.Run(async () =>
        {
            while (!enough.IsCancellationRequested) await TransferAsync(0);
        });

        using var log = new CapturedLog();
        await using NodeHost follower = await NodeHost.StartAsync(NodeConfig.Load(configFile, OftenSnapshots), log);

        JsonElement joined = await _cluster.HealthAsync(rpc, h => h.GetProperty("firstBlock").GetUInt64() > 1);
        ulong goal = (await _cluster.CallAsync(0, "node_health")).GetProperty("height").GetUInt64();
        JsonElement there = await _cluster.HealthAsync(rpc, h => h.GetProperty("certified").GetUInt64() >= goal);
        await enough.CancelAsync();
        await load;
        ulong end = (await _cluster.CallAsync(0, "node_health")).GetProperty("height").GetUInt64();
        await _cluster.HealthAsync(rpc, h => h.GetProperty("certified").GetUInt64() >= end);
        Assert.That(log.Lines, Has.Some.Contains("heights below a certified snapshot").And.Some.Contains("the state of height"));
        Assert.That(joined.GetProperty("firstBlock").GetUInt64(), Is.EqualTo(1 + (joined.GetProperty("firstBlock").GetUInt64() / 16 * 16)), "right above a snapshot");
        Assert.That(there.GetProperty("signs").GetBoolean(), Is.False);

        Hash forwarded = await _cluster.TransferAsync(rpc, _nonce++, 5);
        Assert.That(await _cluster.ReceiptAsync(rpc, forwarded), Is.EqualTo(await _cluster.ReceiptAsync(2, forwarded)));
        Assert.That(await _cluster.BalanceAsync(rpc), Is.EqualTo(await _cluster.BalanceAsync(0)));
        InvalidOperationException pruned = (await Assert.ThrowsAsync<InvalidOperationException>(() => _cluster.CallAsync(rpc, "chain_block", new { height = 3 })))!;
        InvalidOperationException refused = (await Assert.ThrowsAsync<InvalidOperationException>(() => _cluster.CallAsync(rpc, "audit_list", new { owner = _cluster.Receiver.ToString() })))!;
        Assert.That(refused.Message, Does.Contain("this node is a follower").Or.Contain("signed"));
        Assert.That(pruned.Message, Does.Contain("height 3 is pruned"));
    }

    /// <summary>What a validator must not forget is in the consensus log; its ledger is anybody's.</summary>
    [Test]
    public async Task AMemberThatLostItsStoreButNotItsVotesComesBackAndVotesAgain()
    {
        const int Lost = 2;
        for (int i = 0; i < 4; i++) await _cluster.StartAsync(i);
        await FillAsync(0, 50);
        await _cluster.HealthAsync(Lost, h => h.GetProperty("stable").GetUInt64() >= 32);
        await _cluster.StopAsync(Lost);
        Directory.Delete(Path.Combine(_cluster.Layout.Nodes[Lost].DataDir, "store"), recursive: true);
        using var log = new CapturedLog();

        await _cluster.StartAsync(Lost, log);

        JsonElement back = await _cluster.HealthAsync(Lost, h => h.GetProperty("signs").GetBoolean());
        Assert.That(back.GetProperty("height").GetUInt64(), Is.GreaterThanOrEqualTo(32), "the checkpoint that its log ends at");
        Assert.That(log.Lines, Has.Some.Contains("this node votes again"));
        // A quorum is three of four: without its votes nothing could be decided now.
        await _cluster.StopAsync(3);
        Hash later = await TransferAsync(0);
        await _cluster.ReceiptAsync(Lost, later);
        Assert.That(await _cluster.BalanceAsync(Lost), Is.EqualTo(await _cluster.BalanceAsync(0)));
    }
}
