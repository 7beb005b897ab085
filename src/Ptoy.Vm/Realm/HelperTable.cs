using Jint;
using Jint.Native;

namespace Ptoy.Vm.Realm;

/// <summary>Every helper a rewritten program can take, by its name.</summary>
internal static class HelperTable
{
    public static readonly IReadOnlyDictionary<string, HelperBody> All = new Dictionary<string, HelperBody>
    {
        ["$g"] = Metering.Charge,
        ["$e"] = Metering.Enter,
        ["$r"] = Metering.Leave,
        ["$caught"] = Metering.Caught,
        ["$thrown"] = (f, a) => f.Throwing(a[0]),
        ["$add"] = Operators.Add,
        ["$sub"] = (f, a) => Operators.Number(f, a, (x, y) => x - y),
        ["$mul"] = (f, a) => Operators.Number(f, a, (x, y) => x * y),
        ["$div"] = (f, a) => Operators.Number(f, a, (x, y) => x / y),
        ["$mod"] = (f, a) => Operators.Number(f, a, Operators.Remainder),
        ["$and"] = (f, a) => Operators.Integer(f, a, (x, y) => x & y),
        ["$or"] = (f, a) => Operators.Integer(f, a, (x, y) => x | y),
        ["$xor"] = (f, a) => Operators.Integer(f, a, (x, y) => x ^ y),
        ["$shl"] = (f, a) => Operators.Integer(f, a, (x, y) => x << (y & 31)),
        ["$shr"] = (f, a) => Operators.Integer(f, a, (x, y) => x >> (y & 31)),
        ["$ushr"] = (f, a) => Operators.Integer(f, a, (x, y) => (uint)x >> (y & 31)),
        ["$lt"] = (f, a) => Operators.Compare(f, a, (x, y) => x < y, order => order < 0),
        ["$le"] = (f, a) => Operators.Compare(f, a, (x, y) => x <= y, order => order <= 0),
        ["$gt"] = (f, a) => Operators.Compare(f, a, (x, y) => x > y, order => order > 0),
        ["$ge"] = (f, a) => Operators.Compare(f, a, (x, y) => x >= y, order => order >= 0),
        ["$eq"] = Operators.StrictlyEqual,
        ["$number"] = (f, a) => Operators.AsNumber(a[0]),
        ["$template"] = Operators.Template,
        ["$in"] = Members.In,
        ["$get"] = (f, a) => Members.Get(f, a[0], a[1]),
        ["$set"] = Members.Set,
        ["$delete"] = Members.Delete,
        ["$invoke"] = Members.Invoke,
        ["$key"] = Members.Key,
        ["$plain"] = Members.Plain,
        ["$plain_or_null"] = Members.PlainOrNull,
        ["$iterate"] = Members.Iterate,
        ["$spread"] = Members.Spread,
        ["$keys"] = Builtins.Keys,
        ["$Object_keys"] = Builtins.Keys,
        ["$Object_values"] = Builtins.Values,
        ["$Object_entries"] = Builtins.Entries,
        ["$Object_fromEntries"] = Builtins.FromEntries,
        ["$Object_assign"] = Builtins.Assign,
        ["$Object_hasOwn"] = Builtins.HasOwn,
        ["$Array_isArray"] = (_, a) => Arg.At(a, 0) is JsArray ? JsBoolean.True : JsBoolean.False,
        ["$Array_from"] = Builtins.ArrayFrom,
        ["$Array_of"] = Builtins.ArrayOf,
        ["$Number"] = Numbers.Convert,
        ["$Number_isInteger"] = (_, a) => Numbers.Is(a, double.IsInteger),
        ["$Number_isSafeInteger"] = (_, a) => Numbers.Is(a, n => double.IsInteger(n) && Math.Abs(n) <= Numbers.MaxSafe),
        ["$Number_isFinite"] = (_, a) => Numbers.Is(a, double.IsFinite),
        ["$Number_isNaN"] = (_, a) => Numbers.Is(a, double.IsNaN),
        ["$parseInt"] = Numbers.ParseInt,
        ["$Math_abs"] = (_, a) => Numbers.Map(a, Math.Abs),
        ["$Math_ceil"] = (_, a) => Numbers.Map(a, Math.Ceiling),
        ["$Math_floor"] = (_, a) => Numbers.Map(a, Math.Floor),
        ["$Math_round"] = (_, a) => Numbers.Map(a, Numbers.Round),
        ["$Math_sign"] = (_, a) => Numbers.Map(a, n => double.IsNaN(n) || n == 0 ? n : n < 0 ? -1 : 1),
        ["$Math_trunc"] = (_, a) => Numbers.Map(a, Math.Truncate),
        ["$Math_max"] = (f, a) => Numbers.Fold(f, a, double.NegativeInfinity, Math.Max),
        ["$Math_min"] = (f, a) => Numbers.Fold(f, a, double.PositiveInfinity, Math.Min),
        ["$String"] = (f, a) => a.Length == 0 ? JsString.Empty : Operators.Template(f, [a[0]]),
        ["$String_fromCharCode"] = TextMethods.FromCharCode,
        ["$Boolean"] = (_, a) => Operators.IsTrue(Arg.At(a, 0)) ? JsBoolean.True : JsBoolean.False,
        ["$JSON_parse"] = Builtins.JsonParse,
        ["$JSON_stringify"] = Builtins.JsonStringify,
        ["$new_Map"] = Collections.NewMap,
        ["$new_Set"] = Collections.NewSet,
        ["$new_Error"] = (f, a) => Builtins.NewError(f, a, "Error"),
        ["$new_TypeError"] = (f, a) => Builtins.NewError(f, a, "TypeError"),
        ["$new_RangeError"] = (f, a) => Builtins.NewError(f, a, "RangeError"),
        ["$state_get"] = HostApi.StateGet,
        ["$state_set"] = HostApi.StateSet,
        ["$state_delete"] = HostApi.StateDelete,
        ["$call_contract"] = (f, a) => HostApi.CallContract(f, a, readOnly: false),
        ["$view_contract"] = (f, a) => HostApi.CallContract(f, a, readOnly: true),
        ["$emit"] = HostApi.Emit,
        ["$require"] = HostApi.Require,
        ["$fail"] = HostApi.Fail,
        ["$sha256"] = HostApi.Sha256,
        ["$verifySignature"] = HostApi.VerifySignature,
        ["$verifySignatureHex"] = HostApi.VerifySignatureHex,
        ["$isAccount"] = HostApi.IsAccount,
        ["$isHex"] = HostApi.IsHex,
        ["$accountOf"] = HostApi.AccountOf,
        ["$keyIdOf"] = HostApi.KeyIdOf,
    };
}

/// <summary>Arguments that may be missing.</summary>
internal static class Arg
{
    public static JsValue At(ReadOnlySpan<JsValue> arguments, int index) => index < arguments.Length ? arguments[index] : JsValue.Undefined;

    /// <summary>A text argument; an error that names it otherwise.</summary>
    public static string Text(ReadOnlySpan<JsValue> arguments, int index, string what) =>
        At(arguments, index) is JsString text ? text.ToString() : throw Errors.Failure($"{what} must be a string");

    /// <summary>An integer argument clamped to an int; the default when it is missing.</summary>
    public static int Int(ReadOnlySpan<JsValue> arguments, int index, int missing)
    {
        JsValue value = At(arguments, index);
        if (value.IsUndefined()) return missing;
        if (value is not JsNumber number) throw Errors.Failure("a position or count must be a number");
        double truncated = Math.Truncate(number.AsNumber());
        return double.IsNaN(truncated) ? 0 : (int)Math.Clamp(truncated, int.MinValue, int.MaxValue);
    }

    /// <summary>A start or end position as <c>slice</c> takes it: negative ones count from the end; within 0..length.</summary>
    public static int Position(ReadOnlySpan<JsValue> arguments, int index, int length, int missing)
    {
        long position = Int(arguments, index, missing);
        return (int)Math.Clamp(position < 0 ? position + length : position, 0, length);
    }

    /// <summary>A function argument.</summary>
    public static JsValue Function(ReadOnlySpan<JsValue> arguments, int index, string method)
    {
        JsValue function = At(arguments, index);
        return function.IsCallable() ? function : throw Errors.Failure($"{method} needs a function");
    }
}
