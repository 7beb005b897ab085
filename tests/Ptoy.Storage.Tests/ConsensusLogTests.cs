using System.Security.Cryptography;
using NUnit.Framework;
using Ptoy.Protocol.Crypto;
using Ptoy.Storage.Consensus;
using static Ptoy.Storage.Tests.TestNode;

namespace Ptoy.Storage.Tests;

[TestFixture]
public sealed class ConsensusLogTests
{
    private static ConsensusRecord Vote(ulong height, ulong view, string text) => new(2, height, view, Bytes(text));

    private static void Fill(TestNode node)
    {
        using NodeStore store = node.Open();
        Genesis(store);
        store.Consensus.Append([Vote(1, 0, "vote")], [new ConsensusBody(1, H("one"), Bytes("one"))], synced: true);
        Commit(store, ["one"], Writes());
    }

    private static void CopyDirectory(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (string file in Directory.GetFiles(from)) File.Copy(file, Path.Combine(to, Path.GetFileName(file)), overwrite: true);
    }

    private static void AssertForgotten(NodeStore store, string why)
    {
        Assert.That(store.Consensus.MaySign, Is.False);
        Assert.That(store.Consensus.Problem, Does.StartWith("votes forgotten").And.Contain(why).And.Contain("new node key"));
        StoreException refused = Assert.Throws<StoreException>(() => store.Consensus.Append([Vote(9, 0, "x")], [], synced: true))!;
        Assert.That(refused.Problem, Is.EqualTo(StoreProblem.VotesForgotten));
        Assert.That(store.Ledger.Last!.Height, Is.EqualTo(1), "it still follows");
    }

    [Test]
    public void Votes_and_their_bodies_are_there_after_reopening()
    {
        using var node = new TestNode();
        Fill(node);
        using NodeStore store = node.Open();
        ConsensusLogContent content = store.Consensus.LoadAll();
        Assert.Multiple(() =>
        {
            Assert.That(store.Consensus.MaySign, Is.True);
            Assert.That(content.Records.Select(r => (r.Kind, r.Height, r.View)), Is.EqualTo(new[] { ((byte)2, 1UL, 0UL) }));
            Assert.That(content.Records[0].Bytes, Is.EqualTo(Bytes("vote")));
            Assert.That(content.Bodies.Single().Hash, Is.EqualTo(H("one")));
            Assert.That(store.Consensus.Body(H("one")), Is.EqualTo(Bytes("one")));
        });
    }

    [Test]
    public void A_record_replaces_the_one_of_the_same_place_and_null_deletes_it()
    {
        using var node = new TestNode();
        using NodeStore store = node.Open();
        store.Consensus.Append([Vote(1, 0, "a"), Vote(1, 1, "b"), new ConsensusRecord(3, 1, 0, [7])], [], synced: true);
        store.Consensus.Append([Vote(1, 0, "c"), new ConsensusRecord(2, 1, 1, null)], [], synced: false);
        Assert.That(store.Consensus.LoadAll().Records.Select(r => (r.Kind, r.View, r.Bytes![0])),
            Is.EqualTo(new[] { ((byte)2, 0UL, (byte)'c'), ((byte)3, 0UL, (byte)7) }));
    }

    [Test]
    public void Truncation_keeps_the_replicas_own_records_and_later_heights()
    {
        using var node = new TestNode();
        using NodeStore store = node.Open();
        ConsensusBody[] bodies = [.. Enumerable.Range(1, 5).Select(i => new ConsensusBody((ulong)i, H($"b{i}"), Bytes($"b{i}")))];
        store.Consensus.Append([new ConsensusRecord(5, 0, 3, [1]), .. Enumerable.Range(1, 5).Select(i => Vote((ulong)i, 0, "v"))], bodies, synced: true);
        store.Consensus.ReleaseBodies(3);
        store.Consensus.TruncateBelow(3);
        ConsensusLogContent content = store.Consensus.LoadAll();
        Assert.Multiple(() =>
        {
            Assert.That(content.Records.Select(r => r.Height), Is.EqualTo(new ulong[] { 0, 3, 4, 5 }));
            Assert.That(content.Bodies.Select(b => b.Height), Is.EqualTo(new ulong[] { 4, 5 }));
            Assert.That(store.Consensus.Body(H("b3")), Is.Null);
            Assert.That(store.Consensus.Body(H("b4")), Is.EqualTo(Bytes("b4")));
        });
        // A body may come again for an earlier height, after a view change.
        store.Consensus.Append([], [new ConsensusBody(2, H("late"), Bytes("late"))], synced: true);
        store.Consensus.ReleaseBodies(2);
        Assert.That(store.Consensus.Body(H("late")), Is.Null);
    }

    [Test]
    public void A_log_that_went_missing_is_recognised()
    {
        using var node = new TestNode();
        Fill(node);
        Directory.Delete(node.ConsensusPath, recursive: true);
        for (int i = 0; i < 2; i++)
        {
            using NodeStore store = node.Open();
            AssertForgotten(store, "is missing");
        }
    }

    [Test]
    public void A_log_that_was_emptied_is_recognised()
    {
        using var node = new TestNode();
        Fill(node);
        Directory.Delete(node.ConsensusPath, recursive: true);
        using (var other = new TestNode())
        {
            using (NodeStore fresh = other.Open()) Genesis(fresh);
            CopyDirectory(other.ConsensusPath, node.ConsensusPath);
        }
        using NodeStore store = node.Open();
        AssertForgotten(store, "is another one");
    }

    [Test]
    public void A_damaged_log_is_recognised()
    {
        using var node = new TestNode();
        Fill(node);
        File.Delete(Directory.GetFiles(node.ConsensusPath, "MANIFEST-*").Single());
        using NodeStore store = node.Open();
        AssertForgotten(store, "is damaged");
    }

    [Test]
    public void An_older_copy_of_the_log_is_recognised()
    {
        using var node = new TestNode();
        Fill(node);
        string copy = Path.Combine(node.DirectoryPath, "copy");
        CopyDirectory(node.ConsensusPath, copy);
        using (NodeStore store = node.Open())
        {
            store.Consensus.Append([Vote(2, 0, "later")], [], synced: true);
            Commit(store, ["two"], Writes());
        }
        Directory.Delete(node.ConsensusPath, recursive: true);
        CopyDirectory(copy, node.ConsensusPath);
        using NodeStore again = node.Open();
        Assert.That(again.Consensus.MaySign, Is.False);
        Assert.That(again.Consensus.Problem, Does.Contain("older copy"));
    }

    [Test]
    public void A_restored_backup_does_not_sign()
    {
        using var node = new TestNode();
        using var restored = new TestNode();
        Fill(node);
        Directory.Delete(restored.DirectoryPath);
        using (NodeStore store = node.Open()) store.Backup(restored.DirectoryPath);
        Assert.That(Directory.Exists(restored.ConsensusPath), Is.False);
        using NodeStore again = restored.Open();
        AssertForgotten(again, "is missing");
    }

    [Test]
    public void A_new_node_key_starts_a_new_log_and_the_old_key_cannot_come_back()
    {
        using var node = new TestNode();
        Fill(node);
        Directory.Delete(node.ConsensusPath, recursive: true);
        using var key = new SigningKey(SHA256.HashData("another node key"u8));
        using (NodeStore store = NodeStore.Open(node.Options with { NodeKey = key.Public }))
        {
            Assert.That(store.Consensus.Problem, Is.Null);
            store.Consensus.Append([Vote(2, 0, "as somebody else")], [], synced: true);
        }
        using (NodeStore same = NodeStore.Open(node.Options with { NodeKey = key.Public })) Assert.That(same.Consensus.MaySign, Is.True);
        using NodeStore old = node.Open();
        AssertForgotten(old, "is another one");
    }
}
