using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Consensus.Tests;

/// <summary>The rules alone: what may be signed given what was signed.</summary>
public sealed class SafetyRulesTests
{
    private static readonly Signature S = new(SuiteId.Ed25519, new byte[64]);
    private static readonly Hash A = Cluster.Tx(1), B = Cluster.Tx(2);

    private static PreparedCertificate Vote(ulong view, Hash block, int signatures = 3) => new(
        new VoteStatement(Cluster.ChainId, 0, view, 1, block), [.. Enumerable.Range(0, signatures).Select(i => new ReplicaSignature((byte)i, S))]);

    [Test]
    public void One_block_per_phase_view_and_height()
    {
        var rules = new SafetyRules(3);
        Assert.That(rules.Prepare(0, 1, A), Is.EqualTo(Verdict.Sign));
        Assert.That(rules.Prepare(0, 1, A), Is.EqualTo(Verdict.Repeat));
        Assert.That(rules.Prepare(0, 1, B), Is.EqualTo(Verdict.Refuse));
        Assert.That(rules.Prepare(0, 2, B), Is.EqualTo(Verdict.Sign));
        Assert.That(rules.Prepare(1, 1, B), Is.EqualTo(Verdict.Sign));
        Assert.That(rules.Commit(Vote(0, A)), Is.EqualTo(Verdict.Sign));
        Assert.That(rules.Commit(Vote(0, B)), Is.EqualTo(Verdict.Refuse));
    }

    [Test]
    public void Nothing_new_below_a_view_that_was_asked_for_or_entered()
    {
        var rules = new SafetyRules(3);
        Assert.That(rules.Prepare(0, 1, A), Is.EqualTo(Verdict.Sign));
        Assert.That(rules.AskFor(2), Is.True);
        Assert.That(rules.Prepare(1, 1, A), Is.EqualTo(Verdict.Refuse));
        Assert.That(rules.Commit(Vote(0, A)), Is.EqualTo(Verdict.Refuse));
        Assert.That(rules.Prepare(0, 1, A), Is.EqualTo(Verdict.Repeat), "what was sent may be sent again");
        rules.Enter(3);
        Assert.That(rules.Prepare(2, 1, A), Is.EqualTo(Verdict.Refuse));
        Assert.That(rules.Prepare(3, 1, A), Is.EqualTo(Verdict.Sign));
    }

    [Test]
    public void A_view_is_asked_for_once_and_never_a_lower_one()
    {
        var rules = new SafetyRules(3);
        Assert.That(rules.AskFor(2), Is.True);
        Assert.That(rules.AskFor(2), Is.False);
        Assert.That(rules.AskFor(1), Is.False);
        Assert.That(rules.AskFor(3), Is.True);
    }

    [Test]
    public void One_outcome_of_execution_per_height()
    {
        var rules = new SafetyRules(3);
        var statement = new ExecutionStatement(Cluster.ChainId, 0, 1, A, A, A, Hash.Zero, 1);
        Assert.That(rules.Execution(statement), Is.EqualTo(Verdict.Sign));
        Assert.That(rules.Execution(statement), Is.EqualTo(Verdict.Repeat));
        Assert.That(rules.Execution(statement with { StateRoot = B }), Is.EqualTo(Verdict.Refuse));
    }

    [Test]
    public void What_the_log_gives_back_binds()
    {
        var rules = new SafetyRules(3);
        rules.Recover(commit: false, 0, 1, A);
        rules.Recover(commit: true, 0, 1, A);
        rules.RecoverAsked(1);
        Assert.That(rules.Prepare(0, 1, A), Is.EqualTo(Verdict.Repeat));
        Assert.That(rules.Prepare(0, 1, B), Is.EqualTo(Verdict.Refuse));
        Assert.That(rules.Commit(Vote(0, B)), Is.EqualTo(Verdict.Refuse));
        Assert.That(rules.AskFor(1), Is.False);
        Assert.That(rules.Knows(commit: true, 0, 1, A), Is.True);
        Assert.That(rules.Knows(commit: true, 0, 1, B), Is.False);
    }
}
