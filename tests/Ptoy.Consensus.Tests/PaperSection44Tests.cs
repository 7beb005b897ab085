using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Wire;

namespace Ptoy.Consensus.Tests;

/// <summary>Sections 4.4 and 4.5: view changes and liveness.</summary>
public sealed class PaperSection44Tests
{
    private static Cluster WithSilentPrimary()
    {
        var cluster = new Cluster();
        cluster.Nodes[0].Up = false;
        foreach (int node in new[] { 1, 2, 3 }) cluster.Step(node, new PendingWork(true));
        return cluster;
    }

    [Test]
    public void A_silent_primary_is_replaced_by_the_next()
    {
        using Cluster cluster = WithSilentPrimary();
        cluster.Tick(62);
        Assert.That(cluster.Transcript, Is.EqualTo(new[]
        {
            "2 → all: view-change v1 above 0, prepared []",
            "3 → all: view-change v1 above 0, prepared []",
            "1 → all: view-change v1 above 0, prepared []",
            "1 → all: new-view v1, proposes []",
        }), string.Join('\n', cluster.Transcript));
        cluster.Decide(1, 1);
        Assert.That(cluster.Nodes.Select(n => n.Decided.Count), Is.EqualTo(new[] { 0, 1, 1, 1 }));
    }

    [Test]
    public void A_primary_whose_connections_broke_is_replaced_sooner()
    {
        using Cluster cluster = WithSilentPrimary();
        foreach (int node in new[] { 1, 2, 3 }) cluster.Step(node, new PeerLink(0, false));
        cluster.Tick(14);
        Assert.That(cluster.Transcript, Is.Empty);
        cluster.Tick(3);
        Assert.That(cluster.Transcript[^1], Is.EqualTo("1 → all: new-view v1, proposes []"), string.Join('\n', cluster.Transcript));
    }

    [Test]
    public void A_connection_that_is_made_again_or_a_word_from_the_primary_ends_the_hint()
    {
        using Cluster cluster = WithSilentPrimary();
        foreach (int node in new[] { 1, 2, 3 }) cluster.Step(node, new PeerLink(0, false));
        cluster.Tick(10);
        cluster.Step(1, new PeerLink(0, true));
        cluster.Step(2, new PeerLink(0, true));
        cluster.Say(0, 3, new Prepare(0, 1, Cluster.Tx(1), cluster.SignVote(0, VoteStatement.PrepareDomain, 0, 1, Cluster.Tx(1))));
        cluster.Tick(12);
        Assert.That(cluster.Nodes.Skip(1).Select(n => n.Replica.View), Has.All.Zero);
    }

    [Test]
    public void A_broken_connection_blames_nobody_while_heights_are_decided()
    {
        using var cluster = new Cluster();
        cluster.Step(3, new PeerLink(0, false));
        cluster.Arrives = (from, to, _) => !(from == 0 && to == 3);
        for (int i = 0; i < 6; i++)
        {
            cluster.Step(3, new PendingWork(true));
            cluster.Decide(0, i);
            cluster.Tick(12);
        }
        Assert.That(cluster[3].View, Is.Zero);
        Assert.That(cluster.Nodes[3].Decided, Is.Not.Empty);
    }

    [Test]
    public void With_more_than_f_connections_broken_the_ordinary_timer_runs()
    {
        using Cluster cluster = WithSilentPrimary();
        cluster.Step(1, new PeerLink(0, false));
        cluster.Step(1, new PeerLink(2, false));
        cluster.Arrives = (_, _, _) => false;
        cluster.Tick(30);
        Assert.That(cluster.Nodes[1].History.SelectMany(r => r.TimedOut), Is.Empty);
        cluster.Tick(32);
        Assert.That(cluster.Nodes[1].History.SelectMany(r => r.TimedOut), Is.EqualTo(new[] { new TimedOutView(0, 0) }));
    }

    [Test]
    public void Three_dead_primaries_in_a_row_cost_three_short_waits_and_a_fourth_the_ordinary_one()
    {
        using var cluster = new Cluster(10);
        foreach (int dead in new[] { 0, 1, 2 }) cluster.Nodes[dead].Up = false;
        foreach (Node node in cluster.Nodes.Where(n => n.Up))
        {
            cluster.Step(node.Index, new PendingWork(true));
            foreach (int dead in new[] { 0, 1, 2 }) cluster.Step(node.Index, new PeerLink(dead, false));
        }
        cluster.Tick(56);
        Assert.That(cluster.Nodes.Where(n => n.Up).Select(n => (n.Replica.View, n.Replica.ViewActive)), Has.All.EqualTo((3UL, true)));
    }

    [Test]
    public void What_was_prepared_is_proposed_again_with_the_same_bytes()
    {
        using var cluster = new Cluster();
        cluster.Arrives = (_, _, e) => e.Message is not Commit;
        cluster.Decide(0, 1, 2);
        Assert.That(cluster.Nodes.Sum(n => n.Decided.Count), Is.Zero);
        Hash prepared = cluster.Nodes[0].History.SelectMany(r => r.Send).Select(s => s.Envelope.Message).OfType<Commit>().Single().BlockHash;
        cluster.Nodes[0].Up = false;
        cluster.Arrives = (_, _, _) => true;
        cluster.Transcript.Clear();
        // The commits lost before are kept back for good by asking for the next view at once.
        foreach (int node in new[] { 1, 2, 3 }) cluster.GiveUp(node);
        cluster.Settle();
        Assert.That(cluster.Transcript, Has.Member("2 → all: view-change v1 above 0, prepared [1]"));
        Assert.That(cluster.Transcript, Has.Member("1 → all: new-view v1, proposes [1]"));
        foreach (Node node in cluster.Nodes.Skip(1))
        {
            Assert.That(node.Decided.Single().BlockHash, Is.EqualTo(prepared));
            Assert.That(node.Decided.Single().Certificate.Statement.View, Is.EqualTo(1));
        }
        Assert.That(cluster[1].WantProposal!.Height, Is.EqualTo(2));
    }

    [Test]
    public void One_replica_alone_changes_nothing_and_f_plus_one_pull_the_others_along()
    {
        using var cluster = new Cluster();
        cluster.GiveUp(3);
        cluster.Settle();
        Assert.That(cluster[0].View, Is.Zero);
        cluster.GiveUp(2);
        cluster.Settle();
        Assert.That(cluster.Nodes.Select(n => n.Replica.View), Has.All.EqualTo(1));
        Assert.That(cluster.Nodes.Select(n => n.Replica.ViewActive), Has.All.True);
    }

    [Test]
    public void The_timer_for_the_next_view_runs_only_once_a_quorum_asks()
    {
        using var cluster = new Cluster();
        cluster.Arrives = (from, to, _) => from == 3 || to == 3 ? false : true;
        cluster.GiveUp(3);
        cluster.Tick(400);
        Assert.That(cluster[3].View, Is.EqualTo(1));
        Assert.That(cluster[3].ViewActive, Is.False);
    }

    [Test]
    public void A_lost_new_view_is_sent_again_to_who_still_asks()
    {
        using Cluster cluster = WithSilentPrimary();
        cluster.Arrives = (_, to, e) => to != 3 || e.Message is not NewView;
        cluster.Tick(62);
        Assert.That(cluster[3].ViewActive, Is.False);
        cluster.Arrives = (_, _, _) => true;
        cluster.Tick(25);
        Assert.That(cluster[3].ViewActive, Is.True);
        Assert.That(cluster[3].View, Is.EqualTo(1));
    }

    [Test]
    public void Timeouts_double_to_the_limit_and_then_grow_by_it()
    {
        using var cluster = new Cluster();
        var config = new ReplicaConfig { ChainId = Cluster.ChainId, Validators = cluster.Set, Self = -1, ViewTimeoutTicks = 1000, MaxDoublingTicks = 3000 };
        Assert.That(Enumerable.Range(0, 6).Select(a => Replica.Timeout(config, a)), Is.EqualTo(new ulong[] { 1000, 2000, 3000, 6000, 9000, 12000 }));
    }

    [Test]
    public void A_gap_is_filled_with_the_null_block_and_the_highest_view_wins()
    {
        using var cluster = new Cluster();
        var config = new ReplicaConfig { ChainId = Cluster.ChainId, Validators = cluster.Set, Self = -1 };
        ViewChange[] changes =
        [
            Asks(0, Prepared(0, 1, 1), Prepared(0, 3, 3)),
            Asks(1, Prepared(2, 1, 2)),
            Asks(2),
        ];
        var plan = new NewViewPlan(config, 0, changes);
        Hash filler = Block.Null(Cluster.ChainId, 0, 2).ComputeHash();
        Assert.That(plan.Proposals, Is.EqualTo(new[] { new ReProposal(1, Cluster.Tx(2)), new ReProposal(2, filler), new ReProposal(3, Cluster.Tx(3)) }));
        var good = new NewViewStatement(Cluster.ChainId, 0, 4, changes, plan.Proposals);
        Assert.That(NewViewPlan.Check(config, 0, good), Is.Null);
        Assert.That(NewViewPlan.Check(config, 0, good with { Proposals = plan.Proposals[..2] }), Is.EqualTo("the proposals do not follow from the view changes"));
        Assert.That(NewViewPlan.Check(config, 0, good with { ViewChanges = changes[..2] }), Is.EqualTo("2 view changes, fewer than a quorum"));
        Assert.That(NewViewPlan.Check(config, 0, good with { ViewChanges = [changes[1], changes[0], changes[2]] }), Does.StartWith("view changes are not in the order"));
    }

    [Test]
    public void After_a_view_change_with_a_gap_the_null_block_is_decided()
    {
        using var cluster = new Cluster();
        // Nothing of height 1 arrives, height 2 is prepared.
        cluster.Arrives = (_, _, e) => e.Message switch
        {
            PrePrepare m => m.Block.Header.Height == 2,
            Prepare m => m.Height == 2,
            _ => e.Message is not Commit,
        };
        cluster.Propose(0, 1);
        cluster.Decide(0, 2);
        cluster.Nodes[0].Up = false;
        cluster.Arrives = (_, _, _) => true;
        foreach (int node in new[] { 1, 2, 3 }) cluster.GiveUp(node);
        cluster.Settle();
        Assert.That(cluster.Nodes[2].Decided.Select(d => d.Block.IsNull), Is.EqualTo(new[] { true, false }));
        Assert.That(cluster.Nodes[2].Certificates.Last().Statement.Height, Is.EqualTo(2));
    }

    private static PreparedCertificate Prepared(ulong view, ulong height, int block) =>
        new(new VoteStatement(Cluster.ChainId, 0, view, height, Cluster.Tx(block)), []);

    private static ViewChange Asks(byte replica, params PreparedCertificate[] prepared)
    {
        var statement = new ViewChangeStatement(Cluster.ChainId, 0, replica, 4, null, prepared);
        using SigningKey key = Cluster.KeyOf(replica);
        return new ViewChange(statement, key.Sign(ViewChangeStatement.Domain, Codec.Encode(statement)));
    }
}
