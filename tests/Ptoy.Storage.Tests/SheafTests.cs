using NUnit.Framework;
using Ptoy.Storage.Engine;

namespace Ptoy.Storage.Tests;

/// <summary>Several items in one value.</summary>
internal sealed class SheafTests
{
    [Test]
    public void What_is_packed_comes_back_item_by_item()
    {
        byte[][] items = [[], [1], [2, 3, 4], [], [5]];
        byte[] packed = Sheaf.Pack(items);
        Assert.That(Sheaf.Count(packed), Is.EqualTo(items.Length));
        for (int i = 0; i < items.Length; i++) Assert.That(Sheaf.Item(packed, i).ToArray(), Is.EqualTo(items[i]), $"item {i}");
        Assert.That(() => Sheaf.Item(packed, items.Length).Length, Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    [TestCase(1)]
    [TestCase(Sheaf.Size)]
    [TestCase((2 * Sheaf.Size) + 7)]
    public void A_block_s_bodies_and_receipts_are_found_one_by_one_and_together(int count)
    {
        using var node = new TestNode();
        using NodeStore store = node.Open();
        TestNode.Genesis(store);
        string[] names = [.. Enumerable.Range(0, count).Select(i => $"body {i}")];
        TestNode.Commit(store, names, []);
        TestNode.Commit(store, ["other"], []);
        Assert.That(store.Ledger.Bodies(1), Is.EqualTo(names.Select(TestNode.Bytes)));
        Assert.That(store.Ledger.Receipts(1).Select(r => r.Transaction), Is.EqualTo(names.Select(TestNode.H)));
        for (uint i = 0; i < count; i++)
        {
            Assert.That(store.Ledger.TransactionBytes(TestNode.H(names[i])), Is.EqualTo(TestNode.Bytes(names[i])));
            Assert.That(store.Ledger.Receipt(1, i)!.Transaction, Is.EqualTo(TestNode.H(names[i])));
        }
        Assert.That(store.Ledger.Receipt(1, (uint)count), Is.Null);
        Assert.That(store.Ledger.Bodies(3), Is.Empty);
    }
}
