using System.Collections.Concurrent;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Ptoy.Consensus;
using Ptoy.Node.Consensus;
using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Wire;

namespace Ptoy.Node.Tests.Consensus;

/// <summary>Every peer has a lane and a turn of its own; a signature is verified once.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ConsensusInboxTests : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly SigningKey[] Keys = [.. Enumerable.Range(1, 4).Select(i => TestTransactions.Key((byte)i))];
    private static readonly ValidatorSet Set = SetOf(0);

    private readonly BlockingCollection<ConsensusEnvelope> _delivered = [];
    private readonly SignatureMemory _memory = new(Ed25519Verifier.Instance);
    private readonly ManualResetEventSlim _open = new(true);
    private ConsensusInbox? _inbox;

    public async ValueTask DisposeAsync()
    {
        _open.Set();
        if (_inbox is not null) await _inbox.DisposeAsync();
        _open.Dispose();
        _delivered.Dispose();
    }

    [Test]
    public void OnePeersMessagesKeepTheirOrderWhileSeveralThreadsVerify()
    {
        ConsensusInbox inbox = Start(threads: 4);
        const int Each = 300;
        for (ulong height = 1; height <= Each; height++)
            for (byte replica = 0; replica < 4; replica++) Send(inbox, replica, Prepare(replica, height));
        var last = new ulong[4];
        for (int i = 0; i < 4 * Each; i++)
        {
            ConsensusEnvelope envelope = Take();
            ulong height = ((Prepare)envelope.Message!).Height;
            Assert.That(height, Is.EqualTo(last[envelope.Sender] + 1), $"replica {envelope.Sender}");
            last[envelope.Sender] = height;
        }
        Assert.That((inbox.Refused, inbox.Dropped), Is.EqualTo((0L, 0L)));
    }

    [Test]
    public void AFloodOfOnePeerDelaysAnotherByATurn()
    {
        ConsensusInbox inbox = Start(threads: 1);
        Close(inbox);
        byte[] repeated = Prepare(0, 7);
        for (int i = 0; i < ConsensusInbox.LaneLength; i++) Send(inbox, 0, repeated);
        Send(inbox, 1, Prepare(1, 8));
        _open.Set();
        int before = 0;
        while (Take().Sender != 1) before++;
        Assert.That(before, Is.LessThanOrEqualTo(2 * ConsensusInbox.Turn));
    }

    [Test]
    public void AFullLaneDropsItsNewestAndTakesNothingFromOthers()
    {
        ConsensusInbox inbox = Start(threads: 1);
        Close(inbox);
        byte[] repeated = Prepare(0, 7), newest = Prepare(0, 9);
        for (int i = 0; i < ConsensusInbox.LaneLength; i++) Send(inbox, 0, repeated);
        for (int i = 0; i < 50; i++) Send(inbox, 0, newest);
        Assert.That(inbox.Dropped, Is.EqualTo(50));
        Assert.That(inbox.Waiting, Is.EqualTo(ConsensusInbox.LaneLength));
        for (ulong height = 101; height <= 120; height++) Send(inbox, 2, Prepare(2, height));
        Assert.That(inbox.Dropped, Is.EqualTo(50), "another peer's lane has room");
        _open.Set();
        var heights = new List<ulong>();
        for (int i = 0; i < ConsensusInbox.LaneLength + 20; i++) heights.Add(((Prepare)Take().Message!).Height);
        Assert.That(heights, Does.Not.Contain(9));
    }

    [Test]
    public void ALaneIsBoundedInBytesToo()
    {
        ConsensusInbox inbox = Start(threads: 1);
        Close(inbox);
        var large = new byte[ConsensusEnvelope.MaxBytes];
        int fits = ConsensusInbox.AllBytes / Set.Count / large.Length;
        for (int i = 0; i < fits + 3; i++) inbox.Receive(Set.Members[0].NodeKey, large);
        Assert.That(inbox.Dropped, Is.EqualTo(3));
        inbox.Receive(Set.Members[1].NodeKey, large);
        Assert.That(inbox.Dropped, Is.EqualTo(3));
    }

    [Test]
    public void AMessageThatComesAgainIsDeliveredAgainButVerifiedOnce()
    {
        ConsensusInbox inbox = Start(threads: 2);
        byte[] bytes = Prepare(3, 5);
        for (int i = 0; i < 10; i++) Send(inbox, 3, bytes);
        for (int i = 0; i < 10; i++) Assert.That(Take().Sender, Is.EqualTo(3), "a replica may have been unable to use it before");
        Assert.That((_memory.Verified, _memory.Remembered), Is.EqualTo((1L, 9L)));
    }

    [Test]
    public void ASignatureInsideACertificateIsNotVerifiedAgain()
    {
        ConsensusInbox inbox = Start(threads: 1);
        Hash block = Digest.Of("ptoy/test/v1", "block"u8);
        for (byte replica = 0; replica < 3; replica++)
            Send(inbox, replica, Encode(replica, new Commit(0, 4, block, Sign(replica, VoteStatement.CommitDomain, 4, block))));
        for (int i = 0; i < 3; i++) Take();
        Assert.That(_memory.Verified, Is.EqualTo(3));
        ReplicaSignature[] signatures = [.. Enumerable.Range(0, 3).Select(r => new ReplicaSignature((byte)r, Sign((byte)r, VoteStatement.CommitDomain, 4, block)))];
        Send(inbox, 2, Encode(2, new Decision(new CommitCertificate(new VoteStatement(TestTransactions.ChainId, 0, 0, 4, block), signatures))));
        Assert.That(Take().Message, Is.TypeOf<Decision>());
        Assert.That((_memory.Verified, _memory.Remembered), Is.EqualTo((3L, 3L)));
    }

    [Test]
    public void AWrongSignatureIsRefusedEveryTime()
    {
        ConsensusInbox inbox = Start(threads: 1);
        byte[] forged = Encode(1, new Prepare(0, 5, Hash.Zero, Sign(2, VoteStatement.PrepareDomain, 5, Hash.Zero)));
        for (int i = 0; i < 3; i++) Send(inbox, 1, forged);
        Send(inbox, 1, Prepare(1, 6));
        Assert.That(((Prepare)Take().Message!).Height, Is.EqualTo(6));
        Assert.That((inbox.Refused, _memory.Verified), Is.EqualTo((3L, 4L)));
    }

    [Test]
    public void WhatNamesAnotherSenderOrComesFromAStrangerCostsNoSignature()
    {
        ConsensusInbox inbox = Start(threads: 1);
        Send(inbox, 1, Prepare(2, 5));
        using SigningKey stranger = TestTransactions.Key(99);
        inbox.Receive(stranger.Public, Prepare(0, 5));
        Send(inbox, 0, [1, 2, 3]);
        Send(inbox, 0, Prepare(0, 6));
        Assert.That(((Prepare)Take().Message!).Height, Is.EqualTo(6));
        Assert.That((inbox.Refused, _memory.Verified), Is.EqualTo((2L, 1L)));
    }

    [Test]
    public void AnotherEpochsReplicasTakeOverAndWhatWaitedIsDropped()
    {
        ConsensusInbox inbox = Start(threads: 1);
        Close(inbox);
        for (ulong height = 1; height <= 100; height++) Send(inbox, 0, Prepare(0, height));
        ValidatorSet next = SetOf(1);
        inbox.Use(next, new MessageVerifier(TestTransactions.ChainId, next, _memory));
        Assert.That(inbox.Waiting, Is.Zero);
        _open.Set();
        Send(inbox, 0, Prepare(0, 500));
        Send(inbox, 0, Prepare(0, 501, epoch: 1));
        ConsensusEnvelope envelope;
        while ((envelope = Take()).Epoch == 0) Assert.That(((Prepare)envelope.Message!).Height, Is.LessThanOrEqualTo(ConsensusInbox.Turn), "only what a thread had taken already");
        Assert.That(((Prepare)envelope.Message!).Height, Is.EqualTo(501));
    }

    [Test]
    public void OneKeyCannotPushOutWhatAnotherSigned()
    {
        var counted = new Yes();
        var memory = new SignatureMemory(counted);
        Signature signature = Sign(0, VoteStatement.PrepareDomain, 1, Hash.Zero);
        memory.Verify(Keys[1].Public, "mine", [1], signature);
        for (int i = 0; i < 3 * SignatureMemory.PerKey; i++) memory.Verify(Keys[0].Public, "flood", BitConverter.GetBytes(i), signature);
        int before = counted.Count;
        memory.Verify(Keys[1].Public, "mine", [1], signature);
        Assert.That(counted.Count, Is.EqualTo(before), "still remembered");
        memory.Verify(Keys[0].Public, "flood", BitConverter.GetBytes(0), signature);
        Assert.That(counted.Count, Is.EqualTo(before + 1), "the flood pushed out its own");
        memory.Verify(Keys[1].Public, "min", [(byte)'e', 1], signature);
        Assert.That(counted.Count, Is.EqualTo(before + 2), "another domain is another signature");
        memory.Keep(new HashSet<PublicKey>());
        memory.Verify(Keys[1].Public, "mine", [1], signature);
        Assert.That(counted.Count, Is.EqualTo(before + 3));
    }

    private static ValidatorSet SetOf(ulong epoch) => ValidatorSet.Of(epoch, [.. Keys.Select(k => new Validator(k.Public, k.Address))]);

    private static Signature Sign(byte replica, string domain, ulong height, Hash block, ulong epoch = 0) =>
        Keys[replica].Sign(domain, Codec.Encode(new VoteStatement(TestTransactions.ChainId, epoch, 0, height, block)));

    private static byte[] Prepare(byte replica, ulong height, ulong epoch = 0) =>
        Encode(replica, new Prepare(0, height, Hash.Zero, Sign(replica, VoteStatement.PrepareDomain, height, Hash.Zero, epoch)), epoch);

    private static byte[] Encode(byte sender, ConsensusMessage message, ulong epoch = 0) => Codec.Encode(new ConsensusEnvelope(epoch, sender, message, []));

    private static void Send(ConsensusInbox inbox, byte replica, byte[] bytes) => inbox.Receive(Set.Members[replica].NodeKey, bytes);

    private ConsensusInbox Start(int threads) => _inbox = new ConsensusInbox(
        Set, new MessageVerifier(TestTransactions.ChainId, Set, _memory), Deliver, NullLogger<ConsensusInbox>.Instance, threads);

    private void Deliver(VerifiedEnvelope verified)
    {
        _delivered.Add(verified.Envelope);
        _open.Wait(Patience);
    }

    /// <summary>From here on the thread that verifies waits in the delivery of a message of replica 3.</summary>
    private void Close(ConsensusInbox inbox)
    {
        _open.Reset();
        Send(inbox, 3, Prepare(3, 1));
        Assert.That(Take().Sender, Is.EqualTo(3));
    }

    private ConsensusEnvelope Take() =>
        _delivered.TryTake(out ConsensusEnvelope? envelope, Patience) ? envelope : throw new TimeoutException("nothing was delivered");

    private sealed class Yes : ISignatureVerifier
    {
        public int Count { get; private set; }

        public bool Verify(PublicKey key, string domain, ReadOnlySpan<byte> message, Signature signature)
        {
            Count++;
            return true;
        }
    }
}
