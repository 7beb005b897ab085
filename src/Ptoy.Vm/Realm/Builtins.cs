using Jint;
using Jint.Native;
using Jint.Native.Object;

namespace Ptoy.Vm.Realm;

/// <summary><c>Object</c>, <c>Array</c>, <c>JSON</c> and errors.</summary>
internal static class Builtins
{
    public static JsValue Keys(Frame frame, JsValue[] arguments)
    {
        if (Arg.At(arguments, 0) is JsArray array)
        {
            frame.Meter.Charge((long)Gas.Entry * array.Length);
            return ArrayMethods.Make(frame, [.. Enumerable.Range(0, (int)array.Length).Select(i => (JsValue)new JsString(Operators.Text(JsNumber.Create(i))))]);
        }
        return ArrayMethods.Make(frame, KeysOf(frame, Plain(arguments, 0)));
    }

    public static JsValue Values(Frame frame, JsValue[] arguments)
    {
        ObjectInstance source = Plain(arguments, 0);
        return ArrayMethods.Make(frame, [.. KeysOf(frame, source).Select(key => source.Get(key))]);
    }

    public static JsValue Entries(Frame frame, JsValue[] arguments)
    {
        ObjectInstance source = Plain(arguments, 0);
        return ArrayMethods.Make(frame, [.. KeysOf(frame, source).Select(key => (JsValue)new JsArray(frame.Engine, [key, source.Get(key)]))]);
    }

    public static JsValue FromEntries(Frame frame, JsValue[] arguments)
    {
        var made = new JsObject(frame.Engine);
        foreach (JsValue entry in Collections.Elements(frame, Arg.At(arguments, 0)))
        {
            if (entry is not JsArray pair) throw Errors.Failure("Object.fromEntries takes an array of [key, value]");
            made.CreateDataProperty(Members.Property(frame, Members.Get(frame, pair, JsNumber.Create(0))), Members.Get(frame, pair, JsNumber.Create(1)));
        }
        return made;
    }

    public static JsValue Assign(Frame frame, JsValue[] arguments)
    {
        ObjectInstance target = Plain(arguments, 0);
        for (int i = 1; i < arguments.Length; i++)
        {
            if (arguments[i].IsNull() || arguments[i].IsUndefined()) continue;
            ObjectInstance source = Plain(arguments, i);
            foreach (JsValue key in KeysOf(frame, source)) target.CreateDataProperty(key, source.Get(key));
        }
        return target;
    }

    public static JsValue HasOwn(Frame frame, JsValue[] arguments) =>
        Members.Holds(Plain(arguments, 0), Members.Property(frame, Arg.At(arguments, 1))) ? JsBoolean.True : JsBoolean.False;

    public static JsValue ArrayFrom(Frame frame, JsValue[] arguments)
    {
        JsArray made = ArrayMethods.Make(frame, Collections.Elements(frame, Arg.At(arguments, 0)));
        return Arg.At(arguments, 1).IsUndefined() ? made : ArrayCallbacks.Invoke(frame, made, "map", [arguments[1]]);
    }

    public static JsValue ArrayOf(Frame frame, JsValue[] arguments)
    {
        frame.Meter.Charge((long)Gas.Entry * arguments.Length);
        return ArrayMethods.Make(frame, arguments);
    }

    public static JsValue JsonParse(Frame frame, JsValue[] arguments) => JsonText.Read(frame, Arg.Text(arguments, 0, "JSON.parse's text"), "JSON.parse");

    public static JsValue JsonStringify(Frame frame, JsValue[] arguments)
    {
        if (arguments.Length > 1) throw Errors.Failure("JSON.stringify takes one value here");
        JsValue value = Arg.At(arguments, 0);
        return value.IsUndefined() ? value : JsString.Create(JsonText.Write(frame, value, VmLimits.MaxString, "JSON.stringify"));
    }

    public static JsValue NewError(Frame frame, JsValue[] arguments, string name)
    {
        frame.Meter.Charge(Gas.Allocate);
        JsValue message = Arg.At(arguments, 0);
        return Errors.Make(frame.Engine, name, message.IsUndefined() ? "" : Operators.Text(message));
    }

    /// <summary>The names of a plain object's properties, in the order of ECMA-262: whole numbers ascending, then as they came.</summary>
    public static List<JsValue> KeysOf(Frame frame, ObjectInstance source)
    {
        List<JsValue> keys = source.GetOwnPropertyKeys();
        frame.Meter.Charge((long)Gas.Entry * keys.Count);
        return keys;
    }

    private static ObjectInstance Plain(JsValue[] arguments, int index)
    {
        JsValue value = Arg.At(arguments, index);
        return Members.IsPlain(value) ? (ObjectInstance)value : throw Errors.Failure($"a plain object is needed, not {Operators.Kind(value)}");
    }
}
