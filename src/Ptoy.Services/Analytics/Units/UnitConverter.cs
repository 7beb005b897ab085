using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Fhir.Metrics;

namespace Ptoy.Services.Analytics.Units;

/// <summary>
/// Converts between UCUM units of the same kind of quantity. Fhir.Metrics parses the units; what it gets wrong or cannot do is caught here:
/// it counts moles as mere numbers (so that 42 mmol/mol of glycated haemoglobin would "be" 4.2 %), equates equivalents with moles, has no
/// temperatures with an offset and does not know annotations before a solidus. Each pair of units is worked out once, since one conversion takes it milliseconds.
/// </summary>
internal static class UnitConverter
{
    /// <summary>The code system of UCUM.</summary>
    public const string System = "http://unitsofmeasure.org";

    /// <summary>Longest unit looked at: longer text is no unit.</summary>
    public const int MaxLength = 64;

    private const int MaxPairs = 4096;
    private const decimal Tolerance = 1e-12m;
    private static readonly ConcurrentDictionary<(string From, string To), decimal?> Factors = new();
    private static readonly Lock OneParser = new();

    // Units with an offset: kelvin = value * scale + offset (UCUM, table 4: special units on non-ratio scales).
    private static readonly Dictionary<string, (decimal Scale, decimal Offset)> Temperatures = new(StringComparer.Ordinal)
    {
        ["K"] = (1m, 0m), ["Cel"] = (1m, 273.15m), ["[degF]"] = (5m / 9m, 459.67m * 5m / 9m),
    };

    // Arbitrary and chemical units that must be on both sides to cancel: an international unit is no mole, a mole no number.
    private static readonly string[] Guarded = ["mol", "eq", "[iU]", "[IU]", "U", "kat", "osm"];

    /// <summary>
    /// The value in another unit; null when the units measure different things or one is not UCUM. Annotations in braces are taken
    /// away as UCUM says, except where one hides a number, such as {1.73_m2}.
    /// </summary>
    public static decimal? Convert(decimal value, string from, string to)
    {
        if (Clean(from) is not { } source || Clean(to) is not { } target) return null;
        if (source == target) return value;
        if (Temperatures.TryGetValue(source, out var a) && Temperatures.TryGetValue(target, out var b))
            return decimal.Round(((value * a.Scale) + a.Offset - b.Offset) / b.Scale, 10);
        if (FactorOf(source, target) is not { } factor) return null;
        try { return decimal.Round(value * factor, 15) / 1.000000000000000000000000000m; }
        catch (OverflowException) { return null; }
    }

    /// <summary>
    /// A unit in the one spelling that is compared: without annotations, the litre upper case, enzyme and international units as UCUM
    /// writes them. Null when it cannot be a unit.
    /// </summary>
    public static string? Clean(string unit)
    {
        if (unit.Length is 0 or > MaxLength || unit.Any(c => c is <= ' ' or > '~')) return null;
        var text = new StringBuilder(unit.Length);
        for (int i = 0; i < unit.Length; i++)
        {
            if (unit[i] != '{')
            {
                text.Append(unit[i]);
                continue;
            }
            int end = unit.IndexOf('}', i);
            if (end < 0) return null;
            // {1.73_m2} stands for a body surface: without it a clearance would be another quantity.
            if (i + 1 < end && char.IsAsciiDigit(unit[i + 1])) text.Append(unit, i, end - i + 1);
            else if (text.Length == 0 || text[^1] is '/' or '.') text.Append('1');
            i = end;
        }
        string cleaned = text.ToString();
        if (cleaned.StartsWith("1/", StringComparison.Ordinal)) cleaned = cleaned[1..];
        if (cleaned.EndsWith("/1", StringComparison.Ordinal)) cleaned = cleaned[..^2];
        return Spelling(cleaned);
    }

    // UCUM takes both l and L; one of them is kept. "mcg" is not UCUM but frequent and means one thing only.
    private static string Spelling(string unit)
    {
        string[] parts = unit.Split('/');
        for (int i = 0; i < parts.Length; i++)
        {
            parts[i] = parts[i] switch
            {
                "l" or "dl" or "cl" or "ml" or "ul" or "nl" or "pl" or "fl" => parts[i][..^1] + "L",
                "mcg" => "ug",
                _ => parts[i],
            };
        }
        return string.Join('/', parts);
    }

    private static decimal? FactorOf(string from, string to)
    {
        if (Factors.TryGetValue((from, to), out decimal? known)) return known;
        decimal? factor = WorkOut(from, to);
        // When full, further pairs are worked out each time: slow, never wrong.
        if (Factors.Count < MaxPairs) Factors[(from, to)] = factor;
        return factor;
    }

    private static decimal? WorkOut(string from, string to)
    {
        if (from.Contains('{') || to.Contains('{')) return null;
        foreach (string unit in Guarded)
        {
            if (Power(from, unit) != Power(to, unit)) return null;
        }
        if (Ask(1m, from, to) is not { } one || Ask(1000m, from, to) is not { } thousand || one == 0) return null;
        // A conversion that is not a mere factor would not be one after caching either.
        return Math.Abs((thousand / (1000m * one)) - 1m) < Tolerance ? Tidy(one) : null;
    }

    // The library's division leaves traces in the last digits (4.20000000000000300060516).
    private static decimal Tidy(decimal factor)
    {
        decimal rounded = decimal.Round(factor, 12);
        return rounded != 0 && Math.Abs((rounded / factor) - 1m) < Tolerance ? rounded / 1.000000000000000000000000000m : factor;
    }

    private static decimal? Ask(decimal value, string from, string to)
    {
        try
        {
            // The library's tables are shared and not documented as safe for many threads.
            lock (OneParser)
            {
                string text = value.ToString(CultureInfo.InvariantCulture);
                if (!FhirMetricService.Instance.Value.TryConvertTo((text, from, System), to, out var result) || result is not { } found) return null;
                return decimal.Parse(found.Item1, NumberStyles.Float, CultureInfo.InvariantCulture);
            }
        }
        catch (Exception e) when (e is FormatException or OverflowException or ArgumentException or InvalidOperationException or IndexOutOfRangeException or DivideByZeroException)
        {
            return null;
        }
    }

    // Net exponent of a unit with any metric prefix, over solidi and dots: mmol/mol has mol to the power of 0 but still is no plain number,
    // so what cancels is counted apart.
    private static (int Over, int Under) Power(string expression, string unit)
    {
        int over = 0, under = 0;
        bool isUnder = false;
        int start = 0;
        for (int i = 0; i <= expression.Length; i++)
        {
            if (i < expression.Length && expression[i] is not ('/' or '.')) continue;
            string term = expression[start..i].TrimEnd('0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '-', '+');
            if (IsUnit(term, unit)) _ = isUnder ? under++ : over++;
            if (i < expression.Length) isUnder = expression[i] == '/';
            start = i + 1;
        }
        return (over, under);
    }

    private static bool IsUnit(string term, string unit) =>
        term == unit || (term.Length > unit.Length && term.EndsWith(unit, StringComparison.Ordinal) && IsPrefix(term[..^unit.Length]));

    private static bool IsPrefix(string text) => text is "Y" or "Z" or "E" or "P" or "T" or "G" or "M" or "k" or "h" or "da" or "d" or "c" or "m" or "u" or "n"
        or "p" or "f" or "a";
}
