using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Consensus.Tests;

/// <summary>Votes forgotten means identity lost: in every way in which a log can be less than what was signed.</summary>
public sealed class ForgottenTests
{
    private static List<LogRecord> Copy(Node node) => node.Records;

    private static void Restore(Node node, List<LogRecord> log)
    {
        node.Log.Clear();
        foreach (LogRecord record in log) node.Log[record.Key] = record.Value!;
    }

    private static void RestartAll(Cluster cluster, int count)
    {
        cluster.Tick(10);
        for (int i = 0; i < count; i++) cluster.Restart(i);
        cluster.Tick(30);
    }

    [Test]
    public void A_log_rolled_back_by_a_single_vote_is_noticed()
    {
        using var cluster = new Cluster();
        cluster.Propose(0, 1);
        cluster.Decide(0, 2);
        cluster.Nodes[2].Log.Remove(new LogKey(LogKind.Commit, 1, 0));
        cluster.Tick(10);
        cluster.Restart(2);
        cluster.Settle();
        Assert.That(cluster[2].Signs, Is.False);
        Assert.That(cluster.Nodes[2].Notices, Has.Some.StartsWith("a peer holds a vote of this node for height 1 in view 0"));
    }

    [Test]
    public void Who_forgot_once_signs_no_more_whatever_its_peers_still_know()
    {
        using var cluster = new Cluster();
        List<LogRecord> old = Copy(cluster.Nodes[2]);
        cluster.Decide(0, 1);
        Restore(cluster.Nodes[2], old);
        cluster.Tick(10);
        cluster.Restart(2);
        cluster.Settle();
        Assert.That(cluster[2].Signs, Is.False);
        cluster.Arrives = (_, _, _) => false;
        cluster.Restart(2);
        Assert.That(cluster[2].Signs, Is.False);
        Assert.That(cluster.Nodes[2].History[^1].Notices, Has.Some.Contains("a peer holds a vote of this node"));
    }

    [Test]
    public void A_rolled_back_log_is_noticed_after_all_have_restarted_by_the_prepared_certificates_on_their_disks()
    {
        using var cluster = new Cluster();
        cluster.Nodes[3].Up = false;
        List<LogRecord> old = Copy(cluster.Nodes[2]);
        cluster.Arrives = (_, _, e) => e.Message is not Commit;
        cluster.Decide(0, 1);
        Restore(cluster.Nodes[2], old);
        cluster.Arrives = (_, _, _) => true;
        RestartAll(cluster, 3);
        Assert.That(cluster.Nodes.Take(3).Select(n => n.Replica.Signs), Is.EqualTo(new[] { true, true, false }));
    }

    [Test]
    public void A_rolled_back_log_is_noticed_after_all_have_restarted_by_the_commit_certificates_in_their_ledgers()
    {
        using var cluster = new Cluster(4, c => c with { CheckpointInterval = 1 });
        cluster.Nodes[3].Up = false;
        List<LogRecord> old = Copy(cluster.Nodes[2]);
        cluster.Decide(0, 1);
        Assert.That(cluster.Nodes[0].Log.Keys, Has.None.Matches<LogKey>(k => k.Kind == LogKind.Prepared), "nothing else shows the vote");
        Restore(cluster.Nodes[2], old);
        RestartAll(cluster, 3);
        Assert.That(cluster.Nodes.Take(3).Select(n => n.Replica.Signs), Is.EqualTo(new[] { true, true, false }));
    }

    [Test]
    public void A_data_directory_restored_as_a_whole_is_noticed_by_the_votes_on_results()
    {
        using var cluster = new Cluster(4, c => c with { CheckpointInterval = 1 });
        cluster.Nodes[3].Up = false;
        Node node = cluster.Nodes[2];
        List<LogRecord> old = Copy(node);
        cluster.Decide(0, 1);
        Restore(node, old);
        node.Ledger.RemoveAt(1);
        node.Blocks.Clear();
        node.History.Clear();
        foreach (Node peer in cluster.Nodes.Take(2)) peer.Blocks.Clear();
        RestartAll(cluster, 3);
        Assert.That(cluster.Nodes.Take(3).Select(n => n.Replica.Signs), Is.EqualTo(new[] { true, true, false }));
        Assert.That(node.Notices, Has.Some.StartsWith("a peer holds this node's vote on the outcome of height 1, but the ledger ends at 0"));
    }

    [Test]
    public void Only_a_peer_that_says_all_it_holds_has_answered()
    {
        using var cluster = new Cluster();
        cluster.Arrives = (_, _, e) => e.Message is not Status { Statement.Complete: true };
        cluster.Restart(1);
        cluster.Tick(200);
        cluster.Transcript.Clear();
        cluster.Decide(0, 1);
        Assert.That(cluster.Transcript, Has.None.Match("^1 → all: (prepare|commit)"));
        cluster.Arrives = (_, _, _) => true;
        cluster.Tick(25);
        cluster.Decide(0, 2);
        Assert.That(cluster.Transcript, Has.Some.EqualTo("1 → all: prepare v0 h2"));
    }

    [Test]
    public void A_commit_without_its_prepared_certificate_is_damage()
    {
        using var cluster = new Cluster();
        cluster.Decide(0, 1);
        cluster.Nodes[1].Log.Remove(new LogKey(LogKind.Prepared, 1, 0));
        cluster.Restart(1);
        Assert.That(cluster[1].Signs, Is.False);
        Assert.That(cluster.Nodes[1].Notices, Has.Some.Contains("the commit of height 1, view 0: its prepared certificate is missing"));
    }

    [Test]
    public void A_vote_that_somebody_else_made_up_convinces_nobody()
    {
        using var cluster = new Cluster();
        var made = new HeldVote(true, 0, 5, Cluster.Tx(9), cluster.SignVote(3, VoteStatement.CommitDomain, 0, 5, Cluster.Tx(9)));
        var statement = new StatusStatement(Cluster.ChainId, 0, 3, 0, true, 0, 0, 0, 0, false, false, true, [made], null);
        using Protocol.Crypto.SigningKey key = Cluster.KeyOf(3);
        cluster.Say(3, 1, new Status(statement, key.Sign(StatusStatement.Domain, Protocol.Wire.Codec.Encode(statement))));
        Assert.That(cluster[1].Signs, Is.True);
    }

    [Test]
    public void Votes_below_the_stable_checkpoint_and_above_the_epoch_are_refused_for_good()
    {
        var rules = new SafetyRules(3);
        rules.Forget(5);
        rules.EndAt(9);
        Assert.That(rules.Prepare(0, 5, Cluster.Tx(1)), Is.EqualTo(Verdict.Refuse));
        Assert.That(rules.Prepare(0, 6, Cluster.Tx(1)), Is.EqualTo(Verdict.Sign));
        Assert.That(rules.Prepare(0, 9, Cluster.Tx(1)), Is.EqualTo(Verdict.Sign));
        Assert.That(rules.Prepare(0, 10, Cluster.Tx(1)), Is.EqualTo(Verdict.Refuse));
    }

    [Test]
    public void A_commit_needs_a_quorum_of_prepares_and_a_view_is_opened_once_by_who_asked_for_it()
    {
        var rules = new SafetyRules(3);
        Protocol.Crypto.Signature s = new(Protocol.Crypto.SuiteId.Ed25519, new byte[64]);
        var thin = new PreparedCertificate(new VoteStatement(Cluster.ChainId, 0, 0, 1, Cluster.Tx(1)), [new(0, s), new(1, s)]);
        Assert.That(rules.Commit(thin), Is.EqualTo(Verdict.Refuse));
        Assert.That(rules.Commit(thin with { Signatures = [new(0, s), new(1, s), new(2, s)] }), Is.EqualTo(Verdict.Sign));
        Assert.That(rules.Open(2), Is.False, "not asked for");
        Assert.That(rules.AskFor(2), Is.True);
        Assert.That(rules.Open(2), Is.True);
        Assert.That(rules.Open(2), Is.False);
    }
}
