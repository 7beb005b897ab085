using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Consensus.Tests;

/// <summary>Restarts: what the log is for.</summary>
public sealed class RecoveryTests
{
    /// <summary>Height 1 is prepared by node 1, which then restarts.</summary>
    private static (Cluster Cluster, Block Block, Prepare Vote) VotedAndRestarted()
    {
        var cluster = new Cluster();
        cluster.Arrives = (_, to, e) => e.Message is PrePrepare && to == 1;
        cluster.Decide(0, 1);
        Node node = cluster.Nodes[1];
        Prepare vote = node.History.SelectMany(r => r.Send).Select(s => s.Envelope.Message).OfType<Prepare>().Single();
        Block block = cluster.Nodes[0].History.SelectMany(r => r.Send).Select(s => s.Envelope.Message).OfType<PrePrepare>().Single().Block;
        node.History.Clear();
        cluster.Arrives = (_, _, e) => e.Message is Status;
        cluster.Restart(1);
        cluster.Settle();
        return (cluster, block, vote);
    }

    [Test]
    public void The_same_vote_is_sent_again_after_a_restart()
    {
        (Cluster cluster, _, Prepare vote) = VotedAndRestarted();
        using (cluster)
        {
            Prepare again = cluster.Nodes[1].History.SelectMany(r => r.Send).Select(s => s.Envelope.Message).OfType<Prepare>().First();
            Assert.That(again, Is.EqualTo(vote));
        }
    }

    [Test]
    public void A_contradictory_vote_is_refused_after_a_restart()
    {
        (Cluster cluster, Block block, Prepare vote) = VotedAndRestarted();
        using (cluster)
        {
            Block other = block with { Header = block.Header with { TimeMs = block.Header.TimeMs + 1 } };
            Hash hash = other.ComputeHash();
            cluster.Say(0, 1, new PrePrepare(0, other, cluster.SignVote(0, VoteStatement.PrepareDomain, 0, 1, hash)));
            IEnumerable<Prepare> votes = cluster.Nodes[1].History.SelectMany(r => r.Send).Select(s => s.Envelope.Message).OfType<Prepare>();
            Assert.That(votes.Select(v => v.BlockHash).Distinct(), Is.EqualTo(new[] { vote.BlockHash }));
        }
    }

    [Test]
    public void A_restarted_primary_goes_on_after_its_last_proposal()
    {
        using var cluster = new Cluster();
        cluster.Arrives = (_, _, _) => false;
        cluster.Decide(0, 1);
        cluster.Arrives = (_, _, _) => true;
        cluster.Restart(0);
        cluster.Settle();
        cluster.Tick(30);
        Assert.That(cluster.Nodes.Select(n => n.Decided.Count), Has.All.EqualTo(1));
        Assert.That(cluster[0].WantProposal!.Height, Is.EqualTo(2));
    }

    [Test]
    public void All_restart_at_once_and_go_on()
    {
        using var cluster = new Cluster();
        cluster.Decide(0, 1);
        cluster.Arrives = (_, _, e) => e.Message is not Commit;
        cluster.Decide(0, 2);
        cluster.Arrives = (_, _, _) => true;
        for (int i = 0; i < 4; i++) cluster.Restart(i);
        cluster.Tick(30);
        Assert.That(cluster.Nodes.Select(n => n.Ledger[^1]), Has.All.EqualTo(cluster.Nodes[0].Ledger[^1]));
        Assert.That(cluster.Nodes[0].Ledger[^1].Height, Is.EqualTo(2));
    }

    [Test]
    public void An_open_view_and_an_asked_for_view_survive_a_restart()
    {
        using var cluster = new Cluster();
        foreach (int node in new[] { 1, 2, 3 }) cluster.GiveUp(node);
        cluster.Settle();
        cluster.Arrives = (_, _, _) => false;
        cluster.GiveUp(2);
        cluster.Restart(1);
        cluster.Restart(2);
        Assert.That((cluster[1].View, cluster[1].ViewActive), Is.EqualTo((1UL, true)));
        Assert.That((cluster[2].View, cluster[2].ViewActive), Is.EqualTo((2UL, false)));
    }

    [Test]
    public void A_missing_log_makes_a_learner_also_the_second_time()
    {
        using var cluster = new Cluster();
        cluster.Decide(0, 1);
        cluster.Nodes[2].Log.Clear();
        for (int i = 0; i < 2; i++)
        {
            cluster.Restart(2);
            cluster.Settle();
            Assert.That(cluster[2].Signs, Is.False);
        }
        Assert.That(cluster.Nodes[2].Notices, Has.Some.StartsWith("the consensus log is missing, but the ledger has 1 blocks"));
        cluster.Transcript.Clear();
        cluster.Decide(0, 2);
        Assert.That(cluster.Nodes[2].Ledger, Has.Count.EqualTo(3));
        Assert.That(cluster.Transcript, Has.None.StartsWith("2 → all"));
    }

    [Test]
    public void A_log_older_than_what_peers_hold_makes_a_learner()
    {
        using var cluster = new Cluster();
        List<LogRecord> old = cluster.Nodes[2].Records;
        cluster.Arrives = (_, _, e) => e.Message is not Commit;
        cluster.Decide(0, 1);
        cluster.Nodes[2].Log.Clear();
        foreach (LogRecord record in old) cluster.Nodes[2].Log[record.Key] = record.Value!;
        cluster.Tick(10);
        cluster.Transcript.Clear();
        cluster.Restart(2);
        cluster.Settle();
        Assert.That(cluster[2].Signs, Is.False);
        Assert.That(cluster.Nodes[2].Notices, Has.Some.Contains("that the consensus log does not know"));
        Assert.That(cluster.Transcript, Has.None.StartsWith("2 → all"));
    }

    [Test]
    public void Nothing_new_is_signed_before_a_quorum_was_heard()
    {
        using var cluster = new Cluster();
        cluster.Arrives = (_, _, _) => false;
        cluster.Restart(1);
        cluster.Arrives = (_, _, e) => e.Message is not Status;
        cluster.Decide(0, 1);
        Assert.That(cluster.Transcript, Has.None.Match("^1 → all: (prepare|commit)"));
        cluster.Arrives = (_, _, _) => true;
        cluster.Tick(25);
        cluster.Decide(0, 2);
        Assert.That(cluster.Transcript, Has.Some.EqualTo("1 → all: prepare v0 h2"));
    }

    [Test]
    public void A_damaged_log_makes_a_learner_that_names_the_place()
    {
        using var cluster = new Cluster();
        cluster.Decide(0, 1);
        LogKey key = cluster.Nodes[1].Log.Keys.Single(k => k.Kind == LogKind.Commit);
        cluster.Nodes[1].Log[key] = [1, 2, 3];
        cluster.Restart(1);
        Assert.That(cluster[1].Signs, Is.False);
        Assert.That(cluster.Nodes[1].Notices, Has.Some.StartsWith("the consensus log is damaged at Commit of height 1, view 0"));
    }

    [Test]
    public void Another_nodes_log_is_refused()
    {
        using var cluster = new Cluster();
        byte[] marker = cluster.Nodes[2].Log[new LogKey(LogKind.Marker, 0, 0)];
        cluster.Nodes[1].Log[new LogKey(LogKind.Marker, 0, 0)] = marker;
        Assert.That(() => cluster.Restart(1), Throws.TypeOf<ConsensusLogException>().With.Message.Contains("another node key or chain"));
    }

    /// <summary>After the ledger was lost and the log was not, this says how far the ledger has to come first.</summary>
    [Test]
    public void A_log_says_how_far_the_ledger_has_to_be()
    {
        using var cluster = new Cluster(4, c => c with { CheckpointInterval = 2 });
        Assert.That(LogReach.Of([]), Is.EqualTo(new LogReach(0, 0, false)));
        for (int i = 1; i <= 3; i++) cluster.Decide(0, i);
        cluster.Tick(5);
        LogReach reach = LogReach.Of(cluster.Nodes[1].Records);
        Assert.That(reach, Is.EqualTo(new LogReach(2, 0, true)));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(reach.IsAheadOf(1, 0), Is.True);
            Assert.That(reach.IsAheadOf(2, 0), Is.False);
            Assert.That(reach.MayMissLedger(2, 0), Is.False);
            Assert.That(new LogReach(0, 0, true).MayMissLedger(0, 0), Is.True, "votes, and nothing executed");
            Assert.That(new LogReach(0, 1, true).IsAheadOf(500, 0), Is.True, "of an epoch that the ledger has not come to");
        }
        var unreadable = new LogRecord(new LogKey(LogKind.Checkpoint, 900, 0), [1, 2, 3]);
        Assert.That(LogReach.Of([.. cluster.Nodes[1].Records, unreadable]), Is.EqualTo(reach), "damage is found when the replica starts");
    }

    /// <summary>Why it has to be: a replica on less of a ledger than its log was written upon refuses to start.</summary>
    [Test]
    public void A_ledger_that_is_as_far_as_the_log_says_is_started_upon_and_votes()
    {
        using var cluster = new Cluster(4, c => c with { CheckpointInterval = 2 });
        for (int i = 1; i <= 3; i++) cluster.Decide(0, i);
        cluster.Tick(5);
        Node node = cluster.Nodes[1];
        ExecutionStatement[] all = [.. node.Ledger];
        node.Ledger.RemoveRange(2, 2);
        Assert.That(() => cluster.Restart(1), Throws.TypeOf<ConsensusLogException>().With.Message.Contain("checkpoint of height 2"));
        node.Ledger.Clear();
        node.Ledger.AddRange(all);
        cluster.Restart(1);
        cluster.Tick(30);
        Assert.That(cluster[1].Signs, Is.True);
        cluster.Decide(0, 4);
        Assert.That(cluster[1].Committed, Is.EqualTo(4));
    }
}
