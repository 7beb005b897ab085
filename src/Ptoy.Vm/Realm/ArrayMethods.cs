using Jint;
using Jint.Native;

namespace Ptoy.Vm.Realm;

/// <summary>The methods of arrays, paid for by the elements they look at, copy or make.</summary>
internal static class ArrayMethods
{
    public static JsValue Invoke(Frame frame, JsArray self, string method, ReadOnlySpan<JsValue> arguments)
    {
        frame.Meter.Charge(1);
        switch (method)
        {
            case "push":
                frame.Meter.Charge((long)Gas.Entry * arguments.Length);
                foreach (JsValue value in arguments) Members.Push(self, value);
                return JsNumber.Create((double)self.Length);
            case "pop": return self.Length == 0 ? JsValue.Undefined : self.Pop();
            case "at":
                long at = Arg.Int(arguments, 0, 0);
                if (at < 0) at += self.Length;
                return at >= 0 && at < self.Length ? self[(uint)at] : JsValue.Undefined;
            case "toString": throw Errors.Failure("cannot make text of an array: use join");
        }
        // All others go over every element.
        frame.Meter.Charge((long)Gas.Entry * self.Length);
        return method switch
        {
            "shift" or "unshift" or "splice" or "reverse" or "fill" or "sort" => Change(frame, self, method, arguments),
            "slice" or "concat" or "flat" or "entries" or "keys" or "values" => Copy(frame, self, method, arguments),
            "indexOf" or "lastIndexOf" or "includes" or "join" => Search(frame, self, method, arguments),
            "reduce" or "reduceRight" => Reduce(frame, self, method, arguments),
            _ => ArrayCallbacks.Invoke(frame, self, method, arguments),
        };
    }

    /// <summary>A new array of these elements, which were paid for.</summary>
    public static JsArray Make(Frame frame, IReadOnlyCollection<JsValue> elements)
    {
        if (elements.Count > VmLimits.MaxArray) throw Errors.Failure($"an array longer than {VmLimits.MaxArray} elements");
        return new JsArray(frame.Engine, elements.ToArray());
    }

    private static JsValue Change(Frame frame, JsArray self, string method, ReadOnlySpan<JsValue> arguments)
    {
        List<JsValue> elements = [.. self.ToArray()];
        JsValue result = self;
        switch (method)
        {
            case "shift":
                if (elements.Count == 0) return JsValue.Undefined;
                result = elements[0];
                elements.RemoveAt(0);
                break;
            case "unshift":
                frame.Meter.Charge((long)Gas.Entry * arguments.Length);
                elements.InsertRange(0, arguments);
                result = JsNumber.Create(elements.Count);
                break;
            case "splice": result = Splice(frame, elements, arguments); break;
            case "reverse": elements.Reverse(); break;
            case "fill":
                int end = Arg.Position(arguments, 2, elements.Count, elements.Count);
                for (int i = Arg.Position(arguments, 1, elements.Count, 0); i < end; i++) elements[i] = Arg.At(arguments, 0);
                break;
            case "sort": ArraySort.Sort(frame, elements, Arg.At(arguments, 0)); break;
        }
        Replace(self, elements);
        return result;
    }

    private static JsArray Splice(Frame frame, List<JsValue> elements, ReadOnlySpan<JsValue> arguments)
    {
        int start = Arg.Position(arguments, 0, elements.Count, 0);
        int count = arguments.Length == 0 ? 0 : Math.Clamp(Arg.Int(arguments, 1, elements.Count), 0, elements.Count - start);
        List<JsValue> removed = elements.GetRange(start, count);
        elements.RemoveRange(start, count);
        if (arguments.Length > 2)
        {
            frame.Meter.Charge((long)Gas.Entry * arguments.Length);
            elements.InsertRange(start, arguments[2..]);
        }
        return Make(frame, removed);
    }

    // A callback may have changed the array meanwhile; the elements given win, as the method began before.
    private static void Replace(JsArray self, List<JsValue> elements)
    {
        if (elements.Count > VmLimits.MaxArray) throw Errors.Failure($"an array longer than {VmLimits.MaxArray} elements");
        while (self.Length > elements.Count) self.Pop();
        for (int i = 0; i < elements.Count; i++)
        {
            if (i < self.Length) self[(uint)i] = elements[i];
            else self.Push(elements[i]);
        }
    }

    private static JsArray Copy(Frame frame, JsArray self, string method, ReadOnlySpan<JsValue> arguments)
    {
        JsValue[] elements = self.ToArray();
        switch (method)
        {
            case "slice":
                int start = Arg.Position(arguments, 0, elements.Length, 0);
                int end = Arg.Position(arguments, 1, elements.Length, elements.Length);
                return Make(frame, start < end ? elements[start..end] : []);
            case "concat": return Concat(frame, elements, arguments);
            case "flat": return Concat(frame, [], elements);
            case "keys": return Make(frame, [.. Enumerable.Range(0, elements.Length).Select(i => JsNumber.Create(i))]);
            case "entries":
                return Make(frame, [.. elements.Select((element, i) => (JsValue)new JsArray(frame.Engine, [JsNumber.Create(i), element]))]);
            default: return Make(frame, elements);
        }
    }

    /// <summary>Appends values, and the elements of those that are arrays.</summary>
    public static JsArray Concat(Frame frame, JsValue[] start, ReadOnlySpan<JsValue> values)
    {
        List<JsValue> all = [.. start];
        foreach (JsValue value in values)
        {
            if (value is JsArray more)
            {
                frame.Meter.Charge((long)Gas.Entry * more.Length);
                if (all.Count + more.Length > VmLimits.MaxArray) throw Errors.Failure($"an array longer than {VmLimits.MaxArray} elements");
                all.AddRange(more.ToArray());
            }
            else all.Add(value);
        }
        return Make(frame, all);
    }

    private static JsValue Search(Frame frame, JsArray self, string method, ReadOnlySpan<JsValue> arguments)
    {
        JsValue[] elements = self.ToArray();
        if (method == "join") return Join(frame, elements, arguments);
        JsValue wanted = Arg.At(arguments, 0);
        int found = -1;
        for (int n = 0; n < elements.Length && found < 0; n++)
        {
            int i = method == "lastIndexOf" ? elements.Length - 1 - n : n;
            if (Operators.AreEqual(frame, elements[i], wanted) || (method == "includes" && IsNaN(elements[i]) && IsNaN(wanted))) found = i;
        }
        return method == "includes" ? (found >= 0 ? JsBoolean.True : JsBoolean.False) : JsNumber.Create(found);
    }

    private static bool IsNaN(JsValue value) => value is JsNumber number && double.IsNaN(number.AsNumber());

    private static JsString Join(Frame frame, JsValue[] elements, ReadOnlySpan<JsValue> arguments)
    {
        string separator = Arg.At(arguments, 0).IsUndefined() ? "," : Arg.Text(arguments, 0, "join's separator");
        var parts = new string[elements.Length];
        long length = (long)separator.Length * Math.Max(0, elements.Length - 1);
        for (int i = 0; i < parts.Length; i++)
        {
            parts[i] = elements[i].IsNull() || elements[i].IsUndefined() ? "" : Operators.Text(elements[i]);
            length += parts[i].Length;
        }
        Operators.Reserve(frame, length);
        return JsString.Create(string.Join(separator, parts));
    }

    private static JsValue Reduce(Frame frame, JsArray self, string method, ReadOnlySpan<JsValue> arguments)
    {
        JsValue function = Arg.Function(arguments, 0, method);
        JsValue[] elements = self.ToArray();
        bool fromRight = method == "reduceRight";
        int next = 0;
        if (arguments.Length < 2 && elements.Length == 0) throw Errors.Failure($"{method} of an empty array needs a first value");
        JsValue result = arguments.Length > 1 ? arguments[1] : elements[fromRight ? elements.Length - 1 - next++ : next++];
        for (; next < elements.Length; next++)
        {
            int i = fromRight ? elements.Length - 1 - next : next;
            result = frame.Call(function, JsValue.Undefined, [result, elements[i], JsNumber.Create(i), self]);
        }
        return result;
    }
}
