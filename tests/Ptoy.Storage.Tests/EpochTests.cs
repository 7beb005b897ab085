using System.Security.Cryptography;
using NUnit.Framework;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Storage.Ledger;
using static Ptoy.Storage.Tests.TestNode;

namespace Ptoy.Storage.Tests;

[TestFixture]
public sealed class EpochTests
{
    private static readonly SigningKey[] Keys = [.. Enumerable.Range(0, 5).Select(i => new SigningKey(SHA256.HashData(Bytes($"node {i}"))))];

    [OneTimeTearDown]
    public void Forget() => Array.ForEach(Keys, k => k.Dispose());

    [Test]
    public void Epochs_are_there_in_order_after_reopening()
    {
        using var node = new TestNode();
        using (NodeStore store = node.Open())
        {
            store.Ledger.PutEpoch(Start(2, barrier: 90));
            store.Ledger.PutEpoch(Start(1, barrier: 40));
            store.Ledger.PutEpoch(Start(1, barrier: 40));
        }
        using NodeStore again = node.Open();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(again.Ledger.Epochs().Select(e => (e.Validators.Epoch, e.First)), Is.EqualTo(new[] { (1UL, 41UL), (2UL, 91UL) }));
            Assert.That(again.Ledger.Epochs(from: 2).Select(e => e.Validators.Epoch), Is.EqualTo(new[] { 2UL }));
            Assert.That(again.Ledger.Epoch(2)!.Validators.ComputeHash(), Is.EqualTo(Start(2, 90).Validators.ComputeHash()));
            Assert.That(again.Ledger.Epoch(3), Is.Null);
        }
    }

    [Test]
    public void Another_beginning_of_a_known_epoch_is_refused()
    {
        using var node = new TestNode();
        using NodeStore store = node.Open();
        store.Ledger.PutEpoch(Start(1, barrier: 40));
        EpochStart other = Start(1, barrier: 40, members: 5);
        StoreException e = Assert.Throws<StoreException>(() => store.Ledger.PutEpoch(other))!;
        Assert.That(e.Message, Does.Contain("epoch 1 is known with other validators"));
    }

    [Test]
    public void An_epoch_that_does_not_follow_its_barrier_is_refused()
    {
        using var node = new TestNode();
        using NodeStore store = node.Open();
        EpochStart wrong = Start(1, barrier: 40) with { Barrier = Start(2, barrier: 40).Barrier };
        Assert.That(() => store.Ledger.PutEpoch(wrong), Throws.TypeOf<StoreException>().With.Message.Contain("does not follow"));
    }

    private static EpochStart Start(ulong epoch, ulong barrier, int members = 4) => new(
        Members(epoch, members),
        new ExecutionCertificate(Statement(epoch - 1, barrier), []));

    private static ValidatorSet Members(ulong epoch, int members) => ValidatorSet.Of(epoch, [.. Keys[..members].Select(k => new Validator(k.Public, A("hospital")))]);

    private static ExecutionStatement Statement(ulong epoch, ulong height) => new(Chain, epoch, height, H("chain"), H("state"), H("receipts"), Members(epoch + 1, 4).ComputeHash(), 1);
}
