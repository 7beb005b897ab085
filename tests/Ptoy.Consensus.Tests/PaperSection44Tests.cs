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
            "1 → all: view-change v1 above 0, prepared []",
            "2 → all: view-change v1 above 0, prepared []",
            "3 → all: view-change v1 above 0, prepared []",
            "1 → all: new-view v1, proposes []",
        }), string.Join('\n', cluster.Transcript));
        cluster.Decide(1, 1);
        Assert.That(cluster.Nodes.Select(n => n.Decided.Count), Is.EqualTo(new[] { 0, 1, 1, 1 }));
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
        foreach (int node in new[] { 1, 2, 3 }) cluster.Step(node, new Suspect(0));
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
        cluster.Step(3, new Suspect(0));
        cluster.Settle();
        Assert.That(cluster[0].View, Is.Zero);
        cluster.Step(2, new Suspect(0));
        cluster.Settle();
        Assert.That(cluster.Nodes.Select(n => n.Replica.View), Has.All.EqualTo(1));
        Assert.That(cluster.Nodes.Select(n => n.Replica.ViewActive), Has.All.True);
    }

    [Test]
    public void The_timer_for_the_next_view_runs_only_once_a_quorum_asks()
    {
        using var cluster = new Cluster();
        cluster.Arrives = (from, to, _) => from == 3 || to == 3 ? false : true;
        cluster.Step(3, new Suspect(0));
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
        var plan = new NewViewPlan(config, changes);
        Hash filler = Block.Null(Cluster.ChainId, 0, 2).ComputeHash();
        Assert.That(plan.Proposals, Is.EqualTo(new[] { new ReProposal(1, Cluster.Tx(2)), new ReProposal(2, filler), new ReProposal(3, Cluster.Tx(3)) }));
        var good = new NewViewStatement(Cluster.ChainId, 0, 4, changes, plan.Proposals);
        Assert.That(NewViewPlan.Check(config, good), Is.Null);
        Assert.That(NewViewPlan.Check(config, good with { Proposals = plan.Proposals[..2] }), Is.EqualTo("the proposals do not follow from the view changes"));
        Assert.That(NewViewPlan.Check(config, good with { ViewChanges = changes[..2] }), Is.EqualTo("2 view changes, fewer than a quorum"));
        Assert.That(NewViewPlan.Check(config, good with { ViewChanges = [changes[1], changes[0], changes[2]] }), Does.StartWith("view changes are not in the order"));
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
        foreach (int node in new[] { 1, 2, 3 }) cluster.Step(node, new Suspect(0));
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
