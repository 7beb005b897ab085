using Jint;
using Jint.Native;
using Jint.Native.Object;

namespace Ptoy.Vm.Compile;

/// <summary>
/// The names a contract may and may not use. No name of a contract ever resolves to an object of the JavaScript realm:
/// globals are resolved here, to helpers of the host, before the program runs.
/// </summary>
internal static class Names
{
    /// <summary>Prefix of the helpers in rewritten programs; contracts cannot write it.</summary>
    public const char Helper = '$';

    /// <summary>Globals used as functions or values, with the text each becomes.</summary>
    public static readonly IReadOnlyDictionary<string, string> Globals = new Dictionary<string, string>
    {
        ["undefined"] = "(void 0)",
        ["NaN"] = "(0/0)",
        ["Infinity"] = "(1/0)",
        ["ctx"] = "$ctx",
        ["call"] = "$call_contract",
        ["view"] = "$view_contract",
        ["emit"] = "$emit",
        ["require"] = "$require",
        ["fail"] = "$fail",
        ["sha256"] = "$sha256",
        ["verifySignature"] = "$verifySignature",
        ["verifySignatureHex"] = "$verifySignatureHex",
        ["isAccount"] = "$isAccount",
        ["isHex"] = "$isHex",
        ["accountOf"] = "$accountOf",
        ["keyIdOf"] = "$keyIdOf",
        ["String"] = "$String",
        ["Number"] = "$Number",
        ["Boolean"] = "$Boolean",
        ["parseInt"] = "$parseInt",
    };

    /// <summary>Members of the namespaces, with the text each becomes.</summary>
    public static readonly IReadOnlyDictionary<string, string> Members = new Dictionary<string, string>
    {
        ["state.get"] = "$state_get",
        ["state.set"] = "$state_set",
        ["state.delete"] = "$state_delete",
        ["Object.keys"] = "$Object_keys",
        ["Object.values"] = "$Object_values",
        ["Object.entries"] = "$Object_entries",
        ["Object.fromEntries"] = "$Object_fromEntries",
        ["Object.assign"] = "$Object_assign",
        ["Object.hasOwn"] = "$Object_hasOwn",
        ["Array.isArray"] = "$Array_isArray",
        ["Array.from"] = "$Array_from",
        ["Array.of"] = "$Array_of",
        ["Number.isInteger"] = "$Number_isInteger",
        ["Number.isSafeInteger"] = "$Number_isSafeInteger",
        ["Number.isFinite"] = "$Number_isFinite",
        ["Number.isNaN"] = "$Number_isNaN",
        ["Number.parseInt"] = "$parseInt",
        ["Number.MAX_SAFE_INTEGER"] = "9007199254740991",
        ["Number.MIN_SAFE_INTEGER"] = "(-9007199254740991)",
        ["String.fromCharCode"] = "$String_fromCharCode",
        ["JSON.parse"] = "$JSON_parse",
        ["JSON.stringify"] = "$JSON_stringify",
        ["Math.abs"] = "$Math_abs",
        ["Math.ceil"] = "$Math_ceil",
        ["Math.floor"] = "$Math_floor",
        ["Math.max"] = "$Math_max",
        ["Math.min"] = "$Math_min",
        ["Math.round"] = "$Math_round",
        ["Math.sign"] = "$Math_sign",
        ["Math.trunc"] = "$Math_trunc",
    };

    /// <summary>What <c>new</c> may construct.</summary>
    public static readonly IReadOnlyDictionary<string, string> Constructors = new Dictionary<string, string>
    {
        ["Map"] = "$new_Map",
        ["Set"] = "$new_Set",
        ["Error"] = "$new_Error",
        ["TypeError"] = "$new_TypeError",
        ["RangeError"] = "$new_RangeError",
    };

    /// <summary>The properties of <c>ctx</c>, which a contract may read natively.</summary>
    public static readonly IReadOnlySet<string> Context = new HashSet<string>(StringComparer.Ordinal)
    {
        "caller", "sender", "self", "owner", "height", "time", "chainId", "tx", "epoch",
    };

    private static readonly HashSet<string> Namespaces = [.. Members.Keys.Select(m => m[..m.IndexOf('.', StringComparison.Ordinal)])];

    private static readonly HashSet<string> Realm = RealmGlobals();

    private static readonly HashSet<string> OnObjects = PrototypeNames("[Object.prototype]");

    private static readonly HashSet<string> OnPrototypes = PrototypeNames("""
        [Object.prototype, Function.prototype, Array.prototype, String.prototype, Number.prototype, Boolean.prototype,
         BigInt.prototype, Symbol.prototype, Map.prototype, Set.prototype, Error.prototype, TypeError.prototype,
         RangeError.prototype, (function(){}), (class {}), [], new Map(), new Set(), new Error('x')]
        """);

    private static readonly HashSet<string> Forbidden = new(StringComparer.Ordinal)
    {
        "constructor", "prototype", "callee", "arguments", "bind", "apply",
    };

    /// <summary>True for <c>Math</c>, <c>state</c> and the like, which are used only as <c>Math.floor(…)</c>.</summary>
    public static bool IsNamespace(string name) => Namespaces.Contains(name);

    /// <summary>True when a contract may not bind the name: it would hide a global, or lead to one of the realm.</summary>
    public static bool IsReserved(string name) =>
        Globals.ContainsKey(name) || Namespaces.Contains(name) || Constructors.ContainsKey(name) || Realm.Contains(name)
        || name is "arguments" or "eval" or "undefined";

    /// <summary>True when a contract may not write the name at all: helpers, and the names with two underscores of old JavaScript.</summary>
    public static bool IsPrivileged(string name) => name.StartsWith(Helper) || name.StartsWith("__", StringComparison.Ordinal);

    /// <summary>True when reading the property would lead to the machinery of functions and classes.</summary>
    public static bool IsForbiddenMember(string name) => Forbidden.Contains(name) || IsPrivileged(name);

    /// <summary>
    /// True when some built-in prototype has the name, so that reading it natively could give a built-in function. Such
    /// reads and calls go through the host, which sees built-in prototypes as empty.
    /// </summary>
    public static bool IsOnPrototypes(string name) => OnPrototypes.Contains(name);

    /// <summary>True when <c>Object.prototype</c> has the name.</summary>
    public static bool IsOnObjects(string name) => OnObjects.Contains(name);

    private static HashSet<string> RealmGlobals()
    {
        using var engine = new Engine();
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (JsValue key in engine.Global.GetOwnPropertyKeys())
        {
            if (key.IsString()) names.Add(key.AsString());
        }
        return names;
    }

    private static HashSet<string> PrototypeNames(string roots)
    {
        using var engine = new Engine();
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (JsValue root in engine.Evaluate(roots).AsArray())
        {
            foreach (JsValue key in ((ObjectInstance)root).GetOwnPropertyKeys())
            {
                if (key.IsString()) names.Add(key.AsString());
            }
        }
        return names;
    }
}
