using System.Globalization;
using System.Text.Json;

namespace Ptoy.Services.Tests.Facade;

/// <summary>
/// The other opinion on searches: plain predicates over parsed JSON, written apart from the index. It knows no definitions: each expected
/// answer
/// says itself where to look.
/// </summary>
internal static class BruteForce
{
    /// <summary>All elements at a path of names joined by dots; lists are taken apart.</summary>
    public static IEnumerable<JsonElement> At(JsonElement element, string path)
    {
        IEnumerable<JsonElement> found = Flat(element);
        foreach (string name in path.Split('.'))
            found = found.SelectMany(e => e.ValueKind == JsonValueKind.Object && e.TryGetProperty(name, out JsonElement inner)
                ? Flat(inner) : []);
        return found;
    }

    public static bool Present(JsonElement element, string path) => At(element, path).Any();

    public static bool Text(JsonElement element, string path, string text) => At(element, path).Any(e => e.GetString() == text);

    public static bool Starts(JsonElement element, string path, string text) =>
        At(element, path).Any(e => e.GetString()!.StartsWith(text, StringComparison.OrdinalIgnoreCase));

    /// <summary>A coding below a concept; null is any.</summary>
    public static bool Code(JsonElement element, string path, string? system, string? code) =>
        At(element, path + ".coding").Any(c => Is(c, "system", system) && Is(c, "code", code));

    public static bool Refers(JsonElement element, string path, params string[] targets) =>
        At(element, path + ".reference").Any(r => targets.Contains(r.GetString()));

    /// <summary>The instants that the dates at a path cover, first and past the last.</summary>
    public static IEnumerable<(DateTime Low, DateTime High)> Dates(JsonElement element, string path) => At(element, path).Select(e =>
        e.ValueKind == JsonValueKind.String ? Span(e.GetString()!)
            : (e.TryGetProperty("start", out JsonElement start) ? Span(start.GetString()!).Low : DateTime.MinValue,
               e.TryGetProperty("end", out JsonElement end) ? Span(end.GetString()!).High : DateTime.MaxValue));

    public static DateTime Utc(string text) => Span(text).Low;

    public static IEnumerable<decimal> Numbers(JsonElement element, string path) => At(element, path).Select(e => e.GetDecimal());

    private static (DateTime Low, DateTime High) Span(string text)
    {
        if (text.Length == 4) return Of(text + "-01-01", d => d.AddYears(1));
        if (text.Length == 7) return Of(text + "-01", d => d.AddMonths(1));
        if (text.Length == 10) return Of(text, d => d.AddDays(1));
        DateTime at = DateTimeOffset.Parse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal).UtcDateTime;
        return (at, text.Contains('.', StringComparison.Ordinal) ? at.AddMilliseconds(1) : at.AddSeconds(1));
    }

    private static (DateTime Low, DateTime High) Of(string day, Func<DateTime, DateTime> end)
    {
        DateTime low = DateTime.ParseExact(day, "yyyy-MM-dd", CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal);
        return (low, end(low));
    }

    private static bool Is(JsonElement coding, string name, string? wanted)
    {
        if (wanted is null) return true;
        return coding.TryGetProperty(name, out JsonElement value) ? value.GetString() == wanted : wanted.Length == 0;
    }

    private static IEnumerable<JsonElement> Flat(JsonElement element) => element.ValueKind == JsonValueKind.Array
        ? element.EnumerateArray().SelectMany(Flat) : [element];
}
