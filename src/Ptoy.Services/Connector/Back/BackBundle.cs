using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ptoy.Services.Fhir;

namespace Ptoy.Services.Connector.Back;

/// <summary>What another hospital wrote about a shared patient.</summary>
/// <param name="Author">Its account.</param>
/// <param name="Type">FHIR resource type.</param>
/// <param name="Id">Its id of it.</param>
/// <param name="Bytes">As it wrote it.</param>
/// <param name="IsUpdate">An earlier version was delivered already.</param>
internal sealed record BackRecord(string Author, string Type, string Id, ReadOnlyMemory<byte> Bytes, bool IsUpdate)
{
    /// <summary>Names it in the EHR that it is delivered to: 64 hexadecimal digits, the same for every version.</summary>
    public string Key { get; } = BackBundle.KeyOf(Author, Type, Id);
}

/// <summary>
/// Makes FHIR transactions that bring other hospitals' resources into an EHR without harm: each carries an identifier of its own and is created
/// (or updated) by that, so that repeating makes no duplicate; it is about the EHR's own patient; and no reference leads to something of the
/// EHR's that merely has the same id. Numbers keep their spelling.
/// </summary>
internal static class BackBundle
{
    /// <summary>System of the identifiers, and of the tags where a type has no list of identifiers.</summary>
    public const string System = "urn:ptoy:resource";

    /// <summary>Types whose <c>identifier</c> is single or absent in R4: they are named by a tag.</summary>
    private static readonly HashSet<string> Tagged = new(StringComparer.Ordinal)
    {
        "AdverseEvent", "AuditEvent", "Binary", "Bundle", "Composition", "Linkage", "Provenance", "QuestionnaireResponse", "VerificationResult",
    };

    /// <summary>What others refer to goes first, so that it is there, or in the same transaction.</summary>
    private static readonly string[] First =
    [
        "Organization", "Location", "Practitioner", "PractitionerRole", "Substance", "Medication", "Device", "Coverage", "EpisodeOfCare", "Encounter", "Condition",
        "Goal", "CareTeam", "CarePlan", "ServiceRequest", "Specimen", "Procedure", "MedicationRequest", "Observation", "ImagingStudy", "DiagnosticReport", "Claim",
    ];

    /// <summary>Names a resource of an author.</summary>
    public static string KeyOf(string author, string type, string id) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{author}/{type}/{id}")));

    /// <summary>True for what a loop would bring back: a resource that was delivered by us.</summary>
    public static bool IsDelivered(ReadOnlySpan<byte> resource) => resource.IndexOf("\"urn:ptoy:resource\""u8) >= 0;

    /// <summary>The order in which records are delivered.</summary>
    public static IEnumerable<BackRecord> InOrder(IEnumerable<BackRecord> records) => records
        .OrderBy(r => Array.IndexOf(First, r.Type) is var place && place < 0 ? First.Length : place)
        .ThenBy(r => r.Author, StringComparer.Ordinal).ThenBy(r => r.Type, StringComparer.Ordinal).ThenBy(r => r.Id, StringComparer.Ordinal);

    /// <summary>The transaction for records of one patient. Throws <see cref="FormatException"/> naming no content when one is not a JSON object.</summary>
    /// <param name="records">At most a few hundred, in the order of <see cref="InOrder"/>.</param>
    /// <param name="patientId">The EHR's own id of the patient.</param>
    /// <param name="typeOfDelivered">Type of a resource that the EHR has from before, by <see cref="KeyOf"/>; null when it has it not.</param>
    public static byte[] Make(IReadOnlyList<BackRecord> records, string patientId, Func<string, string?> typeOfDelivered)
    {
        var here = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (BackRecord record in records) here[record.Key] = FullUrl(record.Key);
        var entries = new JsonArray();
        foreach (BackRecord record in records) entries.Add(Entry(record, new Rewriter(record.Author, patientId, records, here, typeOfDelivered)));
        var bundle = new JsonObject { ["resourceType"] = "Bundle", ["type"] = "transaction", ["entry"] = entries };
        return Encoding.UTF8.GetBytes(bundle.ToJsonString());
    }

    /// <summary>How a resource is found again: the parameters of its search.</summary>
    public static string QueryOf(string type, string key) => $"{(Tagged.Contains(type) ? "_tag" : "identifier")}={System}|{key}";

    private static JsonObject Entry(BackRecord record, Rewriter rewriter)
    {
        JsonObject resource = Parse(record.Bytes.Span);
        resource.Remove("id");
        JsonObject meta = resource["meta"] as JsonObject ?? [];
        meta.Remove("versionId");
        meta.Remove("lastUpdated");
        if (!meta.ContainsKey("source")) meta["source"] = $"urn:ptoy:account:{record.Author}";
        var name = new JsonObject { ["system"] = System };
        if (Tagged.Contains(record.Type))
        {
            name["code"] = record.Key;
            meta["tag"] = Appended(meta["tag"], name);
        }
        else
        {
            name["value"] = record.Key;
            resource["identifier"] = Appended(resource["identifier"], name);
        }
        resource.Remove("meta");
        resource["meta"] = meta;
        rewriter.Rewrite(resource);
        string query = QueryOf(record.Type, record.Key);
        JsonObject request = record.IsUpdate
            ? new JsonObject { ["method"] = "PUT", ["url"] = $"{record.Type}?{query}" }
            : new JsonObject { ["method"] = "POST", ["url"] = record.Type, ["ifNoneExist"] = query };
        return new JsonObject { ["fullUrl"] = FullUrl(record.Key), ["resource"] = resource, ["request"] = request };
    }

    private static JsonObject Parse(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return JsonNode.Parse(bytes, documentOptions: new JsonDocumentOptions { MaxDepth = BundleSlicer.MaxDepth }) as JsonObject
                ?? throw new FormatException("a resource is not a JSON object");
        }
        catch (JsonException)
        {
            throw new FormatException("a resource is not well-formed JSON");
        }
    }

    private static JsonArray Appended(JsonNode? list, JsonObject item)
    {
        var all = new JsonArray();
        if (list is JsonArray known)
        {
            foreach (JsonNode? node in known) all.Add(node?.DeepClone());
        }
        all.Add(item);
        return all;
    }

    private static string FullUrl(string key) => $"urn:uuid:{key[..8]}-{key[8..12]}-{key[12..16]}-{key[16..20]}-{key[20..32]}";

    /// <summary>Leads references where they belong in the other EHR.</summary>
    private sealed class Rewriter(
        string author, string patientId, IReadOnlyList<BackRecord> records, Dictionary<string, string> here, Func<string, string?> typeOfDelivered)
    {
        public void Rewrite(JsonNode? node)
        {
            if (node is JsonArray list)
            {
                foreach (JsonNode? item in list) Rewrite(item);
                return;
            }
            if (node is not JsonObject parent) return;
            if (parent["reference"] is JsonValue value && value.TryGetValue(out string? reference) && !reference.StartsWith('#')) Lead(parent, reference);
            foreach ((string name, JsonNode? child) in parent)
            {
                // Contained resources refer among themselves, and outwards like the rest.
                if (name != "identifier") Rewrite(child);
            }
        }

        private void Lead(JsonObject parent, string reference)
        {
            FhirReference? to = FhirReference.Parse(reference);
            if (to is { Type: "Patient" } || (to is { Type: null } && !records.Any(r => r.Author == author && r.Id == to.Id) && IsSubject(parent)))
            {
                parent["reference"] = $"Patient/{patientId}";
                return;
            }
            if (to is not null && Target(to) is { } target)
            {
                parent["reference"] = target;
                return;
            }
            // Not delivered, or not granted: it must not lead to something of this EHR's that has the same id.
            parent.Remove("reference");
            parent["identifier"] ??= new JsonObject { ["system"] = "urn:ptoy:reference", ["value"] = $"{author}/{reference}" };
        }

        private string? Target(FhirReference to)
        {
            IEnumerable<string> types = to.Type is { } known ? [known] : records.Where(r => r.Author == author && r.Id == to.Id).Select(r => r.Type).Concat(First).Distinct();
            foreach (string type in types)
            {
                string key = KeyOf(author, type, to.Id);
                if (here.TryGetValue(key, out string? fullUrl)) return fullUrl;
                if (typeOfDelivered(key) is { } delivered) return $"{delivered}?{QueryOf(delivered, key)}";
            }
            return null;
        }

        private static bool IsSubject(JsonObject parent) => parent.Parent is JsonObject && parent.GetPropertyName() is "subject" or "patient" or "beneficiary";
    }
}
