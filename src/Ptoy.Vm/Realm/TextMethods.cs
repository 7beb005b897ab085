using System.Text;
using Jint;
using Jint.Native;

namespace Ptoy.Vm.Realm;

/// <summary>The methods of strings, paid for by the text they look at and make. Texts are compared by UTF-16 unit, never by language.</summary>
internal static class TextMethods
{
    public static JsValue Invoke(Frame frame, string self, string method, ReadOnlySpan<JsValue> arguments)
    {
        frame.Meter.Charge(1);
        switch (method)
        {
            case "toString" or "valueOf": return JsString.Create(self);
            case "charAt" or "at" or "charCodeAt" or "codePointAt": return Character(self, method, arguments);
            case "indexOf" or "lastIndexOf" or "includes" or "startsWith" or "endsWith": return Find(frame, self, method, arguments);
            case "slice" or "substring": return Part(frame, self, method, arguments);
            case "padStart" or "padEnd" or "repeat" or "concat": return Grow(frame, self, method, arguments);
            case "split": return Split(frame, self, arguments);
            case "replace" or "replaceAll": return Replace(frame, self, method, arguments);
        }
        frame.Meter.Charge(Gas.Text(self.Length));
        return JsString.Create(method switch
        {
            "trim" => self.AsSpan().Trim(White).ToString(),
            "trimStart" => self.AsSpan().TrimStart(White).ToString(),
            "trimEnd" => self.AsSpan().TrimEnd(White).ToString(),
            "toLowerCase" => Cased(frame, self, upper: false),
            "toUpperCase" => Cased(frame, self, upper: true),
            _ => throw Errors.Failure($"a string has no method '{method}'"),
        });
    }

    // The white space and line ends of ECMA-262 12.2 and 12.3.
    private const string White = "\t\n\u000b\u000c\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff";

    public static JsValue FromCharCode(Frame frame, JsValue[] arguments)
    {
        Operators.Reserve(frame, arguments.Length);
        var text = new StringBuilder(arguments.Length);
        for (int i = 0; i < arguments.Length; i++) text.Append((char)(ushort)Arg.Int(arguments, i, 0));
        return JsString.Create(text.ToString());
    }

    // Only letters of ASCII change: case beyond it depends on tables that grow with each runtime.
    private static string Cased(Frame frame, string self, bool upper)
    {
        frame.Meter.Charge(Gas.Text(self.Length));
        return string.Create(self.Length, (self, upper), static (target, from) =>
        {
            for (int i = 0; i < target.Length; i++)
            {
                char c = from.self[i];
                target[i] = from.upper ? (c is >= 'a' and <= 'z' ? (char)(c - 32) : c) : (c is >= 'A' and <= 'Z' ? (char)(c + 32) : c);
            }
        });
    }

    private static JsValue Character(string self, string method, ReadOnlySpan<JsValue> arguments)
    {
        int index = Arg.Int(arguments, 0, 0);
        if (method == "at" && index < 0) index += self.Length;
        bool inside = index >= 0 && index < self.Length;
        return method switch
        {
            "charAt" => inside ? JsString.Create(self[index].ToString()) : JsString.Empty,
            "at" => inside ? JsString.Create(self[index].ToString()) : JsValue.Undefined,
            "charCodeAt" => JsNumber.Create(inside ? self[index] : double.NaN),
            _ => inside ? JsNumber.Create(CodePoint(self, index)) : JsValue.Undefined,
        };
    }

    private static int CodePoint(string self, int index) =>
        char.IsHighSurrogate(self[index]) && index + 1 < self.Length && char.IsLowSurrogate(self[index + 1])
            ? char.ConvertToUtf32(self[index], self[index + 1])
            : self[index];

    private static JsValue Find(Frame frame, string self, string method, ReadOnlySpan<JsValue> arguments)
    {
        string wanted = Arg.Text(arguments, 0, $"what {method} looks for");
        int from = Math.Clamp(Arg.Int(arguments, 1, 0), 0, self.Length);
        switch (method)
        {
            case "startsWith":
                frame.Meter.Charge(Gas.Text(wanted.Length));
                return Bool(self.AsSpan(from).StartsWith(wanted, StringComparison.Ordinal));
            case "endsWith":
                frame.Meter.Charge(Gas.Text(wanted.Length));
                int end = Math.Clamp(Arg.Int(arguments, 1, self.Length), 0, self.Length);
                return Bool(self.AsSpan(0, end).EndsWith(wanted, StringComparison.Ordinal));
        }
        frame.Meter.Charge(Gas.Search(self.Length, wanted.Length));
        return method switch
        {
            "includes" => Bool(self.IndexOf(wanted, from, StringComparison.Ordinal) >= 0),
            "lastIndexOf" => JsNumber.Create(self.AsSpan().LastIndexOf(wanted, StringComparison.Ordinal)),
            _ => JsNumber.Create(self.IndexOf(wanted, from, StringComparison.Ordinal)),
        };
    }

    private static JsBoolean Bool(bool value) => value ? JsBoolean.True : JsBoolean.False;

    private static JsString Part(Frame frame, string self, string method, ReadOnlySpan<JsValue> arguments)
    {
        int start, end;
        if (method == "slice")
        {
            start = Arg.Position(arguments, 0, self.Length, 0);
            end = Arg.Position(arguments, 1, self.Length, self.Length);
        }
        else
        {
            start = Math.Clamp(Arg.Int(arguments, 0, 0), 0, self.Length);
            end = Math.Clamp(Arg.Int(arguments, 1, self.Length), 0, self.Length);
            if (start > end) (start, end) = (end, start);
        }
        if (start >= end) return JsString.Empty;
        Operators.Reserve(frame, end - start);
        return JsString.Create(self[start..end]);
    }

    private static JsString Grow(Frame frame, string self, string method, ReadOnlySpan<JsValue> arguments)
    {
        if (method == "concat")
        {
            var all = new JsValue[arguments.Length + 1];
            all[0] = JsString.Create(self);
            arguments.CopyTo(all.AsSpan(1));
            return (JsString)Operators.Template(frame, all);
        }
        int count = Arg.Int(arguments, 0, 0);
        if (method == "repeat")
        {
            if (count < 0) throw Errors.Failure("repeat takes a count of 0 or more");
            Operators.Reserve(frame, (long)self.Length * count);
            return JsString.Create(self.Length == 0 ? "" : new StringBuilder(self.Length * count).Insert(0, self, count).ToString());
        }
        string filler = Arg.At(arguments, 1).IsUndefined() ? " " : Arg.Text(arguments, 1, $"{method}'s filler");
        if (count <= self.Length || filler.Length == 0) return JsString.Create(self);
        Operators.Reserve(frame, count);
        var padding = new StringBuilder(count);
        while (padding.Length < count - self.Length) padding.Append(filler);
        padding.Length = count - self.Length;
        return JsString.Create(method == "padStart" ? padding.Append(self).ToString() : self + padding);
    }

    private static JsArray Split(Frame frame, string self, ReadOnlySpan<JsValue> arguments)
    {
        string separator = Arg.Text(arguments, 0, "split's separator");
        int most = Arg.Int(arguments, 1, int.MaxValue);
        frame.Meter.Charge(Gas.Search(self.Length, separator.Length));
        string[] parts = separator.Length == 0 ? [.. self.Take(VmLimits.MaxArray + 1).Select(c => c.ToString())] : self.Split(separator, StringSplitOptions.None);
        frame.Meter.Charge(((long)Gas.Entry * parts.Length) + Gas.Text(self.Length));
        return ArrayMethods.Make(frame, [.. parts.Take(Math.Max(0, most)).Select(part => (JsValue)JsString.Create(part))]);
    }

    private static JsString Replace(Frame frame, string self, string method, ReadOnlySpan<JsValue> arguments)
    {
        string wanted = Arg.Text(arguments, 0, $"what {method} looks for");
        string with = Arg.Text(arguments, 1, $"{method}'s replacement");
        if (wanted.Length == 0) throw Errors.Failure($"{method} needs something to look for");
        frame.Meter.Charge(Gas.Search(self.Length, wanted.Length));
        if (method == "replace")
        {
            int at = self.IndexOf(wanted, StringComparison.Ordinal);
            if (at < 0) return JsString.Create(self);
            Operators.Reserve(frame, (long)self.Length - wanted.Length + with.Length);
            return JsString.Create(string.Concat(self.AsSpan(0, at), with, self.AsSpan(at + wanted.Length)));
        }
        long count = self.AsSpan().Count(wanted);
        Operators.Reserve(frame, self.Length + (count * ((long)with.Length - wanted.Length)));
        return JsString.Create(self.Replace(wanted, with, StringComparison.Ordinal));
    }
}
