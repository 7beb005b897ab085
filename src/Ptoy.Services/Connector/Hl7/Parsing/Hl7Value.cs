namespace Ptoy.Services.Connector.Hl7.Parsing;

/// <summary>How deep in a field a value lies.</summary>
internal enum Hl7Level
{
    Field,
    Repetition,
    Component,
    Subcomponent,
}

/// <summary>
/// A field, or a part of one, read when it is asked for. A field without repetitions is its own first repetition, and so on down to the
/// subcomponent: what a later version divided further reads like what an earlier one wrote whole.
/// </summary>
internal readonly record struct Hl7Value(string Raw, Hl7Syntax Syntax, Hl7Level Level)
{
    /// <summary>Nothing was said.</summary>
    public bool IsEmpty => string.IsNullOrEmpty(Raw);

    /// <summary>The null value <c>""</c>: what was there is to be removed.</summary>
    public bool IsNull => Raw == "\"\"";

    /// <summary>Something other than delimiters and blanks is there, and not the null value.</summary>
    public bool HasValue
    {
        get
        {
            if (IsEmpty || IsNull) return false;
            foreach (char c in Raw)
            {
                if (!char.IsWhiteSpace(c) && c != Syntax.Component && c != Syntax.Subcomponent && c != Syntax.Repetition) return true;
            }
            return false;
        }
    }

    /// <summary>The repetitions that have a value.</summary>
    public IEnumerable<Hl7Value> Repetitions
    {
        get
        {
            if (!HasValue) yield break;
            Hl7Syntax syntax = Syntax;
            string[] parts = Level > Hl7Level.Field || syntax.Repetition == '\0' ? [Raw] : Raw.Split(syntax.Repetition);
            foreach (string part in parts)
            {
                var value = new Hl7Value(part, syntax, Hl7Level.Repetition);
                if (value.HasValue) yield return value;
            }
        }
    }

    /// <summary>A component of the first repetition, counted from 1; empty beyond the last.</summary>
    public Hl7Value this[int component] => Part(First(Hl7Level.Repetition), Syntax.Component, component, Hl7Level.Component);

    /// <summary>A subcomponent of the first component, counted from 1; empty beyond the last.</summary>
    public Hl7Value Sub(int subcomponent) => Part(First(Hl7Level.Component), Syntax.Subcomponent, subcomponent, Hl7Level.Subcomponent);

    /// <summary>The first leaf, unescaped and trimmed; null when there is none or it is the null value.</summary>
    public string? Text => Meaning(First(Hl7Level.Subcomponent));

    /// <summary>Everything, delimiters included, unescaped: text that its writer did not escape as it should have been.</summary>
    public string? WholeText => Meaning(Raw);

    private string? Meaning(string raw)
    {
        if (string.IsNullOrEmpty(raw) || raw == "\"\"") return null;
        string text = Hl7Escapes.Unescape(raw, Syntax).Trim();
        return text.Length == 0 ? null : text;
    }

    /// <summary>The raw text of the first part at a level.</summary>
    private string First(Hl7Level level)
    {
        string raw = Raw ?? "";
        if (Syntax is null) return raw;
        if (Level < Hl7Level.Repetition && level >= Hl7Level.Repetition) raw = Cut(raw, Syntax.Repetition);
        if (Level < Hl7Level.Component && level >= Hl7Level.Component) raw = Cut(raw, Syntax.Component);
        if (Level < Hl7Level.Subcomponent && level >= Hl7Level.Subcomponent) raw = Cut(raw, Syntax.Subcomponent);
        return raw;
    }

    private static string Cut(string raw, char delimiter)
    {
        int at = delimiter == '\0' ? -1 : raw.IndexOf(delimiter, StringComparison.Ordinal);
        return at < 0 ? raw : raw[..at];
    }

    private Hl7Value Part(string raw, char delimiter, int number, Hl7Level level)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(number, 1);
        if (Level >= level) return number == 1 ? this : new Hl7Value("", Syntax, level);
        int start = 0;
        for (int i = 1; i < number; i++)
        {
            int at = delimiter == '\0' ? -1 : raw.IndexOf(delimiter, start);
            if (at < 0) return new Hl7Value("", Syntax, level);
            start = at + 1;
        }
        int end = delimiter == '\0' ? -1 : raw.IndexOf(delimiter, start);
        return new Hl7Value(end < 0 ? raw[start..] : raw[start..end], Syntax, level);
    }
}
