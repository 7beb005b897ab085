using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;
using Ptoy.Storage.Ledger;
using NUnit.Framework;
using static Ptoy.Storage.Tests.TestNode;

namespace Ptoy.Storage.Tests;

[TestFixture]
public sealed class LedgerStoreTests
{
    [Test]
    public void A_committed_block_is_there_entirely_after_reopening()
    {
        using var node = new TestNode();
        ExecutedBlock executed;
        using (NodeStore store = node.Open())
        {
            Genesis(store, ("Token//supply", "\"100\""));
            executed = Commit(store, ["one", "two"], Writes(("Token//a", "1")));
        }
        using NodeStore again = node.Open();
        Assert.Multiple(() =>
        {
            Assert.That(again.Ledger.Last, Is.EqualTo(executed));
            Assert.That(again.State.Root, Is.EqualTo(executed.StateRoot));
            Assert.That(again.Ledger.Block(1)!.TransactionHashes, Is.EqualTo(new[] { H("one"), H("two") }));
            Assert.That(again.Ledger.HeightOf(executed.BlockHash), Is.EqualTo(1));
            Assert.That(again.Ledger.CommitCertificate(1)!.Statement.BlockHash, Is.EqualTo(executed.BlockHash));
            Assert.That(again.Ledger.TransactionBytes(H("two")), Is.EqualTo(Bytes("two")));
            Assert.That(again.Ledger.HasTransaction(H("three")), Is.False);
            Assert.That(again.Ledger.Locate(H("two")), Is.EqualTo(new TransactionLocation(1, 1)));
            Assert.That(again.Ledger.Receipt(H("one"))!.Index, Is.Zero);
            Assert.That(again.Ledger.Receipts(1), Has.Count.EqualTo(2));
            Assert.That(again.State.Get("Token//a"), Is.EqualTo("1"));
            Assert.That(again.State.Get("Token//supply"), Is.EqualTo("\"100\""));
        });
    }

    [Test]
    public void Nothing_is_found_in_an_empty_ledger()
    {
        using var node = new TestNode();
        using NodeStore store = node.Open();
        Assert.Multiple(() =>
        {
            Assert.That(store.Ledger.Last, Is.Null);
            Assert.That(store.Ledger.Block(1), Is.Null);
            Assert.That(store.Ledger.Receipt(H("x")), Is.Null);
            Assert.That(store.Ledger.LatestExecutionCertificate(), Is.Null);
            Assert.That(store.State.Get("Token//a"), Is.Null);
            Assert.That(store.State.Root, Is.EqualTo(Hash.Zero));
        });
    }

    [Test]
    public void Blocks_out_of_order_are_refused_and_change_nothing()
    {
        using var node = new TestNode();
        using NodeStore store = node.Open();
        Genesis(store);
        BlockCommit first = Next(store, ["one"], Writes(("Token//a", "1")));
        store.Ledger.CommitBlock(first);
        Hash root = store.State.Root;
        StoreException again = Assert.Throws<StoreException>(() => store.Ledger.CommitBlock(first))!;
        Assert.Multiple(() =>
        {
            Assert.That(again.Message, Does.Contain("block 1 does not follow 1"));
            Assert.That(store.Ledger.Last!.Height, Is.EqualTo(1));
            Assert.That(store.State.Root, Is.EqualTo(root));
        });
    }

    [Test]
    public void Genesis_is_committed_once_and_before_any_block()
    {
        using var node = new TestNode();
        using NodeStore store = node.Open();
        Genesis(store, ("Token//a", "1"));
        StoreException twice = Assert.Throws<StoreException>(() => store.Ledger.CommitGenesis(store.State.Prepare(Writes(), 1), Hash.Zero, Hash.Zero, 0))!;
        Assert.That(twice.Message, Does.Contain("committed already"));
    }

    [Test]
    public void A_state_update_prepared_before_another_commit_is_refused()
    {
        using var node = new TestNode();
        using NodeStore store = node.Open();
        Genesis(store);
        BlockCommit early = Next(store, ["x"], Writes(("Token//a", "1")));
        Commit(store, ["y"], Writes(("Token//b", "1")));
        BlockCommit late = Next(store, ["x"], Writes()) with { State = early.State };
        Assert.That(() => store.Ledger.CommitBlock(late), Throws.TypeOf<StoreException>());
        Assert.That(store.State.Get("Token//a"), Is.Null);
    }

    [Test]
    public void A_skipped_duplicate_does_not_hide_where_the_transaction_took_effect()
    {
        using var node = new TestNode();
        using NodeStore store = node.Open();
        Genesis(store);
        Commit(store, ["one"], Writes());
        Commit(store, ["one"], Writes(), status: ReceiptStatus.Skipped);
        Commit(store, ["two"], Writes(), status: ReceiptStatus.Skipped);
        Commit(store, ["two"], Writes());
        Assert.Multiple(() =>
        {
            Assert.That(store.Ledger.Receipt(H("one"))!.Height, Is.EqualTo(1));
            Assert.That(store.Ledger.Receipt(H("two"))!.Height, Is.EqualTo(4));
        });
    }

    [Test]
    public void Receipts_that_do_not_fit_the_block_are_refused()
    {
        using var node = new TestNode();
        using NodeStore store = node.Open();
        Genesis(store);
        BlockCommit commit = Next(store, ["one", "two"], Writes());
        Assert.Multiple(() =>
        {
            Assert.That(() => store.Ledger.CommitBlock(commit with { Receipts = [commit.Receipts[0]] }), Throws.TypeOf<StoreException>());
            Assert.That(() => store.Ledger.CommitBlock(commit with { Receipts = [commit.Receipts[1], commit.Receipts[0]] }), Throws.TypeOf<StoreException>());
            Assert.That(() => store.Ledger.CommitBlock(commit with { EffectiveTimeMs = 1 }), Throws.TypeOf<StoreException>());
        });
    }

    [Test]
    public void Execution_certificates_ride_on_the_next_block()
    {
        using var node = new TestNode();
        var certificate = new ExecutionCertificate(new ExecutionStatement(Chain, 0, 1, H("c"), H("s"), H("r"), Hash.Zero, 1), []);
        using (NodeStore store = node.Open())
        {
            Genesis(store);
            Commit(store, ["one"], Writes());
            store.Ledger.PutExecutionCertificate(certificate);
            Commit(store, ["two"], Writes());
        }
        using NodeStore again = node.Open();
        Assert.Multiple(() =>
        {
            Assert.That(again.Ledger.ExecutionCertificate(1)!.Statement, Is.EqualTo(certificate.Statement));
            Assert.That(again.Ledger.ExecutionCertificate(2), Is.Null);
            Assert.That(again.Ledger.LatestExecutionCertificate()!.Statement.Height, Is.EqualTo(1));
        });
    }

    [Test]
    public void A_closed_store_says_so()
    {
        using var node = new TestNode();
        NodeStore store = node.Open();
        Genesis(store);
        store.Dispose();
        Assert.That(() => store.Ledger.Block(1), Throws.TypeOf<StoreException>().With.Message.Contain("is closed"));
        Assert.That(() => store.Local.Put("x", [1]), Throws.TypeOf<StoreException>().With.Message.Contain("is closed"));
    }
}
