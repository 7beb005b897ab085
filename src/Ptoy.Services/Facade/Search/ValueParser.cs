using System.Globalization;

namespace Ptoy.Services.Facade.Search;

/// <summary>Reads the values of search parameters: prefixes, escapes, tokens, dates, numbers with their precision, quantities,
/// references.</summary>
internal sealed class ValueParser(TimeProvider time, string ownBase)
{
    public const int MaxValues = 100;

    private static readonly Dictionary<string, Prefix> Prefixes = Enum.GetValues<Prefix>().ToDictionary(p =>
        p.ToString().ToLowerInvariant());

    /// <summary>Cuts at a separator that no backslash stands before.</summary>
    public static List<string> Split(string text, char separator)
    {
        var parts = new List<string>();
        int start = 0;
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '\\') i++;
            else if (text[i] == separator)
            {
                parts.Add(text[start..i]);
                start = i + 1;
            }
        }
        parts.Add(text[start..]);
        return parts;
    }

    /// <summary>Takes the escapes of <c>, | $ \</c> away.</summary>
    public static string Unescape(string text)
    {
        if (!text.Contains('\\', StringComparison.Ordinal)) return text;
        var plain = new System.Text.StringBuilder(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '\\' && i + 1 < text.Length) i++;
            plain.Append(text[i]);
        }
        return plain.ToString();
    }

    /// <summary>The alternatives of one repetition.</summary>
    public static List<string> Alternatives(string name, string text)
    {
        List<string> values = Split(text, ',');
        if (values.Count > MaxValues) throw new SearchException(name, $"{values.Count} alternatives, more than {MaxValues}");
        return values.Any(v => v.Length == 0) ? throw new SearchException(name, "a value is empty") : values;
    }

    public ValueTest Parse(string name, ParameterKind kind, IReadOnlyList<string> targets, string? modifier, string text) => kind switch
    {
        ParameterKind.Token => Token(text),
        ParameterKind.String => new StringTest(Unescape(text), modifier switch { "exact" => StringMode.Exact, "contains" =>
            StringMode.Contains, _ => StringMode.Begins }),
        ParameterKind.Date => Date(name, text),
        ParameterKind.Number => Number(name, text, null, null),
        ParameterKind.Quantity => Quantity(name, text),
        ParameterKind.Uri => new UriTest(Unescape(text), modifier == "below", modifier == "above"),
        ParameterKind.Reference => Reference(name, targets, modifier, Unescape(text)),
        _ => throw new SearchException(name, "a composite value stands for itself only"),
    };

    public static TokenTest Token(string text)
    {
        List<string> parts = Split(text, '|');
        if (parts.Count == 1) return new TokenTest(null, Unescape(parts[0]));
        string system = Unescape(parts[0]), code = Unescape(string.Join('|', parts.Skip(1)));
        return new TokenTest(system, code.Length == 0 ? null : code);
    }

    public DateTest Date(string name, string text)
    {
        (Prefix prefix, string rest) = TakePrefix(text);
        if (!FhirDates.TryParse(rest.Replace(' ', '+'), out DateSpan span))
            throw new SearchException(name,
                "not a date such as 2026, 2026-03, 2026-03-01 or 2026-03-01T08:00:00Z, with a prefix such as ge if need be");
        return new DateTest(prefix, span, time.GetUtcNow().UtcTicks);
    }

    private static QuantityTest Quantity(string name, string text)
    {
        List<string> parts = Split(text, '|');
        if (parts.Count is not (1 or 2 or 3)) throw new SearchException(name, "not [prefix]number|system|code");
        string? system = parts.Count > 1 && parts[1].Length > 0 ? Unescape(parts[1]) : null;
        string? code = parts.Count > 2 && parts[2].Length > 0 ? Unescape(parts[2]) : null;
        return Number(name, parts[0], system, code);
    }

    private static QuantityTest Number(string name, string text, string? system, string? code)
    {
        (Prefix prefix, string rest) = TakePrefix(text);
        const NumberStyles Styles = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
        if (!decimal.TryParse(rest, Styles, CultureInfo.InvariantCulture, out decimal value)) throw new SearchException(name,
            "not a number, with a prefix such as gt if need be");
        return new QuantityTest(prefix, value, HalfOfLastDigit(name, rest), system, code);
    }

    /// <summary>Half of the last significant digit's place: 100 is 99.5 to 100.5, 1e2 is 95 to 105 (FHIR R4, 3.1.1.4.6).</summary>
    private static decimal HalfOfLastDigit(string name, string text)
    {
        int exponentAt = text.IndexOfAny(['e', 'E']);
        int exponent = exponentAt < 0 ? 0 : int.Parse(text[(exponentAt + 1)..], NumberStyles.AllowLeadingSign,
            CultureInfo.InvariantCulture);
        string digits = exponentAt < 0 ? text : text[..exponentAt];
        int point = digits.IndexOf('.', StringComparison.Ordinal);
        int place = exponent - (point < 0 ? 0 : digits.Length - point - 1);
        // The standard counts a whole number before an exponent as if one decimal more were written.
        if (exponentAt >= 0 && point < 0) place = exponent - 1;
        if (place is < -20 or > 20) throw new SearchException(name, "the number has too many digits");
        decimal half = 0.5m;
        for (; place > 0; place--) half *= 10;
        for (; place < 0; place++) half /= 10;
        return half;
    }

    private ReferenceTest Reference(string name, IReadOnlyList<string> targets, string? modifier, string text)
    {
        if (ReferenceText.Parse(text, ownBase) is not { } reference) throw new SearchException(name, "not a reference such as Patient/123");
        if (reference.IsAbsolute) return new ReferenceTest([], reference.Id, true);
        string[] types = reference.Type.Length > 0 ? [reference.Type] : modifier is not null ? [modifier] : name == "patient" ? ["Patient"]
            : [.. targets];
        return new ReferenceTest(types, reference.Id, false);
    }

    private static (Prefix Prefix, string Number) TakePrefix(string text) =>
        text.Length > 2 && char.IsAsciiLetter(text[0]) && Prefixes.TryGetValue(text[..2], out Prefix prefix) ? (prefix, text[2..])
            : (Prefix.Eq, text);
}
