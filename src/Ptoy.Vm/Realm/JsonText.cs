using System.Buffers;
using System.Globalization;
using System.Text;
using Jint;
using Jint.Native;
using Jint.Native.Function;
using Jint.Native.Object;
using Jint.Runtime;

namespace Ptoy.Vm.Realm;

/// <summary>
/// Values to JSON text and back (RFC 8259), with bounds on size and nesting that hold before the recursion could hurt, and
/// paid for. Nothing of a contract runs meanwhile: there is no <c>toJSON</c>.
/// </summary>
internal static class JsonText
{
    // What may need an escape; most texts have none of it.
    private static readonly SearchValues<char> Special = SearchValues.Create(
        [.. Enumerable.Range(0, ' ').Append('"').Append('\\').Concat(Enumerable.Range(0xd800, 0x800)).Select(c => (char)c)]);

    /// <summary>Reads one value. An error names <paramref name="what"/>.</summary>
    public static JsValue Read(Frame frame, string json, string what)
    {
        frame.Meter.Charge(1 + (2 * Gas.Text(json.Length)));
        return new JsonReader(frame, json, what).ReadAll();
    }

    /// <summary>Writes a value in at most <paramref name="most"/> UTF-16 units.</summary>
    public static string Write(Frame frame, JsValue value, int most, string what)
    {
        var text = new StringBuilder();
        Write(frame, value, text, most, what, 0);
        return text.ToString();
    }

    private static void Write(Frame frame, JsValue value, StringBuilder text, int most, string what, int depth)
    {
        if (depth > VmLimits.MaxJsonDepth) throw Errors.Failure($"{what}: nested deeper than {VmLimits.MaxJsonDepth}");
        int before = text.Length;
        switch (value)
        {
            case JsString s: Quote(s.ToString(), text, most, what); break;
            case JsNumber number when double.IsFinite(number.AsNumber()): text.Append(TypeConverter.ToString(number)); break;
            case JsNumber: throw Errors.Failure($"{what}: {TypeConverter.ToString(value)} has no JSON form");
            case JsBoolean flag: text.Append(flag.AsBoolean() ? "true" : "false"); break;
            case JsArray array: WriteArray(frame, array, text, most, what, depth); return;
            case Function or JsMap or JsSet: throw Errors.Failure($"{what}: {Operators.Kind(value)} of this kind has no JSON form");
            case ObjectInstance instance: WriteObject(frame, instance, text, most, what, depth); return;
            default: text.Append("null"); break;
        }
        Bound(text, most, what);
        frame.Meter.Charge(1 + Gas.Text(text.Length - before));
    }

    private static void Bound(StringBuilder text, int most, string what)
    {
        if (text.Length > most) throw Errors.Failure($"{what}: longer than {most} characters of JSON");
    }

    private static void WriteArray(Frame frame, JsArray array, StringBuilder text, int most, string what, int depth)
    {
        frame.Meter.Charge(Gas.Entry);
        text.Append('[');
        for (uint i = 0; i < array.Length; i++)
        {
            if (i > 0) text.Append(',');
            Write(frame, array[i], text, most, what, depth + 1);
        }
        text.Append(']');
        Bound(text, most, what);
    }

    private static void WriteObject(Frame frame, ObjectInstance instance, StringBuilder text, int most, string what, int depth)
    {
        frame.Meter.Charge(Gas.Entry);
        text.Append('{');
        bool first = true;
        foreach (JsValue key in Builtins.KeysOf(frame, instance))
        {
            JsValue value = instance.Get(key);
            if (value.IsUndefined()) continue;
            if (!first) text.Append(',');
            first = false;
            Quote(key.ToString(), text, most, what);
            text.Append(':');
            Write(frame, value, text, most, what, depth + 1);
        }
        text.Append('}');
        Bound(text, most, what);
    }

    // As JSON.stringify does: only what must be is escaped, and halves of surrogate pairs, which UTF-8 could not carry.
    private static void Quote(string value, StringBuilder text, int most, string what)
    {
        if (text.Length + value.Length > most) throw Errors.Failure($"{what}: longer than {most} characters of JSON");
        text.Append('"');
        int plain = value.AsSpan().IndexOfAny(Special);
        if (plain < 0) plain = value.Length;
        text.Append(value, 0, plain);
        for (int i = plain; i < value.Length; i++)
        {
            char c = value[i];
            switch (c)
            {
                case '"': text.Append("\\\""); break;
                case '\\': text.Append("\\\\"); break;
                case '\b': text.Append("\\b"); break;
                case '\f': text.Append("\\f"); break;
                case '\n': text.Append("\\n"); break;
                case '\r': text.Append("\\r"); break;
                case '\t': text.Append("\\t"); break;
                default:
                    if (c < ' ' || IsLoneSurrogate(value, i)) text.Append("\\u").Append(((int)c).ToString("x4", CultureInfo.InvariantCulture));
                    else text.Append(c);
                    break;
            }
        }
        text.Append('"');
    }

    private static bool IsLoneSurrogate(string value, int i) =>
        char.IsHighSurrogate(value[i]) ? i + 1 >= value.Length || !char.IsLowSurrogate(value[i + 1])
        : char.IsLowSurrogate(value[i]) && (i == 0 || !char.IsHighSurrogate(value[i - 1]));
}
