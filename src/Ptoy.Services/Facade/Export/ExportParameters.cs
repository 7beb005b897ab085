using System.Text.Json;
using Ptoy.Services.Facade.Http;
using Ptoy.Services.Facade.Search;

namespace Ptoy.Services.Facade.Export;

/// <summary>The parameters of <c>$export</c>: <c>_outputFormat</c>, <c>_since</c>, <c>_type</c>, from the query or a Parameters
/// resource.</summary>
internal sealed record ExportParameters(long Since, string[] Types, IReadOnlyList<string> NotApplied)
{
    private const int MaxBody = 64 * 1024;
    private static readonly string[] Formats = ["application/fhir+ndjson", "application/ndjson", "ndjson"];

    public static async Task<ExportParameters> ReadAsync(RequestContext context)
    {
        List<(string Name, string Value)> all = context.Query();
        if (HttpMethods.IsPost(context.Http.Request.Method)) all.AddRange(Body(await RequestContext.BodyAsync(context.Http, MaxBody,
            context.Cancellation)));
        long since = 0;
        var types = new List<string>();
        var notApplied = new List<string>();
        foreach ((string name, string value) in all)
        {
            switch (name)
            {
                case "_outputFormat":
                    if (!Formats.Contains(value.Replace(' ',
                        '+'))) throw FhirException.BadRequest("_outputFormat: only application/fhir+ndjson is written");
                    break;
                case "_since":
                    since = FhirDates.TryParse(value.Replace(' ', '+'), out DateSpan span) ? span.Low
                        : throw FhirException.BadRequest("_since: not an instant");
                    break;
                case "_type":
                    types.AddRange(value.Split(',', StringSplitOptions.RemoveEmptyEntries));
                    break;
                default:
                    notApplied.Add(name);
                    break;
            }
        }
        if (types.FirstOrDefault(t => !SearchParameters.IsType(t)) is { } bad)
            throw FhirException.BadRequest($"_type: {RequestContext.Printable(bad)} is not a resource type");
        return new ExportParameters(since, [.. types.Distinct()], [.. notApplied.Distinct()]);
    }

    private static List<(string Name, string Value)> Body(byte[] body)
    {
        var found = new List<(string, string)>();
        try
        {
            using JsonDocument json = JsonDocument.Parse(body);
            if (json.RootElement.ValueKind != JsonValueKind.Object || !json.RootElement.TryGetProperty("resourceType",
                out JsonElement type) || type.GetString() != "Parameters")
                throw FhirException.BadRequest("the body is not a Parameters resource");
            if (!json.RootElement.TryGetProperty("parameter", out JsonElement parameters)) return found;
            foreach (JsonElement parameter in parameters.EnumerateArray())
            {
                string name = parameter.GetProperty("name").GetString() ?? "";
                JsonProperty value = parameter.EnumerateObject().FirstOrDefault(p => p.Name.StartsWith("value", StringComparison.Ordinal));
                found.Add((name, value.Value.ValueKind == JsonValueKind.String ? value.Value.GetString()! : ""));
            }
            return found;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw FhirException.BadRequest("the body is not a Parameters resource");
        }
    }
}
