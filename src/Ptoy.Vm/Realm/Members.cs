using System.Globalization;
using Jint;
using Jint.Native;
using Jint.Native.Function;
using Jint.Native.Object;
using Jint.Runtime.Descriptors;

namespace Ptoy.Vm.Realm;

/// <summary>
/// Property access where a built-in could be met. To a contract the prototypes of the realm are empty: texts, arrays, maps
/// and sets have their length and elements, functions only what the contract's class declares, and every method call on them
/// goes to the host's own implementation.
/// </summary>
internal static class Members
{
    public static JsValue Get(Frame frame, JsValue target, JsValue key)
    {
        switch (target)
        {
            case JsArray array:
                if (Index(key) is { } index) return index < array.Length ? array[(uint)index] : JsValue.Undefined;
                return Name(key) == "length" ? JsNumber.Create((double)array.Length) : JsValue.Undefined;
            case JsString text:
                if (Index(key) is { } at) return at < text.Length ? JsString.Create(text[(int)at].ToString()) : JsValue.Undefined;
                return Name(key) == "length" ? JsNumber.Create(text.Length) : JsValue.Undefined;
            case JsMap map: return Name(key) == "size" ? JsNumber.Create(map.Size) : JsValue.Undefined;
            case JsSet set: return Name(key) == "size" ? JsNumber.Create(set.Size) : JsValue.Undefined;
            case ObjectInstance instance: return Find(frame, instance, Property(frame, key));
            case JsNumber or JsBoolean: return JsValue.Undefined;
            default: throw Errors.Failure($"cannot read '{Shown(key)}' of {Operators.Kind(target)}");
        }
    }

    public static JsValue Set(Frame frame, JsValue[] arguments)
    {
        JsValue target = arguments[0], key = arguments[1], value = arguments[2];
        frame.Meter.Charge(Gas.Entry);
        switch (target)
        {
            case JsArray array: SetElement(array, key, value); break;
            case Function function when !IsOfFunctions(key): function.CreateDataProperty(Property(frame, key), value); break;
            case Function or JsMap or JsSet: throw Errors.Failure($"cannot set '{Shown(key)}' of {Operators.Kind(target)}");
            case ObjectInstance instance: instance.CreateDataProperty(Property(frame, key), value); break;
            default: throw Errors.Failure($"cannot set '{Shown(key)}' of {Operators.Kind(target)}");
        }
        return value;
    }

    private static void SetElement(JsArray array, JsValue key, JsValue value)
    {
        if (Index(key) is not { } index) throw Errors.Failure($"cannot set '{Shown(key)}' of an array");
        if (index > array.Length) throw Errors.Failure("an array grows only at its end");
        if (index == array.Length) Push(array, value);
        else array[(uint)index] = value;
    }

    /// <summary>Appends to an array, within the bound on its length.</summary>
    public static void Push(JsArray array, JsValue value)
    {
        if (array.Length >= VmLimits.MaxArray) throw Errors.Failure($"an array longer than {VmLimits.MaxArray} elements");
        array.Push(value);
    }

    public static JsValue Delete(Frame frame, JsValue[] arguments)
    {
        if (arguments[0] is not ObjectInstance instance || instance is JsArray or Function or JsMap or JsSet)
        {
            throw Errors.Failure($"cannot delete from {Operators.Kind(arguments[0])}");
        }
        frame.Meter.Charge(Gas.Entry);
        instance.Delete(Property(frame, arguments[1]));
        return JsBoolean.True;
    }

    public static JsValue In(Frame frame, JsValue[] arguments)
    {
        bool found = arguments[1] switch
        {
            JsArray array => Index(arguments[0]) < array.Length,
            Function or JsMap or JsSet => throw Errors.Failure("'in' takes a plain object or an array"),
            ObjectInstance instance => Holds(instance, Property(frame, arguments[0])),
            _ => throw Errors.Failure("'in' takes a plain object or an array"),
        };
        return found ? JsBoolean.True : JsBoolean.False;
    }

    /// <summary>True when a plain object has the property itself.</summary>
    public static bool Holds(ObjectInstance instance, JsValue property) => instance.GetOwnProperty(property) != PropertyDescriptor.Undefined;

    public static JsValue Key(Frame frame, JsValue[] arguments) => Property(frame, arguments[0]);

    /// <summary>A property key: a text or a number, paid for by its length.</summary>
    public static JsString Property(Frame frame, JsValue key)
    {
        JsString text = key switch
        {
            JsString name => name,
            JsNumber number => new JsString(Operators.Text(number)),
            _ => throw Errors.Failure($"a property is named by a string or a number, not by {Operators.Kind(key)}"),
        };
        if (text.Length > 32) frame.Meter.Charge(Gas.Text(text.Length));
        return text;
    }

    /// <summary>The object whose named parts are taken: no array, text, function or collection, whose methods are the realm's.</summary>
    public static JsValue Plain(Frame frame, JsValue[] arguments) =>
        IsPlain(arguments[0]) ? arguments[0] : throw Errors.Failure($"cannot take named parts of {Operators.Kind(arguments[0])}");

    public static JsValue PlainOrNull(Frame frame, JsValue[] arguments)
    {
        JsValue value = arguments[0];
        if (value.IsNull() || value.IsUndefined()) return value;
        if (!IsPlain(value)) throw Errors.Failure($"'...' takes a plain object here, not {Operators.Kind(value)}");
        frame.Meter.Charge((long)Gas.Entry * ((ObjectInstance)value).GetOwnPropertyKeys().Count);
        return value;
    }

    public static bool IsPlain(JsValue value) => value is ObjectInstance and not (JsArray or Function or JsMap or JsSet);

    public static JsValue Iterate(Frame frame, JsValue[] arguments) =>
        arguments[0] is JsArray or JsString or JsMap or JsSet
            ? arguments[0]
            : throw Errors.Failure($"'for … of' takes an array, string, map or set, not {Operators.Kind(arguments[0])}");

    public static JsValue Spread(Frame frame, JsValue[] arguments)
    {
        int count = arguments[0] switch
        {
            JsArray array => (int)array.Length,
            JsString text => text.Length,
            JsMap map => map.Size,
            JsSet set => set.Size,
            _ => throw Errors.Failure($"'...' takes an array, string, map or set, not {Operators.Kind(arguments[0])}"),
        };
        if (count > VmLimits.MaxArray) throw Errors.Failure($"'...' of more than {VmLimits.MaxArray} elements");
        frame.Meter.Charge((long)Gas.Entry * count);
        return arguments[0];
    }

    /// <summary>A method call whose method may be a built-in: arguments are the target, the name and what is passed.</summary>
    public static JsValue Invoke(Frame frame, JsValue[] arguments)
    {
        JsValue target = arguments[0], key = arguments[1];
        // Not AsSpan, which refuses the narrower arrays the interpreter keeps for constant arguments.
        var passed = new ReadOnlySpan<JsValue>(arguments, 2, arguments.Length - 2);
        switch (target)
        {
            case JsString text: return TextMethods.Invoke(frame, text.ToString(), Method(key), passed);
            case JsArray array: return InvokeArray(frame, array, key, passed);
            case JsNumber number: return Numbers.Invoke(frame, number.AsNumber(), Method(key), passed);
            case JsMap map: return Collections.Invoke(frame, map, Method(key), passed);
            case JsSet set: return Collections.Invoke(frame, set, Method(key), passed);
            case JsBoolean when Method(key) == "toString": return JsString.Create(Operators.Text(target));
        }
        JsValue method = Get(frame, target, key);
        if (!method.IsCallable()) throw Errors.Failure($"'{Shown(key)}' is not a function");
        return frame.Call(method, target, passed.ToArray());
    }

    private static JsValue InvokeArray(Frame frame, JsArray array, JsValue key, ReadOnlySpan<JsValue> passed)
    {
        if (Index(key) is null) return ArrayMethods.Invoke(frame, array, Method(key), passed);
        JsValue element = Get(frame, array, key);
        if (!element.IsCallable()) throw Errors.Failure($"'{Shown(key)}' is not a function");
        return frame.Call(element, array, passed.ToArray());
    }

    private static JsValue Find(Frame frame, ObjectInstance instance, JsString key)
    {
        string name = key.ToString();
        if (instance is Function) return IsOfFunctions(key) ? JsValue.Undefined : Own(instance, key);
        PropertyDescriptor own = instance.GetOwnProperty(key);
        if (own != PropertyDescriptor.Undefined) return own.Value ?? JsValue.Undefined;
        // An instance of the contract's class has its methods one step up; a step further is the realm's.
        ObjectInstance? parent = instance.Prototype;
        return parent?.Prototype is null || name == "constructor" ? JsValue.Undefined : Own(parent, key);
    }

    private static bool IsOfFunctions(JsValue key) =>
        key is not JsString name || name.ToString() is "prototype" or "name" or "length" or "caller" or "arguments" or "constructor";

    private static JsValue Own(ObjectInstance instance, JsString key) => instance.GetOwnProperty(key).Value ?? JsValue.Undefined;

    private static string Name(JsValue key) => key is JsString text ? text.ToString() : "";

    private static string Method(JsValue key) => key is JsString text ? text.ToString() : throw Errors.Failure($"'{Shown(key)}' is not a function");

    // The element a key names, or null. Texts count when they are written as a number is.
    private static uint? Index(JsValue key)
    {
        if (key is JsNumber number)
        {
            double value = number.AsNumber();
            return value >= 0 && value < uint.MaxValue && double.IsInteger(value) ? (uint)value : null;
        }
        if (key is not JsString { Length: > 0 and <= 10 } text) return null;
        string digits = text.ToString();
        if (digits[0] is < '0' or > '9' || (digits[0] == '0' && digits.Length > 1)) return null;
        return uint.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out uint index) && index < uint.MaxValue ? index : null;
    }

    private static string Shown(JsValue key)
    {
        const int Longest = 64;
        string text = key is JsString or JsNumber ? Operators.Text(key) : Operators.Kind(key);
        return text.Length <= Longest ? text : text[..Longest] + "…";
    }
}
