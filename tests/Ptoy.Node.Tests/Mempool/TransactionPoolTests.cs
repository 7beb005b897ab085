using NUnit.Framework;
using Ptoy.Node.Mempool;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using static Ptoy.Node.Tests.TestTransactions;

namespace Ptoy.Node.Tests.Mempool;

[TestFixture]
internal sealed class TransactionPoolTests
{
    private readonly Dictionary<Address, ulong> _nonces = [];
    private TransactionPool _pool = null!;

    [SetUp]
    public void Start()
    {
        _nonces.Clear();
        _pool = Pool(10_000);
    }

    private TransactionPool Pool(int transactions, long bytes = long.MaxValue) => new(transactions, bytes, a => _nonces.GetValueOrDefault(a));

    [Test]
    public void A_senders_transactions_are_taken_in_the_order_of_nonces_however_they_came()
    {
        foreach (ulong nonce in new ulong[] { 2, 0, 3, 1 }) Assert.That(_pool.Add(Of(Alice, nonce), 0, allowGap: true), Is.Null);
        Assert.That(Nonces(_pool.Take(10, long.MaxValue)), Is.EqualTo(new ulong[] { 0, 1, 2, 3 }));
        Assert.That(_pool.HasReady, Is.False);
        Assert.That(_pool.Count, Is.EqualTo(4), "they wait until a block with them is executed");
    }

    [Test]
    public void A_gap_is_refused_to_a_client_naming_the_nonce_expected()
    {
        _pool.Add(Of(Alice, 0), 0, allowGap: false);
        Rejection? gap = _pool.Add(Of(Alice, 2), 0, allowGap: false);
        Assert.That(gap, Is.EqualTo(new Rejection("nonce gap", $"nonce 2 leaves a gap; the next nonce of {Alice.Address} is 1")));
        Assert.That(_pool.NextNonce(Alice.Address), Is.EqualTo(1));
    }

    [Test]
    public void What_lies_behind_a_gap_is_not_taken_until_the_gap_closes()
    {
        _pool.Add(Of(Alice, 1), 0, allowGap: true);
        Assert.That(_pool.HasReady, Is.False);
        Assert.That(_pool.Take(10, long.MaxValue), Is.Empty);
        _pool.Add(Of(Alice, 0), 0, allowGap: false);
        Assert.That(Nonces(_pool.Take(10, long.MaxValue)), Is.EqualTo(new ulong[] { 0, 1 }));
    }

    [Test]
    public void A_used_nonce_a_taken_nonce_and_an_expired_transaction_are_refused_by_name()
    {
        _nonces[Alice.Address] = 5;
        _pool.Add(Of(Alice, 5), 0, allowGap: false);
        Assert.That(_pool.Add(Of(Alice, 4), 0, false)!.Message, Is.EqualTo($"nonce 4 was used; the next nonce of {Alice.Address} is 5"));
        Assert.That(_pool.Add(Of(Alice, 5, method: "other"), 0, false)!.Message, Does.StartWith("another transaction with nonce 5 is waiting"));
        Assert.That(_pool.Add(Of(Alice, 6, expiry: 9), 9, false)!.Message, Is.EqualTo("the transaction expired at height 9; the chain is at 9"));
        Assert.That(_pool.Add(Of(Alice, 5), 0, false), Is.Null, "the same one again is no fault and no second entry");
        Assert.That(_pool.Count, Is.EqualTo(1));
    }

    [Test]
    public void The_pool_is_bounded_in_transactions_and_bytes()
    {
        TransactionPool few = Pool(2);
        few.Add(Of(Alice, 0), 0, false);
        few.Add(Of(Alice, 1), 0, false);
        Assert.That(few.Add(Of(Bob, 0), 0, false), Is.EqualTo(new Rejection("full", "2 transactions are waiting; try again in a moment")));
        TransactionPool small = Pool(100, Of(Alice, 0).Bytes.Length + 10);
        Assert.That(small.Add(Of(Alice, 0), 0, false), Is.Null);
        Assert.That(small.Add(Of(Alice, 1), 0, false)!.Reason, Is.EqualTo("full"));
        Assert.That(small.Bytes, Is.EqualTo(Of(Alice, 0).Bytes.Length));
    }

    [Test]
    public void A_block_is_filled_up_to_its_bytes_and_never_stuck_on_one_large_transaction()
    {
        Transaction large = Of(Alice, 0, arguments: $"[\"{new string('x', 5000)}\"]");
        _pool.Add(large, 0, false);
        _pool.Add(Of(Alice, 1), 0, false);
        Assert.That(Nonces(_pool.Take(10, 1000)), Is.EqualTo(new ulong[] { 0 }), "alone, even above the bound");
        Assert.That(Nonces(_pool.Take(10, 1000)), Is.EqualTo(new ulong[] { 1 }));
    }

    [Test]
    public void A_sender_of_much_does_not_keep_another_waiting()
    {
        for (ulong nonce = 0; nonce < 2000; nonce++) _pool.Add(Of(Alice, nonce), 0, false);
        _pool.Add(Of(Bob, 0), 0, false);
        List<Transaction> block = _pool.Take(200, long.MaxValue);
        Assert.That(block, Has.Count.EqualTo(200));
        Assert.That(block.Count(t => t.Sender == Bob.Address), Is.EqualTo(1));
        Assert.That(Nonces(block.Where(t => t.Sender == Alice.Address)), Is.Ordered.And.Unique);
    }

    [Test]
    public void Senders_take_turns_from_one_block_to_the_next()
    {
        SigningKey[] senders = [.. Enumerable.Range(10, 4).Select(i => Key((byte)i))];
        foreach (SigningKey sender in senders)
        {
            for (ulong nonce = 0; nonce < 2 * TransactionPool.Share; nonce++) _pool.Add(Of(sender, nonce), 0, false);
        }
        HashSet<Address> first = [.. _pool.Take(2 * TransactionPool.Share, long.MaxValue).Select(t => t.Sender)];
        HashSet<Address> second = [.. _pool.Take(2 * TransactionPool.Share, long.MaxValue).Select(t => t.Sender)];
        Assert.That(first.Intersect(second), Is.Empty);
        Assert.That(first.Concat(second), Is.EquivalentTo(senders.Select(s => s.Address)));
    }

    [Test]
    public void After_a_view_change_only_what_is_not_in_flight_is_taken_again()
    {
        for (ulong nonce = 0; nonce < 4; nonce++) _pool.Add(Of(Alice, nonce), 0, false);
        List<Transaction> taken = _pool.Take(10, long.MaxValue);
        _pool.ResetTaken(taken.Take(2).Select(t => t.Hash).ToHashSet());
        Assert.That(Nonces(_pool.Take(10, long.MaxValue)), Is.EqualTo(new ulong[] { 2, 3 }));
    }

    [Test]
    public void What_another_primary_proposed_is_not_taken()
    {
        Transaction[] all = [.. Enumerable.Range(0, 3).Select(n => Of(Alice, (ulong)n))];
        foreach (Transaction t in all) _pool.Add(t, 0, false);
        _pool.MarkTaken([all[0].Hash, all[1].Hash, Hash.Zero]);
        Assert.That(Nonces(_pool.Take(10, long.MaxValue)), Is.EqualTo(new ulong[] { 2 }));
    }

    [Test]
    public void Executed_transactions_leave_with_everything_their_senders_can_no_longer_use()
    {
        _pool.Add(Of(Alice, 0), 0, false);
        _pool.Add(Of(Alice, 1), 0, false);
        _pool.Add(Of(Alice, 2), 0, false);
        _nonces[Alice.Address] = 2;
        _pool.Executed([Of(Alice, 1, method: "elsewhere")], [], 1);
        Assert.That(_pool.Count, Is.EqualTo(1));
        Assert.That(Nonces(_pool.Take(10, long.MaxValue)), Is.EqualTo(new ulong[] { 2 }));
    }

    [Test]
    public void A_transaction_skipped_for_a_gap_is_proposed_again_behind_the_nonces_before_it()
    {
        Transaction late = Of(Alice, 1);
        _pool.Add(late, 0, allowGap: true);
        _pool.MarkTaken([late.Hash]);
        _pool.Executed([], [late], 1);
        Assert.That(_pool.Take(10, long.MaxValue), Is.Empty, "its turn is not now");
        _pool.Add(Of(Alice, 0), 1, allowGap: false);
        Assert.That(Nonces(_pool.Take(10, long.MaxValue)), Is.EqualTo(new ulong[] { 0, 1 }));
    }

    [Test]
    public void A_transaction_that_expired_in_its_block_leaves_its_nonce_to_the_next_one()
    {
        Transaction expired = Of(Alice, 0, expiry: 3);
        _pool.Add(expired, 0, false);
        _pool.Add(Of(Alice, 1), 0, false);
        _pool.Take(10, long.MaxValue);
        _pool.Executed([expired], [], 4);
        Assert.That(_pool.NextNonce(Alice.Address), Is.Zero);
        Assert.That(_pool.Add(Of(Alice, 0, method: "again"), 4, allowGap: false), Is.Null);
        Assert.That(Nonces(_pool.Take(10, long.MaxValue)), Is.EqualTo(new ulong[] { 0, 1 }));
    }

    [Test]
    public void The_expired_are_swept_and_what_was_taken_behind_them_comes_again()
    {
        _pool.Add(Of(Alice, 0, expiry: 10), 0, false);
        _pool.Add(Of(Alice, 1, expiry: 500), 0, false);
        _pool.Take(10, long.MaxValue);
        _pool.Executed([], [], 16);
        Assert.That(_pool.Count, Is.EqualTo(1));
        Assert.That(_pool.NextNonce(Alice.Address), Is.Zero);
        _pool.Add(Of(Alice, 0, expiry: 600), 16, allowGap: false);
        Assert.That(Nonces(_pool.Take(10, long.MaxValue)), Is.EqualTo(new ulong[] { 0, 1 }));
    }

    [Test]
    public void A_primary_owes_work_only_for_what_can_be_executed_next()
    {
        _pool.Add(Of(Alice, 1), 0, allowGap: true);
        Assert.That(_pool.HasExecutable, Is.False);
        _pool.Add(Of(Alice, 0), 0, false);
        Assert.That(_pool.HasExecutable, Is.True);
        Assert.That(_pool.HasAtLeast(2), Is.True);
        Assert.That(_pool.HasAtLeast(3), Is.False);
    }

    private static IEnumerable<ulong> Nonces(IEnumerable<Transaction> transactions) => transactions.Select(t => t.Body.Nonce);

    [Test]
    public void AReplicaThatSpreadsMuchLeavesRoomForWhatComesFromElsewhere()
    {
        var pool = new TransactionPool(80, 1 << 24, _ => 0);
        SigningKey[] senders = [.. Enumerable.Range(100, 3).Select(i => TestTransactions.Key((byte)i))];
        PublicKey flood = senders[2].Public, other = senders[1].Public;
        int taken = Enumerable.Range(0, 80).Count(i => pool.Add(TestTransactions.Of(senders[0], (ulong)i), 0, allowGap: true, from: flood) is null);
        Assert.That(taken, Is.EqualTo(60), "three quarters");
        Assert.That(Enumerable.Range(0, 15).Count(i => pool.Add(TestTransactions.Of(senders[1], (ulong)i), 0, allowGap: true, from: other) is null), Is.EqualTo(10), "an eighth");
        Assert.That(pool.Add(TestTransactions.Of(senders[2], 0), 0, allowGap: false), Is.Null, "this node's own clients");
        pool.Executed([.. Enumerable.Range(0, 60).Select(i => TestTransactions.Of(senders[0], (ulong)i))], [], 1);
        Assert.That(pool.Add(TestTransactions.Of(senders[0], 99), 0, allowGap: true, from: flood), Is.Null, "once there is room again");
    }
}
