using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Wire;

namespace Ptoy.Consensus.Tests;

/// <summary>The barrier at which one validator set hands over to the next.</summary>
public sealed class EpochTests
{
    private const ulong Barrier = 10;

    /// <summary>A change of members passed at height 2; window 8.</summary>
    private static Cluster Ending() =>
        new(4, c => c with { CheckpointInterval = 4, Window = 8, MaxInFlight = 4 }) { Ends = (2, Barrier) };

    private static ExecutionCertificate? EpochEnded(Cluster cluster, int node) =>
        cluster.Nodes[node].History.Select(r => r.EpochEnded).SingleOrDefault(e => e is not null);

    private static void RunToTheEnd(Cluster cluster)
    {
        for (int i = 1; i <= (int)Barrier; i++) cluster.Decide(0, i);
    }

    [Test]
    public void The_primary_proposes_at_once_up_to_the_barrier_and_nothing_above_it()
    {
        using Cluster cluster = Ending();
        cluster.Decide(0, 1);
        Assert.That(cluster[0].WantProposal!.HeartbeatDue, Is.False);
        cluster.Decide(0, 2);
        for (ulong height = 3; height <= Barrier; height++)
        {
            Assert.That((cluster[0].WantProposal!.Height, cluster[0].WantProposal!.HeartbeatDue), Is.EqualTo((height, true)));
            cluster.Decide(0);
        }
        Assert.That(cluster[0].WantProposal, Is.Null);
        cluster.Propose(0, 99);
        cluster.Settle();
        Assert.That(cluster.Nodes.Select(n => n.Replica.Committed), Has.All.EqualTo(Barrier));
    }

    [Test]
    public void The_certificate_of_the_barrier_names_the_next_set_and_ends_the_epoch_once()
    {
        using Cluster cluster = Ending();
        RunToTheEnd(cluster);
        cluster.Tick(100);
        for (int node = 0; node < 4; node++)
        {
            ExecutionStatement statement = EpochEnded(cluster, node)!.Statement;
            Assert.That((statement.Height, statement.NextValidators), Is.EqualTo((Barrier, cluster.NextSet.ComputeHash())));
        }
    }

    [Test]
    public void A_proposal_above_the_barrier_is_not_voted_for()
    {
        using Cluster cluster = Ending();
        RunToTheEnd(cluster);
        ExecutionStatement last = cluster.Nodes[0].Ledger[^1];
        var header = new BlockHeader(Cluster.ChainId, 0, Barrier + 1, MerkleTree.Root([]), cluster.NowMs, Barrier, last.ChainHash, last.StateRoot);
        Hash hash = header.ComputeHash();
        cluster.Transcript.Clear();
        cluster.Say(0, 1, new PrePrepare(0, new Block(header, []), cluster.SignVote(0, VoteStatement.PrepareDomain, 0, Barrier + 1, hash)));
        cluster.Settle();
        Assert.That(cluster.Transcript, Is.Empty);
        Assert.That(cluster.Nodes[1].Log.Keys.Select(k => k.Height), Has.All.LessThanOrEqualTo(Barrier));
    }

    [Test]
    public void The_next_epoch_starts_at_view_0_above_the_barrier_and_forgets_the_votes_of_the_last_one()
    {
        using Cluster cluster = Ending();
        cluster.Arrives = (from, _, e) => from != 0 || e.Message is Status;
        cluster.GiveUp(1);
        cluster.GiveUp(2);
        cluster.GiveUp(3);
        cluster.Settle();
        cluster.Arrives = (_, _, _) => true;
        cluster.Tick(30);
        for (int i = 1; i <= (int)Barrier; i++) cluster.Decide(1, i);
        Assert.That(cluster.Nodes[2].Log.Keys.Select(k => k.Kind), Has.Member(LogKind.NewView));
        for (int node = 0; node < 4; node++) cluster.NextEpoch(node);
        cluster.Settle();
        Assert.That(cluster.Nodes[2].Log.Keys, Is.EquivalentTo(new[] { new LogKey(LogKind.Marker, 0, 0) }));
        Assert.That((cluster[0].View, cluster[0].EpochBase, cluster[0].Stable), Is.EqualTo((0UL, Barrier, Barrier)));
        for (int i = 20; i <= 25; i++) cluster.Decide(0, i);
        Assert.That(cluster.Nodes.Select(n => n.Replica.Committed), Has.All.EqualTo(Barrier + 6));
        Assert.That(cluster.Nodes[3].Certificates.Last().Statement.Epoch, Is.EqualTo(1));
    }

    [Test]
    public void A_view_change_in_the_next_epoch_before_its_first_certificate_keeps_what_was_prepared()
    {
        using Cluster cluster = Ending();
        RunToTheEnd(cluster);
        for (int node = 0; node < 4; node++) cluster.NextEpoch(node);
        cluster.Settle();
        cluster.Arrives = (_, _, e) => e.Message is not Commit && e.Votes.Length == 0;
        cluster.Decide(0, 20);
        cluster.Arrives = (from, to, _) => from != 0 && to != 0;
        cluster.Transcript.Clear();
        foreach (int node in new[] { 1, 2, 3 }) cluster.GiveUp(node);
        cluster.Settle();
        Assert.That(cluster.Transcript, Has.Some.Contains("view-change v1 above 0, prepared [11]").And.Some.Contains("new-view v1, proposes [11]"));
        Assert.That(cluster.Nodes[2].Decided[^1].Block.TransactionHashes, Is.EqualTo(new[] { Cluster.Tx(20) }));
    }

    [Test]
    public void A_restart_in_the_middle_of_an_ending_epoch_knows_the_barrier()
    {
        using Cluster cluster = Ending();
        for (int i = 1; i <= 4; i++) cluster.Decide(0, i);
        cluster.Nodes[3].Barrier = Barrier;
        cluster.Restart(3);
        cluster.Settle();
        Assert.That(cluster[3].Barrier, Is.EqualTo(Barrier));
        for (int i = 5; i <= (int)Barrier; i++) cluster.Decide(0, i);
        Assert.That(EpochEnded(cluster, 3), Is.Not.Null);
        cluster.Restart(3);
        Assert.That(cluster.Nodes[3].History[^1].EpochEnded?.Statement.Height, Is.EqualTo(Barrier), "said again after a restart");
    }

    [Test]
    public void A_straggler_ends_its_epoch_with_the_certificate_alone()
    {
        using Cluster cluster = Ending();
        cluster.Arrives = (_, to, e) => to != 3 || e.Votes.Length == 0;
        RunToTheEnd(cluster);
        Assert.That(EpochEnded(cluster, 3), Is.Null);
        cluster.Say(1, 3, new Checkpoint(EpochEnded(cluster, 1)!));
        Assert.That(EpochEnded(cluster, 3), Is.Not.Null);
    }

    [Test]
    public void A_barrier_that_nobody_reaches_is_fetched_no_further()
    {
        using Cluster cluster = Ending();
        cluster.Arrives = (_, to, _) => to != 3;
        RunToTheEnd(cluster);
        cluster.Arrives = (_, _, _) => true;
        foreach (CertifiedBlock block in cluster.Nodes[0].Blocks.Take(4)) cluster.Step(3, new CommittedBlock(cluster.Verifier.VerifyBlock(block, out _)!));
        cluster.Tick(60);
        FetchRequest fetch = cluster.Nodes[3].History.Select(r => r.Fetch).Last(f => f is not null)!;
        Assert.That(fetch.To, Is.LessThanOrEqualTo(Barrier));
    }

    [Test]
    public void Replicas_that_have_decided_everything_ask_for_no_view()
    {
        using Cluster cluster = Ending();
        RunToTheEnd(cluster);
        cluster.Tick(3000);
        Assert.That(cluster.Nodes.Select(n => n.Replica.View), Has.All.EqualTo(0UL));
    }

    [Test]
    public void With_a_barrier_ahead_a_silent_primary_is_replaced_even_without_work()
    {
        using Cluster cluster = Ending();
        cluster.Decide(0, 1);
        cluster.Decide(0, 2);
        cluster.Nodes[0].Up = false;
        cluster.Tick(100);
        Assert.That(cluster.Nodes.Skip(1).Select(n => (n.Replica.View, n.Replica.ViewActive)), Has.All.EqualTo((1UL, true)));
    }

    [Test]
    public void Records_of_a_later_epoch_mean_that_the_ledger_lost_blocks()
    {
        using Cluster cluster = Ending();
        RunToTheEnd(cluster);
        for (int node = 0; node < 4; node++) cluster.NextEpoch(node);
        cluster.Settle();
        foreach (int node in new[] { 1, 2, 3 }) cluster.GiveUp(node);
        cluster.Settle();
        using SigningKey key = Cluster.KeyOf(2);
        var config = new ReplicaConfig { ChainId = Cluster.ChainId, Validators = cluster.Set, Self = 2, Signer = new Ed25519Signer(key) };
        var ledger = new LedgerState([.. cluster.Nodes[2].Ledger.Take(5)], null);
        Assert.That(() => new Replica(config, ledger, cluster.Nodes[2].Records, 0),
            Throws.TypeOf<ConsensusLogException>().With.Message.StartsWith("the consensus log has a record of epoch 1, but the ledger is in epoch 0"));
    }

    [Test]
    public void A_key_that_is_new_in_the_set_may_sign_without_an_earlier_log_and_another_may_not()
    {
        using Cluster cluster = Ending();
        RunToTheEnd(cluster);
        cluster.Nodes[3].Log.Clear();
        cluster.NextEpoch(3);
        Assert.That(cluster[3].Signs, Is.False);
        cluster.Nodes[3].Log.Clear();
        cluster.NextEpoch(3, c => c with { KeyIsNew = true });
        Assert.That(cluster[3].Signs, Is.True);
        Assert.That(cluster.Nodes[3].Log, Has.Count.EqualTo(1), "the marker");
    }

    [Test]
    public void Wrong_barriers_are_errors_of_the_driver()
    {
        using Cluster cluster = Ending();
        cluster.Decide(0, 1);
        cluster.Decide(0, 2);
        cluster.Nodes[0].HoldsExecution = true;
        cluster.Decide(0, 3);
        ExecutionStatement last = cluster.Nodes[0].Ledger[^1];
        ExecutionStatement next = last with { Height = 3 };
        Assert.That(() => cluster.Step(0, new Executed(next, 11)), Throws.ArgumentException.With.Message.StartsWith("the epoch was to end at height 10, not 11"));
        Assert.That(() => cluster.Step(0, new Executed(next with { NextValidators = Cluster.Tx(1) }, Barrier)),
            Throws.ArgumentException.With.Message.StartsWith("height 3 names next validators, but is not the last of epoch 0"));
        Assert.That(() => new Replica(new ReplicaConfig { ChainId = Cluster.ChainId, Validators = cluster.Set, Self = -1 },
            new LedgerState([last], null) { EpochBase = 3 }, [], 0), Throws.ArgumentException.With.Message.StartsWith("the epoch begins above height 3"));
    }
}
