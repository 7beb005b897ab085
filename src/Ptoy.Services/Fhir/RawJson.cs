using System.Globalization;
using System.Text;

namespace Ptoy.Services.Fhir;

/// <summary>
/// JSON as text, so that a number keeps its spelling and a string its escapes: what a serializer would tidy away is what the round trip
/// has to keep.
/// </summary>
internal sealed class RawJson(string newline, string indent, string afterColon, bool escapeNonAscii)
{
    public static readonly RawJson Indented = new("\n", "  ", ": ", escapeNonAscii: false);

    public static readonly RawJson Compact = new("", "", ":", escapeNonAscii: true);

    public static readonly RawJson Odd = new("\r\n", "\t", " :  ", escapeNonAscii: true);

    public string Text(string value)
    {
        var text = new StringBuilder("\"");
        foreach (char c in value)
        {
            if (c is '"' or '\\') text.Append('\\').Append(c);
            else if (c < ' ' || (escapeNonAscii && c > '~')) text.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            else text.Append(c);
        }
        return text.Append('"').ToString();
    }

    public string Object(params (string Name, string? Value)[] members) =>
        Block('{', '}', [.. members.Where(m => m.Value is not null).Select(m => $"\"{m.Name}\"{afterColon}{m.Value}")]);

    public string List(params string[] items) => Block('[', ']', items);

    private string Block(char open, char close, string[] parts)
    {
        if (parts.Length == 0) return $"{open}{close}";
        string inner = string.Join("," + newline, parts);
        // Indents what is already there: line breaks inside strings are escaped, so every line break is layout.
        string indented = newline.Length == 0 ? inner : inner.Replace(newline, newline + indent, StringComparison.Ordinal);
        return newline.Length == 0 ? $"{open}{inner}{close}" : $"{open}{newline}{indent}{indented}{newline}{close}";
    }
}
