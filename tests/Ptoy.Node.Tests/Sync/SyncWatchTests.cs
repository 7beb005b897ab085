using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Ptoy.Node.Sync;
using Ptoy.Node.Tests.Transport;
using Ptoy.Node.Transport;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Sync;
using Ptoy.Protocol.Wire;

namespace Ptoy.Node.Tests.Sync;

/// <summary>What a node makes of what its peers say about how far they are.</summary>
[TestFixture]
internal sealed class SyncWatchTests
{
    private SnapshotSource _source = null!;
    private InMemoryNetwork _network = null!;
    private InMemoryTransport _transport = null!;
    private readonly List<ulong> _behind = [];

    [SetUp]
    public async Task StartAsync()
    {
        _behind.Clear();
        _source = new SnapshotSource(SnapshotSource.Interval);
        _network = new InMemoryNetwork();
        _transport = _network.Create(new PublicKey(SuiteId.Ed25519, System.Security.Cryptography.SHA256.HashData("watcher"u8)));
        await _transport.StartAsync(new TransportHandlers());
    }

    [TearDown]
    public async Task RemoveAsync()
    {
        await _transport.DisposeAsync();
        foreach (InMemoryTransport member in _source.Serving) await member.DisposeAsync();
        _source.Dispose();
    }

    /// <summary>The watcher's own ledger is the one that the members serve from: at height 16.</summary>
    private SyncWatch Watch(EpochChain epochs, ulong threshold = 64) =>
        new(_transport, () => _source.Members, epochs, epochs.Add, _source.Store.Ledger, threshold, _behind.Add, NullLogger<SyncWatch>.Instance);

    private Task ShowAsync(int member, Func<SnapshotHead, SnapshotHead> change) => _source.ServeAsync(_network, member, (kind, answer) =>
        kind == BulkKind.SnapshotHead ? Codec.Encode(change(Codec.Decode<SnapshotHead>(answer, SnapshotHead.MaxBytes))) : answer);

    [Test]
    public async Task One_member_that_boasts_does_not_move_what_is_taken_for_the_others_height()
    {
        await ShowAsync(0, h => h with { Newest = 16 });
        await ShowAsync(1, h => h with { Newest = ulong.MaxValue });
        await ShowAsync(2, h => h with { Newest = 17 });
        await InMemoryNetwork.IntroduceAsync([_transport, .. _source.Serving]);
        EpochChain epochs = _source.Epochs();
        SyncWatch watch = Watch(epochs);
        await watch.RoundAsync(CancellationToken.None);
        Assert.That(watch.Shown(epochs.Newest), Is.Null, "one answer says nothing");
        Assert.That(watch.Looked, Is.True);
        await watch.RoundAsync(CancellationToken.None);
        await watch.RoundAsync(CancellationToken.None);
        Assert.That(watch.Shown(epochs.Newest), Is.EqualTo(17));
        Assert.That(_behind, Is.Empty);
    }

    [Test]
    public async Task Far_above_is_believed_with_certificates_alone()
    {
        SnapshotFacts honest = _source.Facts(16);
        var lie = honest with { Certificate = honest.Certificate with { Statement = honest.Certificate.Statement with { Height = 900 } },
            Commit = honest.Commit with { Statement = honest.Commit.Statement with { Height = 900 } } };
        await ShowAsync(0, _ => new SnapshotHead(900, 800, lie));
        await InMemoryNetwork.IntroduceAsync([_transport, .. _source.Serving]);
        EpochChain epochs = _source.Epochs();
        await Watch(epochs).RoundAsync(CancellationToken.None);
        Assert.That(_behind, Is.Empty);
    }
}
