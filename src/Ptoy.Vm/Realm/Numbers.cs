using System.Globalization;
using Jint;
using Jint.Native;
using Jint.Runtime;

namespace Ptoy.Vm.Realm;

/// <summary><c>Number</c>, <c>Math</c> and the methods of numbers: only what is exact or correctly rounded everywhere.</summary>
internal static class Numbers
{
    public const double MaxSafe = 9007199254740991;
    private const int MaxNumberText = 400;

    public static JsValue Is(JsValue[] arguments, Func<double, bool> test) =>
        Arg.At(arguments, 0) is JsNumber number && test(number.AsNumber()) ? JsBoolean.True : JsBoolean.False;

    public static JsValue Map(JsValue[] arguments, Func<double, double> function) =>
        JsNumber.Create(function(Operators.AsNumber(Arg.At(arguments, 0)).AsNumber()));

    public static JsValue Fold(Frame frame, JsValue[] arguments, double start, Func<double, double, double> function)
    {
        frame.Meter.Charge(arguments.Length);
        double result = start;
        foreach (JsValue argument in arguments) result = function(result, Operators.AsNumber(argument).AsNumber());
        return JsNumber.Create(result);
    }

    /// <summary>Half rounds up, as in JavaScript.</summary>
    public static double Round(double n)
    {
        if (!double.IsFinite(n) || double.IsInteger(n)) return n;
        double floor = Math.Floor(n);
        double rounded = n - floor >= 0.5 ? floor + 1 : floor;
        return rounded == 0 && n < 0 ? -0.0 : rounded;
    }

    public static JsValue Convert(Frame frame, JsValue[] arguments)
    {
        if (arguments.Length == 0) return JsNumber.Create(0);
        JsValue value = arguments[0];
        if (value is JsNumber) return value;
        if (value is JsString text && text.Length > MaxNumberText) throw Errors.Failure($"a number is written in at most {MaxNumberText} characters");
        if (value is JsString or JsBoolean || value.IsNull() || value.IsUndefined()) return JsNumber.Create(TypeConverter.ToNumber(value));
        throw Errors.Failure($"cannot make a number of {Operators.Kind(value)}");
    }

    /// <summary>Reads leading digits of base 2 to 36; NaN when there are none. Base 10 unless named.</summary>
    public static JsValue ParseInt(Frame frame, JsValue[] arguments)
    {
        if (Arg.At(arguments, 0) is JsNumber number && arguments.Length < 2) return JsNumber.Create(Math.Truncate(number.AsNumber()));
        string text = Arg.Text(arguments, 0, "parseInt's text");
        int radix = Arg.Int(arguments, 1, 10);
        if (radix is < 2 or > 36) throw Errors.Failure("parseInt takes a base from 2 to 36");
        if (text.Length > MaxNumberText) throw Errors.Failure($"a number is written in at most {MaxNumberText} characters");
        ReadOnlySpan<char> digits = text.AsSpan().Trim(" \t\r\n");
        bool negative = digits.StartsWith("-");
        if (negative || digits.StartsWith("+")) digits = digits[1..];
        int count = 0;
        while (count < digits.Length && Digit(digits[count]) < radix) count++;
        if (count == 0) return JsNumber.Create(double.NaN);
        double value = radix == 10 ? double.Parse(digits[..count], NumberStyles.None, CultureInfo.InvariantCulture) : Sum(digits[..count], radix);
        return JsNumber.Create(negative ? -value : value);
    }

    private static double Sum(ReadOnlySpan<char> digits, int radix)
    {
        double value = 0;
        foreach (char c in digits) value = (value * radix) + Digit(c);
        return value;
    }

    private static int Digit(char c) => c switch
    {
        >= '0' and <= '9' => c - '0',
        >= 'a' and <= 'z' => c - 'a' + 10,
        >= 'A' and <= 'Z' => c - 'A' + 10,
        _ => int.MaxValue,
    };

    /// <summary>Methods of a number: <c>toString</c> with a base for whole numbers, <c>toFixed</c>.</summary>
    public static JsValue Invoke(Frame frame, double self, string method, ReadOnlySpan<JsValue> arguments)
    {
        frame.Meter.Charge(8);
        switch (method)
        {
            case "toString":
                int radix = Arg.Int(arguments, 0, 10);
                if (radix == 10) return JsString.Create(TypeConverter.ToString(JsNumber.Create(self)));
                if (radix is < 2 or > 36 || !double.IsInteger(self) || Math.Abs(self) > MaxSafe) throw Errors.Failure("toString takes a base from 2 to 36, for a whole number");
                return JsString.Create(InBase((long)self, radix));
            case "toFixed":
                int places = Arg.Int(arguments, 0, 0);
                if (places is < 0 or > 20 || Math.Abs(self) >= 1e15) throw Errors.Failure("toFixed takes 0 to 20 places, for a number below 1e15");
                return JsString.Create(self.ToString("F" + places.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture));
            default: throw Errors.Failure($"a number has no method '{method}'");
        }
    }

    private static string InBase(long value, int radix)
    {
        if (value == 0) return "0";
        Span<char> buffer = stackalloc char[65];
        int at = buffer.Length;
        for (long rest = Math.Abs(value); rest > 0; rest /= radix) buffer[--at] = "0123456789abcdefghijklmnopqrstuvwxyz"[(int)(rest % radix)];
        if (value < 0) buffer[--at] = '-';
        return new string(buffer[at..]);
    }
}
