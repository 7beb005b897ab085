using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Consensus.Tests;

/// <summary>What a primary may not do, whoever it is; and the proof when it contradicts itself.</summary>
public sealed class BoundsTests
{
    [Test]
    public void A_back_dated_proposal_gets_no_vote_and_costs_the_primary_its_view()
    {
        using var cluster = new Cluster(4, c => c with { MaxAgeMs = 2_000 });
        cluster.NowMs += 10_000;
        cluster.Tick(1);
        cluster.Step(0, new Propose([Cluster.Tx(1)], cluster.NowMs - 3_000));
        cluster.Settle();
        Assert.That(cluster.Transcript, Has.None.Contains(": prepare"));
        cluster.Tick(70);
        Assert.That(cluster.Nodes.Select(n => (n.Replica.View, n.Replica.Committed)), Has.All.EqualTo((1UL, 0UL)));
    }

    [Test]
    public void What_was_prepared_in_time_is_decided_however_late()
    {
        using var cluster = new Cluster(4, c => c with { MaxAgeMs = 2_000 });
        cluster.Arrives = (_, _, e) => e.Message is not Commit;
        cluster.Decide(0, 1);
        cluster.NowMs += 60_000;
        cluster.Arrives = (_, _, _) => true;
        foreach (int node in new[] { 0, 1, 2, 3 }) cluster.GiveUp(node);
        cluster.Settle();
        Assert.That(cluster.Nodes.Select(n => n.Decided.Count), Has.All.EqualTo(1));
    }

    [Test]
    public void A_primary_dates_no_block_before_the_chain()
    {
        using var cluster = new Cluster();
        cluster.Decide(0, 1);
        ulong before = cluster.Nodes[0].Ledger[^1].TimeMs;
        cluster.Step(0, new Propose([Cluster.Tx(2)], 5));
        cluster.Settle();
        Assert.That(cluster.Nodes[3].Decided[^1].Block.Header.TimeMs, Is.EqualTo(before));
    }

    [Test]
    public void Bodies_that_are_too_large_together_get_no_vote()
    {
        using var cluster = new Cluster(4, c => c with { MaxBodyBytes = 1000 });
        foreach (int node in new[] { 1, 2 }) cluster.Nodes[node].HoldsBodies = true;
        cluster.Arrives = (_, to, _) => to != 3;
        cluster.Decide(0, 1);
        BodyRequest want = cluster.Nodes[1].History.SelectMany(r => r.WantBodies).Single();
        cluster.Step(1, new BodiesReady(want.Height, want.BlockHash, 1001));
        cluster.Step(2, new BodiesReady(want.Height, want.BlockHash, 1000));
        Assert.That(cluster.Transcript, Has.None.StartsWith("1 → all: prepare").And.Some.StartsWith("2 → all: prepare"));
    }

    [Test]
    public void The_window_is_as_wide_as_configured_and_a_new_view_that_fills_it_fits_an_envelope()
    {
        using var cluster = new Cluster(4, c => c with { Window = 256, MaxInFlight = 256 });
        for (int i = 0; i < 300; i++) cluster.Propose(0, i);
        Assert.That(cluster.Transcript.Count(t => t.Contains("pre-prepare", StringComparison.Ordinal)), Is.EqualTo(256));
        ValidatorSet large = ValidatorSet.Of(0, [.. Enumerable.Range(0, 64).Select(i => new Validator(Key(i), cluster.Set.Members[0].Organisation))]);
        var config = new ReplicaConfig { ChainId = Cluster.ChainId, Validators = large, Self = -1 };
        Assert.That(config.Problem(), Is.Null);
        Assert.That((config with { Window = 256 }).Problem(), Is.EqualTo("with a window of 256 the new view of 64 replicas is too large"));
        Assert.That((config with { Window = 257 }).Problem(), Does.StartWith("window is 257"));
    }

    [Test]
    public void Contradictory_votes_prove_themselves_and_nothing_else_does()
    {
        (Cluster cluster, ContradictoryVotes proof) = Contradiction();
        using (cluster)
        {
            Assert.That(proof.Verify(Cluster.ChainId, cluster.Set), Is.Null);
            Assert.That(proof.NodeKey, Is.EqualTo(cluster.Set.Members[0].NodeKey));
            Assert.That(proof.Verify(Cluster.Tx(1), cluster.Set), Is.EqualTo("the votes are of another chain"));
            Assert.That((proof with { IsCommit = true }).Verify(Cluster.ChainId, cluster.Set), Is.EqualTo("the first signature is wrong"));
            Assert.That((proof with { SecondSignature = proof.FirstSignature }).Verify(Cluster.ChainId, cluster.Set), Is.EqualTo("the second signature is wrong"));
            Assert.That((proof with { Second = proof.First }).Problem(), Is.EqualTo("both votes are for the same block"));
            Assert.That((proof with { Second = proof.Second with { View = 1 } }).Problem(), Does.StartWith("the votes are not for the same chain"));
            Assert.That((proof with { NodeKey = Key(60) }).Verify(Cluster.ChainId, cluster.Set), Is.EqualTo("the node key is not in the set"));
            Assert.That(proof.Verify(Cluster.ChainId, cluster.Set with { Epoch = 1 }), Is.EqualTo("the votes are of epoch 0, not 1"));
        }
    }

    [Test]
    public void A_proof_takes_the_form_that_the_contract_reads()
    {
        (Cluster cluster, ContradictoryVotes proof) = Contradiction();
        using (cluster)
        {
            using var json = System.Text.Json.JsonDocument.Parse(proof.ToProof());
            Assert.That(json.RootElement.EnumerateObject().Select(p => p.Name),
                Is.EqualTo(new[] { "nodeKey", "phase", "epoch", "view", "height", "first", "second" }));
            Assert.That(json.RootElement.GetProperty("phase").GetString(), Is.EqualTo("prepare"));
            Assert.That(json.RootElement.GetProperty("first").GetProperty("blockHash").GetString(), Is.EqualTo(proof.First.BlockHash.ToString()));
            Assert.That(json.RootElement.GetProperty("second").GetProperty("signature").GetString(), Has.Length.EqualTo(128));
        }
    }

    /// <summary>The primary shows node 1 two blocks for height 1, several times.</summary>
    private static (Cluster Cluster, ContradictoryVotes Proof) Contradiction()
    {
        var cluster = new Cluster();
        cluster.Arrives = (_, _, _) => false;
        cluster.Decide(0, 1);
        Block first = cluster.Nodes[0].History.SelectMany(r => r.Send).Select(s => s.Envelope.Message).OfType<PrePrepare>().Single().Block;
        for (ulong i = 0; i < 3; i++)
        {
            Block block = first with { Header = first.Header with { TimeMs = first.Header.TimeMs + i } };
            cluster.Say(0, 1, new PrePrepare(0, block, cluster.SignVote(0, VoteStatement.PrepareDomain, 0, 1, block.ComputeHash())));
        }
        return (cluster, cluster.Nodes[1].History.SelectMany(r => r.Evidence).Single().Proof);
    }

    private static PublicKey Key(int index)
    {
        using SigningKey key = Cluster.KeyOf(index);
        return key.Public;
    }
}
