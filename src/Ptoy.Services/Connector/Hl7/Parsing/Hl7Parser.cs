using System.Text;

namespace Ptoy.Services.Connector.Hl7.Parsing;

/// <summary>What a parser puts up with.</summary>
/// <param name="MaxSegments">In one message.</param>
/// <param name="MaxFields">In one segment.</param>
internal sealed record Hl7Limits(int MaxSegments = 20_000, int MaxFields = 1_000)
{
    public static readonly Hl7Limits Default = new();
}

/// <summary>
/// Reads what a sender sent: one message, or a batch of them. Segments end with CR, as the standard says, or with LF or CRLF, as is found;
/// in a message whose segments end with CR, an LF followed by no segment name is a line break inside a field.
/// </summary>
internal static class Hl7Parser
{
    /// <summary>Reads one message. Throws <see cref="Hl7Exception"/> naming the place, without values.</summary>
    public static Hl7Message Parse(ReadOnlySpan<byte> bytes, Hl7Limits? limits = null)
    {
        Hl7Text text = Hl7Charset.Decode(bytes);
        return Parse(text.Text, text, limits ?? Hl7Limits.Default);
    }

    /// <summary>Reads one message that is text already.</summary>
    public static Hl7Message Parse(string message, Hl7Text decoded, Hl7Limits limits)
    {
        string text = message.TrimStart('\r', '\n', ' ', '\t', '\uFEFF');
        if (!text.StartsWith("MSH", StringComparison.Ordinal)) throw Hl7Exception.Unreadable("does not begin with MSH");
        Hl7Syntax syntax = Hl7Syntax.OfHeader(text, decoded.Charset);
        List<string> lines = Lines(text, syntax.Field);
        Hl7Segment header = Header(lines[0], syntax, limits);
        if (lines.Count > limits.MaxSegments)
            throw new Hl7RefusedException(header, syntax,
                new Hl7Problem(100, "MSH", $"{lines.Count} segments, more than {limits.MaxSegments}"));
        try
        {
            return new Hl7Message(Body(header, lines, syntax, limits), syntax, decoded.AsDeclared);
        }
        catch (Hl7Exception e) when (e.HeaderReadable)
        {
            throw new Hl7RefusedException(header, syntax, e.Problem);
        }
    }

    private static List<Hl7Segment> Body(Hl7Segment header, List<string> lines, Hl7Syntax syntax, Hl7Limits limits)
    {
        var segments = new List<Hl7Segment>(lines.Count) { header };
        var counts = new Dictionary<string, int>(StringComparer.Ordinal) { ["MSH"] = 1 };
        for (int i = 1; i < lines.Count; i++)
        {
            string line = lines[i];
            if (!IsSegment(line, syntax.Field)) throw Hl7Exception.Of(100, $"segment {i + 1}", "does not begin with a segment name");
            string name = line[..3];
            if (name is "MSH" or "BHS" or "FHS" or "BTS" or "FTS")
                throw Hl7Exception.Of(100, $"segment {i + 1}", $"{name} inside a message");
            if (name == "DSC") throw Hl7Exception.Of(100, "DSC", "a message continued in another one is not taken; send it whole");
            int occurrence = counts[name] = counts.GetValueOrDefault(name) + 1;
            string[] fields = line.Length > 4 ? line[4..].Split(syntax.Field) : [];
            if (fields.Length > limits.MaxFields)
                throw Hl7Exception.Of(100, Place(name, occurrence), $"{fields.Length} fields, more than {limits.MaxFields}");
            segments.Add(new Hl7Segment(name, occurrence, fields, syntax));
        }
        return segments;
    }

    private static string Place(string name, int occurrence) => occurrence == 1 ? name : $"{name}({occurrence})";

    private static Hl7Segment Header(string line, Hl7Syntax syntax, Hl7Limits limits)
    {
        string[] rest = line[4..].Split(syntax.Field);
        if (rest.Length > limits.MaxFields) throw Hl7Exception.Unreadable($"{rest.Length} fields, more than {limits.MaxFields}");
        return new Hl7Segment("MSH", 1, [syntax.Field.ToString(), .. rest], syntax);
    }

    /// <summary>The lines that are segments; a line that is none belongs to the one before, when segments end with CR.</summary>
    internal static List<string> Lines(string text, char field)
    {
        bool byReturn = text.Contains('\r', StringComparison.Ordinal);
        var lines = new List<string>();
        foreach (string part in text.Split(byReturn ? '\r' : '\n'))
        {
            string line = byReturn && part.StartsWith('\n') ? part[1..] : part;
            if (byReturn && line.Contains('\n', StringComparison.Ordinal)) AddBroken(lines, line, field);
            else if (!IsBlank(line)) lines.Add(line);
        }
        return lines;
    }

    private static void AddBroken(List<string> lines, string line, char field)
    {
        bool first = true;
        foreach (string part in line.Split('\n'))
        {
            if (first || IsSegment(part, field))
            {
                if (!IsBlank(part)) lines.Add(part);
            }
            else if (lines.Count > 0 && !IsBlank(part))
            {
                lines[^1] = new StringBuilder(lines[^1]).Append('\n').Append(part).ToString();
            }
            first = false;
        }
    }

    /// <summary>Between messages of a file, and from devices that pad: not a segment.</summary>
    private static bool IsBlank(string line) => line.All(c => char.IsWhiteSpace(c) || c == '\u001A');

    internal static bool IsSegment(string line, char field) =>
        line.Length >= 3 && char.IsAsciiLetterUpper(line[0]) && IsNamePart(line[1]) && IsNamePart(line[2])
            && (line.Length == 3 || line[3] == field);

    private static bool IsNamePart(char c) => char.IsAsciiLetterUpper(c) || char.IsAsciiDigit(c);
}

/// <summary>A message that cannot be taken, with the header to answer to.</summary>
internal sealed class Hl7RefusedException(Hl7Segment header, Hl7Syntax syntax, Hl7Problem problem) : Exception(problem.ToString())
{
    public Hl7Problem Problem { get; } = problem;

    /// <summary>A message of its header only: enough to answer.</summary>
    public Hl7Message Header { get; } = new([header], syntax, CharsetAsDeclared: true);
}
