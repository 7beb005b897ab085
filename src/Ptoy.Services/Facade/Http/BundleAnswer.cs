using System.Text.Json;
using Ptoy.Services.Facade.Index;

namespace Ptoy.Services.Facade.Http;

/// <summary>Writes bundles of stored resources: their bytes go in as they are.</summary>
internal sealed class BundleAnswer(RequestContext context)
{
    private const int MaxBytes = 64 * 1024 * 1024;

    public required string Type { get; init; }

    public int? Total { get; init; }

    public List<(string Relation, string Url)> Links { get; } = [];

    public List<(Hit Hit, string Mode)> Entries { get; } = [];

    /// <summary>Parameters that were not applied: an outcome among the entries says so.</summary>
    public IReadOnlyList<string> NotApplied { get; init; } = [];

    public async Task SendAsync()
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { SkipValidation = true,
            Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
            Write(writer, stream);
        HttpResponse response = context.Http.Response;
        response.ContentType = Outcomes.FhirJson;
        response.ContentLength = stream.Length;
        stream.Position = 0;
        await stream.CopyToAsync(response.Body, context.Cancellation);
    }

    private void Write(Utf8JsonWriter writer, MemoryStream stream)
    {
        writer.WriteStartObject();
        writer.WriteString("resourceType", "Bundle");
        writer.WriteString("id", Guid.NewGuid().ToString());
        writer.WriteStartObject("meta");
        writer.WriteString("lastUpdated", ResourceMeta.Instant(context.Core.Time.GetUtcNow()));
        writer.WriteEndObject();
        writer.WriteString("type", Type);
        if (Total is { } total) writer.WriteNumber("total", total);
        writer.WriteStartArray("link");
        foreach ((string relation, string url) in Links)
        {
            writer.WriteStartObject();
            writer.WriteString("relation", relation);
            writer.WriteString("url", url);
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
        // An empty array is not valid FHIR.
        if (Entries.Count > 0 || NotApplied.Count > 0) WriteEntries(writer, stream);
        writer.WriteEndObject();
    }

    private void WriteEntries(Utf8JsonWriter writer, MemoryStream stream)
    {
        writer.WriteStartArray("entry");
        foreach ((Hit hit, string mode) in Entries)
        {
            if (context.Resource(hit) is not { } bytes) continue;
            writer.WriteStartObject();
            writer.WriteString("fullUrl", $"{context.Core.Base}/{hit.Document.Type}/{hit.Document.Id}");
            writer.WritePropertyName("resource");
            writer.WriteRawValue(bytes, skipInputValidation: true);
            if (Type == "history") WriteHistory(writer, hit);
            else WriteSearch(writer, mode);
            writer.WriteEndObject();
            if (stream.Length + writer.BytesPending > MaxBytes)
                throw new FhirException(400, "too-costly",
                    $"the page has more than {MaxBytes >> 20} MiB: ask for fewer resources with _count");
        }
        if (NotApplied.Count > 0)
        {
            writer.WriteStartObject();
            writer.WritePropertyName("resource");
            Outcomes.Write(writer, "warning", "not-supported", NotApplied.Select(n =>
                $"{RequestContext.Printable(n)}: not known or not supported, so it was not applied"));
            WriteSearch(writer, "outcome");
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
    }

    private static void WriteSearch(Utf8JsonWriter writer, string mode)
    {
        writer.WriteStartObject("search");
        writer.WriteString("mode", mode);
        writer.WriteEndObject();
    }

    private static void WriteHistory(Utf8JsonWriter writer, Hit hit)
    {
        ref readonly ShelfDocument document = ref hit.Document;
        writer.WriteStartObject("request");
        writer.WriteString("method", document.Previous < 0 ? "POST" : "PUT");
        writer.WriteString("url", document.Previous < 0 ? document.Type : $"{document.Type}/{document.Id}");
        writer.WriteEndObject();
        writer.WriteStartObject("response");
        writer.WriteString("status", document.Previous < 0 ? "201" : "200");
        writer.WriteString("etag", RequestContext.ETag(document));
        writer.WriteString("lastModified", ResourceMeta.Instant(new DateTimeOffset(document.UpdatedTicks, TimeSpan.Zero)));
        writer.WriteEndObject();
    }
}
