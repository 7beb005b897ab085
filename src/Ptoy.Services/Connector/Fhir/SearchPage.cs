using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Ptoy.Services.Fhir;

namespace Ptoy.Services.Connector.Fhir;

/// <summary>One resource of an answer: its head and its exact bytes.</summary>
internal sealed record FoundResource(ResourceHead Head, ReadOnlyMemory<byte> Bytes)
{
    /// <summary>When the server last changed it; null when it does not say, or not in a way that can be compared.</summary>
    public DateTimeOffset? Changed { get; } = InstantOf(Head.LastUpdated);

    /// <summary>A FHIR instant; null for anything else.</summary>
    public static DateTimeOffset? InstantOf(string? text) =>
        text is { Length: >= 20 } && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset instant) ? instant : null;
}

/// <summary>A page of a search, or of <c>$everything</c>.</summary>
/// <param name="Items">Matches and what is included with them; outcomes are left out.</param>
/// <param name="Next">Address of the next page.</param>
/// <param name="Total">How many match in all, where the server says.</param>
/// <param name="Time">When the server made it: its own bundle's <c>lastUpdated</c>, else its <c>Date</c> header.</param>
internal sealed record SearchPage(IReadOnlyList<FoundResource> Items, string? Next, long? Total, DateTimeOffset? Time)
{
    /// <summary>Reads a page. Throws <see cref="FormatException"/>, <see cref="JsonException"/> or <see cref="BundleException"/>.</summary>
    public static SearchPage Read(FhirAnswer answer)
    {
        using JsonDocument document = JsonDocument.Parse(answer.Body, new JsonDocumentOptions { MaxDepth = BundleSlicer.MaxDepth });
        JsonElement root = document.RootElement;
        if (Text(root, "resourceType") != "Bundle") throw new FormatException("the answer is not a Bundle");
        var items = new List<FoundResource>();
        foreach (JsonElement entry in List(root, "entry"))
        {
            if (!entry.TryGetProperty("resource", out JsonElement resource)) continue;
            if (entry.TryGetProperty("search", out JsonElement search) && Text(search, "mode") == "outcome") continue;
            byte[] bytes = JsonMarshal.GetRawUtf8Value(resource).ToArray();
            items.Add(new FoundResource(ResourceScan.Read(bytes), bytes));
        }
        string? next = List(root, "link").Where(l => Text(l, "relation") == "next").Select(l => Text(l, "url")).FirstOrDefault();
        long? total = root.TryGetProperty("total", out JsonElement count) && count.TryGetInt64(out long known) ? known : null;
        DateTimeOffset? made = root.TryGetProperty("meta", out JsonElement meta) ? FoundResource.InstantOf(Text(meta, "lastUpdated")) : null;
        return new SearchPage(items, string.IsNullOrEmpty(next) ? null : next, total, made ?? answer.Date);
    }

    private static IEnumerable<JsonElement> List(JsonElement parent, string name) =>
        parent.TryGetProperty(name, out JsonElement list) && list.ValueKind == JsonValueKind.Array ? list.EnumerateArray() : [];

    private static string? Text(JsonElement parent, string name) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}

/// <summary>What a server says it can do, as far as taking it in needs to know.</summary>
/// <param name="Types">Types that can be searched.</param>
/// <param name="HasEverything">It offers <c>Patient/$everything</c>.</param>
internal sealed record ServerAbilities(IReadOnlyList<string> Types, bool HasEverything)
{
    /// <summary>Reads a CapabilityStatement. Throws <see cref="FormatException"/> or <see cref="JsonException"/>.</summary>
    public static ServerAbilities Read(FhirAnswer answer)
    {
        using JsonDocument document = JsonDocument.Parse(answer.Body);
        JsonElement root = document.RootElement;
        if (Text(root, "resourceType") != "CapabilityStatement") throw new FormatException("the answer is not a CapabilityStatement");
        if (Text(root, "fhirVersion") is { } version && !version.StartsWith("4.", StringComparison.Ordinal)) throw new FhirServerException(0, "the server is not of FHIR R4");
        JsonElement[] rests = [.. List(root, "rest")];
        JsonElement[] resources = [.. rests.SelectMany(r => List(r, "resource"))];
        string[] types = [.. resources.Where(r => List(r, "interaction").Any(i => Text(i, "code") == "search-type")).Select(r => Text(r, "type")).OfType<string>()];
        bool everything = rests.Concat(resources.Where(r => Text(r, "type") == "Patient")).SelectMany(r => List(r, "operation"))
            .Any(o => Text(o, "name") is "everything" or "patient-everything" || Text(o, "definition")?.EndsWith("Patient-everything", StringComparison.Ordinal) == true);
        return new ServerAbilities(types, everything);
    }

    private static IEnumerable<JsonElement> List(JsonElement parent, string name) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(name, out JsonElement list) && list.ValueKind == JsonValueKind.Array ? list.EnumerateArray() : [];

    private static string? Text(JsonElement parent, string name) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
