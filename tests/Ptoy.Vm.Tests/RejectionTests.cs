using NUnit.Framework;

namespace Ptoy.Vm.Tests;

/// <summary>Every construct outside the language is refused when a contract is compiled, by name and line.</summary>
internal sealed class RejectionTests
{
    private static string Rejected(string source)
    {
        ContractRejectedException? e = Assert.Throws<ContractRejectedException>(() => ContractCode.Compile("Probe", source));
        return e!.Message;
    }

    [TestCase("return /x/.test('x')", "a regular expression is not allowed")]
    [TestCase("return 2 ** 3", "'**' is not allowed")]
    [TestCase("let x = 2; x **= 3", "'**=' is not allowed")]
    [TestCase("return 10n", "a BigInt is not allowed")]
    [TestCase("const f = async () => 1", "an async function is not allowed")]
    [TestCase("async function f() { await 1; }", "an async function is not allowed")]
    [TestCase("function* f() { yield 1; }", "a generator is not allowed")]
    [TestCase("const o = {*g() {}}", "a generator is not allowed")]
    [TestCase("const o = {async g() {}}", "an async function is not allowed")]
    [TestCase("eval('1')", "'eval' is not available")]
    [TestCase("return arguments", "'arguments' is not available")]
    [TestCase("debugger", "'debugger' is not allowed")]
    [TestCase("return String.raw`x`", "a tagged template is not allowed")]
    [TestCase("const f = x => x; return f`x`", "a tagged template is not allowed")]
    [TestCase("class Inner {}", "a class inside")]
    [TestCase("return class {}", "a class inside")]
    [TestCase("return new.target", "'new.target' and 'import.meta' are not allowed")]
    [TestCase("return import('x')", "'import' is not allowed")]
    [TestCase("var x = 1", "'var' is not allowed")]
    [TestCase("try { } finally { }", "'finally' is not allowed")]
    [TestCase("try { } catch ({message}) { }", "destructuring a caught error")]
    [TestCase("const {a: {b}} = {}", "destructuring inside destructuring")]
    [TestCase("const [a, ...b] = []", "'...' in destructuring")]
    [TestCase("const {a, ...b} = {}", "'...' in destructuring")]
    [TestCase("const {constructor} = {}", "'constructor' cannot be destructured")]
    [TestCase("const {toString: t} = {}", "'toString' cannot be destructured")]
    [TestCase("let a = 1, b = 2; [a, b] = [b, a]", "destructuring is only allowed in declarations")]
    [TestCase("const o = {get x() { return 1; }}", "getters and setters are not allowed")]
    [TestCase("const o = {set x(v) {}}", "getters and setters are not allowed")]
    [TestCase("const o = {__proto__: null}", "'__proto__' is reserved")]
    [TestCase("const o = {'__proto__': null}", "'__proto__' is reserved")]
    [TestCase("return this.constructor", "'constructor' is not available")]
    [TestCase("return ({})['constructor']", "'constructor' is not available")]
    [TestCase("return Probe.prototype", "'prototype' is not available")]
    [TestCase("return ({}).__proto__", "'__proto__' is not available")]
    [TestCase("return ({}).__defineGetter__", "'__defineGetter__' is not available")]
    [TestCase("return require.bind(null)", "'bind' is not available")]
    [TestCase("return require.call(null)", "'call' is not available")]
    [TestCase("return require.apply(null)", "'apply' is not available")]
    [TestCase("return 1 instanceof Object", "'instanceof' is not allowed")]
    [TestCase("return 1 == 1", "'==' and '!=' are only for null")]
    [TestCase("return void 0", "'void' is not allowed")]
    [TestCase("return [1, , 2]", "a hole in an array")]
    [TestCase("switch (1) { case args: }", "a case must be a literal")]
    [TestCase("return args?.()", "an optional call")]
    [TestCase("let x; for (x of []) {}", "the loop variable must be declared")]
    [TestCase("new Probe()", "'new' is only for")]
    [TestCase("new Array(1000000000)", "'new' is only for")]
    [TestCase("new Function('return 1')", "'new' is only for")]
    [TestCase("return Array(1000000000)", "'Array' can only be used as Array.member")]
    [TestCase("return Function('return 1')()", "'Function' is not available")]
    [TestCase("return globalThis", "'globalThis' is not available")]
    [TestCase("return Date.now()", "'Date' is not available")]
    [TestCase("return Math.random()", "'Math.random' is not available")]
    [TestCase("return Math['ran' + 'dom']()", "'Math[…]' is not available")]
    [TestCase("return Math.sin(1)", "'Math.sin' is not available")]
    [TestCase("return Math.pow(2, 3)", "'Math.pow' is not available")]
    [TestCase("const m = Math", "'Math' can only be used as Math.member")]
    [TestCase("return Object.getPrototypeOf({})", "'Object.getPrototypeOf' is not available")]
    [TestCase("return Object.defineProperty({}, 'a', {})", "'Object.defineProperty' is not available")]
    [TestCase("return Reflect.ownKeys({})", "'Reflect' is not available")]
    [TestCase("return Symbol.iterator", "'Symbol' is not available")]
    [TestCase("return new Proxy({}, {})", "'new' is only for")]
    [TestCase("return Promise.resolve(1)", "'Promise' is not available")]
    [TestCase("return Intl", "'Intl' is not available")]
    [TestCase("return Temporal", "'Temporal' is not available")]
    [TestCase("return WeakRef", "'WeakRef' is not available")]
    [TestCase("return Atomics", "'Atomics' is not available")]
    [TestCase("return Uint8Array", "'Uint8Array' is not available")]
    [TestCase("return System", "'System' is not available")]
    [TestCase("return $g(0)", "'$g' is reserved")]
    [TestCase("const $g = () => 1", "'$g' is reserved")]
    [TestCase("const __x = 1", "'__x' is reserved")]
    [TestCase("const state = {}", "'state' is a built-in name")]
    [TestCase("const Function = 1", "'Function' is a built-in name")]
    [TestCase("const f = (Date) => Date", "'Date' is a built-in name")]
    [TestCase("ctx = 1", "'ctx' cannot be assigned")]
    [TestCase("state.get = 1", "'state' cannot be changed")]
    [TestCase("delete Math.floor", "a built-in cannot be deleted")]
    [TestCase("nowhere()", "'nowhere' is not available")]
    public void A_construct_outside_the_language(string body, string message)
    {
        Assert.That(Rejected($"class Probe {{\n run(...args) {{\n {body}; }} }}"), Does.StartWith("Probe, line 3: ").And.Contain(message));
    }

    [TestCase("class Probe extends Map {}", "'extends' is not allowed")]
    [TestCase("class Probe { constructor() {} }", "a constructor is not allowed")]
    [TestCase("class Probe { get x() { return 1; } }", "getters and setters are not allowed")]
    [TestCase("class Probe { #x = 1; }", "private names")]
    [TestCase("class Probe { static { for (;;) {} } }", "a static block is not allowed")]
    [TestCase("class Probe { ['x' + 1]() {} }", "a computed name in a class")]
    [TestCase("class Probe { async run() {} }", "an async function is not allowed")]
    [TestCase("class Probe { *run() {} }", "a generator is not allowed")]
    [TestCase("class Probe { toString() { return ''; } }", "'toString' is reserved")]
    [TestCase("class Probe { static views = [1]; }", "'static views' must be an array of string literals")]
    [TestCase("class Probe { static views = ['gone']; }", "'static views' names 'gone', which is not a method")]
    [TestCase("class Probe {} class Other {}", "this is a second")]
    [TestCase("class Other {}", "the class must be named Probe")]
    [TestCase("const x = 1;", "the source has no class")]
    [TestCase("class Probe {} while (true) {}", "only one class, constants and functions may stand at the top")]
    [TestCase("import x from 'y'; class Probe {}", "import")]
    [TestCase("with ({}) {} class Probe {}", "with")]
    [TestCase("class Probe { run() { { let x = 1; } return x; } }", "'x' is used outside the block that declares it")]
    [TestCase("class Probe { run() { return () => { later(); function other(later) {} }; } }", "'later' is used outside the block that declares it")]
    [TestCase("class Probe { run() { return } ", "line 1")]
    public void A_source_that_is_no_contract(string source, string message)
    {
        Assert.That(Rejected(source), Does.Contain(message).IgnoreCase);
    }

    [Test]
    public void Sources_too_long_too_large_or_too_deep()
    {
        Assert.That(Rejected(new string(' ', VmLimits.MaxSource + 1)), Does.Contain("more than 98304 characters"));
        Assert.That(Rejected($"class Probe {{ run() {{ return [{string.Join(',', Enumerable.Repeat("1", VmLimits.MaxNodes))}]; }} }}"), Does.Contain("more than 20000 syntax nodes"));
        Assert.That(Rejected($"class Probe {{ run() {{ return {new string('[', 200)}{new string(']', 200)}; }} }}"), Does.Contain("nested deeper than 80 levels"));
        Assert.That(Rejected($"class Probe {{ run() {{ return {new string('!', 60_000)}1; }} }}"), Does.Contain("nested"));
        Assert.That(Rejected($"class Probe {{ run() {{ return {string.Concat(Enumerable.Repeat("1+", 2_000))}1; }} }}"), Does.Contain("nested deeper than 80 levels"));
    }
}
