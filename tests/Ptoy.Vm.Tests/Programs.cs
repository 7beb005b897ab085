using CsCheck;

namespace Ptoy.Vm.Tests;

/// <summary>Random method bodies: mostly sensible, often failing, sometimes refused.</summary>
internal static class Programs
{
    private static readonly Gen<string> Name = One("a", "b", "x", "y", "o", "l", "f");

    private static readonly Gen<string> Property = One("n", "length", "map", "constructor", "k", "size", "0");

    private static readonly Gen<string> Leaf = Gen.OneOf(
        Name,
        Gen.Int[-9, 99].Select(n => n < 0 ? $"({n})" : $"{n}"),
        One("'s'", "''", "null", "undefined", "true", "1.5", "'long text to grow'", "this", "ctx.height", "0/0"));

    private static readonly Gen<string> Expression = Gen.Recursive<string>((depth, self) => depth > 3 ? Leaf : Gen.OneOf(
        Leaf,
        Gen.Select(self, One("+", "-", "*", "/", "%", "<", ">=", "===", "!==", "&&", "||", "??", "&", "<<"), self, (l, op, r) => $"({l} {op} {r})"),
        Gen.Select(self, Property, (o, p) => char.IsDigit(p[0]) ? $"{o}[{p}]" : $"({o}).{p}"),
        Gen.Select(self, self, (o, k) => $"({o})[{k}]"),
        Gen.Select(self, Property, (o, p) => char.IsDigit(p[0]) ? $"{o}?.[{p}]" : $"({o})?.{p}"),
        self.List[0, 3].Select(items => $"[{string.Join(", ", items)}]"),
        Gen.Select(self, self, (v, w) => $"({{n: {v}, k: {w}}})"),
        Gen.Select(self, self, (v, w) => $"`${{{v}}}-${{{w}}}`"),
        Gen.Select(self, self, self, (c, t, e) => $"({c} ? {t} : {e})"),
        Gen.Select(Name, self, (p, body) => $"(({p}) => {body})"),
        Gen.Select(self, One("map", "filter", "forEach", "some", "sort", "find"), self, (o, m, f) => $"({o}).{m}({f})"),
        Gen.Select(self, One("push", "concat", "slice", "repeat", "padStart", "join", "split", "indexOf", "get", "at"), self, (o, m, v) => $"({o}).{m}({v})"),
        Gen.Select(One("f", "Object.keys", "JSON.stringify", "JSON.parse", "String", "Number", "Math.max", "sha256", "state.get", "view", "fail", "Array.from", "new Set"), self, (fn, v) => $"{fn}({v})"),
        Gen.Select(Name, One("=", "+=", "-=", "??="), self, (n, op, v) => $"({n} {op} {v})"),
        Gen.Select(self, self, (o, v) => $"(({o}).n = {v})"),
        Gen.Select(One("++", "--"), Name, (op, n) => $"({n}{op})")));

    private static readonly Gen<string> Statement = Gen.Recursive<string>((depth, self) => depth > 2 ? Expression.Select(e => $"({e});") : Gen.OneOf(
        Expression.Select(e => $"({e});"),
        Gen.Select(Expression, self, (c, s) => $"if ({c}) {{ {s} }}"),
        Gen.Select(Expression, self, (c, s) => $"while ({c}) {{ {s} }}"),
        Gen.Select(Expression, self, (c, s) => $"for (const x of {c}) {{ {s} }}"),
        Gen.Select(Expression, self, (c, s) => $"for (const k in {c}) {{ {s} }}"),
        Gen.Select(self, self, (t, c) => $"try {{ {t} }} catch (x) {{ {c} }}"),
        Gen.Select(Expression, Expression, (k, v) => $"state.set({k}, {v});"),
        Expression.Select(e => $"emit('e', {e});"),
        Expression.Select(e => $"return {e};"),
        Expression.Select(e => $"throw {e};")));

    /// <summary>The body of a method with parameters a and b.</summary>
    public static readonly Gen<string> Body = Statement.List[1, 6].Select(
        statements => $"let x = 1, y = 'y', o = {{n: 2}}, l = [1, 'two', 3], f = v => v; {string.Join(' ', statements)} return [x, y, o, l];");

    private static Gen<string> One(params string[] choices) => Gen.Int[0, choices.Length - 1].Select(i => choices[i]);
}
