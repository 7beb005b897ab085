using System.Security.Cryptography;
using NUnit.Framework;
using Ptoy.Protocol;
using Ptoy.Protocol.Audit;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Wire;
using Ptoy.Storage.Audit;
using static Ptoy.Storage.Tests.TestNode;

namespace Ptoy.Storage.Tests;

[TestFixture]
public sealed class AccessLogTests
{
    private static AccessEntry Draft(string owner, ulong time = 1) => new(time, new PublicKey(SuiteId.Ed25519, SHA256.HashData("node"u8)), 7,
        new PublicKey(SuiteId.Ed25519, SHA256.HashData("reader"u8)), A("hospital"), A(owner), AccessAction.Read, "TREAT", [H("record")], [H("tag")],
        AccessOutcome.Permit, "provision", "the signed text", new Signature(SuiteId.Ed25519, new byte[64]), [], Hash.Zero);

    [Test]
    public async Task Entries_are_chained_and_durable_when_the_task_completes()
    {
        using var node = new TestNode();
        LoggedAccess[] logged;
        using (NodeStore store = node.Open())
        {
            logged = await Task.WhenAll(Enumerable.Range(0, 200).Select(i => store.Access.AppendAsync(Draft("ann", (ulong)i))));
        }
        using NodeStore again = node.Open();
        LoggedAccess[] found = [.. again.Access.Export()];
        Assert.Multiple(() =>
        {
            Assert.That(found.Select(f => f.Hash), Is.EqualTo(logged.OrderBy(l => l.Sequence).Select(l => l.Hash)));
            Assert.That(found.Select(f => f.Entry.TimeMs), Is.EquivalentTo(Enumerable.Range(0, 200)));
            Assert.That(found[0].Entry.Previous, Is.EqualTo(Hash.Zero));
            Assert.That(found.Skip(1).Select(f => f.Entry.Previous), Is.EqualTo(found.SkipLast(1).Select(f => f.Hash)));
            Assert.That(found.Select(f => Convert.ToHexString(f.Entry.Salt)).Distinct().Count(), Is.EqualTo(200), "each has its own salt");
            Assert.That(again.Access.VerifyChain(), Is.Null);
        });
        LoggedAccess next = await again.Access.AppendAsync(Draft("bob"));
        Assert.That((next.Sequence, next.Entry.Previous), Is.EqualTo((200UL, found[^1].Hash)), "the chain goes on after reopening");
    }

    [Test]
    public async Task Waiters_share_a_write()
    {
        using var node = new TestNode();
        using var gate = new ManualResetEventSlim();
        int writes = 0;
        bool held = false;
        using NodeStore store = node.Open(_ => { if (!Volatile.Read(ref held)) return; Interlocked.Increment(ref writes); gate.Wait(); });
        Volatile.Write(ref held, true);
        Task<LoggedAccess>[] all = [.. Enumerable.Range(0, 500).Select(_ => store.Access.AppendAsync(Draft("ann")))];
        Assert.That(all.Any(t => t.IsCompleted), Is.False, "nothing is answered before its write");
        gate.Set();
        await Task.WhenAll(all);
        Assert.That(writes, Is.LessThanOrEqualTo(3), "500 waiters, written in batches");
    }

    [Test]
    public async Task Each_owner_finds_their_own_entries_and_proves_them_against_the_sealed_segment()
    {
        using var node = new TestNode();
        using NodeStore store = node.Open();
        for (int i = 0; i < 10; i++) await store.Access.AppendAsync(Draft(i % 3 == 0 ? "ann" : "bob", (ulong)i));
        AccessSegment first = store.Access.Seal()!;
        Assert.That(store.Access.Seal(), Is.Null, "nothing new to seal");
        for (int i = 10; i < 15; i++) await store.Access.AppendAsync(Draft("ann", (ulong)i));
        AccessSegment second = store.Access.Seal()!;
        await store.Access.AppendAsync(Draft("ann", 99));
        LoggedAccess[] ann = [.. store.Access.OfOwner(A("ann"))];
        Assert.That(ann.Select(l => l.Entry.TimeMs), Is.EqualTo(new ulong[] { 0, 3, 6, 9, 10, 11, 12, 13, 14, 99 }));
        Assert.That(store.Access.OfOwner(A("ann"), from: 12).Select(l => l.Sequence), Is.EqualTo(new ulong[] { 12, 13, 14, 15 }));
        Assert.That((second.Number, second.First, second.Count, second.PreviousHead), Is.EqualTo((1UL, 10UL, 5U, first.Head)));
        foreach (LoggedAccess logged in ann.SkipLast(1))
        {
            AccessProof proof = store.Access.Prove(logged.Sequence)!;
            AccessSegment segment = store.Access.Segment(proof.Segment)!;
            Assert.That(proof.Verify(segment.Root), Is.True);
            Assert.That(proof.Verify(H("another root")), Is.False);
            Assert.That((proof with { Entry = proof.Entry with { Outcome = AccessOutcome.Deny } }).Verify(segment.Root), Is.False);
        }
        Assert.That(store.Access.Prove(15), Is.Null, "not in a segment yet");
        Assert.That(store.Access.Segments().Select(s => s.Number), Is.EqualTo(new ulong[] { 0, 1 }));
        Assert.That(store.Access.VerifyChain(), Is.Null);
    }

    [Test]
    public async Task An_ill_formed_entry_is_refused_and_the_chain_goes_on()
    {
        using var node = new TestNode();
        using NodeStore store = node.Open();
        Assert.That(async () => await store.Access.AppendAsync(Draft("ann") with { Purpose = "to see what she has" }),
            Throws.TypeOf<WireException>().With.Message.Contain("purpose is not a code"));
        Assert.That((await store.Access.AppendAsync(Draft("ann"))).Sequence, Is.Zero);
    }

    [Test]
    public async Task What_cannot_be_written_is_not_acknowledged_and_leaves_no_gap()
    {
        using var node = new TestNode();
        bool full = false;
        using NodeStore store = node.Open(_ => { if (Volatile.Read(ref full)) throw new IOException("No space left on device"); });
        await store.Access.AppendAsync(Draft("ann", 1));
        Volatile.Write(ref full, true);
        Assert.That(async () => await store.Access.AppendAsync(Draft("ann", 2)), Throws.TypeOf<StoreException>().With.Message.StartWith("disk full"));
        Volatile.Write(ref full, false);
        LoggedAccess next = await store.Access.AppendAsync(Draft("ann", 3));
        Assert.That(next.Sequence, Is.EqualTo(1));
        Assert.That(store.Access.VerifyChain(), Is.Null);
    }

    [Test]
    public void A_closed_log_refuses()
    {
        using var node = new TestNode();
        NodeStore store = node.Open();
        store.Dispose();
        Assert.That(async () => await store.Access.AppendAsync(Draft("ann")), Throws.TypeOf<StoreException>().With.Message.Contain("closed"));
    }
}
