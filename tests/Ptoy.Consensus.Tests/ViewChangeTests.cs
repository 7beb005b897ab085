using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Consensus.Tests;

/// <summary>Rotation, and view changes when much goes wrong at once.</summary>
public sealed class ViewChangeTests
{
    [Test]
    public void After_its_tenure_a_primary_hands_over_in_order_and_nothing_is_lost()
    {
        using var cluster = new Cluster(4, c => c with { Tenure = 3 });
        for (int i = 1; i <= 5; i++) cluster.Propose(0, i);
        Assert.That(cluster.Transcript.Count(t => t.Contains("pre-prepare", StringComparison.Ordinal)), Is.EqualTo(3), "nothing above the tenure");
        cluster.Settle();
        Assert.That(cluster.Nodes.Select(n => (n.Replica.View, n.Replica.ViewActive)), Has.All.EqualTo((1UL, true)));
        Assert.That(cluster[1].WantProposal!.Height, Is.EqualTo(4));
        for (int i = 4; i <= 9; i++) cluster.Decide(i <= 6 ? 1 : 2, i);
        foreach (Node node in cluster.Nodes)
        {
            Assert.That(node.Decided.Select(d => d.Block.TransactionHashes.Single()), Is.EqualTo(Enumerable.Range(1, 9).Select(Cluster.Tx)));
            Assert.That(node.History.SelectMany(r => r.TimedOut), Is.Empty);
        }
        Assert.That(cluster.Nodes.Select(n => n.Replica.View), Has.All.EqualTo(3UL));
    }

    [Test]
    public void Rotation_goes_past_a_dead_primary()
    {
        using var cluster = new Cluster(4, c => c with { Tenure = 2 });
        cluster.Nodes[1].Up = false;
        cluster.Decide(0, 1);
        cluster.Decide(0, 2);
        cluster.Tick(70);
        Assert.That((cluster[3].View, cluster[3].ViewActive), Is.EqualTo((2UL, true)));
        cluster.Decide(2, 3);
        Assert.That(cluster[3].Committed, Is.EqualTo(3));
    }

    [Test]
    public void A_tenure_is_remembered_across_a_restart()
    {
        using var cluster = new Cluster(4, c => c with { Tenure = 2 });
        cluster.Decide(0, 1);
        cluster.Decide(0, 2);
        Assert.That(cluster[1].IsPrimary, Is.True);
        cluster.Decide(1, 3);
        cluster.Tick(10);
        for (int i = 0; i < 4; i++) cluster.Restart(i);
        cluster.Tick(30);
        cluster.Decide(1, 4);
        cluster.Tick(30);
        Assert.That(cluster.Nodes.Select(n => (n.Replica.View, n.Replica.Committed)), Has.All.EqualTo((2UL, 4UL)));
    }

    [Test]
    public void Who_is_not_in_the_order_is_never_primary_and_votes_all_the_same()
    {
        using var cluster = new Cluster(4, order: [0, 2]);
        cluster.Nodes[0].Up = false;
        foreach (int node in new[] { 1, 2, 3 }) cluster.Step(node, new PendingWork(true));
        cluster.Tick(70);
        Assert.That((cluster[2].View, cluster[2].IsPrimary), Is.EqualTo((1UL, true)));
        cluster.Decide(2, 1);
        Assert.That(cluster[1].Committed, Is.EqualTo(1));
    }

    [Test]
    public void Three_primaries_that_die_in_a_row_are_survived_without_any_hint()
    {
        using var cluster = new Cluster(10);
        foreach (int dead in new[] { 0, 1, 2 }) cluster.Nodes[dead].Up = false;
        foreach (Node node in cluster.Nodes.Where(n => n.Up)) cluster.Step(node.Index, new PendingWork(true));
        cluster.Tick(60 + 60 + 120 + 20);
        Assert.That(cluster.Nodes.Where(n => n.Up).Select(n => (n.Replica.View, n.Replica.ViewActive)), Has.All.EqualTo((3UL, true)));
        cluster.Decide(3, 1);
        Assert.That(cluster[9].Committed, Is.EqualTo(1));
    }

    [Test]
    public void Replicas_in_different_views_come_together()
    {
        using var cluster = new Cluster();
        cluster.Nodes[0].Up = false;
        cluster.Arrives = (_, _, _) => false;
        for (int node = 1; node < 4; node++)
        {
            for (int i = node; i < 4; i++) cluster.GiveUp(node);
        }
        Assert.That(cluster.Nodes.Skip(1).Select(n => n.Replica.View), Is.EqualTo(new ulong[] { 3, 2, 1 }));
        cluster.Settle();
        cluster.Arrives = (_, _, _) => true;
        cluster.Tick(300);
        Assert.That(cluster.Nodes.Skip(1).Select(n => n.Replica.ViewActive), Has.All.True);
        Assert.That(cluster.Nodes.Skip(1).Select(n => n.Replica.View).Distinct().Count(), Is.EqualTo(1));
        cluster.Decide(cluster[1].Primary, 1);
        Assert.That(cluster.Nodes.Skip(1).Select(n => n.Replica.Committed), Has.All.EqualTo(1UL));
    }

    [Test]
    public void A_view_whose_primary_has_gone_on_is_not_waited_for()
    {
        using var cluster = new Cluster();
        cluster.Arrives = (_, _, _) => false;
        cluster.GiveUp(1);
        cluster.GiveUp(1);
        cluster.Settle();
        cluster.Arrives = (_, _, _) => true;
        cluster.Tick(25);
        Assert.That(cluster[0].View, Is.Zero, "one replica alone");
        cluster.GiveUp(2);
        cluster.GiveUp(3);
        cluster.Settle();
        Assert.That(cluster.Nodes.Select(n => (n.Replica.View, n.Replica.ViewActive)), Has.All.EqualTo((2UL, true)), "view 1 belongs to replica 1, which asks for view 2");
    }

    [Test]
    public void A_new_view_is_opened_once_whatever_view_changes_come_later()
    {
        using var cluster = new Cluster();
        foreach (int node in new[] { 0, 1, 2, 3 }) cluster.GiveUp(node);
        cluster.Settle();
        Assert.That(cluster.Transcript.Count(t => t.StartsWith("1 → all: new-view", StringComparison.Ordinal)), Is.EqualTo(1));
    }

    /// <summary>Every new-view message is lost for a thousand views; timeouts grow by one tick a view, so that the test stays short.</summary>
    [Test]
    public void A_thousand_leaderless_views_make_no_storm_and_heal_with_the_network()
    {
        const ulong Views = 1000;
        using var cluster = new Cluster(4, c => c with
        {
            ViewTimeoutTicks = 1, MaxDoublingTicks = 1, LostLinkTicks = 1, ResendTicks = 2000, StatusTicks = 5000, HeartbeatTicks = 1_000_000,
        });
        cluster.Arrives = (_, _, e) => e.Message is not NewView;
        foreach (Node node in cluster.Nodes) cluster.Step(node.Index, new PendingWork(true));
        while (cluster[2].View < Views)
        {
            cluster.Tick(500);
            foreach (Node node in cluster.Nodes) node.History.Clear();
        }
        int sent = cluster.Transcript.Count;
        Assert.That(sent, Is.LessThan((int)cluster[2].View * 4 * 3), "a view costs each replica a view change and little more");
        cluster.Transcript.Clear();
        cluster.Arrives = (_, _, _) => true;
        cluster.Tick(2001);
        Assert.That(cluster.Nodes.Select(n => n.Replica.ViewActive), Has.All.True);
        Assert.That(cluster.Nodes.Select(n => n.Replica.View).Distinct().Count(), Is.EqualTo(1));
        Assert.That(cluster.Transcript, Has.Count.LessThan(60), "healing takes a few messages");
        cluster.Decide(cluster[0].Primary, 1);
        Assert.That(cluster.Nodes.Select(n => n.Replica.Committed), Has.All.EqualTo(1UL));
    }

    [Test]
    public void In_flight_is_what_is_decided_but_not_executed_and_what_is_proposed()
    {
        using var cluster = new Cluster();
        cluster.Nodes[0].HoldsExecution = true;
        cluster.Decide(0, 1);
        cluster.Arrives = (_, _, _) => false;
        cluster.Propose(0, 2);
        Assert.That(cluster[0].InFlight().SelectMany(b => b.TransactionHashes), Is.EqualTo(new[] { Cluster.Tx(1), Cluster.Tx(2) }));
        cluster.Nodes[0].HoldsExecution = false;
        cluster.Execute(cluster.Nodes[0]);
        Assert.That(cluster[0].InFlight().SelectMany(b => b.TransactionHashes), Is.EqualTo(new[] { Cluster.Tx(2) }));
    }

    [Test]
    public void What_a_new_view_carries_over_is_in_flight_and_what_it_dropped_is_not()
    {
        using var cluster = new Cluster();
        cluster.Arrives = (_, _, e) => e.Message is not Commit;
        cluster.Decide(0, 1);
        cluster.Arrives = (_, _, e) => e.Message is ViewChange or NewView or Status;
        cluster.Propose(0, 2);
        foreach (int node in new[] { 0, 1, 2, 3 }) cluster.GiveUp(node);
        cluster.Settle();
        Assert.That(cluster[0].InFlight().SelectMany(b => b.TransactionHashes), Is.EqualTo(new[] { Cluster.Tx(1) }));
    }

    [Test]
    public void Slots_are_found_walked_and_forgotten_in_a_ring_that_grows()
    {
        var slots = new SlotTable(4);
        slots.DropUpTo(1000);
        foreach (ulong height in new ulong[] { 1001, 1070, 1200, 1500 }) Assert.That(slots.At(height).Height, Is.EqualTo(height));
        Assert.That(new[] { slots[1001]!.Height, slots[1070]!.Height, slots[1200]!.Height, slots[1500]!.Height, slots.Top }, Is.EqualTo(new ulong[] { 1001, 1070, 1200, 1500, 1500 }));
        Assert.That((slots[1000], slots[1002], slots[1501]), Is.EqualTo(((Slot?)null, (Slot?)null, (Slot?)null)));
        slots.DropUpTo(1100);
        slots.DropAbove(1300);
        Assert.That((slots[1070], slots[1500], slots[1200]?.Height, slots.Low, slots.Top), Is.EqualTo(((Slot?)null, (Slot?)null, (ulong?)1200, 1100UL, 1300UL)));
        slots.DropUpTo(5000);
        Assert.That((slots[1200], slots.Low, slots.Top), Is.EqualTo(((Slot?)null, 5000UL, 5000UL)));
    }

    /// <summary>
    /// Replica 3 missed two heights; the new view rests on a certificate of the second. Its primary proposes the first one afresh: what is
    /// certified is settled, and a vote for another block would be a lie told to whoever asks replica 3 for it.
    /// </summary>
    [Test]
    public void Nothing_is_proposed_afresh_at_a_height_that_the_new_view_rests_on()
    {
        using var cluster = new Cluster();
        cluster.Arrives = (_, to, _) => to != 3;
        cluster.Decide(0, 1);
        cluster.Decide(0, 2);
        cluster.Arrives = (_, to, e) => to != 3 || e.Message is NewView;
        foreach (int node in new[] { 0, 1, 2 }) cluster.GiveUp(node);
        cluster.Settle();
        Assert.That((cluster[3].View, cluster[3].ViewActive, cluster[3].Committed, cluster[3].CertifiedHeight), Is.EqualTo((1UL, true, 0UL, 2UL)));

        Block first = cluster.Nodes[0].Decided[0].Block, other = first with { Header = first.Header with { TimeMs = first.Header.TimeMs + 1 } };
        cluster.Nodes[3].History.Clear();
        cluster.Say(1, 3, new PrePrepare(1, other, cluster.SignVote(1, VoteStatement.PrepareDomain, 1, 1, other.ComputeHash())));

        Assert.That(cluster.Nodes[3].History.SelectMany(r => r.Send).Select(s => s.Envelope.Message).OfType<Prepare>(), Is.Empty);
        cluster.Arrives = (_, _, _) => true;
        cluster.Tick(40);
        Assert.That(cluster.Nodes[3].Decided.Select(d => d.BlockHash), Is.EqualTo(cluster.Nodes[0].Decided.Select(d => d.BlockHash)));
    }
}
