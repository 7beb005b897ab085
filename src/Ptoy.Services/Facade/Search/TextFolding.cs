using System.Text;

namespace Ptoy.Services.Facade.Search;

/// <summary>Text as string searches compare it: lower case, no accents, single spaces (FHIR R4, 3.1.1.4.8).</summary>
internal static class TextFolding
{
    private const string Accented = "àáâãäåāăąçćĉċčďđèéêëēĕėęěĝğġģĥħìíîïĩīĭįıĵķĺļľŀłñńņňòóôõöøōŏőŕŗřśŝşšșţťŧțùúûüũūŭůűųŵýÿŷźżžð";
    private const string Plain = "aaaaaaaaacccccddeeeeeeeeegggghhiiiiiiiiijklllllnnnnooooooooorrrsssssttttuuuuuuuuuuwyyyzzzd";

    public static string Fold(string text)
    {
        if (IsPlain(text)) return text;
        var folded = new StringBuilder(text.Length);
        foreach (char c in text.ToLowerInvariant())
        {
            // Combining marks: an accent written apart from its letter.
            if (c is >= '\u0300' and <= '\u036F') continue;
            if (char.IsWhiteSpace(c))
            {
                if (folded.Length > 0 && folded[^1] != ' ') folded.Append(' ');
                continue;
            }
            int at = c < '\u0080' ? -1 : Accented.IndexOf(c, StringComparison.Ordinal);
            if (at >= 0) folded.Append(Plain[at]);
            else if (c == 'ß') folded.Append("ss");
            else if (c == 'æ') folded.Append("ae");
            else if (c == 'œ') folded.Append("oe");
            else folded.Append(c);
        }
        return folded.ToString().TrimEnd();
    }

    private static bool IsPlain(string text)
    {
        foreach (char c in text)
        {
            if (c is not ((>= 'a' and <= 'z') or (>= '0' and <= '9'))) return false;
        }
        return true;
    }
}
