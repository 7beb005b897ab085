using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Wire;

namespace Ptoy.Consensus.Tests;

/// <summary>What reaches a replica is signed by who it says, or proves itself.</summary>
public sealed class VerifierTests
{
    private static string Refusal(Cluster cluster, int sender, ConsensusMessage? message, ulong epoch = 0, params ExecutionVote[] votes)
    {
        VerifiedEnvelope? verified = cluster.Verifier.Verify(new ConsensusEnvelope(epoch, (byte)sender, message, votes), out string error);
        Assert.That(verified, Is.Null, "was taken");
        return error;
    }

    [Test]
    public void A_vote_under_another_replicas_name_phase_or_view_is_refused()
    {
        using var cluster = new Cluster();
        Hash block = Cluster.Tx(1);
        Signature prepare = cluster.SignVote(1, VoteStatement.PrepareDomain, 0, 1, block);
        Assert.That(cluster.Verifier.Verify(new ConsensusEnvelope(0, 1, new Prepare(0, 1, block, prepare), []), out _), Is.Not.Null);
        Assert.That(Refusal(cluster, 2, new Prepare(0, 1, block, prepare)), Is.EqualTo("the vote of replica 2 has a wrong signature"));
        Assert.That(Refusal(cluster, 1, new Commit(0, 1, block, prepare)), Is.EqualTo("the vote of replica 1 has a wrong signature"));
        Assert.That(Refusal(cluster, 1, new Prepare(1, 1, block, prepare)), Is.EqualTo("the vote of replica 1 has a wrong signature"));
        Assert.That(Refusal(cluster, 1, new Prepare(0, 1, block, prepare), epoch: 1), Is.EqualTo("a message of epoch 1, not 0"));
        Assert.That(Refusal(cluster, 9, new Prepare(0, 1, block, prepare)), Is.EqualTo("sender 9 is not in the set"));
    }

    [Test]
    public void An_execution_vote_that_travels_along_is_checked()
    {
        using var cluster = new Cluster();
        Hash x = Cluster.Tx(1);
        Signature wrong = cluster.SignVote(1, ExecutionStatement.Domain, 0, 1, x);
        Assert.That(Refusal(cluster, 1, null, 0, new ExecutionVote(1, x, x, x, Hash.Zero, 1, wrong)), Is.EqualTo("the execution vote of replica 1 has a wrong signature"));
    }

    [Test]
    public void A_prepared_certificate_stands_alone()
    {
        using var cluster = new Cluster();
        Hash block = Cluster.Tx(1);
        var statement = new VoteStatement(Cluster.ChainId, 0, 0, 1, block);
        ReplicaSignature[] three = [.. Enumerable.Range(0, 3).Select(i => new ReplicaSignature((byte)i, cluster.SignVote(i, VoteStatement.PrepareDomain, 0, 1, block)))];
        Assert.That(cluster.Verifier.Verify(new ConsensusEnvelope(0, 2, Asks(new PreparedCertificate(statement, three)), []), out string error), Is.Not.Null, error);
        Assert.That(Refusal(cluster, 2, Asks(new PreparedCertificate(statement, three[..2]))), Does.EndWith("2 signatures, fewer than the quorum of 3"));
        Assert.That(Refusal(cluster, 2, Asks(new PreparedCertificate(statement, [three[0], three[1], three[1]]))), Does.EndWith("or one is repeated"));
        Assert.That(Refusal(cluster, 2, Asks(new PreparedCertificate(statement with { View = 1 }, three))), Does.EndWith("the signature of replica 0 is wrong"));
        Assert.That(Refusal(cluster, 1, Asks(new PreparedCertificate(statement, three))), Is.EqualTo("replica 1 sent what replica 2 signed"));
    }

    [Test]
    public void A_new_view_is_signed_by_its_primary_whoever_passes_it_on()
    {
        using var cluster = new Cluster();
        foreach (int node in new[] { 1, 2, 3 }) cluster.GiveUp(node);
        cluster.Settle();
        NewView opened = cluster.Nodes[1].History.SelectMany(r => r.Send).Select(s => s.Envelope.Message).OfType<NewView>().First();
        Assert.That(cluster.Verifier.Verify(new ConsensusEnvelope(0, 3, opened, []), out string error), Is.Not.Null, error);
        using SigningKey other = Cluster.KeyOf(3);
        NewView forged = opened with { Signature = other.Sign(NewViewStatement.Domain, Codec.Encode(opened.Statement)) };
        Assert.That(Refusal(cluster, 3, forged), Is.EqualTo("the new view 1 is not signed by its primary"));
        var hollow = new NewViewStatement(Cluster.ChainId, 0, 1, [opened.Statement.ViewChanges[0] with { Signature = forged.Signature }], []);
        using SigningKey primary = Cluster.KeyOf(1);
        Assert.That(Refusal(cluster, 1, new NewView(hollow, primary.Sign(NewViewStatement.Domain, Codec.Encode(hollow)))),
            Does.StartWith("view change of replica").And.EndsWith("has a wrong signature"));
    }

    [Test]
    public void A_message_of_another_chain_is_refused()
    {
        using var cluster = new Cluster();
        var statement = new BlockRequestStatement(Cluster.Tx(1), 0, 1, 1, Cluster.Tx(1));
        using SigningKey key = Cluster.KeyOf(1);
        Assert.That(Refusal(cluster, 1, new BlockRequest(statement, key.Sign(BlockRequestStatement.Domain, Codec.Encode(statement)))),
            Is.EqualTo("a message of another chain"));
    }

    private static ViewChange Asks(PreparedCertificate prepared)
    {
        var statement = new ViewChangeStatement(Cluster.ChainId, 0, 2, 3, null, [prepared]);
        using SigningKey key = Cluster.KeyOf(2);
        return new ViewChange(statement, key.Sign(ViewChangeStatement.Domain, Codec.Encode(statement)));
    }
}
