using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Ptoy.Node.Sync;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Rpc;
using Ptoy.Protocol.State;
using Ptoy.Protocol.Sync;
using Ptoy.Protocol.Wire;
using Hash = Ptoy.Protocol.Hash;

namespace Ptoy.Node.Tests.Sync;

[TestFixture]
internal sealed class SnapshotServerTests
{
    private static readonly SnapshotChunkRequest Everything = new(SnapshotSource.Interval, Hash.Zero, StateRange.LastKey);

    /// <summary>The server looks at the clock in the middle of making a chunk: a place to ask for another one meanwhile.</summary>
    private sealed class Interruption : TimeProvider
    {
        public Action Meanwhile { get; set; } = static () => { };

        public override long GetTimestamp()
        {
            Meanwhile();
            return base.GetTimestamp();
        }
    }

    [Test]
    public void The_two_newest_snapshots_are_kept_and_pinned()
    {
        using var source = new SnapshotSource(5 * SnapshotSource.Interval);
        Assert.That(source.Store.State.Pinned, Is.EqualTo(new[] { 64UL, 80UL }));
        SnapshotHead head = Codec.Decode<SnapshotHead>(source.Server.Head(), SnapshotHead.MaxBytes);
        Assert.That((head.Newest, head.FirstBlock, head.Snapshot!.Height), Is.EqualTo((80UL, 1UL, 80UL)));
        Assert.That(head.Snapshot.Verify(source.Epochs()), Is.Null);
    }

    [Test]
    public void Before_the_first_snapshot_there_is_none()
    {
        using var source = new SnapshotSource(SnapshotSource.Interval - 1);
        Assert.That(Codec.Decode<SnapshotHead>(source.Server.Head(), SnapshotHead.MaxBytes).Snapshot, Is.Null);
    }

    [Test]
    public void A_snapshot_that_somebody_fetches_stays()
    {
        using var source = new SnapshotSource(SnapshotSource.Interval);
        source.Server.Chunk(source.Members[0], Everything);
        source.Grow(3 * SnapshotSource.Interval);
        Assert.That(source.Store.State.Pinned, Is.EqualTo(new[] { 16UL, 32UL, 48UL }));
        Assert.That(Codec.Decode<StateRange>(source.Server.Chunk(source.Members[0], Everything), StateRange.MaxBytes).Items, Is.Not.Empty);
    }

    [Test]
    public void While_somebody_fetches_a_snapshot_the_lowest_one_asked_for_is_told_so_that_blocks_above_it_are_kept()
    {
        using var source = new SnapshotSource(2 * SnapshotSource.Interval);
        Assert.That(source.Server.LowestAsked, Is.Null);
        source.Server.Chunk(source.Members[0], Everything);
        source.Server.Chunk(source.Members[1], Everything with { Height = 2 * SnapshotSource.Interval });
        Assert.That(source.Server.LowestAsked, Is.EqualTo(SnapshotSource.Interval));
    }

    /// <summary>The state of the regular height is pruned by then: without a nearer one a newcomer would wait for the next interval.</summary>
    [Test]
    public void After_a_restart_far_above_the_regular_height_a_nearer_one_is_taken()
    {
        const ulong Interval = 512;
        using var source = new SnapshotSource(Interval + 300);
        var server = new SnapshotServer(source.Store, Interval, TimeProvider.System, NullLogger<SnapshotServer>.Instance);
        server.Round();
        Assert.That(Codec.Decode<SnapshotHead>(server.Head(), SnapshotHead.MaxBytes).Snapshot!.Height, Is.EqualTo((Interval + 300) / 64 * 64));
    }

    [Test]
    public void A_snapshot_that_is_not_kept_is_said_so()
    {
        using var source = new SnapshotSource(SnapshotSource.Interval);
        RpcException e = Assert.Throws<RpcException>(() => source.Server.Chunk(source.Members[0], Everything with { Height = 5 }))!;
        Assert.That((e.Code, e.Message), Is.EqualTo((RpcErrors.NotFound, "there is no snapshot of height 5 here; the newest is of 16")));
    }

    [Test]
    public void One_peer_gets_two_chunks_at_a_time_and_takes_no_other_peers_share()
    {
        var clock = new Interruption();
        using var source = new SnapshotSource(SnapshotSource.Interval, clock);
        PublicKey greedy = source.Members[0], other = source.Members[1];
        RpcException? third = null;
        int depth = 0, others = 0;
        clock.Meanwhile = () =>
        {
            if (++depth == 1) source.Server.Chunk(greedy, Everything);
            if (depth != 2) return;
            third = Assert.Throws<RpcException>(() => source.Server.Chunk(greedy, Everything));
            others = source.Server.Chunk(other, Everything).Length;
        };
        source.Server.Chunk(greedy, Everything);
        Assert.That(third!.Code, Is.EqualTo(RpcErrors.Busy));
        Assert.That(others, Is.GreaterThan(0));
        clock.Meanwhile = static () => { };
        Assert.That(source.Server.Chunk(greedy, Everything), Is.Not.Empty, "its share is free again");
    }
}
