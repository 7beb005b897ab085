using NUnit.Framework;
using Ptoy.Protocol.Ledger;
using Ptoy.Storage.Ledger;
using static Ptoy.Storage.Tests.TestNode;

namespace Ptoy.Storage.Tests;

[TestFixture]
public sealed class PruningTests
{
    [Test]
    public void Pruning_removes_blocks_and_nothing_else()
    {
        using var node = new TestNode();
        ExecutedBlock last;
        using (NodeStore store = node.Open())
        {
            Genesis(store, ("Token//a", "0"));
            for (int h = 1; h <= 20; h++) Commit(store, [$"tx {h}"], Writes(("Token//a", $"{h}")), manifests: [H($"m{h}")]);
            Assert.That(store.Ledger.Prune(11), Is.EqualTo(10));
            Assert.That(store.Ledger.Prune(11), Is.Zero);
            last = store.Ledger.Last!;
        }
        using NodeStore again = node.Open();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(again.Ledger.First, Is.EqualTo(11));
            Assert.That(again.Ledger.Block(10), Is.Null);
            Assert.That(again.Ledger.Pruned(10), Does.Contain("pruned"));
            Assert.That(again.Ledger.TransactionBytes(H("tx 10")), Is.Null);
            Assert.That(again.Ledger.Receipt(H("tx 10")), Is.Null);
            Assert.That(again.Ledger.Block(11), Is.Not.Null);
            Assert.That(again.Ledger.Receipt(H("tx 11"))!.Height, Is.EqualTo(11));
            Assert.That(again.Ledger.Last, Is.EqualTo(last));
            Assert.That(again.State.Get("Token//a"), Is.EqualTo("20"));
            Assert.That(again.Records.Missing().Count(), Is.EqualTo(20));
            foreach (string table in (string[])["blocks", "commits", "bodies", "receipts", "transactions", "block-heights"])
                Assert.That(again.Entries().Count(e => e.Table == table), Is.EqualTo(10), table);
        }
        again.Verify();
    }

    [Test]
    public void A_round_is_bounded_and_never_takes_the_newest_block()
    {
        using var node = new TestNode();
        using NodeStore store = node.Open();
        Genesis(store);
        for (int h = 1; h <= 70; h++) Commit(store, [$"tx {h}"], Writes());
        Assert.That(store.Ledger.Prune(1_000), Is.EqualTo(LedgerStore.MostPruned));
        Assert.That(store.Ledger.Prune(1_000), Is.EqualTo(5));
        Assert.That(store.Ledger.Block(70), Is.Not.Null);
    }

    [Test]
    public void A_transaction_that_a_kept_block_lists_again_keeps_its_bytes()
    {
        using var node = new TestNode();
        using NodeStore store = node.Open();
        Genesis(store);
        Commit(store, ["twice"], Writes());
        Commit(store, ["between"], Writes());
        Commit(store, ["twice"], Writes(), status: ReceiptStatus.Skipped);
        Commit(store, ["end"], Writes());
        Assert.That(store.Ledger.Locate(H("twice")), Is.EqualTo(new TransactionLocation(1, 0)), "where it took effect");

        store.Ledger.Prune(3);
        Assert.That(store.Ledger.TransactionBytes(H("twice")), Is.EqualTo(Bytes("twice")));
        store.Ledger.Prune(4);
        Assert.That(store.Ledger.TransactionBytes(H("twice")), Is.Null);
    }
}
