using System.Security.Cryptography;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Ptoy.Node.Sync;
using Ptoy.Node.Tests.Transport;
using Ptoy.Node.Transport;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Rpc;
using Ptoy.Protocol.State;
using Ptoy.Protocol.Sync;
using Ptoy.Protocol.Wire;
using Ptoy.Storage;
using Ptoy.Storage.Snapshots;
using Hash = Ptoy.Protocol.Hash;

namespace Ptoy.Node.Tests.Sync;

[TestFixture]
internal sealed class SnapshotJoinTests
{
    private static readonly PublicKey Newcomer = new(SuiteId.Ed25519, SHA256.HashData("newcomer"u8));

    private string _directory = null!;
    private SnapshotSource _source = null!;
    private InMemoryNetwork _network = null!;
    private InMemoryTransport _transport = null!;

    [SetUp]
    public async Task StartAsync()
    {
        _directory = Directory.CreateTempSubdirectory("ptoy-join-").FullName;
        _source = new SnapshotSource(SnapshotSource.Interval);
        _network = new InMemoryNetwork();
        _transport = _network.Create(Newcomer);
        await _transport.StartAsync(new TransportHandlers());
    }

    [TearDown]
    public async Task RemoveAsync()
    {
        await _transport.DisposeAsync();
        foreach (InMemoryTransport member in _source.Serving) await member.DisposeAsync();
        _source.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private SnapshotJoin Join(SnapshotImport import) => new(_transport, _source.Members, _source.Epochs(), import, NullLogger.Instance);

    private async Task<(bool Done, SnapshotJoin Join)> RunAsync(ulong above = 0)
    {
        await InMemoryNetwork.IntroduceAsync([_transport, .. _source.Serving]);
        using SnapshotImport import = SnapshotImport.Open(SnapshotSource.Options(_directory));
        SnapshotJoin join = Join(import);
        return (await join.RunAsync(above, patience: 0, CancellationToken.None), join);
    }

    private void AssertJoined()
    {
        using NodeStore joined = NodeStore.Open(SnapshotSource.Options(_directory));
        ulong height = joined.Ledger.Last!.Height;
        Assert.That(joined.Ledger.Last, Is.EqualTo(_source.Store.Ledger.Executed(height)));
        Assert.That(joined.State.Entries(height), Is.EqualTo(_source.Store.State.Entries(height)));
    }

    [Test]
    public async Task A_newcomer_fetches_the_state_from_all_members()
    {
        for (int i = 0; i < 4; i++) await _source.ServeAsync(_network, i);
        (bool done, SnapshotJoin join) = await RunAsync();
        Assert.That(done, Is.True);
        Assert.That(join.Liars, Is.Empty);
        AssertJoined();
    }

    [Test]
    public async Task A_member_that_leaves_something_out_is_named_and_the_others_give_it()
    {
        for (int i = 0; i < 3; i++) await _source.ServeAsync(_network, i);
        await _source.ServeAsync(_network, 3, (kind, answer) =>
        {
            if (kind != BulkKind.SnapshotChunk) return answer;
            StateRange range = Codec.Decode<StateRange>(answer, StateRange.MaxBytes);
            return Codec.Encode(range with { Items = range.Items[1..] });
        });
        (bool done, SnapshotJoin join) = await RunAsync();
        Assert.That(done, Is.True);
        Assert.That(join.Liars.Keys, Is.EqualTo(new[] { _source.Members[3] }));
        Assert.That(join.Liars[_source.Members[3]], Does.Contain("chunk of the snapshot of height 16").And.Contain("state root"));
        AssertJoined();
    }

    [Test]
    public async Task A_member_that_answers_with_garbage_is_named()
    {
        await _source.ServeAsync(_network, 0);
        await _source.ServeAsync(_network, 1, (kind, answer) => kind == BulkKind.SnapshotChunk ? [0xc0] : answer);
        (bool done, SnapshotJoin join) = await RunAsync();
        Assert.That(done, Is.True);
        Assert.That(join.Liars.Keys, Is.EqualTo(new[] { _source.Members[1] }));
    }

    [Test]
    public async Task A_snapshot_that_no_quorum_signed_is_refused_and_its_sender_named()
    {
        await _source.ServeAsync(_network, 0, (kind, answer) =>
        {
            if (kind != BulkKind.SnapshotHead) return answer;
            SnapshotHead head = Codec.Decode<SnapshotHead>(answer, SnapshotHead.MaxBytes);
            SnapshotFacts facts = head.Snapshot!;
            return Codec.Encode(head with { Snapshot = facts with { Certificate = facts.Certificate with { Statement = facts.Certificate.Statement with { StateRoot = Hash.Zero } } } });
        });
        (bool done, SnapshotJoin join) = await RunAsync();
        Assert.That(done, Is.False);
        Assert.That(join.Liars[_source.Members[0]], Does.Contain("signature"));
        using SnapshotImport import = SnapshotImport.Open(SnapshotSource.Options(_directory));
        Assert.That(import.Progress, Is.Null, "nothing was begun");
    }

    [Test]
    public async Task Without_a_newer_snapshot_nothing_is_changed()
    {
        await _source.ServeAsync(_network, 0);
        Assert.That((await RunAsync(above: 16)).Done, Is.False);
    }

    [Test]
    public async Task An_import_whose_snapshot_nobody_keeps_any_more_begins_anew_with_a_newer_one()
    {
        SnapshotFacts old = Codec.Decode<SnapshotHead>(_source.Server.Head(), SnapshotHead.MaxBytes).Snapshot!;
        using (SnapshotImport import = SnapshotImport.Open(SnapshotSource.Options(_directory))) import.Begin(old, 4);
        _source.Grow(4 * SnapshotSource.Interval);
        await _source.ServeAsync(_network, 0);
        Assert.That((await RunAsync()).Done, Is.True);
        AssertJoined();
        using NodeStore joined = NodeStore.Open(SnapshotSource.Options(_directory));
        Assert.That(joined.Ledger.Last!.Height, Is.EqualTo(64));
    }

    /// <summary>Certified it is, but the others never kept it: who takes the newest of all could be led on for ever.</summary>
    [Test]
    public async Task A_snapshot_that_one_member_alone_shows_is_not_preferred_to_one_that_most_show()
    {
        _source.Grow((2 * SnapshotSource.Interval) + 5);
        SnapshotFacts alone = _source.Facts(_source.Store.Ledger.Last!.Height);
        for (int i = 0; i < 3; i++) await _source.ServeAsync(_network, i);
        await _source.ServeAsync(_network, 3, (kind, answer) => kind == BulkKind.SnapshotHead
            ? Codec.Encode(new SnapshotHead(alone.Height, 1, alone))
            : throw new RpcException(RpcErrors.Busy, "come again"));
        (bool done, _) = await RunAsync();
        Assert.That(done, Is.True);
        AssertJoined();
        using NodeStore joined = NodeStore.Open(SnapshotSource.Options(_directory));
        Assert.That(joined.Ledger.Last!.Height, Is.EqualTo(2 * SnapshotSource.Interval));
    }

    [Test]
    public async Task A_member_that_repeats_a_known_epoch_with_another_end_neither_changes_the_store_nor_holds_up_the_join()
    {
        EpochStart honest = _source.EpochOne(1_000);
        ExecutionStatement end = honest.Barrier.Statement;
        EpochStart forged = honest with { Barrier = honest.Barrier with { Statement = end with { Height = 900 } } };
        await _source.ServeAsync(_network, 0);
        await _source.ServeAsync(_network, 1, (kind, answer) =>
        {
            if (kind == BulkKind.Epochs) return Codec.Encode(new EpochBatch([.. Enumerable.Repeat(forged, EpochBatch.MaxCount)]));
            if (kind != BulkKind.SnapshotHead) return answer;
            SnapshotHead head = Codec.Decode<SnapshotHead>(answer, SnapshotHead.MaxBytes);
            ExecutionCertificate certificate = head.Snapshot!.Certificate;
            return Codec.Encode(head with { Snapshot = head.Snapshot with { Certificate = certificate with { Statement = certificate.Statement with { Epoch = 7 } } } });
        });
        await InMemoryNetwork.IntroduceAsync([_transport, .. _source.Serving]);
        using SnapshotImport import = SnapshotImport.Open(SnapshotSource.Options(_directory));
        EpochChain epochs = _source.Epochs();
        Assert.That(epochs.Add(honest), Is.Null);
        import.PutEpoch(honest);
        var join = new SnapshotJoin(_transport, _source.Members, epochs, import, NullLogger.Instance);
        Assert.That(await join.RunAsync(above: 0, patience: 0, CancellationToken.None), Is.True);
        Assert.That(import.Epochs().Select(e => e.First), Is.EqualTo(new[] { 1_001UL }));
        Assert.That(join.Liars.Keys, Is.EqualTo(new[] { _source.Members[1] }));
    }

    [Test]
    public void Manifests_are_read_from_the_entries_of_the_records_contract()
    {
        string root = new('a', 64);
        StateItem item = new($"Records//manifest/{root}", """{"owner":"x","retired":true,"height":7}""");
        Assert.That(SnapshotJoin.Manifest(item), Is.EqualTo(new ChainManifest(Hash.Parse(root), 7, true)));
        Assert.That(SnapshotJoin.Manifest(item with { Path = $"Token//manifest/{root}" }), Is.Null);
    }
}
