using System.Text.Json;
using Ptoy.Services.Grants;

namespace Ptoy.Services.Analytics.Reading;

/// <summary>The newest version of each of a patient's resources, by type; what this service wrote itself is left out.</summary>
internal sealed class RecordView
{
    private readonly ILookup<string, FhirRecord> _byType;

    private RecordView(IEnumerable<FhirRecord> records)
    {
        _byType = records.ToLookup(r => r.Type, StringComparer.Ordinal);
        Person = _byType["Patient"].Select(PersonOf).FirstOrDefault(p => p is not null) ?? Person.Unknown;
    }

    /// <summary>Who the patient is, as far as it matters here.</summary>
    public Person Person { get; }

    /// <summary>
    /// Of records: a resource that its author wrote again is a new version, and only the newest counts. Records of
    /// <paramref name="self"/> are results of analysis: analysing them again would never end.
    /// </summary>
    public static RecordView Of(IReadOnlyList<FhirRecord> records, string? self = null)
    {
        var newest = new Dictionary<(string Author, string Type, string Id), FhirRecord>(records.Count);
        foreach (FhirRecord record in records)
        {
            if (record.Author == self) continue;
            var key = (record.Author, record.Type, record.Id is { Length: > 0 } id ? id : record.RecordId);
            if (!newest.TryGetValue(key, out FhirRecord? other) || IsNewer(record, other)) newest[key] = record;
        }
        return new RecordView(newest.Values.OrderBy(r => r.Height).ThenBy(r => r.RecordId, StringComparer.Ordinal));
    }

    /// <summary>The resources of these types.</summary>
    public IEnumerable<FhirRecord> Of(params string[] types) => types.SelectMany(t => _byType[t]);

    private static bool IsNewer(FhirRecord record, FhirRecord other) =>
        record.Height > other.Height || (record.Height == other.Height && string.CompareOrdinal(record.RecordId, other.RecordId) > 0);

    private static Person? PersonOf(FhirRecord record)
    {
        using JsonDocument? document = FhirJson.Open(record.Bytes);
        if (document is null) return null;
        JsonElement root = document.RootElement;
        DateTimeOffset? death = root.Time("deceasedDateTime");
        bool isDeceased = death is not null || root.Member("deceasedBoolean") is { ValueKind: JsonValueKind.True };
        return new Person(root.Text("gender") ?? "unknown", root.Time("birthDate"), death, isDeceased);
    }
}
