using System.Text;

namespace Ptoy.Services.Connector.Hl7.Parsing;

/// <summary>
/// How one message is written: its delimiters, as MSH-1 and MSH-2 say, and its character set. A delimiter that MSH-2 does not name is
/// <c>'\0'</c>, which no decoded text holds.
/// </summary>
internal sealed record Hl7Syntax(char Field, char Component, char Repetition, char Escape, char Subcomponent, Encoding Charset)
{
    /// <summary>The delimiters nearly everybody uses; what is kept of former messages is written with them.</summary>
    public static readonly Hl7Syntax Standard = new('|', '^', '~', '\\', '&', Encoding.UTF8);

    /// <summary>MSH-2.</summary>
    public string EncodingCharacters => string.Concat(new[] { Component, Repetition, Escape, Subcomponent }.Where(c => c != '\0'));

    /// <summary>
    /// Reads the delimiters from the first characters of a header segment (MSH, FHS or BHS). Throws <see cref="Hl7Exception"/> when they
    /// cannot be told apart.
    /// </summary>
    public static Hl7Syntax OfHeader(string header, Encoding charset)
    {
        string name = header.Length >= 3 ? header[..3] : header;
        if (header.Length < 5) throw Hl7Exception.Unreadable($"{name}: ends before its delimiters");
        char field = header[3];
        int end = header.IndexOf(field, 4);
        string others = end < 0 ? header[4..] : header[4..end];
        if (others.Length is < 1 or > 5) throw Hl7Exception.Unreadable($"{name}-2: {others.Length} encoding characters, not 1 to 5");
        string all = field + others;
        if (all.Any(c => char.IsLetterOrDigit(c) || char.IsWhiteSpace(c) || char.IsControl(c) || c > '~'))
            throw Hl7Exception.Unreadable($"{name}-1, {name}-2: a letter, digit, blank or control character as delimiter");
        if (all.Distinct().Count() != all.Length)
            throw Hl7Exception.Unreadable($"{name}-1, {name}-2: the same character as two delimiters");
        return new Hl7Syntax(field, At(others, 0), At(others, 1), At(others, 2), At(others, 3), charset);
    }

    /// <summary>Escapes text so that it reads as one leaf value.</summary>
    public string Quote(string text)
    {
        var quoted = new StringBuilder(text.Length);
        foreach (char c in text)
        {
            string? role = RoleOf(c);
            if (role is not null && Escape != '\0') quoted.Append(Escape).Append(role).Append(Escape);
            else if (role is null && !char.IsControl(c)) quoted.Append(c);
            else quoted.Append(' ');
        }
        return quoted.ToString();
    }

    /// <summary>The raw text of a field, rewritten from this syntax into another.</summary>
    public string Rewrite(string raw, Hl7Syntax into)
    {
        if (HasDelimitersOf(into)) return raw;
        var text = new StringBuilder(raw.Length);
        foreach (char c in raw)
        {
            if (c == '\0') continue;
            if (c == Component) text.Append(into.Component);
            else if (c == Repetition) text.Append(into.Repetition);
            else if (c == Subcomponent) text.Append(into.Subcomponent);
            else if (c == Escape) text.Append(into.Escape);
            else if (into.RoleOf(c) is { } role) text.Append(into.Escape).Append(role).Append(into.Escape);
            else text.Append(c);
        }
        return text.ToString();
    }

    private bool HasDelimitersOf(Hl7Syntax other) =>
        (Field, Component, Repetition, Escape, Subcomponent) == (
            other.Field, other.Component, other.Repetition, other.Escape, other.Subcomponent);

    private string? RoleOf(char c) =>
        c == '\0' ? null : c == Field ? "F" : c == Component ? "S" : c == Subcomponent ? "T" : c == Repetition ? "R" : c == Escape ? "E"
            : null;

    private static char At(string text, int index) => index < text.Length ? text[index] : '\0';
}
