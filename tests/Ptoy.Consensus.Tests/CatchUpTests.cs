using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Consensus.Tests;

/// <summary>Replicas that missed something.</summary>
public sealed class CatchUpTests
{
    [Test]
    public void A_replica_far_behind_asks_for_certified_blocks_and_takes_them()
    {
        using var cluster = new Cluster(4, c => c with { CheckpointInterval = 4, Window = 8, MaxInFlight = 4 });
        cluster.Arrives = (_, to, _) => to != 3;
        for (int i = 1; i <= 20; i++) cluster.Decide(0, i);
        Assert.That(cluster[3].Committed, Is.Zero);
        cluster.Arrives = (_, _, _) => true;
        cluster.Tick(60);
        FetchRequest fetch = cluster.Nodes[3].History.Select(r => r.Fetch).Last(f => f is not null)!;
        Assert.That((fetch.From, fetch.To), Is.EqualTo((1UL, 20UL)));
        Assert.That(fetch.Replicas, Is.EquivalentTo(new[] { 0, 1, 2 }));
        foreach (CertifiedBlock block in cluster.Nodes[0].Blocks)
            cluster.Step(3, new CommittedBlock(cluster.Verifier.VerifyBlock(block, out _)!));
        Assert.That(cluster.Nodes[3].Ledger[^1], Is.EqualTo(cluster.Nodes[0].Ledger[^1]));
        cluster.Tick(60);
        Assert.That(cluster[3].Stable, Is.EqualTo(20));
    }

    [Test]
    public void Claims_of_f_replicas_alone_start_no_fetch()
    {
        using var cluster = new Cluster(4, c => c with { StatusTicks = 5 });
        cluster.Arrives = (from, to, _) => to != 3 || from == 0;
        for (int i = 1; i <= 3; i++) cluster.Decide(0, i);
        cluster.Arrives = (from, to, e) => to != 3 || (from == 0 && e.Message is Status);
        cluster.Tick(40);
        Assert.That(cluster.Nodes[3].History.Select(r => r.Fetch), Has.All.Null);
    }

    [Test]
    public void A_replica_that_lost_the_last_commits_gets_the_decision()
    {
        using var cluster = new Cluster();
        cluster.Arrives = (_, to, e) => to != 3 || (e.Message is not Commit && e.Votes.Length == 0);
        cluster.Decide(0, 1);
        Assert.That(cluster[3].Committed, Is.Zero);
        cluster.Tick(60);
        Assert.That(cluster[3].Committed, Is.EqualTo(1));
        Assert.That(cluster.Transcript, Has.Some.EndsWith("→ 3: Decision"));
    }

    [Test]
    public void A_replica_that_lacks_a_block_asks_those_who_prepared_it()
    {
        using var cluster = new Cluster();
        cluster.Arrives = (_, to, e) => to != 3 || e.Message is not PrePrepare;
        cluster.Decide(0, 1);
        Assert.That(cluster.Transcript, Has.Some.Contains("3 → ").And.Some.Contains("BlockRequest"));
        Assert.That(cluster[3].Committed, Is.EqualTo(1));
    }

    [Test]
    public void A_learner_follows_and_sends_nothing()
    {
        using var cluster = new Cluster();
        cluster.Decide(0, 1);
        var config = new ReplicaConfig { ChainId = Cluster.ChainId, Validators = cluster.Set, Self = -1 };
        var learner = new Replica(config, new LedgerState(cluster.Nodes[0].Ledger.Take(1).ToList(), null), [], 1_000_000);
        learner.Step(new CommittedBlock(cluster.Verifier.VerifyBlock(cluster.Nodes[0].Blocks[0], out _)!));
        for (int i = 0; i < 200; i++) learner.Tick(1_000_000);
        Ready ready = learner.TakeReady();
        Assert.That(ready.Committed.Single().BlockHash, Is.EqualTo(cluster.Nodes[0].Decided[0].BlockHash));
        Assert.That(ready.Send, Is.Empty);
        Assert.That(ready.Persist, Is.Empty);
    }

    [Test]
    public void A_certified_block_with_another_blocks_certificate_is_refused()
    {
        using var cluster = new Cluster();
        cluster.Decide(0, 1);
        cluster.Decide(0, 2);
        CertifiedBlock[] blocks = [.. cluster.Nodes[0].Blocks];
        Assert.That(cluster.Verifier.VerifyBlock(blocks[0], out string error), Is.Not.Null, error);
        Assert.That(cluster.Verifier.VerifyBlock(blocks[0] with { Certificate = blocks[1].Certificate }, out error), Is.Null);
        Assert.That(error, Is.EqualTo("the certificate is for another block"));
        CommitCertificate thin = blocks[0].Certificate with { Signatures = blocks[0].Certificate.Signatures[..2] };
        Assert.That(cluster.Verifier.VerifyBlock(blocks[0] with { Certificate = thin }, out error), Is.Null);
        Assert.That(error, Is.EqualTo("2 signatures, fewer than the quorum of 3"));
    }

    [Test]
    public void Execution_reported_out_of_order_is_an_error_of_the_driver()
    {
        using var cluster = new Cluster();
        ExecutionStatement genesis = cluster.Nodes[0].Ledger[0];
        Assert.That(() => cluster.Step(0, new Executed(genesis with { Height = 2 })),
            Throws.ArgumentException.With.Message.StartsWith("height 2 is reported as executed after 0, with 0 committed"));
    }

    [Test]
    public void Unusable_configuration_is_refused_with_its_reason()
    {
        using var cluster = new Cluster();
        var config = new ReplicaConfig { ChainId = Cluster.ChainId, Validators = cluster.Set, Self = 1 };
        var ledger = new LedgerState(cluster.Nodes[0].Ledger, null);
        Assert.That(() => new Replica(config, ledger, [], 0), Throws.ArgumentException.With.Message.StartsWith("a validator needs its node key"));
        Assert.That(() => new Replica(config with { Self = 9 }, ledger, [], 0), Throws.ArgumentException.With.Message.StartsWith("self is 9"));
        Assert.That(() => new Replica(config with { Self = -1, Window = 300 }, ledger, [], 0), Throws.ArgumentException.With.Message.StartsWith("window is 300"));
        Assert.That(() => new Replica(config with { Self = -1 }, new LedgerState([], null), [], 0), Throws.ArgumentException.With.Message.Contains("not even genesis"));
    }
}
