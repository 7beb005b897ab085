using System.Reflection;
using CsCheck;
using NUnit.Framework;

namespace Ptoy.Vm.Tests;

/// <summary>
/// Gas is part of consensus. A golden number that changes means a new VM version (<see cref="VmLimits.Version"/>), never a
/// number edited in passing.
/// </summary>
internal sealed class GasTests
{
    [TestCase("", 515)]
    [TestCase("return 1 + 2", 521)]
    [TestCase("let s = 0; for (let i = 0; i < 10; i++) s += i; return s", 735)]
    [TestCase("let s = 'abcdefgh'; for (let i = 0; i < 5; i++) s += s; return s.length", 705)]
    [TestCase("return [1, 2, 3].map(x => x + 1)", 589)]
    [TestCase("return [5, 3, 9, 1].sort((a, b) => a - b)", 623)]
    [TestCase("const {a, b = 2} = {a: 1}; return `${a}-${b}`", 538)]
    [TestCase("return JSON.parse(JSON.stringify({a: [1, 2, {b: 'c'}]}))", 603)]
    [TestCase("try { fail('x'); } catch (e) { return e.message; }", 830)]
    [TestCase("const f = n => n < 2 ? n : f(n - 1) + f(n - 2); return f(10)", 5311)]
    [TestCase("state.set('k', {a: 1}); return state.get('k')", 1672)]
    [TestCase("emit('e', {n: 1}); return sha256('abc')", 801)]
    [TestCase("const m = new Map([['a', 1]]); for (const [k, v] of m) m.set('b', v); return [...m.keys()]", 626)]
    [TestCase("const o = {n: 1}; o.n += 1; o['x'] = o?.n; return Object.entries(o)", 573)]
    [TestCase("return 'a,b,c'.split(',').join('-').toUpperCase().replaceAll('-', '+')", 571)]
    public void Golden(string body, int gas)
    {
        CallResult result = LanguageTests.Evaluate(body);
        Assert.That((result.Status, result.GasUsed), Is.EqualTo((CallStatus.Ok, (ulong)gas)), result.Error);
    }

    [Test]
    public void The_versions_behind_the_golden_numbers()
    {
        Assert.That(VmLimits.Version, Is.EqualTo("ptoy-vm/1 jint/4.18.0 acornima/1.9.1 net/10"));
        Assert.That(typeof(Jint.Engine).Assembly.GetName().Version!.ToString(3), Is.EqualTo("4.18.0"));
        Assert.That(typeof(Acornima.Parser).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion, Does.StartWith("1.9.1"));
        Assert.That(Environment.Version.Major, Is.EqualTo(10));
    }

    [Test]
    public void With_one_unit_less_it_runs_out_and_leaves_no_trace()
    {
        const string Body = "state.set('k', [1, 2]); emit('e', 1); return 'done'";
        ulong needed = LanguageTests.Evaluate(Body).GasUsed;
        Assert.That(LanguageTests.Evaluate(Body, gas: needed).Status, Is.EqualTo(CallStatus.Ok));
        CallResult less = LanguageTests.Evaluate(Body, gas: needed - 1);
        Assert.That((less.Status, less.GasUsed, less.Events.Count, less.Error), Is.EqualTo((CallStatus.OutOfGas, needed - 1, 0, "out of gas")));
    }

    [Test]
    public void Random_programs_end_alike_every_time_and_never_in_an_emergency()
    {
        var ends = new Dictionary<CallStatus, int>();
        Gen.Select(Programs.Body, Gen.ULong[500, 3_000]).Sample(
            (body, gas) =>
            {
                ContractHarness harness;
                try { harness = ContractHarness.Of(("Probe", $"class Probe {{ run(a, b) {{ {body} }} }}")); }
                catch (ContractRejectedException) { return; }
                harness.GasLimit = gas;
                CallResult first = harness.Run("", "Probe", "run", readOnly: false, "[3,\"text\"]");
                Dictionary<string, string> state = new(harness.State);
                ContractHarness again = ContractHarness.Of(("Probe", $"class Probe {{ run(a, b) {{ {body} }} }}"));
                again.GasLimit = gas;
                CallResult second = again.Run("", "Probe", "run", readOnly: false, "[3,\"text\"]");
                ends[first.Status] = ends.GetValueOrDefault(first.Status) + 1;
                Assert.That(first.Status, Is.Not.EqualTo(CallStatus.EmergencyStop), $"{body}\n{first.Error}");
                Assert.That((second.Status, second.ResultJson, second.Error, second.GasUsed), Is.EqualTo((first.Status, first.ResultJson, first.Error, first.GasUsed)), body);
                Assert.That(again.State, Is.EqualTo(state), body);
            },
            iter: 1_000,
            threads: 1);
        Assert.That(ends.Keys, Is.SupersetOf(new[] { CallStatus.Ok, CallStatus.Failed, CallStatus.OutOfGas }), "the generator covers every ending");
    }
}
