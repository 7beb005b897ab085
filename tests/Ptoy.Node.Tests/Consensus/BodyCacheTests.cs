using NUnit.Framework;
using Ptoy.Node.Consensus;
using Ptoy.Node.Mempool;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;
using static Ptoy.Node.Tests.TestTransactions;

namespace Ptoy.Node.Tests.Consensus;

/// <summary>Where a block's bodies come from: what is held, else the pool, else this node's disk.</summary>
[TestFixture]
internal sealed class BodyCacheTests
{
    private readonly Dictionary<Hash, byte[]> _disk = [];
    private int _looks;
    private TransactionPool _pool = null!;
    private BodyCache _bodies = null!;

    [SetUp]
    public void Start()
    {
        _disk.Clear();
        _looks = 0;
        _pool = new TransactionPool(100, long.MaxValue, _ => 0);
        _bodies = new BodyCache(_pool, hash =>
        {
            _looks++;
            return _disk.GetValueOrDefault(hash);
        });
    }

    [Test]
    public void A_body_that_the_pool_drops_stays_held_once_a_block_asked_for_it()
    {
        Transaction transaction = Of(Alice, 0);
        _pool.Add(transaction, 0, allowGap: false);
        Assert.That(_bodies.Missing([transaction.Hash]), Is.Empty);
        _pool.Executed([transaction], [], 1);
        Assert.That(_bodies.Bytes(transaction.Hash), Is.EqualTo(transaction.Bytes));
        Assert.That(_looks, Is.Zero, "the disk was not needed");
    }

    [Test]
    public void A_body_dropped_with_the_first_of_two_blocks_that_list_it_comes_from_disk_for_the_second()
    {
        Transaction transaction = Of(Alice, 0);
        _bodies.Add(transaction);
        _disk[transaction.Hash] = transaction.Bytes;
        _bodies.Drop([transaction.Hash]);
        Assert.That(_bodies.Count, Is.Zero);
        Assert.That(_bodies.Find(transaction.Hash), Is.Not.Null);
        Assert.That(_bodies.Find(transaction.Hash)!.Hash, Is.EqualTo(transaction.Hash));
        Assert.That(_bodies.Missing([transaction.Hash]), Is.Empty);
        Assert.That(_bodies.Count, Is.Zero, "what is on disk needs no place in memory");
    }

    [Test]
    public void After_a_restart_bodies_of_voted_blocks_come_from_disk_and_only_what_is_nowhere_is_missing()
    {
        Transaction voted = Of(Alice, 0), unknown = Of(Bob, 0);
        _disk[voted.Hash] = voted.Bytes;
        Assert.That(_bodies.Missing([voted.Hash, unknown.Hash]), Is.EqualTo(new[] { unknown.Hash }));
        Assert.That(_bodies.Bytes(unknown.Hash), Is.Null);
    }
}
