using NUnit.Framework;

namespace Ptoy.Vm.Tests;

/// <summary>What contracts can write, and what it gives.</summary>
internal sealed class LanguageTests
{
    internal static CallResult Evaluate(string body, string arguments = "[]", ulong gas = 20_000_000)
    {
        ContractHarness harness = ContractHarness.Of(("Probe", $"class Probe {{ run(...args) {{ {body} }} }}"));
        harness.GasLimit = gas;
        return harness.Run("", "Probe", "run", readOnly: false, arguments);
    }

    [TestCase("return 1 + 2", "3")]
    [TestCase("return 'a' + 1 + true + null", "\"a1truenull\"")]
    [TestCase("return `x${1}y${'z'}`", "\"x1yz\"")]
    [TestCase("return `plain`", "\"plain\"")]
    [TestCase("let s = 0; for (let i = 0; i < 5; i++) s += i; return s", "10")]
    [TestCase("let s = ''; for (const c of 'abc') s = c + s; return s", "\"cba\"")]
    [TestCase("let s = ''; for (const k in {a: 1, b: 2}) s += k; return s", "\"ab\"")]
    [TestCase("let n = 0; for (const {a} of [{a: 1}, {a: 2}]) n += a; return n", "3")]
    [TestCase("let n = 0; for (const [k, v] of Object.entries({x: 1, y: 2})) n += v; return n", "3")]
    [TestCase("const {a, b: c = 7} = {a: 1}; return [a, c]", "[1,7]")]
    [TestCase("const f = ({a, b}, [x, y] = [5, 6], z = a) => a + b + x + y + z; return f({a: 1, b: 2})", "15")]
    [TestCase("const f = (a, ...rest) => rest.length; return f(1, 2, 3)", "2")]
    [TestCase("const o = {n: 1}; o.n += 2; o['n'] *= 5; o.n++; ++o.n; const old = o.n--; return [o.n, old]", "[16,17]")]
    [TestCase("let i = 1; const a = i++; const b = ++i; return [a, b, i]", "[1,3,3]")]
    [TestCase("const o = {}; o.x ??= 4; o.x ||= 5; o.x &&= 6; return o", "{\"x\":6}")]
    [TestCase("const o = {a: {b: {map: 3}}}; return [o?.a?.b?.map, o.z?.a.b.c === undefined, o.a?.['b'].map]", "[3,true,3]")]
    [TestCase("const o = {keys() { return this.v; }, v: 4}; return [o.keys(), o?.keys()]", "[4,4]")]
    [TestCase("return [...[1, 2], 3, ...'ab']", "[1,2,3,\"a\",\"b\"]")]
    [TestCase("return {...{a: 1}, b: 2, ['c' + 1]: 3}", "{\"a\":1,\"b\":2,\"c1\":3}")]
    [TestCase("try { fail('no'); } catch (e) { return e.message; }", "\"no\"")]
    [TestCase("try { null.x; } catch (e) { return e.name; }", "\"TypeError\"")]
    [TestCase("try { throw new RangeError('r'); } catch ({}) { return 1; }", null)]
    [TestCase("try { throw new RangeError('r'); } catch (e) { return [e.name, e.message, 'stack' in e]; }", "[\"RangeError\",\"r\",false]")]
    [TestCase("switch (2) { case 1: return 'a'; case 2: return 'b'; default: return 'c'; }", "\"b\"")]
    [TestCase("outer: for (let i = 0; i < 3; i++) { for (;;) { if (i === 1) break outer; continue outer; } } return 9", "9")]
    [TestCase("let i = 0; do { i++; } while (i < 4); while (i < 6) i++; return i", "6")]
    [TestCase("const a = [3, 1, 2]; a.sort((x, y) => x - y); a[3] = 9; return a", "[1,2,3,9]")]
    [TestCase("return [1, 2, 3].map(x => x * 2).filter(x => x > 2).reduce((a, b) => a + b, 0)", "10")]
    [TestCase("return ['1', '2'].map(Number)", "[1,2]")]
    [TestCase("const m = new Map([['a', 1]]); m.set('b', 2); let s = 0; for (const [, v] of m) s += v; return [s, m.size, m.get('b'), m.has('c')]", "[3,2,2,false]")]
    [TestCase("const s = new Set([1, 1, 2]); return [...s]", "[1,2]")]
    [TestCase("return JSON.parse('{\"a\":[1,1.5e2,\"\\\\u00e9\"]}')", "{\"a\":[1,150,\"é\"]}")]
    [TestCase("return JSON.stringify({a: [1, undefined, null], b: undefined})", "\"{\\\"a\\\":[1,null,null]}\"")]
    [TestCase("return [typeof 1, typeof args, !1, -(2), +3, ~1, 7 % 3, 1 << 3, -8 >>> 28, 5 & 3, 5 | 3, 5 ^ 3]", "[\"number\",\"object\",false,-2,3,-2,1,8,15,1,7,6]")]
    [TestCase("return ['a' < 'b', 2 >= 3, 1 === 1, '1' === 1, null == undefined, args[5] != null]", "[true,false,true,false,true,false]")]
    [TestCase("const f = function g(n) { return n < 2 ? n : g(n - 1) + g(n - 2); }; return f(10)", "55")]
    [TestCase("return 'a-b-c'.split('-').join('+') + 'xy'.repeat(2) + '7'.padStart(3, '0')", "\"a+b+cxyxy007\"")]
    [TestCase("return [Math.floor(1.7), Math.round(-0.5), Math.max(1, 2), Math.min(...[3, 2]), parseInt('42px'), Number('1e3'), Number.MAX_SAFE_INTEGER]", "[1,0,2,2,42,1000,9007199254740991]")]
    [TestCase("const o = {toString: 1, 5: 'five'}; delete o.toString; return [o[5], Object.keys(o)]", "[\"five\",[\"5\"]]")]
    [TestCase("return (() => { if (args.length > 9) return 1; })()", "null")]
    [TestCase("return args[0].map", "null")]
    public void A_program_gives(string body, string? json)
    {
        if (json is null)
        {
            Assert.That(() => Evaluate(body), Throws.InstanceOf<ContractRejectedException>());
            return;
        }
        CallResult result = Evaluate(body, "[[1]]");
        Assert.That((result.Status, result.ResultJson), Is.EqualTo((CallStatus.Ok, json)), result.Error);
    }

    [TestCase("direct", "[1,2]")]
    [TestCase("quoted", "2")]
    [TestCase("inField", "2")]
    [TestCase("throughTop", "2")]
    [TestCase("ofStatic", "2")]
    public void A_call_reaches_every_method_it_can_name(string method, string json)
    {
        ContractHarness harness = ContractHarness.Of(("Probe", """
            const top = probe => probe._two();
            class Probe {
              field = () => this._four();
              direct() { return [this._one(), this._three()]; }
              quoted() { return this['_two'](); }
              inField() { return this.field(); }
              throughTop() { return top({_two: () => this._three()}); }
              ofStatic() { return Probe.help(() => this._two()); }
              static help(f) { return f(); }
              _one() { return 1; }
              _two() { return 2; }
              _three() { return this._two(); }
              _four() { return this._three(); }
            }
            """));
        Assert.That(harness.Ok("", "Probe", method).GetRawText(), Is.EqualTo(json));
    }

    [TestCase("const self = this; return self[args[0]]()")]
    [TestCase("return this[args[0]]()")]
    [TestCase("return (o => o[args[0]]())(this)")]
    [TestCase("const o = {o: this}; return o.o[args[0]]()")]
    public void A_call_that_uses_this_as_a_value_reaches_every_method(string body)
    {
        ContractHarness harness = ContractHarness.Of(("Probe", $"class Probe {{ run(...args) {{ {body}; }} _far() {{ return this._further(); }} _further() {{ return 'there'; }} }}"));
        Assert.That(harness.Ok("", "Probe", "run", "_far").GetString(), Is.EqualTo("there"));
    }
}
