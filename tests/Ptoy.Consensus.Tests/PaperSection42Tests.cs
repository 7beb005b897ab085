using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Consensus.Tests;

/// <summary>Castro and Liskov, section 4.2: normal-case operation, as transcripts.</summary>
public sealed class PaperSection42Tests
{
    [Test]
    public void One_height_takes_pre_prepare_prepare_commit_and_one_vote_on_the_result()
    {
        using var cluster = new Cluster();
        cluster.Decide(0, 1, 2);
        Assert.That(cluster.Transcript, Is.EqualTo(new[]
        {
            "0 → all: pre-prepare v0 h1",
            "1 → all: prepare v0 h1",
            "2 → all: prepare v0 h1",
            "3 → all: prepare v0 h1",
            "2 → all: commit v0 h1",
            "3 → all: commit v0 h1",
            "0 → all: commit v0 h1",
            "1 → all: commit v0 h1",
            "0 → all: executed h1",
            "1 → all: executed h1",
            "2 → all: executed h1",
            "3 → all: executed h1",
        }), string.Join('\n', cluster.Transcript));
    }

    [Test]
    public void Every_replica_decides_the_same_block_and_holds_both_certificates()
    {
        using var cluster = new Cluster();
        cluster.Decide(0, 1, 2);
        foreach (Node node in cluster.Nodes)
        {
            DecidedBlock decided = node.Decided.Single();
            Assert.That(decided.BlockHash, Is.EqualTo(cluster.Nodes[0].Decided.Single().BlockHash));
            Assert.That(decided.Certificate.Verify(cluster.Set), Is.Null);
            Assert.That(node.Certificates.Single().Verify(cluster.Set), Is.Null);
        }
    }

    [TestCase(4, 3)]
    [TestCase(5, 4)]
    [TestCase(6, 4)]
    [TestCase(7, 5)]
    [TestCase(10, 7)]
    public void A_quorum_decides_and_one_fewer_does_not(int n, int quorum)
    {
        using var cluster = new Cluster(n);
        cluster.Arrives = (from, to, _) => from < quorum && to < quorum;
        cluster.Decide(0, 1);
        Assert.That(cluster.Nodes.Count(x => x.Decided.Count == 1), Is.EqualTo(quorum));

        using var small = new Cluster(n);
        small.Arrives = (from, to, _) => from < quorum - 1 && to < quorum - 1;
        small.Decide(0, 1);
        Assert.That(small.Nodes.Count(x => x.Decided.Count > 0), Is.Zero);
        Assert.That(small.Transcript, Has.None.Contains("commit"));
    }

    [Test]
    public void Nothing_is_prepared_before_the_bodies_are_held_and_they_are_synced_with_the_vote()
    {
        using var cluster = new Cluster();
        Node node = cluster.Nodes[1];
        node.HoldsBodies = true;
        cluster.Decide(0, 1);
        Assert.That(cluster.Transcript, Has.None.StartsWith("1 → all: prepare"));
        BodyRequest want = node.History.SelectMany(r => r.WantBodies).Single();

        cluster.Step(1, new BodiesReady(want.Height, want.BlockHash));

        Ready vote = node.History.Single(r => r.Send.Any(s => s.Envelope.Message is Prepare));
        Assert.That(vote.SyncBodies.Single().ComputeHash(), Is.EqualTo(want.BlockHash));
        Assert.That(vote.Persist.Select(p => p.Key.Kind), Is.SupersetOf(new[] { LogKind.Block, LogKind.Prepare }));
        Assert.That(vote.MustSync, Is.True);
    }

    [Test]
    public void Bodies_that_nobody_gave_are_asked_for_again()
    {
        using var cluster = new Cluster(4, c => c with { ResendTicks = 4 });
        cluster.Arrives = (_, _, e) => e.Message is not Commit;
        Node node = cluster.Nodes[1];
        node.HoldsBodies = true;
        cluster.Decide(0, 1);
        cluster.Tick(19);
        Assert.That(node.History.SelectMany(r => r.WantBodies).Count(), Is.EqualTo(1));
        cluster.Tick(5);
        Assert.That(node.History.SelectMany(r => r.WantBodies).Count(), Is.EqualTo(2));
    }

    [Test]
    public void Several_heights_are_in_flight_and_are_delivered_in_order()
    {
        using var cluster = new Cluster();
        for (int i = 1; i <= 5; i++) cluster.Propose(0, i);
        cluster.Settle();
        Assert.That(cluster.Nodes[3].Decided.Select(d => d.Block.Header.Height), Is.EqualTo(new ulong[] { 1, 2, 3, 4, 5 }));
    }

    [Test]
    public void The_primary_proposes_no_further_ahead_than_allowed()
    {
        using var cluster = new Cluster(4, c => c with { MaxInFlight = 2 });
        for (int i = 1; i <= 5; i++) cluster.Propose(0, i);
        Assert.That(cluster.Transcript.Count(t => t.Contains("pre-prepare", StringComparison.Ordinal)), Is.EqualTo(2));
        Assert.That(cluster[0].WantProposal, Is.Null);
        cluster.Settle();
        Assert.That(cluster[0].WantProposal!.Height, Is.EqualTo(3));
    }

    [Test]
    public void A_replica_that_has_not_executed_what_a_header_rests_on_holds_the_proposal()
    {
        using var cluster = new Cluster();
        cluster.Arrives = (from, to, _) => from != 2 && to != 2;
        cluster.Nodes[3].HoldsExecution = true;
        cluster.Decide(0, 1);
        cluster.Decide(0, 2);
        Assert.That(cluster.Transcript, Has.None.EqualTo("3 → all: prepare v0 h2"));

        cluster.Nodes[3].HoldsExecution = false;
        cluster.Execute(cluster.Nodes[3]);
        cluster.Settle();

        Assert.That(cluster.Transcript, Has.One.Contains("3 → all: prepare v0 h2"));
        Assert.That(cluster.Nodes[3].Decided, Has.Count.EqualTo(2));
    }

    [Test]
    public void A_replica_whose_state_differs_from_a_prepared_block_halts()
    {
        using var cluster = new Cluster();
        cluster.StateOf = (node, _) => node == 3 ? "wrong" : "state";
        // Without execution votes the header alone has to show it.
        cluster.Arrives = (_, _, e) => e.Votes.Length == 0;
        cluster.Decide(0, 1);
        cluster.Decide(0, 2);
        Assert.That(cluster[3].Halted, Does.StartWith("state diverged: the block of height 2 rests on another state of height 1"));
        Assert.That(cluster.Nodes[3].History[^1].Halted, Is.Not.Null);
        Assert.That(cluster.Nodes.Take(3).Select(n => n.Replica.Halted), Has.All.Null);
    }

    [Test]
    public void A_replica_whose_state_differs_from_a_certificate_halts()
    {
        using var cluster = new Cluster();
        cluster.StateOf = (node, _) => node == 2 ? "wrong" : "state";
        cluster.Decide(0, 1);
        Assert.That(cluster[2].Halted, Does.Contain("a quorum certified another result of height 1"));
    }

    [Test]
    public void A_proposal_dated_too_far_ahead_waits_for_the_clock()
    {
        using var cluster = new Cluster(4, c => c with { MaxDriftMs = 100, ViewTimeoutTicks = 1000 });
        cluster.Step(0, new Propose([Cluster.Tx(1)], cluster.NowMs + 400));
        cluster.Settle();
        Assert.That(cluster.Transcript, Has.None.Contains(": prepare"));
        cluster.Tick(60);
        Assert.That(cluster.Nodes[1].Decided, Has.Count.EqualTo(1));
    }

    [Test]
    public void Two_blocks_for_one_height_and_view_are_evidence_and_only_the_first_is_prepared()
    {
        using var cluster = new Cluster();
        cluster.Arrives = (_, _, _) => false;
        cluster.Decide(0, 1);
        Block first = cluster.Nodes[0].History.SelectMany(r => r.Send).Select(s => s.Envelope.Message).OfType<PrePrepare>().Single().Block;
        Block second = first with { Header = first.Header with { TimeMs = first.Header.TimeMs + 1 } };
        foreach (Block block in new[] { first, second })
        {
            Hash hash = block.ComputeHash();
            cluster.Say(0, 1, new PrePrepare(0, block, cluster.SignVote(0, VoteStatement.PrepareDomain, 0, 1, hash)));
        }
        Prepare vote = cluster.Nodes[1].History.SelectMany(r => r.Send).Select(s => s.Envelope.Message).OfType<Prepare>().Single();
        Evidence evidence = cluster.Nodes[1].History.SelectMany(r => r.Evidence).Single();
        Assert.That(vote.BlockHash, Is.EqualTo(first.ComputeHash()));
        Assert.That(evidence.Replica, Is.Zero);
        Assert.That(evidence.Second.BlockHash, Is.EqualTo(second.ComputeHash()));
    }

    [Test]
    public void Lost_votes_are_sent_again_until_the_height_is_decided()
    {
        using var cluster = new Cluster();
        bool lossy = true;
        cluster.Arrives = (_, _, e) => !lossy || e.Message is not (Prepare or Commit);
        cluster.Decide(0, 1);
        Assert.That(cluster.Nodes.Sum(n => n.Decided.Count), Is.Zero);
        lossy = false;
        cluster.Tick(25);
        Assert.That(cluster.Nodes.Select(n => n.Decided.Count), Has.All.EqualTo(1));
        Assert.That(cluster[0].View, Is.Zero);
    }

    [Test]
    public void An_idle_primary_is_told_when_a_heartbeat_block_is_due()
    {
        using var cluster = new Cluster(4, c => c with { HeartbeatTicks = 20 });
        Assert.That(cluster[0].WantProposal!.HeartbeatDue, Is.False);
        cluster.Tick(20);
        Assert.That(cluster[0].WantProposal!.HeartbeatDue, Is.True);
        Assert.That(cluster.Nodes[0].History[^1].WantProposal!.HeartbeatDue, Is.True);
        cluster.Decide(0);
        Assert.That(cluster.Nodes[2].Decided.Single().Block.TransactionHashes, Is.Empty);
        Assert.That(cluster[0].WantProposal!.HeartbeatDue, Is.False);
    }
}
