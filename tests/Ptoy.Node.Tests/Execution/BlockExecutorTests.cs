using NUnit.Framework;
using Ptoy.Node.Execution;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;
using Ptoy.Vm;
using static Ptoy.Node.Tests.TestTransactions;

namespace Ptoy.Node.Tests.Execution;

/// <summary>What a decided block does: transactions that are out of place are skipped with the reason, failing ones use their nonce.</summary>
[TestFixture]
internal sealed class BlockExecutorTests
{
    private const string Source = """
        class Counter {
          static views = ['value'];
          add(n) { state.set('n', this.value() + n); emit('added', { n }); return state.get('n'); }
          refuse() { state.set('n', 1000); fail('the counter refuses'); }
          spin() { let i = 0; while (true) { i = i + 1; } }
          value() { return state.get('n') || 0; }
        }
        """;

    private static readonly ContractCode Counter = ContractCode.Compile("Counter", Source);

    private readonly Dictionary<string, string?> _state = [];
    private readonly HashSet<Hash> _skips = [];

    [SetUp]
    public void Start()
    {
        _state.Clear();
        _skips.Clear();
    }

    [Test]
    public void Transactions_take_effect_in_order_and_raise_their_events()
    {
        ExecutedTransactions done = Run(1, Of(Alice, 0), Of(Alice, 1, arguments: "[5]"), Of(Bob, 0, arguments: "[10]"));
        Assert.That(done.Receipts.Select(r => (r.Status, r.Result)), Is.EqualTo(new[] { (ReceiptStatus.Ok, "1"), (ReceiptStatus.Ok, "6"), (ReceiptStatus.Ok, "16") }));
        Assert.That(done.Receipts[0].Events.Single().Name, Is.EqualTo("added"));
        Assert.That(_state["Counter//n"], Is.EqualTo("16"));
        Assert.That(_state[StatePath.Nonce(Alice.Address)], Is.EqualTo("2"));
    }

    [Test]
    public void A_failed_transaction_uses_its_nonce_and_changes_nothing_else()
    {
        Run(1, Of(Alice, 0));
        Receipt failed = Run(2, Of(Alice, 1, method: "refuse", arguments: "[]")).Receipts[0];
        Assert.That((failed.Status, failed.Error, failed.Events.Length), Is.EqualTo((ReceiptStatus.Failed, "the counter refuses", 0)));
        Assert.That(_state["Counter//n"], Is.EqualTo("1"));
        Assert.That(_state[StatePath.Nonce(Alice.Address)], Is.EqualTo("2"));
        Assert.That(Run(3, Of(Alice, 1, method: "refuse", arguments: "[]")).Receipts[0].Status, Is.EqualTo(ReceiptStatus.Skipped), "not twice");
    }

    [TestCase("Nowhere", "add", "[]")]
    [TestCase("Counter", "nothing", "[]")]
    [TestCase("Counter", "value", "{}")]
    [TestCase("Counter", "add", "not json")]
    public void A_call_that_goes_nowhere_fails_with_a_reason(string contract, string method, string arguments)
    {
        Receipt receipt = Run(1, Of(Alice, 0, contract: contract, method: method, arguments: arguments)).Receipts[0];
        Assert.That(receipt.Status, Is.EqualTo(ReceiptStatus.Failed));
        Assert.That(receipt.Error, Is.Not.Empty);
        Assert.That(receipt.Problem(), Is.Null);
    }

    [Test]
    public void Running_out_of_gas_fails_the_transaction_at_its_limit()
    {
        Receipt receipt = Run(1, Of(Alice, 0, method: "spin", arguments: "[]", gas: 50_000)).Receipts[0];
        Assert.That((receipt.Status, receipt.GasUsed), Is.EqualTo((ReceiptStatus.Failed, 50_000UL)));
    }

    [Test]
    public void What_is_out_of_place_is_skipped_with_the_reason_and_leaves_no_trace()
    {
        Run(1, Of(Alice, 0));
        ExecutedTransactions done = Run(
            50, Of(Alice, 0), Of(Alice, 3), Of(Alice, 1, expiry: 49), Of(Bob, 0, chain: Hash.Zero), Of(Alice, 1, expiry: 50), Of(Alice, 1, method: "refuse"));
        Assert.That(done.Receipts.Select(r => (r.Status, r.Error)), Is.EqualTo(new[]
        {
            (ReceiptStatus.Skipped, "nonce 0 was used; expected 1"), (ReceiptStatus.Skipped, "nonce 3 leaves a gap; expected 1"),
            (ReceiptStatus.Skipped, "expired at height 49"), (ReceiptStatus.Skipped, "for another chain"), (ReceiptStatus.Ok, ""),
            (ReceiptStatus.Skipped, "nonce 1 was used; expected 2"),
        }));
        Assert.That(done.Receipts.Select(r => r.Index), Is.EqualTo(new uint[] { 0, 1, 2, 3, 4, 5 }));
        Assert.That(done.Nonces.Keys, Is.EqualTo(new[] { Alice.Address }));
        Assert.That(_state["Counter//n"], Is.EqualTo("2"));
    }

    [Test]
    public void Block_time_never_goes_back() =>
        Assert.That(Executor().Execute(BlockOf(1), [], previousTimeMs: ulong.MaxValue).TimeMs, Is.EqualTo(ulong.MaxValue));

    [Test]
    public void The_same_block_on_the_same_state_gives_the_same_receipts_and_writes()
    {
        Transaction[] transactions = [Of(Bob, 0), Of(Alice, 0), Of(Bob, 1, method: "refuse"), Of(Alice, 2)];
        ExecutedTransactions one = Executor().Execute(BlockOf(1, transactions), transactions, 0);
        ExecutedTransactions two = Executor().Execute(BlockOf(1, transactions), transactions, 0);
        Assert.That(one.Receipts.Select(r => r.ComputeHash()), Is.EqualTo(two.Receipts.Select(r => r.ComputeHash())));
        Assert.That(one.Writes, Is.EqualTo(two.Writes));
    }

    [Test]
    public void An_emergency_stop_is_no_outcome_but_names_the_evidence_and_the_way_out()
    {
        var vm = new ContractVm(
            new Dictionary<string, ContractCode> { ["Counter"] = Counter }, new EmergencyLimits(StartBrake: () => () => "took longer than 5 s here"));
        Transaction spin = Of(Alice, 0, method: "spin", arguments: "[]", gas: 50_000_000);
        Node.Execution.EmergencyStopException stop =
            Assert.Throws<Node.Execution.EmergencyStopException>(() => Executor(vm).Execute(BlockOf(7, spin), [spin], 0))!;
        Assert.That(stop.Transaction, Is.EqualTo(spin.Hash));
        Assert.That(stop.Message, Does.Contain(spin.Hash.ToString()).And.Contain("height 7").And.Contain("took longer than 5 s here").And.Contain("ptoy chain skip-tx"));
        _skips.Add(spin.Hash);
        ExecutedTransactions agreed = Executor(vm).Execute(BlockOf(7, spin), [spin], 0);
        Assert.That((agreed.Receipts[0].Status, agreed.Receipts[0].Error), Is.EqualTo((ReceiptStatus.Failed, "skipped by agreement of the members")));
        Assert.That(agreed.Nonces[Alice.Address], Is.EqualTo(1));
    }

    private BlockExecutor Executor(ContractVm? vm = null) => new(
        vm ?? new ContractVm(new Dictionary<string, ContractCode> { ["Counter"] = Counter }), ChainId, path => _state.GetValueOrDefault(path),
        a => StatePath.ParseNonce(_state.GetValueOrDefault(StatePath.Nonce(a))), (transaction, _) => _skips.Contains(transaction));

    private ExecutedTransactions Run(ulong height, params Transaction[] transactions)
    {
        ExecutedTransactions done = Executor().Execute(BlockOf(height, transactions), transactions, 0);
        foreach ((string path, string? json) in done.Writes) _state[path] = json;
        return done;
    }
}
