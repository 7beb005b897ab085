using Ptoy.Protocol.Consensus;

namespace Ptoy.Consensus.Tests;

/// <summary>Who gives up on a primary, and what comes of it; section 4.5.2 of the paper, with complaints in front.</summary>
public sealed class SuspicionTests
{
    private static IEnumerable<TimedOutView> TimedOut(Cluster cluster, int node) => cluster.Nodes[node].History.SelectMany(r => r.TimedOut);

    [Test]
    public void A_lone_complaint_changes_nothing_and_its_author_votes_on()
    {
        using var cluster = new Cluster();
        cluster.Step(3, new Suspect(0));
        cluster.Settle();
        cluster.Decide(0, 1);
        Assert.That(cluster.Nodes.Select(n => n.Replica.View), Has.All.Zero);
        Assert.That(cluster.Transcript, Has.Some.EqualTo("3 → all: prepare v0 h1"));
    }

    [Test]
    public void F_plus_one_complaints_bring_the_next_view_for_all()
    {
        using var cluster = new Cluster();
        cluster.Step(3, new Suspect(0));
        cluster.Step(2, new Suspect(0));
        cluster.Settle();
        Assert.That(cluster.Nodes.Select(n => (n.Replica.View, n.Replica.ViewActive)), Has.All.EqualTo((1UL, true)));
        Assert.That(cluster.Nodes.SelectMany((_, i) => TimedOut(cluster, i)), Is.Empty, "censorship is not absence");
    }

    [Test]
    public void A_commit_of_other_transactions_does_not_take_a_complaint_of_censorship_back()
    {
        using var cluster = new Cluster();
        cluster.Step(3, new Suspect(0));
        cluster.Settle();
        cluster.Decide(0, 1);
        cluster.Step(2, new Suspect(0));
        cluster.Settle();
        Assert.That(cluster.Nodes.Select(n => n.Replica.View), Has.All.EqualTo(1UL));
    }

    [Test]
    public void A_commit_takes_a_complaint_of_absence_back()
    {
        using var cluster = new Cluster();
        cluster.Arrives = (from, to, e) => (from != 3 && to != 3) || (from == 3 && e.Message is Status);
        cluster.Step(3, new PendingWork(true));
        cluster.Tick(62);
        Assert.That(TimedOut(cluster, 3), Is.EqualTo(new[] { new TimedOutView(0, 0) }));
        cluster.Step(3, new PendingWork(false));
        cluster.Arrives = (_, _, _) => true;
        cluster.Decide(0, 1);
        cluster.Tick(60);
        cluster.Step(2, new Suspect(0));
        cluster.Settle();
        Assert.That(cluster.Nodes.Select(n => n.Replica.View), Has.All.Zero);
    }

    [Test]
    public void A_complaint_about_another_view_is_ignored()
    {
        using var cluster = new Cluster();
        foreach (int node in new[] { 1, 2, 3 }) cluster.Step(node, new Suspect(1));
        cluster.Settle();
        Assert.That(cluster.Nodes.Select(n => n.Replica.View), Has.All.Zero);
    }

    [Test]
    public void Who_was_cut_off_for_long_votes_again_at_once()
    {
        using var cluster = new Cluster();
        cluster.Arrives = (from, to, _) => from != 3 && to != 3;
        cluster.Step(3, new PendingWork(true));
        cluster.Tick(400);
        Assert.That((cluster[3].View, cluster[3].ViewActive), Is.EqualTo((0UL, true)));
        cluster.Arrives = (_, _, _) => true;
        cluster.Transcript.Clear();
        cluster.Decide(0, 1);
        Assert.That(cluster.Transcript, Has.Some.EqualTo("3 → all: prepare v0 h1"));
    }

    [Test]
    public void A_view_that_nobody_opened_is_a_mark_against_its_primary()
    {
        using var cluster = new Cluster();
        cluster.Nodes[0].Up = false;
        cluster.Nodes[1].Up = false;
        foreach (int node in new[] { 2, 3 }) cluster.Step(node, new PendingWork(true));
        cluster.Tick(300);
        // Two of four are no quorum: the complaint stands, and no timer runs on.
        Assert.That(TimedOut(cluster, 2), Is.EqualTo(new[] { new TimedOutView(0, 0) }));
        cluster.Arrives = (from, _, e) => from != 1 || e.Message is ViewChange or Status;
        cluster.Restart(1);
        cluster.Tick(400);
        Assert.That(TimedOut(cluster, 2), Has.Member(new TimedOutView(1, 1)));
        Assert.That(cluster[2].View, Is.GreaterThan(1));
    }

    [Test]
    public void Slow_commits_give_the_primary_the_time_of_several_within_a_bound()
    {
        using var cluster = new Cluster(4, c => c with { ViewTimeoutTicks = 100 });
        foreach (Node node in cluster.Nodes) cluster.Step(node.Index, new PendingWork(true));
        for (int i = 0; i < 12; i++)
        {
            cluster.Arrives = (_, _, e) => e.Message is not Commit;
            cluster.Decide(0, i);
            cluster.Tick(50);
            cluster.Arrives = (_, _, _) => true;
            cluster.Tick(25);
        }
        Assert.That(cluster[2].Committed, Is.EqualTo(12));
        cluster.Nodes[0].Up = false;
        cluster.Tick(150);
        Assert.That(TimedOut(cluster, 2), Is.Empty);
        cluster.Tick(160);
        Assert.That(TimedOut(cluster, 2), Is.EqualTo(new[] { new TimedOutView(0, 0) }));
    }

    [Test]
    public void Quick_commits_leave_the_timeout_as_configured()
    {
        using var cluster = new Cluster(4, c => c with { ViewTimeoutTicks = 100 });
        foreach (Node node in cluster.Nodes) cluster.Step(node.Index, new PendingWork(true));
        for (int i = 0; i < 12; i++)
        {
            cluster.Decide(0, i);
            cluster.Tick(1);
        }
        cluster.Nodes[0].Up = false;
        cluster.Tick(98);
        Assert.That(TimedOut(cluster, 2), Is.Empty);
        cluster.Tick(4);
        Assert.That(TimedOut(cluster, 2), Is.EqualTo(new[] { new TimedOutView(0, 0) }));
    }
}
