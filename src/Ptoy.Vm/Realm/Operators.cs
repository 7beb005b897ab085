using Jint;
using Jint.Native;
using Jint.Runtime;

namespace Ptoy.Vm.Realm;

/// <summary>
/// Operators on values whose type is not known beforehand. They convert nothing: arithmetic takes numbers, <c>+</c> two
/// numbers or text with any primitive, comparisons two of a kind. So no <c>toString</c> or <c>valueOf</c> is ever called, and
/// nothing is done whose cost was not charged.
/// </summary>
internal static class Operators
{
    public static JsValue Add(Frame frame, JsValue[] arguments)
    {
        JsValue left = arguments[0], right = arguments[1];
        if (left is JsNumber x && right is JsNumber y) return JsNumber.Create(x.AsNumber() + y.AsNumber());
        if (left is not JsString && right is not JsString)
        {
            throw Errors.Failure($"cannot add {Kind(left)} and {Kind(right)}");
        }
        string first = Text(left), second = Text(right);
        Reserve(frame, (long)first.Length + second.Length);
        return JsString.Create(string.Concat(first, second));
    }

    public static JsValue Template(Frame frame, JsValue[] arguments)
    {
        if (arguments is [JsString whole]) return whole;
        var parts = new string[arguments.Length];
        long length = 0;
        for (int i = 0; i < parts.Length; i++)
        {
            parts[i] = Text(arguments[i]);
            length += parts[i].Length;
        }
        Reserve(frame, length);
        return JsString.Create(string.Concat(parts));
    }

    /// <summary>Charges for a text about to be made, and refuses one that is too long.</summary>
    public static void Reserve(Frame frame, long length)
    {
        if (length > VmLimits.MaxString) throw Errors.Failure($"a string longer than {VmLimits.MaxString} characters");
        frame.Meter.Charge(1 + Gas.Text((int)length));
    }

    public static JsValue Number(Frame frame, JsValue[] arguments, Func<double, double, double> operation)
    {
        if (arguments[0] is JsNumber x && arguments[1] is JsNumber y) return JsNumber.Create(operation(x.AsNumber(), y.AsNumber()));
        throw NotNumbers(arguments[0] is JsNumber ? arguments[1] : arguments[0]);
    }

    public static JsValue Integer(Frame frame, JsValue[] arguments, Func<int, int, long> operation)
    {
        if (arguments[0] is JsNumber && arguments[1] is JsNumber)
        {
            return JsNumber.Create((double)operation(TypeConverter.ToInt32(arguments[0]), TypeConverter.ToInt32(arguments[1])));
        }
        throw NotNumbers(arguments[0] is JsNumber ? arguments[1] : arguments[0]);
    }

    /// <summary>The remainder with the sign of the dividend, as in IEEE fmod.</summary>
    public static double Remainder(double x, double y) => x % y;

    public static JsNumber AsNumber(JsValue value) => value as JsNumber ?? throw NotNumbers(value);

    public static JsValue Compare(Frame frame, JsValue[] arguments, Func<double, double, bool> numbers, Func<int, bool> texts)
    {
        JsValue left = arguments[0], right = arguments[1];
        if (left is JsNumber x && right is JsNumber y) return numbers(x.AsNumber(), y.AsNumber()) ? JsBoolean.True : JsBoolean.False;
        if (left is not JsString || right is not JsString) throw Errors.Failure($"cannot compare {Kind(left)} and {Kind(right)}");
        string first = left.ToString(), second = right.ToString();
        frame.Meter.Charge(Gas.Text(Math.Min(first.Length, second.Length)));
        return texts(string.CompareOrdinal(first, second)) ? JsBoolean.True : JsBoolean.False;
    }

    public static JsValue StrictlyEqual(Frame frame, JsValue[] arguments) =>
        AreEqual(frame, arguments[0], arguments[1]) ? JsBoolean.True : JsBoolean.False;

    /// <summary><c>===</c>, charged for the text it compares.</summary>
    public static bool AreEqual(Frame frame, JsValue left, JsValue right)
    {
        if (left is JsNumber x) return right is JsNumber y && x.AsNumber() == y.AsNumber();
        if (left is JsString first)
        {
            if (right is not JsString second || first.Length != second.Length) return false;
            frame.Meter.Charge(Gas.Text(first.Length));
            return string.Equals(first.ToString(), second.ToString(), StringComparison.Ordinal);
        }
        if (left is JsBoolean a) return right is JsBoolean b && a.AsBoolean() == b.AsBoolean();
        return left.IsNull() ? right.IsNull() : left.IsUndefined() ? right.IsUndefined() : ReferenceEquals(left, right);
    }

    public static bool IsTrue(JsValue value) => TypeConverter.ToBoolean(value);

    /// <summary>The text of a primitive.</summary>
    public static string Text(JsValue value)
    {
        if (value is JsString or JsNumber or JsBoolean || value.IsNull() || value.IsUndefined()) return TypeConverter.ToString(value);
        throw Errors.Failure($"cannot make text of {Kind(value)}: say which part of it");
    }

    /// <summary>What a value is, for messages.</summary>
    public static string Kind(JsValue value) => value switch
    {
        JsString => "a string",
        JsNumber => "a number",
        JsBoolean => "a boolean",
        JsArray => "an array",
        _ when value.IsUndefined() => "undefined",
        _ when value.IsNull() => "null",
        _ when value.IsCallable() => "a function",
        _ => "an object",
    };

    private static JavaScriptException NotNumbers(JsValue value) => Errors.Failure($"arithmetic needs numbers, not {Kind(value)}");
}
