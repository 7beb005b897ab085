using System.Globalization;
using System.Text;

namespace Ptoy.Services.Connector.Hl7.Parsing;

/// <summary>
/// Escape sequences (HL7 v2.8 chapter 2.7). What is not known is left as it stands: nothing that somebody wrote is lost. Control characters
/// other than line breaks and tabs, which FHIR text cannot hold, are dropped.
/// </summary>
internal static class Hl7Escapes
{
    /// <summary>Longest sequence looked for between two escape characters.</summary>
    private const int MaxSequence = 4096;

    public static string Unescape(string raw, Hl7Syntax syntax)
    {
        if (syntax.Escape == '\0' || !raw.Contains(syntax.Escape, StringComparison.Ordinal)) return Clean(raw);
        var text = new StringBuilder(raw.Length);
        int at = 0;
        while (at < raw.Length)
        {
            int open = raw.IndexOf(syntax.Escape, at);
            if (open < 0) break;
            text.Append(raw, at, open - at);
            int close = raw.IndexOf(syntax.Escape, open + 1, Math.Min(MaxSequence, raw.Length - open - 1));
            string? meaning = close < 0 ? null : Meaning(raw[(open + 1)..close], syntax);
            if (meaning is null)
            {
                text.Append(syntax.Escape);
                at = open + 1;
                continue;
            }
            text.Append(meaning);
            at = close + 1;
        }
        return Clean(text.Append(raw, at, raw.Length - at).ToString());
    }

    private static string? Meaning(string sequence, Hl7Syntax syntax) => sequence switch
    {
        "F" => syntax.Field.ToString(),
        "S" => syntax.Component.ToString(),
        "T" => syntax.Subcomponent.ToString(),
        "R" => syntax.Repetition.ToString(),
        "E" => syntax.Escape.ToString(),
        "P" => "#",
        "H" or "N" => "",
        ".br" or ".ce" => "\n",
        ".fi" or ".nf" => "",
        _ when sequence.StartsWith('X') => Hex(sequence[1..], syntax.Charset),
        _ when sequence.StartsWith(".sp", StringComparison.Ordinal) => new string('\n', Lines(sequence[3..])),
        _ when sequence.StartsWith(".sk", StringComparison.Ordinal) => new string(' ', Lines(sequence[3..])),
        _ when sequence.StartsWith(".in", StringComparison.Ordinal) || sequence.StartsWith(".ti", StringComparison.Ordinal) => "",
        _ => null,
    };

    private static int Lines(string count) =>
        int.TryParse(count.TrimStart('+', ' '), NumberStyles.None, CultureInfo.InvariantCulture, out int lines) ? Math.Clamp(lines, 1, 20)
            : 1;

    private static string? Hex(string digits, Encoding charset)
    {
        if (digits.Length == 0 || digits.Length % 2 != 0 || !digits.All(char.IsAsciiHexDigit)) return null;
        return Hl7Charset.DecodeLoosely(Convert.FromHexString(digits), charset);
    }

    private static string Clean(string text)
    {
        if (!text.Any(c => char.IsControl(c) && c is not ('\n' or '\t'))) return text;
        return string.Concat(text.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n')
            .Where(c => !char.IsControl(c) || c is '\n' or '\t'));
    }
}
