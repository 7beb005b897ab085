using CsCheck;
using NUnit.Framework;

namespace Ptoy.Vm.Tests;

/// <summary>An engine may serve several calls: nobody must be able to tell, and gas must be the same.</summary>
internal sealed class TraceTests
{
    [Test]
    public void Calls_of_the_system_contracts_reuse_their_engines()
    {
        Dictionary<string, bool> reused = ContractHarness.System().Vm.Classes.ToDictionary(c => c.Key, c => c.Value.LeavesNoTrace);
        Assert.That(reused.Values, Is.All.True, string.Join(", ", reused.Where(r => !r.Value).Select(r => r.Key)));
    }

    [TestCase("class Probe { run() { const f = this.other; if (f.seen) return 1; f.seen = 1; return 0; } other() {} }")]
    [TestCase("class Probe { run() { const me = this; if (me.other.seen) return 1; me.other.seen = 1; return 0; } other() {} }")]
    [TestCase("class Probe { run() { if (this['other'].seen) return 1; this['other'].seen = 1; return 0; } other() {} }")]
    [TestCase("class Probe { run() { const n = Probe.seen; Probe.seen = 1; return n ? 1 : 0; } }")]
    [TestCase("class Probe { static list = []; run() { const f = () => Probe.list; f().push(1); return f().length - 1; } }")]
    [TestCase("const list = []; class Probe { run() { list.push(1); return list.length - 1; } }")]
    [TestCase("function f() { f.n = (f.n || 0) + 1; return f.n - 1; } class Probe { run() { return f(); } }")]
    [TestCase("class Probe { list = []; run() { this.list.push(1); return this.list.length - 1; } }")]
    [TestCase("class Probe { run() { const n = ctx.seen ? 1 : 0; ctx.seen = 1; return n; } }")]
    [TestCase("class Probe { run() { const n = this.seen ? 1 : 0; this.seen = 1; return n; } }")]
    [TestCase("class Probe { run() { const g = function h() { h.n = (h.n || 0) + 1; return h.n - 1; }; return g(); } }")]
    [TestCase("class Probe { run() { const o = {f() { return 1; }}; const n = o.f.n ? 1 : 0; o.f.n = 1; return n; } }")]
    public void Nothing_but_state_outlives_a_call(string source)
    {
        ContractHarness harness = ContractHarness.Of(("Probe", source));
        for (int i = 0; i < 3; i++) Assert.That(harness.Ok("", "Probe", "run").GetInt32(), Is.Zero, $"call {i}");
    }

    [Test]
    public void The_context_is_that_of_the_call()
    {
        ContractHarness harness = ContractHarness.Of(("Probe", "class Probe { run() { return [ctx.height, ctx.caller]; } }"));
        string ann = ContractHarness.Account("ann").Address.ToString(), bob = ContractHarness.Account("bob").Address.ToString();
        Assert.That(harness.Ok(ann, "Probe", "run").ToString(), Is.EqualTo($"[1,\"{ann}\"]"));
        harness.Height = 7;
        Assert.That(harness.Ok(bob, "Probe", "run").ToString(), Is.EqualTo($"[7,\"{bob}\"]"));
    }

    [Test]
    public void A_contract_that_calls_itself_has_an_engine_for_each_call()
    {
        const string Source = "class Probe { run(n) { if (n === 0) return [ctx.caller]; const inner = call('Probe', 'run', n - 1); return [ctx.caller, ...inner]; } }";
        ContractHarness harness = ContractHarness.Of(("Probe", Source));
        for (int i = 0; i < 2; i++) Assert.That(harness.Ok("", "Probe", "run", 2).ToString(), Is.EqualTo("[\"\",\"Probe\",\"Probe\"]"));
    }

    [Test]
    public void After_a_failure_in_the_middle_the_next_call_is_as_the_first()
    {
        const string Source = "class Probe { run(bad) { let s = 0; for (let i = 0; i < 9; i++) { s += this._one(i, bad); } return s; } _one(i, bad) { if (bad && i === 5) fail('no'); return i; } }";
        ContractHarness harness = ContractHarness.Of(("Probe", Source));
        CallResult first = harness.Call("", "Probe", "run", false);
        Assert.That(harness.Refused("", "Probe", "run", true), Is.EqualTo("no"));
        harness.GasLimit = 600;
        Assert.That(harness.Call("", "Probe", "run", false).Status, Is.EqualTo(CallStatus.OutOfGas));
        harness.GasLimit = 20_000_000;
        Assert.That(harness.Call("", "Probe", "run", false), Is.EqualTo(first).Using<CallResult>((a, b) => a.ResultJson == b.ResultJson && a.GasUsed == b.GasUsed));
    }

    [Test]
    public void Random_programs_end_alike_in_a_new_engine_and_in_a_used_one()
    {
        int used = 0;
        Gen.Select(Programs.Body, Gen.ULong[500, 3_000]).Sample(
            (body, gas) =>
            {
                string source = $"class Probe {{ run(a, b) {{ {body} }} }}";
                ContractHarness warm, cold;
                try { (warm, cold) = (ContractHarness.Of(("Probe", source)), ContractHarness.Of(("Probe", source))); }
                catch (ContractRejectedException) { return; }
                // One after the other on one VM, whose engine is a used one then; and on a VM of its own.
                warm.GasLimit = 100_000;
                warm.Run("", "Probe", "run", readOnly: false, "[2,\"other\"]");
                cold.GasLimit = 100_000;
                cold.Run("", "Probe", "run", readOnly: false, "[2,\"other\"]");
                ContractHarness fresh = ContractHarness.Of(("Probe", source)).WithStateOf(cold);
                warm.GasLimit = fresh.GasLimit = gas;
                CallResult first = fresh.Run("", "Probe", "run", readOnly: false, "[3,\"text\"]");
                CallResult second = warm.Run("", "Probe", "run", readOnly: false, "[3,\"text\"]");
                if (warm.Vm.Classes["Probe"].LeavesNoTrace) used++;
                Assert.That((second.Status, second.ResultJson, second.Error, second.GasUsed), Is.EqualTo((first.Status, first.ResultJson, first.Error, first.GasUsed)), body);
                Assert.That(warm.State, Is.EqualTo(fresh.State), body);
            },
            iter: 500,
            threads: 1);
        Assert.That(used, Is.GreaterThan(50), "the generator makes programs that leave no trace");
    }
}
