using NUnit.Framework;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.State;
using Ptoy.Protocol.Sync;
using Ptoy.Storage.Ledger;
using Ptoy.Storage.Snapshots;
using static Ptoy.Storage.Tests.TestNode;

namespace Ptoy.Storage.Tests;

[TestFixture]
public sealed class SnapshotTests
{
    private const int ChunkBytes = 2_500;

    private TestNode _source = null!, _target = null!;
    private NodeStore _store = null!;

    [SetUp]
    public void Fill()
    {
        (_source, _target) = (new TestNode(), new TestNode());
        _store = _source.Open();
        Genesis(_store, [.. Enumerable.Range(0, 300).Select(i => ($"Token//{i}", (string?)$"{i}"))]);
        for (int h = 1; h <= 10; h++) Commit(_store, [$"tx {h}"], Writes(($"Token//{h}", "\"changed\""), ($"Records//manifest/{H($"m{h}")}", "{}"), ($"Token//{h + 200}", null)));
    }

    [TearDown]
    public void Remove()
    {
        _store.Dispose();
        _source.Dispose();
        _target.Dispose();
    }

    private static SnapshotFacts Facts(NodeStore store, ulong height)
    {
        ExecutedBlock e = store.Ledger.Executed(height)!;
        return new SnapshotFacts(
            new ExecutionCertificate(new ExecutionStatement(Chain, 0, height, e.ChainHash, e.StateRoot, e.ReceiptsRoot, Hash.Zero, e.EffectiveTimeMs), []),
            store.Ledger.CommitCertificate(height)!, 4);
    }

    private static ChainManifest? NoManifests(StateItem item) => null;

    private static ChainManifest? Manifests(StateItem item) =>
        item.Path.StartsWith("Records//manifest/", StringComparison.Ordinal) ? new ChainManifest(Hash.Parse(item.Path[^64..]), 3, Retired: item.Path.EndsWith($"{H("m2")}", StringComparison.Ordinal)) : null;

    /// <summary>Puts at most so many ranges; how many there were.</summary>
    private int Copy(SnapshotImport import, ulong height, int most = int.MaxValue, Func<StateItem, ChainManifest?>? manifests = null)
    {
        int count = 0;
        while (import.OpenSegments is { Count: > 0 } open && count < most)
        {
            // The last one first, so that segments do not come in order.
            OpenSegment segment = open[^1];
            StateRange range = _store.State.Export(height, segment.From, segment.To, ChunkBytes);
            Assert.That(import.Put(segment.Index, range, manifests ?? NoManifests), Is.Null);
            count++;
        }
        return count;
    }

    [Test]
    public void An_imported_store_goes_on_exactly_as_the_one_it_came_from()
    {
        using (SnapshotImport import = SnapshotImport.Open(_target.Options))
        {
            import.Begin(Facts(_store, 10), 4);
            Assert.That(Copy(import, 10), Is.GreaterThan(4), "more than one range a segment");
            import.Finish();
        }
        using NodeStore joined = _target.Open();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(joined.Ledger.Last, Is.EqualTo(_store.Ledger.Last));
            Assert.That(joined.State.Root, Is.EqualTo(_store.State.Root));
            Assert.That(joined.State.Entries(10), Is.EqualTo(_store.State.Entries(10)));
            Assert.That(joined.State.Get("Token//7"), Is.EqualTo("\"changed\""));
            Assert.That(joined.Ledger.LatestExecutionCertificate()!.Statement.Height, Is.EqualTo(10));
        }
        for (int h = 11; h <= 60; h++)
        {
            Dictionary<string, string?> writes = Writes(($"Token//{h}", $"\"{h}\""), ("Token//0", $"{h}"), ($"Token//{h + 100}", null));
            Commit(_store, [$"tx {h}"], writes);
            Commit(joined, [$"tx {h}"], writes);
            Assert.That(joined.Ledger.Last, Is.EqualTo(_store.Ledger.Last));
        }
        joined.Verify();
        Assert.That(joined.State.Prove("Token//0", 60).Proof.Verify(_store.State.Root, "Token//0", "60"), Is.True);
    }

    [Test]
    public void Heights_below_the_snapshot_say_that_they_are_pruned()
    {
        using (SnapshotImport import = SnapshotImport.Open(_target.Options))
        {
            import.Begin(Facts(_store, 10), 1);
            Copy(import, 10);
            import.Finish();
        }
        using NodeStore joined = _target.Open();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(joined.Ledger.First, Is.EqualTo(11));
            Assert.That(joined.Ledger.Block(9), Is.Null);
            Assert.That(joined.Ledger.Pruned(9), Does.Contain("pruned").And.Contain("from height 11 on").And.Contain("archive"));
            Assert.That(joined.Ledger.Pruned(11), Is.Null);
            Assert.That(() => joined.State.GetAt("Token//0", 9), Throws.TypeOf<StoreException>().With.Message.Contain("not kept"));
        }
    }

    [Test]
    public void A_pinned_version_is_exported_while_blocks_go_on_and_pruned_after()
    {
        _store.State.Pin(10);
        StateRange before = _store.State.Export(10, Hash.Zero, StateRange.LastKey);
        for (int h = 11; h <= 80; h++) Commit(_store, [], Writes(($"Token//{h}", $"\"{h}\""), ("Token//0", $"{h}")));

        StateRange after = _store.State.Export(10, Hash.Zero, StateRange.LastKey);
        Assert.That(after.Items, Is.EqualTo(before.Items));
        Assert.That(after.Verify(Facts(_store, 10).Certificate.Statement.StateRoot, out _), Is.Null);
        int held = _store.Entries().Count(e => e.Table == "state-values");

        _store.State.Unpin(10);
        Assert.That(() => _store.State.Export(10, Hash.Zero, StateRange.LastKey), Throws.TypeOf<StoreException>());
        for (int h = 81; h <= 100; h++) Commit(_store, [], Writes(("Token//0", $"{h}")));
        Assert.That(_store.Entries().Count(e => e.Table == "state-values"), Is.LessThan(held - 40), "what only the pin needed is pruned");
        _store.Verify();
    }

    [Test]
    public void Only_a_few_versions_can_be_pinned_and_none_that_is_gone()
    {
        for (ulong h = 7; h <= 10; h++) _store.State.Pin(h);
        Assert.That(() => _store.State.Pin(6), Throws.TypeOf<StoreException>().With.Message.Contain("pinned already"));
        _store.State.Unpin(7);
        Assert.That(() => _store.State.Pin(1), Throws.TypeOf<StoreException>().With.Message.Contain("not kept"));
    }

    [Test]
    public void Ranges_of_any_size_verify()
    {
        Hash root = _store.State.Root;
        foreach (int size in new[] { 600, 3_000, 1 << 20 })
        {
            var all = new List<StateItem>();
            for (Hash from = Hash.Zero; ;)
            {
                StateRange range = _store.State.Export(10, from, StateRange.LastKey, size);
                Assert.That(range.Verify(root, out _), Is.Null);
                all.AddRange(range.Items);
                if (range.To == StateRange.LastKey) break;
                Assert.That(range.Items, Is.Not.Empty);
                byte[] next = range.To.ToArray();
                next[^1]++;
                from = new Hash(next);
            }
            Assert.That(all.Select(i => KeyValuePair.Create(i.Path, i.Json)), Is.EqualTo(_store.State.Entries(10)));
        }
    }

    [Test]
    public void A_range_that_lies_is_refused_and_leaves_nothing_behind()
    {
        using SnapshotImport import = SnapshotImport.Open(_target.Options);
        import.Begin(Facts(_store, 10), 1);
        OpenSegment segment = import.OpenSegments[0];
        StateRange honest = _store.State.Export(10, segment.From, segment.To, ChunkBytes);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(import.Put(0, honest with { Items = honest.Items[1..] }, NoManifests), Does.Contain("do not lead to the state root"));
            Assert.That(import.Put(0, honest with { Items = [honest.Items[0] with { Json = "1" }, .. honest.Items[1..]] }, NoManifests), Does.Contain("do not lead"));
            Assert.That(import.Put(0, _store.State.Export(9, segment.From, segment.To, ChunkBytes), NoManifests), Is.Not.Null, "another height");
            Assert.That(import.Put(0, _store.State.Export(10, honest.Items[3].ToEntry().Key, segment.To, ChunkBytes), NoManifests), Does.Contain("begins at"));
            Assert.That(import.OpenSegments, Is.EqualTo(new[] { segment }));
            Assert.That(import.Progress!.Entries, Is.Zero);
            Assert.That(() => import.Finish(), Throws.TypeOf<StoreException>().With.Message.Contain("not complete"));
        }
        Assert.That(import.Put(0, honest, NoManifests), Is.Null);
        Assert.That(import.Put(0, honest, NoManifests), Does.Contain("begins at"), "the same again does not go back");
    }

    [Test]
    public void A_half_imported_store_is_recognised_and_the_import_goes_on_where_it_was()
    {
        using (SnapshotImport import = SnapshotImport.Open(_target.Options))
        {
            import.Begin(Facts(_store, 10), 4);
            Copy(import, 10, most: 3);
        }
        StoreException half = Assert.Throws<StoreException>(() => _target.Open())!;
        Assert.That(half.Problem, Is.EqualTo(StoreProblem.Importing));
        Assert.That(half.Message, Does.Contain("snapshot of height 10").And.Contain("start the node"));

        using (SnapshotImport again = SnapshotImport.Open(_target.Options))
        {
            ulong before = again.Progress!.Entries;
            Assert.That(before, Is.GreaterThan(0));
            Copy(again, 10);
            again.Finish();
        }
        using NodeStore joined = _target.Open();
        Assert.That(joined.State.Entries(10), Is.EqualTo(_store.State.Entries(10)));
    }

    [Test]
    public void A_newer_snapshot_replaces_a_half_imported_one()
    {
        using (SnapshotImport import = SnapshotImport.Open(_target.Options))
        {
            import.Begin(Facts(_store, 8), 4);
            Copy(import, 8, most: 3);
            import.Begin(Facts(_store, 10), 2);
            Copy(import, 10);
            import.Finish();
        }
        using NodeStore joined = _target.Open();
        Assert.That(joined.Ledger.Last!.Height, Is.EqualTo(10));
        Assert.That(joined.State.Entries(10), Is.EqualTo(_store.State.Entries(10)));
        joined.Verify();
    }

    [Test]
    public async Task A_store_with_a_past_keeps_records_access_log_votes_and_epochs()
    {
        using (NodeStore old = _target.Open())
        {
            Genesis(old, ("Token//old", "1"));
            Commit(old, ["old"], Writes(("Token//old", "2")));
            old.Consensus.Append([new Consensus.ConsensusRecord(2, 9, 0, Bytes("vote"))], [], synced: true);
            foreach (string name in (string[])["m1", "m2"]) old.Records.Put(WriterProcess.Upload(name) with { Root = H(name) });
            await old.Access.AppendAsync(WriterProcess.Entry(1));
        }
        using (SnapshotImport import = SnapshotImport.Open(_target.Options))
        {
            Assert.That(import.LedgerHeight, Is.EqualTo(1));
            import.Begin(Facts(_store, 10), 2);
            Copy(import, 10, manifests: Manifests);
            import.Finish();
        }
        using NodeStore joined = _target.Open();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(joined.Consensus.MaySign, Is.True, joined.Consensus.Problem);
            Assert.That(joined.Consensus.LoadAll().Records, Has.Count.EqualTo(1));
            Assert.That(joined.Access.Count, Is.EqualTo(1));
            Assert.That(joined.State.Get("Token//old"), Is.Null);
            Assert.That(joined.Ledger.Receipt(H("old")), Is.Null);
            Assert.That(joined.Records.Info(H("m1"))!.Registered, Is.True, "held, and registered meanwhile");
            Assert.That(joined.Records.Has(H("m2")), Is.False, "retired meanwhile");
            Assert.That(joined.Records.Missing().Select(m => m.Root), Is.EquivalentTo(Enumerable.Range(3, 8).Select(i => H($"m{i}"))));
        }
    }

    [Test]
    public void An_empty_state_is_imported_too()
    {
        using var empty = new TestNode();
        using NodeStore nothing = empty.Open();
        Genesis(nothing);
        Commit(nothing, [], Writes());
        using (SnapshotImport import = SnapshotImport.Open(_target.Options))
        {
            import.Begin(Facts(nothing, 1), 1);
            OpenSegment open = import.OpenSegments[0];
            Assert.That(import.Put(0, nothing.State.Export(1, open.From, open.To), NoManifests), Is.Null);
            import.Finish();
        }
        using NodeStore joined = _target.Open();
        Commit(joined, [], Writes(("Token//a", "1")));
        Commit(nothing, [], Writes(("Token//a", "1")));
        Assert.That(joined.Ledger.Last, Is.EqualTo(nothing.Ledger.Last));
    }
}
