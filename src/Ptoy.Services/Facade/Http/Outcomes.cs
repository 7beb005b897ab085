using System.Text.Json;

namespace Ptoy.Services.Facade.Http;

/// <summary>Writes OperationOutcomes.</summary>
internal static class Outcomes
{
    public const string FhirJson = "application/fhir+json; charset=utf-8";

    public static byte[] Of(string severity, string issue, IEnumerable<string> diagnostics)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream)) Write(writer, severity, issue, diagnostics);
        return stream.ToArray();
    }

    public static void Write(Utf8JsonWriter writer, string severity, string issue, IEnumerable<string> diagnostics)
    {
        writer.WriteStartObject();
        writer.WriteString("resourceType", "OperationOutcome");
        writer.WriteStartArray("issue");
        foreach (string text in diagnostics)
        {
            writer.WriteStartObject();
            writer.WriteString("severity", severity);
            writer.WriteString("code", issue);
            writer.WriteString("diagnostics", text);
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    public static async Task AnswerAsync(HttpContext http, FhirException error)
    {
        http.Response.StatusCode = error.Status;
        http.Response.ContentType = FhirJson;
        if (error.Challenge is not null) http.Response.Headers.WWWAuthenticate = error.Challenge;
        byte[] body = Of("error", error.Issue, [error.Message]);
        http.Response.ContentLength = body.Length;
        await http.Response.Body.WriteAsync(body);
    }
}
