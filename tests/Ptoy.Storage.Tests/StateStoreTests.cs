using CsCheck;
using Ptoy.Protocol;
using Ptoy.Protocol.State;
using Ptoy.Storage.State;
using NUnit.Framework;
using static Ptoy.Storage.Tests.TestNode;
using Hash = Ptoy.Protocol.Hash;

namespace Ptoy.Storage.Tests;

[TestFixture]
public sealed class StateStoreTests
{
    private static Hash NaiveRoot(IEnumerable<KeyValuePair<string, string>> model) =>
        StateTree.Root(model.Select(e => new StateEntry(StateHash.Key(e.Key), StateHash.Value(e.Value))));

    private static void Apply(Dictionary<string, string> model, Dictionary<string, string?> writes)
    {
        foreach ((string path, string? json) in writes)
        {
            if (json is null) model.Remove(path); else model[path] = json;
        }
    }

    [Test]
    public void Random_histories_agree_with_the_naive_tree_at_every_height()
    {
        Gen<Dictionary<string, string?>> block = Gen.Select(Gen.Int[0, 60], Gen.Int[0, 9], (k, v) => ($"Token//{k}", v < 3 ? null : v.ToString()))
            .Array[0, 40].Select(ws => ws.GroupBy(w => w.Item1).ToDictionary(g => g.Key, g => g.Last().Item2));
        block.Array[1, 12].Sample(history =>
        {
            using var node = new TestNode();
            using NodeStore store = node.Open();
            Genesis(store);
            var model = new Dictionary<string, string>();
            foreach (Dictionary<string, string?> writes in history)
            {
                Apply(model, writes);
                Commit(store, [], writes);
                Assert.That(store.State.Root, Is.EqualTo(NaiveRoot(model)));
            }
            for (int k = 0; k <= 60; k++)
            {
                string path = $"Token//{k}";
                string? json = model.GetValueOrDefault(path);
                ProvedValue proved = store.State.Prove(path, store.State.Height);
                Assert.That(proved.Json, Is.EqualTo(json));
                Assert.That(store.State.Get(path), Is.EqualTo(json));
                Assert.That(proved.Proof.Verify(store.State.Root, path, json), Is.True);
                Assert.That(proved.Proof.Verify(store.State.Root, path, json is null ? "1" : null), Is.False);
            }
            Assert.That(store.State.Entries(store.State.Height).ToDictionary(), Is.EquivalentTo(model));
        }, iter: 12, threads: 1);
    }

    [Test]
    public void The_root_does_not_depend_on_how_writes_are_split_into_blocks()
    {
        var all = Enumerable.Range(0, 500).Select(i => ($"Token//{i}", (string?)i.ToString())).ToArray();
        Hash[] roots = [.. new[] { 500, 100, 7 }.Select(size =>
        {
            using var node = new TestNode();
            using NodeStore store = node.Open();
            Genesis(store);
            foreach (var chunk in all.Reverse().Chunk(size)) Commit(store, [], Writes(chunk));
            // What was there in between leaves no trace.
            Commit(store, [], Writes(("Token//gone", "1"), ("Token//7", "x")));
            Commit(store, [], Writes(("Token//gone", null), ("Token//7", "7")));
            return store.State.Root;
        })];
        Assert.That(roots.Distinct().Count(), Is.EqualTo(1));
    }

    [Test]
    public void Prepare_stores_nothing()
    {
        using var node = new TestNode();
        using NodeStore store = node.Open();
        Genesis(store, ("Token//a", "1"));
        StateUpdate update = store.State.Prepare(Writes(("Token//a", "2")), 1);
        Assert.Multiple(() =>
        {
            Assert.That(update.Root, Is.Not.EqualTo(store.State.Root));
            Assert.That(update.Changes, Is.EqualTo(1));
            Assert.That(store.State.Get("Token//a"), Is.EqualTo("1"));
        });
    }

    [Test]
    public void Writing_the_value_that_is_there_changes_nothing()
    {
        using var node = new TestNode();
        using NodeStore store = node.Open();
        Genesis(store, ("Token//a", "1"), ("Token//b", "2"));
        StateUpdate update = store.State.Prepare(Writes(("Token//a", "1"), ("Token//zz", null)), 1);
        Assert.That((update.Root, update.Changes), Is.EqualTo((store.State.Root, 0)));
    }

    [Test]
    public void Old_versions_are_read_and_proved_within_the_window_and_pruned_behind_it()
    {
        using var node = new TestNode();
        var roots = new List<Hash>();
        NodeStore store = node.Open();
        Genesis(store, ("Token//a", "0"), ("Token//still", "here"));
        roots.Add(store.State.Root);
        for (int h = 1; h <= 60; h++)
        {
            Commit(store, [], Writes(("Token//a", h.ToString()), ($"Token//n{h}", "1"), ($"Token//n{h - 3}", null)));
            roots.Add(store.State.Root);
            if (h != 30) continue;
            store.Dispose();
            store = node.Open();
        }
        using NodeStore open = store;
        for (ulong h = 52; h <= 60; h++)
        {
            ProvedValue proved = open.State.Prove("Token//a", h);
            Assert.That(open.State.GetAt("Token//a", h), Is.EqualTo(h.ToString()));
            Assert.That(open.State.GetAt($"Token//n{h + 1}", h), Is.Null);
            Assert.That(proved.Proof.Verify(roots[(int)h], "Token//a", h.ToString()), Is.True);
        }
        StoreException old = Assert.Throws<StoreException>(() => open.State.GetAt("Token//a", 40))!;
        StoreException future = Assert.Throws<StoreException>(() => open.State.GetAt("Token//a", 61))!;
        int values = open.Entries().Count(e => e.Table == "state-values");
        Assert.Multiple(() =>
        {
            Assert.That(old.Message, Does.Contain("height 40 is not kept"));
            Assert.That(future.Message, Does.Contain("not executed yet"));
            Assert.That(open.State.Get("Token//still"), Is.EqualTo("here"));
            // 5 live values, and those of the window and its slack.
            Assert.That(values, Is.LessThan(5 + (2 * (8 + 16 + 2))));
        });
    }

    [Test]
    public void A_tampered_proof_does_not_verify()
    {
        using var node = new TestNode();
        using NodeStore store = node.Open();
        Genesis(store, [.. Enumerable.Range(0, 200).Select(i => ($"Token//{i}", (string?)i.ToString()))]);
        ProvedValue proved = store.State.Prove("Token//17", 0);
        StateProof proof = proved.Proof;
        Hash root = store.State.Root;
        Assert.That(proof.Verify(root, "Token//17", "17"), Is.True);
        for (int i = 0; i < proof.Siblings.Length; i++)
        {
            Hash[] siblings = [.. proof.Siblings];
            siblings[i] = H("forged");
            Assert.That((proof with { Siblings = siblings }).Verify(root, "Token//17", "17"), Is.False);
        }
        Assert.Multiple(() =>
        {
            Assert.That(proof.Verify(root, "Token//17", "18"), Is.False);
            Assert.That(proof.Verify(root, "Token//18", "17"), Is.False);
            Assert.That(proof.Verify(root, "Token//17", null), Is.False);
            Assert.That(proof.Verify(H("other root"), "Token//17", "17"), Is.False);
            Assert.That((proof with { Siblings = proof.Siblings[1..] }).Verify(root, "Token//17", "17"), Is.False);
        });
    }
}
