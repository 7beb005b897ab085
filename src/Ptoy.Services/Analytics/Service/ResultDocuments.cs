using System.Buffers;
using System.Security.Cryptography;
using System.Text.Json;
using Ptoy.Protocol;
using Ptoy.Protocol.Records;
using Ptoy.Services.Analytics.Patient;

namespace Ptoy.Services.Analytics.Service;

/// <summary>A result for the patient: JSON inside a FHIR DocumentReference, to be sealed under the compartment that it is derived from.</summary>
/// <param name="Compartment">Compartment of every record that it rests on: who may see those may see this, and nobody else.</param>
/// <param name="Digest">SHA-256 of the content without dates: the same findings are not written twice.</param>
/// <param name="Bytes">The DocumentReference.</param>
internal sealed record ResultDocument(string Compartment, string Digest, byte[] Bytes);

/// <summary>Makes documents of results.</summary>
internal static class ResultDocuments
{
    /// <summary>Content type of series: JSON of <see cref="SeriesResult"/>.</summary>
    public const string SeriesType = "application/vnd.ptoy.series+json";

    /// <summary>Content type of a look at goals and findings.</summary>
    public const string MonitorType = "application/vnd.ptoy.monitoring+json";

    /// <summary>
    /// One document for each compartment. Series and medications go apart even though they are plotted together: laid into one document, whoever may see
    /// laboratory results would see the medicines.
    /// </summary>
    public static IReadOnlyList<ResultDocument> OfSeries(Address patient, SeriesResult result, DateTimeOffset now)
    {
        IEnumerable<string> compartments = result.Series.Select(s => s.Compartment).Concat(result.Medications.Select(m => m.Compartment));
        return [.. compartments.Where(Compartments.Names.Contains).Distinct().Order(StringComparer.Ordinal).Select(compartment =>
        {
            var part = new SeriesResult(
                [.. result.Series.Where(s => s.Compartment == compartment)], [.. result.Medications.Where(m => m.Compartment == compartment)], []);
            byte[] content = JsonSerializer.SerializeToUtf8Bytes(part, SeriesResult.Json);
            return Wrap(patient, compartment, "series", "Patient data analytics: series", SeriesType, content, now);
        })];
    }

    /// <summary>A DocumentReference (FHIR R4) with its content inside.</summary>
    public static ResultDocument Wrap(Address patient, string compartment, string kind, string title, string contentType, byte[] content, DateTimeOffset now)
    {
        var buffer = new ArrayBufferWriter<byte>(content.Length * 2);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("resourceType", "DocumentReference");
            // The same id each time: a new result is a new version of one document.
            json.WriteString("id", $"{kind}-{compartment}");
            json.WriteString("status", "current");
            json.WriteStartObject("type");
            json.WriteString("text", title);
            json.WriteEndObject();
            json.WriteStartObject("subject");
            json.WriteStartObject("identifier");
            json.WriteString("value", patient.ToString());
            json.WriteEndObject();
            json.WriteEndObject();
            json.WriteString("date", now.ToUniversalTime().ToString("yyyy-MM-ddTHH:mm:ssZ", System.Globalization.CultureInfo.InvariantCulture));
            json.WriteStartArray("content");
            json.WriteStartObject();
            json.WriteStartObject("attachment");
            json.WriteString("contentType", contentType);
            json.WriteBase64String("data", content);
            json.WriteString("title", title);
            json.WriteEndObject();
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteEndObject();
        }
        return new ResultDocument(compartment, Convert.ToHexStringLower(SHA256.HashData(content)), buffer.WrittenSpan.ToArray());
    }
}
