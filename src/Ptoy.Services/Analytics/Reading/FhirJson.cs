using System.Globalization;
using System.Text.Json;
using Ptoy.Services.Fhir;

namespace Ptoy.Services.Analytics.Reading;

/// <summary>A code with its system.</summary>
internal readonly record struct Coding(string System, string Code, string? Display)
{
    public const string Loinc = "http://loinc.org";

    /// <summary>As FHIR searches write it: <c>system|code</c>.</summary>
    public override string ToString() => $"{System}|{Code}";
}

/// <summary>Lenient reading of resources: what is missing or of another kind is null or empty, never an exception.</summary>
internal static class FhirJson
{
    private static readonly JsonDocumentOptions Options = new() { MaxDepth = BundleSlicer.MaxDepth };
    private static readonly string[] Instants =
        ["yyyy-MM-ddTHH:mm:ssK", "yyyy-MM-ddTHH:mm:ss.FFFFFFFK", "yyyy-MM-ddTHH:mmK", "yyyy-MM-dd", "yyyy-MM", "yyyy"];

    /// <summary>The resource, or null when the bytes are no JSON object.</summary>
    public static JsonDocument? Open(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            JsonDocument document = JsonDocument.Parse(bytes, Options);
            if (document.RootElement.ValueKind == JsonValueKind.Object) return document;
            document.Dispose();
            return null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    public static JsonElement? Member(this JsonElement parent, string name) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    public static JsonElement? Member(this JsonElement? parent, string name) => parent?.Member(name);

    public static string? Text(this JsonElement parent, string name) =>
        parent.Member(name) is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;

    public static string? Text(this JsonElement? parent, string name) => parent?.Text(name);

    public static IEnumerable<JsonElement> Items(this JsonElement parent, string name) =>
        parent.Member(name) is { ValueKind: JsonValueKind.Array } list ? list.EnumerateArray() : [];

    public static IEnumerable<JsonElement> Items(this JsonElement? parent, string name) => parent?.Items(name) ?? [];

    public static decimal? Number(this JsonElement parent, string name) =>
        parent.Member(name) is { ValueKind: JsonValueKind.Number } value && value.TryGetDecimal(out decimal number) ? number : null;

    public static decimal? Number(this JsonElement? parent, string name) => parent?.Number(name);

    /// <summary>The codings of a CodeableConcept member; one without a code is passed over.</summary>
    public static IEnumerable<Coding> Codings(this JsonElement parent, string name) => CodingsOf(parent.Member(name));

    public static IEnumerable<Coding> CodingsOf(JsonElement? concept)
    {
        foreach (JsonElement coding in concept.Items("coding"))
        {
            if (coding.Text("code") is { Length: > 0 } code) yield return new Coding(coding.Text("system") ?? "", code, coding.Text("display"));
        }
    }

    /// <summary>What a concept is called: its text, else the first display.</summary>
    public static string? NameOf(JsonElement? concept) => concept.Text("text") ?? CodingsOf(concept).Select(c => c.Display).FirstOrDefault(d => d is not null);

    /// <summary>A FHIR date, dateTime or instant; a time without offset is taken as UTC, a partial date as its first day.</summary>
    public static DateTimeOffset? Time(this JsonElement parent, string name) => TimeOf(parent.Text(name));

    public static DateTimeOffset? Time(this JsonElement? parent, string name) => TimeOf(parent.Text(name));

    public static DateTimeOffset? TimeOf(string? text) =>
        text is not null && DateTimeOffset.TryParseExact(text, Instants, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset time)
            ? time.ToUniversalTime() : null;
}
