using System.Text;

namespace Ptoy.Services.Tests.Connector.Hl7;

/// <summary>What a sender has to see for a variant.</summary>
internal enum Expected
{
    /// <summary>The header can be read: an answer that says no (AE or AR).</summary>
    Refusal,
    /// <summary>There is nothing to answer to: the connection is closed.</summary>
    Closed,
}

/// <summary>A malformed variant: the bytes as they go over the wire, framing included.</summary>
internal sealed record Variant(string Kind, byte[] Wire, Expected Expected);

/// <summary>
/// Makes malformed variants of messages: the same seed, the same variants. Every kind breaks something that the rules promise to see: what
/// could also be a message that says something else is no malformed one.
/// </summary>
internal sealed class Mutator(IReadOnlyList<string> originals, int seed)
{
    private readonly Random _random = new(seed);

    /// <summary>So many variants, all kinds in turn, over all originals.</summary>
    public IEnumerable<Variant> Variants(int count)
    {
        (string Kind, Func<List<string>, Variant?> Make)[] kinds = [.. Kinds()];
        for (int made = 0, turn = 0; made < count; turn++)
        {
            List<string> lines = [.. originals[_random.Next(originals.Count)].Split('\r', StringSplitOptions.RemoveEmptyEntries)];
            if (kinds[turn % kinds.Length].Make(lines) is not { } variant) continue;
            made++;
            yield return variant;
        }
    }

    private IEnumerable<(string Kind, Func<List<string>, Variant?> Make)> Kinds()
    {
        yield return ("no PID", l => Without(l, "PID"));
        yield return ("no patient number", l => Edited(l, "PID", f => { Set(f, 2, ""); Set(f, 3, "^^^HOSP"); Set(f, 4, ""); }));
        yield return ("birth date", l => Edited(l, "PID", f => Set(f, 7, $"19{_random.Next(13, 99)}{_random.Next(13, 99)}99")));
        yield return ("segment name", l => Changed(l, i => l[i] = char.ToLowerInvariant(l[i][0]) + l[i][1..]));
        yield return ("segment delimiter", l => Changed(l, i => l[i] = l[i][..3] + (char)_random.Next('a', 'z') + l[i][3..]));
        yield return ("garbage line", l => Inserted(l, new string((char)_random.Next('a', 'z'), _random.Next(1, 200))));
        yield return ("bytes", l => Inserted(l, Encoding.Latin1.GetString([0x80, (byte)_random.Next(0x81, 0xFF), 0xFE])));
        yield return ("header twice", l => Inserted(l, l[0]));
        yield return ("continued", l => Inserted(l, "DSC|pointer|F"));
        yield return ("trailer", l => Inserted(l, "BTS|1"));
        yield return ("no type", l => Edited(l, "MSH", f => Set(f, 8, "")));
        yield return ("unknown type", l => Edited(l, "MSH", f => Set(f, 8, $"{Letters(3)}Q^Z{_random.Next(10, 99)}")));
        yield return ("unknown event", l => Edited(l, "MSH", f => Set(f, 8, $"ADT^A{_random.Next(60, 99)}")));
        yield return ("no control id", l => Edited(l, "MSH", f => Set(f, 9, "")));
        yield return ("long control id", l => Edited(l, "MSH", f => Set(f, 9, new string('9', _random.Next(200, 5000)))));
        yield return ("processing id", l => Edited(l, "MSH", f => Set(f, 10, $"{(char)_random.Next('Q', 'S')}")));
        yield return ("no processing id", l => Edited(l, "MSH", f => Set(f, 10, "")));
        yield return ("version", l => Edited(l, "MSH", f => Set(f, 11, $"3.{_random.Next(0, 9)}")));
        yield return ("no version", l => Edited(l, "MSH", f => Set(f, 11, "")));
        yield return ("order of segments", Reordered);
        yield return ("only the header", l => Refused([l[0]]));
        yield return ("cut before the body", CutShort);
        yield return ("many fields", l => Changed(l, i => l[i] += new string('|', 1001)));
        yield return ("batch cut short",
            l => new Variant("batch cut short", Framed("BHS|^~\\&|A|B\r" + Text(Modern(l))), Expected.Refusal));
        yield return ("batch miscounted",
            l => new Variant("batch miscounted", Framed("BHS|^~\\&|A|B\r" + Text(Modern(l)) + $"BTS|{_random.Next(2, 99)}\r"),
            Expected.Refusal));
        yield return ("no header", l => Closed(Framed(Text(l.Skip(1)))));
        yield return ("header damaged", l => Closed(Framed(Text([$"M{Letters(1)}H{l[0][3..]}", .. l.Skip(1)]))));
        yield return ("header cut", l => Closed(Framed(l[0][.._random.Next(1, 5)])));
        yield return ("same delimiters", l => Closed(Framed(Text([$"MSH|^^\\&{l[0][8..]}", .. l.Skip(1)]))));
        yield return ("letters as delimiters", l => Closed(Framed(Text([$"MSHx^~\\&{l[0][8..]}", .. l.Skip(1)]))));
        yield return ("empty", _ => Closed(Framed("")));
        yield return ("noise", _ => Closed(Framed(Encoding.Latin1.GetString(Noise()))));
        yield return ("no frame", l => Closed(Encoding.UTF8.GetBytes(Text(l))));
        yield return ("frame in frame", l => Closed([.. Framed(Text(l))[..^2], 0x0B, .. Framed(Text(l))[1..]]));
        yield return ("frame without end", l => Closed(Framed(Text(l))[..^_random.Next(2, 12)]));
        yield return ("too long", l => Closed(Framed(Text(l) + "ZZZ|" + new string('x', MutationTests.MaxBytes))));
    }

    private static Variant? Without(List<string> lines, string name) =>
        lines.RemoveAll(l => l.StartsWith(name, StringComparison.Ordinal)) > 0 ? Refused(lines) : null;

    private static Variant? Edited(List<string> lines, string name, Action<string[]> edit)
    {
        int at = lines.FindIndex(l => l.StartsWith(name, StringComparison.Ordinal));
        string[] fields = lines[at].Split('|');
        if (fields.Length < 12) Array.Resize(ref fields, 12);
        edit(fields);
        lines[at] = string.Join('|', fields);
        return Refused(lines);
    }

    private static void Set(string[] fields, int index, string value) => fields[index] = value;

    private Variant? Changed(List<string> lines, Action<int> change)
    {
        if (lines.Count < 2) return null;
        change(_random.Next(1, lines.Count));
        return Refused(lines);
    }

    private Variant Inserted(List<string> lines, string line)
    {
        lines.Insert(_random.Next(1, lines.Count + 1), line);
        return Refused(lines);
    }

    private Variant? Reordered(List<string> lines)
    {
        int person = lines.FindIndex(l => l.StartsWith("PID", StringComparison.Ordinal));
        int other = lines.FindIndex(l => l.StartsWith("PV1", StringComparison.Ordinal) || l.StartsWith("OBR", StringComparison.Ordinal)
            || l.StartsWith("ORC", StringComparison.Ordinal));
        if (person < 0 || other < person) return null;
        string moved = lines[other];
        lines.RemoveAt(other);
        lines.Insert(person, moved);
        return Refused(lines);
    }

    private Variant? CutShort(List<string> lines)
    {
        int person = lines.FindIndex(l => l.StartsWith("PID", StringComparison.Ordinal));
        return person < 1 ? null : Refused([.. lines.Take(_random.Next(1, person + 1))]);
    }

    /// <summary>In a batch of a mode in which no answer was asked for there is none: the header without MSH-15 and MSH-16.</summary>
    private static List<string> Modern(List<string> lines)
    {
        string[] fields = lines[0].Split('|');
        return [string.Join('|', fields.Take(14)), .. lines.Skip(1)];
    }

    private string Letters(int count) => string.Concat(Enumerable.Range(0, count).Select(_ => (char)_random.Next('A', 'R')));

    private byte[] Noise()
    {
        var bytes = new byte[_random.Next(1, 400)];
        _random.NextBytes(bytes);
        for (int i = 0; i < bytes.Length; i++)
        {
            if (bytes[i] is 0x0B or 0x1C) bytes[i] = 0;
        }
        return bytes;
    }

    private static Variant Refused(List<string> lines) => new("", Framed(Text(Modern(lines))), Expected.Refusal);

    private static Variant Closed(byte[] wire) => new("", wire, Expected.Closed);

    private static string Text(IEnumerable<string> lines) => string.Concat(lines.Select(l => l + "\r"));

    private static byte[] Framed(string text) => [0x0B, .. Encoding.UTF8.GetBytes(text), 0x1C, 0x0D];
}
