using NUnit.Framework;

namespace Ptoy.Vm.Tests;

/// <summary>What a hostile author would try. Each ends within its gas, by a refusal or as a plain failure; none harms the process.</summary>
internal sealed class AttackTests
{
    private const ulong Gas = 5_000_000;

    private static CallResult Run(string body, ulong gas = Gas) => LanguageTests.Evaluate(body, gas: gas);

    [TestCase("for (;;) {}")]
    [TestCase("for (;;);")]
    [TestCase("while (true) { continue; }")]
    [TestCase("do {} while (true)")]
    [TestCase("a: for (;;) { b: for (;;) { continue a; } }")]
    [TestCase("for (;;) { try { fail('again'); } catch (e) {} }")]
    [TestCase("try { for (;;) {} } catch (e) { return 'caught'; }")]
    [TestCase("const f = () => { try { for (;;) {} } catch { f(); } }; f()")]
    [TestCase("for (;;) { try { null.x; } catch { } }")]
    [TestCase("const a = [1]; for (const x of a) a.push(x)")]
    [TestCase("const m = new Map([[0, 0]]); let n = 0; for (const [k] of m) { m.delete(k); n++; m.set(n, 0); }")]
    [TestCase("const a = [3, 2, 1]; a.sort(() => { for (;;) {} })")]
    [TestCase("for (;;) sha256('x')")]
    [TestCase("for (let i = 0; ; i++) state.set('k' + i, i)")]
    [TestCase("for (;;) state.get('k')")]
    [TestCase("for (;;) view('Probe', 'none')")]
    public void What_never_ends_runs_out_of_gas(string body)
    {
        CallResult result = Run(body);
        Assert.That(result.Status, Is.EqualTo(CallStatus.OutOfGas).Or.EqualTo(CallStatus.Failed), result.Error);
        Assert.That(result.GasUsed, Is.GreaterThan(0).And.LessThanOrEqualTo(Gas));
        Assert.That(result.ResultJson, Is.EqualTo("null"));
    }

    [TestCase("try { for (;;) {} } catch (e) { return 'caught'; }")]
    [TestCase("try { [1].map(() => { for (;;) {} }); } catch (e) { return 'caught'; }")]
    [TestCase("try { call('Probe', 'run', 1); } catch (e) { for (;;) {} }")]
    public void Out_of_gas_cannot_be_caught(string body) => Assert.That(Run(body).Status, Is.EqualTo(CallStatus.OutOfGas));

    [Test]
    public void A_string_doubled_24_times_is_refused_or_runs_out()
    {
        CallResult tooLong = Run("let s = 'abcdefghijklmnop'; for (let i = 0; i < 24; i++) s = s + s; return s.length");
        Assert.That((tooLong.Status, tooLong.Error), Is.EqualTo((CallStatus.Failed, "a string longer than 262144 characters")));
        foreach (string grow in new[] { "s += s", "s = `${s}${s}`", "s = s.concat(s)", "s = [s, s].join('')", "s = s.repeat(2)", "s = s.padEnd(2 * s.length, s)", "s = s.replaceAll('a', 'aa')" })
        {
            CallResult result = Run($"let s = 'aaaaaaaaaaaaaaaa'; let n = 0; for (;;) {{ try {{ {grow}; }} catch (e) {{ s = 'aaaaaaaaaaaaaaaa'; n++; }} }}");
            Assert.That(result.Status, Is.EqualTo(CallStatus.OutOfGas), grow);
        }
    }

    [Test]
    public void Text_is_charged_by_its_size()
    {
        ulong small = Run("let s = 'a'; s = s.repeat(1000); return (s + s).length").GasUsed;
        ulong large = Run("let s = 'a'; s = s.repeat(100000); return (s + s).length").GasUsed;
        Assert.That(large - small, Is.EqualTo((ulong)(99_000 / 8 * 3)));
    }

    [Test]
    public void Arrays_nested_3000_deep_are_refused_by_whatever_would_recurse()
    {
        const string Nest = "let a = []; for (let i = 0; i < 3000; i++) a = [a];";
        Assert.Multiple(() =>
        {
            Assert.That(Run(Nest + "return a").Error, Is.EqualTo("the result: nested deeper than 64"));
            Assert.That(Run(Nest + "return JSON.stringify(a)").Error, Is.EqualTo("JSON.stringify: nested deeper than 64"));
            Assert.That(Run(Nest + "state.set('k', a)").Error, Does.EndWith("nested deeper than 64"));
            Assert.That(Run(Nest + "emit('e', a)").Error, Does.EndWith("nested deeper than 64"));
            Assert.That(Run(Nest + "call('Probe', 'run', a)").Error, Does.EndWith("nested deeper than 64"));
            Assert.That(Run(Nest + "return '' + a").Error, Is.EqualTo("cannot make text of an array: say which part of it"));
            Assert.That(Run(Nest + "return a.join()").Error, Is.EqualTo("cannot make text of an array: say which part of it"));
            Assert.That(Run(Nest + "return a * 1").Error, Is.EqualTo("arithmetic needs numbers, not an array"));
            Assert.That(Run(Nest + "return a < a").Error, Is.EqualTo("cannot compare an array and an array"));
            Assert.That(Run(Nest + "return ({})[a]").Error, Does.StartWith("a property is named by a string or a number"));
            Assert.That(Run("let o = {}; for (let i = 0; i < 3000; i++) o = {o}; return o").Error, Is.EqualTo("the result: nested deeper than 64"));
            Assert.That(Run("const a = []; a.push(a); return a").Error, Is.EqualTo("the result: nested deeper than 64"));
        });
    }

    [TestCase("a()")]
    [TestCase("a.none()")]
    [TestCase("a[0]()")]
    [TestCase("a[0].x.y")]
    [TestCase("const o = {a}; o.a()")]
    [TestCase("throw a")]
    [TestCase("throw {message: a}")]
    [TestCase("throw {message: {toString() { for (;;) {} }}}")]
    [TestCase("throw new Error(a)")]
    [TestCase("fail(a)")]
    [TestCase("require(false, a)")]
    [TestCase("const [x] = {a}")]
    [TestCase("const {x} = a")]
    [TestCase("new Map([a, 1])")]
    [TestCase("for (const [x] of [1]) {}")]
    [TestCase("null[a]")]
    [TestCase("a in 1")]
    [TestCase("const c = 1; c = a")]
    [TestCase("'text'.x = a")]
    public void An_error_about_a_deep_value_does_not_go_down_into_it(string body)
    {
        CallResult result = Run($"let a = []; for (let i = 0; i < 3000; i++) a = [a]; {body}");
        Assert.That(result.Status, Is.EqualTo(CallStatus.Failed), result.Error);
        Assert.That(result.Error, Has.Length.LessThan(120));
        CallResult caught = Run($"let a = []; for (let i = 0; i < 3000; i++) a = [a]; try {{ {body}; }} catch (e) {{ return 'caught'; }}");
        Assert.That(caught.ResultJson, Is.EqualTo("\"caught\""), caught.Error);
    }

    [TestCase("return JSON.parse('['.repeat(3000) + ']'.repeat(3000))", "JSON.parse: nested deeper than 64")]
    [TestCase("let s = '[0'; for (let i = 0; i < 70000; i++) s += ',0'; return 1", null)]
    [TestCase("return JSON.parse('1e999')", "JSON.parse: not JSON: a number too large at character 5")]
    [TestCase("return JSON.parse('{\"a\":1')", "JSON.parse: not JSON: the text ends too early at character 6")]
    [TestCase("const a = [1]; a[1000000000] = 1", "an array grows only at its end")]
    [TestCase("const a = [1]; a.length = 4294967295", "cannot set 'length' of an array")]
    [TestCase("const a = []; for (let i = 0; i < 65537; i++) a.push(i)", "an array longer than 65536 elements")]
    [TestCase("return 'x'.repeat(1e9)", "a string longer than 262144 characters")]
    [TestCase("return 'x'.padStart(1e9)", "a string longer than 262144 characters")]
    [TestCase("return Array.from('x'.repeat(70000))", "'...' of more than 65536 elements")]
    [TestCase("let a = [1]; for (let i = 0; i < 30; i++) a = [...a, ...a]; return 1", null)]
    [TestCase("let a = [1]; for (let i = 0; i < 30; i++) a = a.concat(a); return 1", "an array longer than 65536 elements")]
    [TestCase("let a = [1]; for (let i = 0; i < 30; i++) a = a.flatMap(x => [x, x]); return 1", "an array longer than 65536 elements")]
    public void What_would_be_huge_is_refused(string body, string? error)
    {
        CallResult result = Run(body, gas: 50_000_000);
        Assert.That(result.Status, Is.Not.EqualTo(CallStatus.Ok).And.Not.EqualTo(CallStatus.EmergencyStop));
        if (error is not null) Assert.That(result.Error, Is.EqualTo(error));
    }

    [TestCase("const f = n => f(n + 1); f(0)")]
    [TestCase("const f = (n = f()) => n; f()")]
    [TestCase("const f = ({a} = f()) => a; f()")]
    [TestCase("const f = () => [1].map(f); f()")]
    [TestCase("const o = {keys() { return this.keys(); }}; o.keys()")]
    [TestCase("const a = () => b(); const b = () => c(); const c = () => a(); a()")]
    [TestCase("const f = () => [2, 1].sort(f); f()")]
    public void Recursion_without_end_is_refused_and_can_be_caught(string body)
    {
        Assert.That(Run(body).Error, Is.EqualTo("functions call each other deeper than 400"));
        CallResult caught = Run($"const g = () => {{ {body} }}; try {{ g(); }} catch (e) {{ return e.message; }}");
        Assert.That(caught.ResultJson, Is.EqualTo("\"functions call each other deeper than 400\""));
    }

    [Test]
    public void Unwinding_restores_the_depth_and_is_charged_for_each_call()
    {
        const string Deep = "const f = n => n === 0 ? fail('deep') : f(n - 1); ";
        CallResult many = Run(Deep + "for (let i = 0; i < 50; i++) { try { f(300); } catch (e) {} } return 'done'", gas: 50_000_000);
        Assert.That((many.Status, many.ResultJson), Is.EqualTo((CallStatus.Ok, "\"done\"")), many.Error);
        Assert.That(many.GasUsed, Is.GreaterThan(50UL * 300 * 300));
        Assert.That(Run(Deep + "for (;;) { try { f(300); } catch (e) {} }").Status, Is.EqualTo(CallStatus.OutOfGas));
    }

    [TestCase("return ({})['con' + 'structor']", "null")]
    [TestCase("return (() => 1)['con' + 'structor']", "null")]
    [TestCase("return ''['con' + 'structor']", "null")]
    [TestCase("return [1]['con' + 'structor']", "null")]
    [TestCase("return this['con' + 'structor']", "null")]
    [TestCase("return ({})['__pro' + 'to__']", "null")]
    [TestCase("return require['na' + 'me']", "null")]
    [TestCase("return Probe['proto' + 'type']", "null")]
    [TestCase("return [].map", "null")]
    [TestCase("return 'x'.at", "null")]
    [TestCase("return [typeof (() => 1).call, typeof [].push, typeof ({}).toString, typeof (5).toFixed]", "[\"undefined\",\"undefined\",\"undefined\",\"undefined\"]")]
    [TestCase("const {a} = {}; return typeof a", "\"undefined\"")]
    public void The_realm_behind_values_is_not_there(string body, string json)
    {
        CallResult result = Run(body);
        Assert.That((result.Status, result.ResultJson), Is.EqualTo((CallStatus.Ok, json)), result.Error);
    }

    [TestCase("return (() => 1)['con' + 'structor']('return 1')()")]
    [TestCase("const b = 'bi' + 'nd'; return (() => 1)[b](null)")]
    [TestCase("const f = () => 1; let g = f; for (let i = 0; i < 1000; i++) g = g['bi' + 'nd'](null); return g()")]
    [TestCase("return (() => 1)['ca' + 'll'](null)")]
    [TestCase("return require['app' + 'ly'](null, [1])")]
    [TestCase("const {length} = 'abc'; return length")]
    [TestCase("const {push} = []; return push(1)")]
    [TestCase("return {...(() => 1)}")]
    [TestCase("return {...'abc'}")]
    [TestCase("for (const x of {}) {}")]
    [TestCase("return 'x'.normalize()")]
    [TestCase("return 'x'.localeCompare('y')")]
    [TestCase("return 'x'.match('y')")]
    [TestCase("return [1].toLocaleString()")]
    [TestCase("return (1.5).toLocaleString()")]
    [TestCase("return [3, 1].toSorted()")]
    public void The_realm_behind_calls_is_not_there(string body) => Assert.That(Run(body).Status, Is.EqualTo(CallStatus.Failed));

    [TestCase("const o = {toString() { return 'x'; }}; return o + ''")]
    [TestCase("const o = {valueOf() { return 1; }}; return o * 2")]
    [TestCase("const o = {valueOf() { return 1; }}; return o < 2")]
    [TestCase("const o = {toString() { return 'x'; }}; return `${o}`")]
    [TestCase("const o = {toString() { return 'x'; }}; return ({x: 1})[o]")]
    [TestCase("const o = {toString() { return 'x'; }}; return {[o]: 1}")]
    [TestCase("const o = {toString() { return 'x'; }}; return String(o)")]
    [TestCase("const o = {valueOf() { return 1; }}; return Number(o)")]
    [TestCase("const o = {valueOf() { return 1; }}; return Math.max(o)")]
    [TestCase("let o = {valueOf() { return 1; }}; o++; return o")]
    [TestCase("let o = [5]; return -o")]
    [TestCase("return [[3], [1]].sort()")]
    [TestCase("return 'a'.repeat({valueOf() { return 3; }})")]
    public void Nothing_is_converted_through_the_contracts_own_functions(string body) => Assert.That(Run(body).Status, Is.EqualTo(CallStatus.Failed));

    [Test]
    public void What_is_thrown_is_caught_as_it_was_and_made_text_of_by_nobody()
    {
        Assert.That(Run("const e = {message: 'm', code: 7}; try { try { throw e; } catch (x) { try { fail('other'); } catch (y) {} throw x; } } catch (z) { return [z === e, z.code]; }").ResultJson, Is.EqualTo("[true,7]"));
        Assert.That(Run("let n = 0; try { throw {message: {toString() { n++; return 'x'; }}}; } catch (e) { return n; }").ResultJson, Is.EqualTo("0"));
        Assert.That(Run("const big = 'x'.repeat(200000); const a = []; for (let i = 0; i < 60000; i++) a.push(big); throw {message: a}").Error, Is.EqualTo("the contract threw something without a message"));
    }

    [Test]
    public void To_json_is_data_like_any_other()
    {
        Assert.That(Run("return JSON.stringify({toJSON: 1, a: 2})").ResultJson, Is.EqualTo("\"{\\\"toJSON\\\":1,\\\"a\\\":2}\""));
        Assert.That(Run("return {toJSON() { return 1; }}").Error, Does.Contain("has no JSON form"));
    }

    [Test]
    public void A_prototype_named_in_data_is_data()
    {
        CallResult result = Run("const o = JSON.parse('{\"__proto__\":{\"admin\":true}}'); const p = Object.assign({}, o); return [({}).admin === undefined, o.admin === undefined, p.admin === undefined, Object.keys(p)]");
        Assert.That(result.ResultJson, Is.EqualTo("[true,true,true,[\"__proto__\"]]"), result.Error);
    }

    [TestCase("return [3, 1, 2].sort(() => 1)")]
    [TestCase("return [3, 1, 2].sort(() => -1)")]
    [TestCase("return [3, 1, 2].sort(() => NaN)")]
    [TestCase("let n = 0; return [3, 1, 2, 5, 4].sort(() => (n = (n * 7 + 3) % 5) - 2)")]
    [TestCase("const a = [3, 1, 2]; a.sort((x, y) => { a.push(0); return x - y; }); return a")]
    public void A_comparator_that_cheats_gives_the_same_order_every_time(string body)
    {
        CallResult first = Run(body), second = Run(body);
        Assert.That(first.Status, Is.EqualTo(CallStatus.Ok), first.Error);
        Assert.That((second.ResultJson, second.GasUsed), Is.EqualTo((first.ResultJson, first.GasUsed)));
    }

    [Test]
    public void Nothing_outlives_a_call_but_the_state()
    {
        ContractHarness harness = ContractHarness.Of(("Probe", """
            const shared = [];
            class Probe {
              static list = [];
              static count = 0;
              mine = 0;
              run() { shared.push(1); Probe.list.push(1); Probe.count += 1; this.mine += 1; ctx.caller = 'x'; return [shared.length, Probe.list.length, Probe.count, this.mine]; }
            }
            """));
        Assert.That(harness.Ok("", "Probe", "run").GetRawText(), Is.EqualTo("[1,1,1,1]"));
        Assert.That(harness.Ok("", "Probe", "run").GetRawText(), Is.EqualTo("[1,1,1,1]"));
    }

    [Test]
    public void An_emergency_stop_cannot_be_caught_and_is_no_failure()
    {
        var limits = new EmergencyLimits(StartBrake: () =>
        {
            int asked = 0;
            return () => ++asked > 3 ? "too long on this node" : null;
        });
        ContractHarness harness = ContractHarness.Of(limits, ("Probe", "class Probe { run() { state.set('a', 1); for (;;) { try { for (;;) {} } catch (e) {} } } }"));
        CallResult result = harness.Call("", "Probe", "run");
        Assert.That((result.Status, result.Error), Is.EqualTo((CallStatus.EmergencyStop, "too long on this node")));
        Assert.That(harness.State, Is.Empty);
    }

    [Test]
    public void Allocation_beyond_the_nodes_limit_is_an_emergency_stop()
    {
        ContractHarness harness = ContractHarness.Of(
            new EmergencyLimits(AllocatedBytes: 10_000_000), ("Probe", "class Probe { run() { let s; for (;;) s = 'x'.repeat(100000); } }"));
        Assert.That(harness.Call("", "Probe", "run").Status, Is.EqualTo(CallStatus.EmergencyStop));
    }
}
