using NUnit.Framework;
using Ptoy.EndToEnd.Chaos;
using Ptoy.Protocol;

namespace Ptoy.EndToEnd.Tests;

/// <summary>
/// Every check of the chaos run, against a history that is right and against ones that were forged: a checker that cannot fail proves
/// nothing.
/// </summary>
public sealed class JudgeTests
{
    private History _history = null!;

    [SetUp]
    public void Make() => _history = new History();

    [TearDown]
    public void Drop() => _history.Dispose();

    private List<AckedTransaction> Acked => _history.Acked;

    private Finding Monotone => Judge.Balances(_history.Reads, Acked, _history.OpeningBalances).Monotone;

    private Finding Exact => Judge.Balances(_history.Reads, Acked, _history.OpeningBalances).Exact;

    [Test]
    public void A_right_history_passes_every_check()
    {
        WalkedBlock[][] chains = _history.Chains();
        Assert.Multiple(() =>
        {
            Assert.That(Judge.Chains(chains, 3).Same.Holds);
            Assert.That(Judge.Chains(chains, 3).Certified.Holds);
            Assert.That(Judge.Listing(Acked, chains[0]).Present.Holds);
            Assert.That(Judge.Listing(Acked, chains[0]).Once.Holds);
            Assert.That(Judge.Receipts(Acked, _history.Receipts()).Holds);
            Assert.That(Judge.RealTime(Acked).Holds);
            Assert.That(Judge.Nonces(Acked, complete: true).Holds);
            Assert.That(Monotone.Holds);
            Assert.That(Exact.Holds, Exact.Found);
            Assert.That(Judge.Conserved([400, 600], 1_000).Holds);
        });
    }

    [Test]
    public void An_acknowledged_transaction_that_the_chain_lacks_is_found()
    {
        WalkedBlock[] chain = _history.Chains()[0];
        chain[1] = chain[1] with { Transactions = [] };
        Assert.That(Judge.Listing(Acked, chain).Present, Is.EqualTo(new Finding("4 acknowledged, 1 missing, 0 elsewhere", false)));
    }

    [Test]
    public void A_transaction_at_another_place_than_its_receipt_says_is_found()
    {
        WalkedBlock[] chain = _history.Chains()[0];
        chain[0] = chain[0] with { Transactions = [.. chain[0].Transactions.Reverse()] };
        Assert.That(Judge.Listing(Acked, chain).Present, Is.EqualTo(new Finding("4 acknowledged, 0 missing, 2 elsewhere", false)));
    }

    [Test]
    public void A_transaction_listed_twice_is_found()
    {
        WalkedBlock[] chain = _history.Chains()[0];
        chain[2] = chain[2] with { Transactions = [.. chain[2].Transactions, chain[0].Transactions[0]] };
        Assert.That(Judge.Listing(Acked, chain).Once.Holds, Is.False);
    }

    [Test]
    public void A_transaction_acknowledged_twice_is_found()
    {
        Acked.Add(Acked[0]);
        Assert.That(Judge.Listing(Acked, _history.Chains()[0]).Once.Holds, Is.False);
    }

    [Test]
    public void Another_block_order_or_result_on_one_node_is_found()
    {
        WalkedBlock[][] block = _history.Chains(), order = _history.Chains(), result = _history.Chains();
        block[1][2] = block[1][2] with { Hash = History.Id(999) };
        order[1][0] = order[1][0] with { Transactions = [.. order[1][0].Transactions.Reverse()] };
        result[1][1] = result[1][1] with { Result = History.Result(2, state: 1) };
        foreach (WalkedBlock[][] chains in new[] { block, order, result })
            Assert.That(Judge.Chains(chains, 3).Same, Is.EqualTo(new Finding("3 heights, 1 differ", false)));
    }

    [Test]
    public void A_height_without_a_certificate_is_found()
    {
        WalkedBlock[][] chains = _history.Chains();
        chains[1][2] = chains[1][2] with { Result = null };
        Assert.That(Judge.Chains(chains, 3).Certified, Is.EqualTo(new Finding("1 of 6 missing", false)));
        Assert.That(Judge.Chains(chains, 3).Same.Holds);
    }

    [Test]
    public void A_receipt_that_a_node_lacks_or_has_otherwise_is_found()
    {
        Hash?[][] absent = _history.Receipts(), other = _history.Receipts();
        absent[0][3] = null;
        other[1][0] = History.Id(999);
        Assert.That(Judge.Receipts(Acked, absent), Is.EqualTo(new Finding("1 absent, 0 different", false)));
        Assert.That(Judge.Receipts(Acked, other), Is.EqualTo(new Finding("0 absent, 1 different", false)));
    }

    [Test]
    public void An_operation_that_began_after_another_had_ended_may_not_stand_before_it()
    {
        Acked[3] = Acked[3] with { Submitted = 41, Acknowledged = 50, Height = 1, Index = 2 };
        Assert.That(Judge.RealTime(Acked).Holds, Is.False);
        // At the same time as the other ones it may stand anywhere.
        Acked[3] = Acked[3] with { Submitted = 9 };
        Assert.That(Judge.RealTime(Acked).Holds);
    }

    [Test]
    public void An_order_within_one_block_counts()
    {
        Acked[0] = Acked[0] with { Submitted = 26 };
        Assert.That(Judge.RealTime(Acked).Holds, Is.False);
    }

    [Test]
    public void Nonces_out_of_order_twice_or_left_out_are_found()
    {
        AckedTransaction second = Acked[2];
        Acked[2] = second with { Height = 1, Index = 0 };
        Acked[0] = Acked[0] with { Height = 2, Index = 0 };
        Assert.That(Judge.Nonces(Acked, complete: true).Holds, Is.False, "out of order");
        Acked[0] = Acked[0] with { Height = 1, Index = 0 };
        Acked[2] = second with { Nonce = 0 };
        Assert.That(Judge.Nonces(Acked, complete: false).Holds, Is.False, "twice");
        Acked[2] = second with { Nonce = 2 };
        Assert.That(Judge.Nonces(Acked, complete: true).Holds, Is.False, "left out");
        Assert.That(Judge.Nonces(Acked, complete: false).Holds,
            "a write that expired leaves its nonce to the next one, or a gap in what is known");
    }

    [Test]
    public void A_read_of_an_older_state_than_asked_for_is_found()
    {
        _history.Reads[1] = _history.Read(0, minHeight: 2, height: 1, balance: 1_002);
        Assert.That(Monotone.Holds, Is.False);
        Assert.That(Exact.Holds);
    }

    [Test]
    public void A_reader_who_is_taken_back_in_time_is_found()
    {
        _history.Reads[2] = _history.Read(0, minHeight: 0, height: 1, balance: 1_002);
        Assert.That(Monotone.Holds, Is.False);
    }

    [Test]
    public void A_balance_that_the_transfers_up_to_its_height_do_not_make_is_found()
    {
        // What was true a height earlier.
        _history.Reads[1] = _history.Read(0, minHeight: 2, height: 2, balance: 1_002);
        Assert.That(Exact.Holds, Is.False);
        Assert.That(Monotone.Holds);
    }

    [Test]
    public void A_transfer_that_failed_moves_nothing()
    {
        Acked[3] = Acked[3] with { Payment = null };
        Assert.That(Exact, Is.EqualTo(new Finding("5 reads, 2 with another balance", false)));
    }

    [Test]
    public void A_read_or_denial_that_is_not_in_the_log_is_found()
    {
        AckedRead[] reads = [Answer(1, true), Answer(2, false), Answer(3, true)];
        Assert.That(Judge.AccessLog(reads, _ => true), Is.EqualTo(new Finding("3 of 3 (2 reads, 1 denials)", true)));
        Assert.That(Judge.AccessLog(reads, r => r.ExpiryMs != 2),
            Is.EqualTo(new Finding("2 of 3 (2 reads, 1 denials): node1 record_get denial", false)));
    }

    [Test]
    public void A_record_that_is_absent_or_changed_is_found()
    {
        AckedRecord[] records = [new(0, History.Id(1), History.Id(11)), new(1, History.Id(2), History.Id(12))];
        Dictionary<Hash, Hash> found = records.ToDictionary(r => r.RecordId, r => r.Content);
        Assert.That(Judge.Records(records, found).Holds);
        found[History.Id(2)] = History.Id(13);
        Assert.That(Judge.Records(records, found), Is.EqualTo(new Finding("1 of 2, 0 absent", false)));
        found.Remove(History.Id(2));
        Assert.That(Judge.Records(records, found), Is.EqualTo(new Finding("1 of 2, 1 absent", false)));
    }

    [Test]
    public void Money_that_came_or_went_is_found()
    {
        Assert.That(Judge.Conserved([400, 601], 1_000).Holds, Is.False);
        Assert.That(Judge.Conserved([400, 599], 1_000).Holds, Is.False);
    }

    private AckedRead Answer(long expiry, bool permit) => new(0, _history.First, _history.Requester, "record_get", expiry, permit);
}
