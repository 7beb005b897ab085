using Jint;
using Jint.Native;

namespace Ptoy.Vm.Realm;

/// <summary><c>Map</c> and <c>Set</c>.</summary>
internal static class Collections
{
    public static JsValue NewMap(Frame frame, JsValue[] arguments)
    {
        frame.Meter.Charge(Gas.Allocate);
        JsMap map = frame.Engine.Intrinsics.Map.Construct();
        foreach (JsValue entry in Elements(frame, Arg.At(arguments, 0)))
        {
            if (entry is not JsArray pair) throw Errors.Failure("new Map takes an array of [key, value]");
            map.Set(Key(frame, Members.Get(frame, pair, JsNumber.Create(0))), Members.Get(frame, pair, JsNumber.Create(1)));
        }
        return map;
    }

    public static JsValue NewSet(Frame frame, JsValue[] arguments)
    {
        frame.Meter.Charge(Gas.Allocate);
        JsSet set = frame.Engine.Intrinsics.Set.Construct();
        foreach (JsValue element in Elements(frame, Arg.At(arguments, 0))) set.Add(Key(frame, element));
        return set;
    }

    /// <summary>The elements of an array, string, map or set, or nothing for null and undefined; paid for by their number.</summary>
    public static JsValue[] Elements(Frame frame, JsValue source)
    {
        if (source.IsNull() || source.IsUndefined()) return [];
        Members.Spread(frame, [source]);
        return source switch
        {
            JsArray array => array.ToArray(),
            JsMap map => [.. Pairs(frame, map)],
            JsSet set => Values(set),
            _ => [.. source.ToString().EnumerateRunes().Select(rune => (JsValue)JsString.Create(rune.ToString()))],
        };
    }

    public static JsValue Invoke(Frame frame, JsMap self, string method, ReadOnlySpan<JsValue> arguments)
    {
        frame.Meter.Charge(Gas.Entry);
        switch (method)
        {
            case "get": return self.Get(Key(frame, Arg.At(arguments, 0)));
            case "has": return self.Has(Key(frame, Arg.At(arguments, 0))) ? JsBoolean.True : JsBoolean.False;
            case "delete": return self.Remove(Key(frame, Arg.At(arguments, 0))) ? JsBoolean.True : JsBoolean.False;
            case "set":
                self.Set(Key(frame, Arg.At(arguments, 0)), Arg.At(arguments, 1));
                return self;
        }
        frame.Meter.Charge((long)Gas.Entry * self.Size);
        switch (method)
        {
            case "clear": self.Clear(); return JsValue.Undefined;
            case "keys": return ArrayMethods.Make(frame, [.. Pairs(frame, self).Select(pair => ((JsArray)pair)[0u])]);
            case "values": return ArrayMethods.Make(frame, [.. Pairs(frame, self).Select(pair => ((JsArray)pair)[1u])]);
            case "entries": return ArrayMethods.Make(frame, [.. Pairs(frame, self)]);
            case "forEach":
                JsValue function = Arg.Function(arguments, 0, method);
                foreach (JsValue pair in Pairs(frame, self)) frame.Call(function, JsValue.Undefined, [((JsArray)pair)[1u], ((JsArray)pair)[0u], self]);
                return JsValue.Undefined;
            default: throw Errors.Failure($"a map has no method '{method}'");
        }
    }

    public static JsValue Invoke(Frame frame, JsSet self, string method, ReadOnlySpan<JsValue> arguments)
    {
        frame.Meter.Charge(Gas.Entry);
        switch (method)
        {
            case "has": return self.Has(Key(frame, Arg.At(arguments, 0))) ? JsBoolean.True : JsBoolean.False;
            case "delete": return self.Delete(Key(frame, Arg.At(arguments, 0))) ? JsBoolean.True : JsBoolean.False;
            case "add":
                self.Add(Key(frame, Arg.At(arguments, 0)));
                return self;
        }
        frame.Meter.Charge((long)Gas.Entry * self.Size);
        switch (method)
        {
            case "clear": self.Clear(); return JsValue.Undefined;
            case "keys" or "values": return ArrayMethods.Make(frame, Values(self));
            case "forEach":
                JsValue function = Arg.Function(arguments, 0, method);
                foreach (JsValue value in Values(self)) frame.Call(function, JsValue.Undefined, [value, value, self]);
                return JsValue.Undefined;
            default: throw Errors.Failure($"a set has no method '{method}'");
        }
    }

    // A key is hashed by its text.
    private static JsValue Key(Frame frame, JsValue key)
    {
        if (key is JsString text) frame.Meter.Charge(Gas.Text(text.Length));
        return key;
    }

    private static IEnumerable<JsValue> Pairs(Frame frame, JsMap map)
    {
        var pairs = new List<JsValue>(map.Size);
        foreach ((JsValue key, JsValue value) in map) pairs.Add(new JsArray(frame.Engine, [key, value]));
        return pairs;
    }

    private static JsValue[] Values(JsSet set)
    {
        var values = new List<JsValue>(set.Size);
        foreach (JsValue value in set) values.Add(value);
        return [.. values];
    }
}
