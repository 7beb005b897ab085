using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Ptoy.Services.Connector.Imaging;

/// <summary>Makes the FHIR ImagingStudy of a DICOM study: the same study gives the same bytes.</summary>
internal static class ImagingStudyResource
{
    /// <summary>Id of a study's resource.</summary>
    public static string IdOf(string studyUid) => "dicom-" + Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(studyUid)))[..32];

    /// <summary>The resource.</summary>
    public static byte[] Make(DicomStudy study, IReadOnlyList<DicomInstance> instances, string patientId)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            json.WriteString("resourceType", "ImagingStudy");
            json.WriteString("id", IdOf(study.Uid));
            json.WriteStartArray("identifier");
            json.WriteStartObject();
            json.WriteString("system", "urn:dicom:uid");
            json.WriteString("value", $"urn:oid:{study.Uid}");
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteString("status", "available");
            WriteModalities(json, instances);
            json.WriteStartObject("subject");
            json.WriteString("reference", $"Patient/{patientId}");
            json.WriteEndObject();
            if (study.Started is { } started) json.WriteString("started", started);
            json.WriteNumber("numberOfSeries", instances.Select(i => i.Series).Distinct().Count());
            json.WriteNumber("numberOfInstances", instances.Count);
            if (study.Description is { } description) json.WriteString("description", description);
            json.WriteStartArray("series");
            foreach (var series in instances.GroupBy(i => i.Series).OrderBy(g => g.First().SeriesNumber).ThenBy(g => g.Key, StringComparer.Ordinal)) WriteSeries(json, [.. series]);
            json.WriteEndArray();
            json.WriteEndObject();
        }
        return stream.ToArray();
    }

    private static void WriteModalities(Utf8JsonWriter json, IReadOnlyList<DicomInstance> instances)
    {
        string[] modalities = [.. instances.Select(i => i.Modality).Where(m => m.Length > 0).Distinct().Order(StringComparer.Ordinal)];
        if (modalities.Length == 0) return;
        json.WriteStartArray("modality");
        foreach (string modality in modalities) WriteModality(json, modality);
        json.WriteEndArray();
    }

    private static void WriteSeries(Utf8JsonWriter json, DicomInstance[] instances)
    {
        json.WriteStartObject();
        json.WriteString("uid", instances[0].Series);
        if (instances[0].SeriesNumber > 0) json.WriteNumber("number", instances[0].SeriesNumber);
        json.WritePropertyName("modality");
        // The element is required; OT is DICOM's own word for "other".
        WriteModality(json, instances[0].Modality.Length > 0 ? instances[0].Modality : "OT");
        json.WriteNumber("numberOfInstances", instances.Length);
        json.WriteStartArray("instance");
        foreach (DicomInstance instance in instances.OrderBy(i => i.Number).ThenBy(i => i.Uid, StringComparer.Ordinal))
        {
            json.WriteStartObject();
            json.WriteString("uid", instance.Uid);
            json.WriteStartObject("sopClass");
            json.WriteString("system", "urn:ietf:rfc:3986");
            json.WriteString("code", $"urn:oid:{instance.SopClass}");
            json.WriteEndObject();
            if (instance.Number > 0) json.WriteNumber("number", instance.Number);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteModality(Utf8JsonWriter json, string code)
    {
        json.WriteStartObject();
        json.WriteString("system", "http://dicom.nema.org/resources/ontology/DCM");
        json.WriteString("code", code);
        json.WriteEndObject();
    }
}
