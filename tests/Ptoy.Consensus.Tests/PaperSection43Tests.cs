using Ptoy.Protocol.Consensus;

namespace Ptoy.Consensus.Tests;

/// <summary>Section 4.3: checkpoints and garbage collection.</summary>
public sealed class PaperSection43Tests
{
    [Test]
    public void Each_kth_execution_certificate_is_the_stable_checkpoint_and_empties_the_log_below_it()
    {
        using var cluster = new Cluster(4, c => c with { CheckpointInterval = 2 });
        for (int i = 1; i <= 5; i++) cluster.Decide(0, i);
        foreach (Node node in cluster.Nodes)
        {
            Assert.That(node.Replica.Stable, Is.EqualTo(4));
            Assert.That(node.Log.Keys.Where(k => k.Height is > 0 and < 5), Is.EquivalentTo(new[] { new LogKey(LogKind.Checkpoint, 4, 0) }));
            Assert.That(node.Log.Keys.Where(k => k.Height == 5).Select(k => k.Kind),
                Is.EquivalentTo(new[] { LogKind.Block, LogKind.Prepare, LogKind.Prepared, LogKind.Commit }));
        }
    }

    [Test]
    public void Without_execution_certificates_the_window_ends_the_proposals()
    {
        using var cluster = new Cluster(4, c => c with { Window = 4, CheckpointInterval = 2, MaxInFlight = 4 });
        cluster.Arrives = (_, _, e) => e.Votes.Length == 0;
        for (int i = 1; i <= 8; i++) cluster.Decide(0, i);
        Assert.That(cluster[0].Committed, Is.EqualTo(4));
        Assert.That(cluster[0].WantProposal, Is.Null);
        // Statuses show that certificates are missing; the votes are then sent again and the window moves.
        cluster.Arrives = (_, _, _) => true;
        cluster.Tick(120);
        Assert.That(cluster[0].Stable, Is.EqualTo(4));
        Assert.That(cluster[0].WantProposal!.Height, Is.EqualTo(5));
    }

    [Test]
    public void A_height_outside_the_window_is_ignored()
    {
        using var cluster = new Cluster(4, c => c with { Window = 4, CheckpointInterval = 2, MaxInFlight = 4 });
        Protocol.Hash hash = Cluster.Tx(9);
        cluster.Say(1, 0, new Prepare(0, 5, hash, cluster.SignVote(1, Protocol.Ledger.VoteStatement.PrepareDomain, 0, 5, hash)));
        Assert.That(cluster.Nodes[0].History.SelectMany(r => r.Evidence), Is.Empty);
        Assert.That(cluster[0].HasReady, Is.False);
    }
}
