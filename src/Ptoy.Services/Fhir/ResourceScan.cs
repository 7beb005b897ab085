using System.Text.Json;

namespace Ptoy.Services.Fhir;

/// <summary>What a resource's bytes say of themselves, as far as it has to be known to bring it where it belongs.</summary>
/// <param name="Type">FHIR resource type.</param>
/// <param name="Id">Logical id, where it has one.</param>
/// <param name="LastUpdated"><c>meta.lastUpdated</c> as written, where it has one.</param>
/// <param name="About">References of <c>subject</c>, <c>patient</c> and <c>beneficiary</c>.</param>
/// <param name="References">Every reference at any depth, none twice; those within the resource (<c>#…</c>) are left out.</param>
public sealed record ResourceHead(string Type, string? Id, string? LastUpdated, IReadOnlyList<string> About, IReadOnlyList<string> References);

/// <summary>Reads a resource's head in one pass over its tokens; nothing is parsed into objects.</summary>
public static class ResourceScan
{
    private const int MaxDepth = BundleSlicer.MaxDepth;

    /// <summary>The head of a resource. Throws <see cref="BundleException"/> naming place and problem, without quoting content.</summary>
    /// <param name="resource">One JSON object; white space around it is allowed.</param>
    /// <param name="source">Where it is from, for the error.</param>
    /// <param name="position">Offset of it there.</param>
    public static ResourceHead Read(ReadOnlySpan<byte> resource, string? source = null, long position = 0)
    {
        var reader = new Utf8JsonReader(resource, new JsonReaderOptions { MaxDepth = MaxDepth });
        var walk = new Walk();
        try
        {
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) throw new BundleException(source, position, "a resource is a JSON object");
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName) walk.Member(ref reader);
            if (reader.Read()) throw new BundleException(source, position + reader.TokenStartIndex, "text after the resource's end");
        }
        catch (JsonException)
        {
            throw new BundleException(source, position + reader.BytesConsumed, $"not well-formed JSON, or nested deeper than {MaxDepth}");
        }
        catch (InvalidOperationException)
        {
            throw new BundleException(source, position + reader.TokenStartIndex, "text that is not valid UTF-8, or half of a surrogate pair");
        }
        if (string.IsNullOrEmpty(walk.Type)) throw new BundleException(source, position, "the resource has no resourceType");
        return new ResourceHead(walk.Type, string.IsNullOrEmpty(walk.Id) ? null : walk.Id, walk.LastUpdated, walk.About, [.. walk.References]);
    }

    private sealed class Walk
    {
        private readonly HashSet<string> _seen = new(StringComparer.Ordinal);

        public string? Type { get; private set; }

        public string? Id { get; private set; }

        public string? LastUpdated { get; private set; }

        public List<string> About { get; } = [];

        public List<string> References { get; } = [];

        public void Member(ref Utf8JsonReader reader)
        {
            bool type = reader.ValueTextEquals("resourceType"u8), id = reader.ValueTextEquals("id"u8), meta = reader.ValueTextEquals("meta"u8);
            bool about = reader.ValueTextEquals("subject"u8) || reader.ValueTextEquals("patient"u8) || reader.ValueTextEquals("beneficiary"u8);
            reader.Read();
            if (reader.TokenType == JsonTokenType.String)
            {
                if (type) Type = reader.GetString();
                else if (id) Id = reader.GetString();
                return;
            }
            if (reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray) Inside(ref reader, about, meta);
        }

        private void Inside(ref Utf8JsonReader reader, bool about, bool meta)
        {
            int depth = reader.CurrentDepth;
            while (reader.Read() && reader.CurrentDepth > depth)
            {
                if (reader.TokenType != JsonTokenType.PropertyName) continue;
                bool reference = reader.ValueTextEquals("reference"u8), updated = meta && reader.ValueTextEquals("lastUpdated"u8);
                if (!reference && !updated) continue;
                reader.Read();
                if (reader.TokenType != JsonTokenType.String) continue;
                string text = reader.GetString()!;
                if (updated) LastUpdated = text;
                else if (!text.StartsWith('#')) Add(text, about);
            }
        }

        private void Add(string reference, bool about)
        {
            if (about && !About.Contains(reference)) About.Add(reference);
            if (_seen.Add(reference)) References.Add(reference);
        }
    }
}

/// <summary>A literal reference, taken apart.</summary>
/// <param name="Type">Resource type; null for a <c>urn:uuid:</c>.</param>
/// <param name="Id">Logical id, or the UUID.</param>
public sealed record FhirReference(string? Type, string Id)
{
    private const string Urn = "urn:uuid:";

    /// <summary><c>Type/id</c>, the end of an absolute URL, or <c>urn:uuid:…</c>; null for anything else (conditional and logical references).</summary>
    public static FhirReference? Parse(string reference)
    {
        if (reference.StartsWith(Urn, StringComparison.Ordinal)) return new FhirReference(null, reference[Urn.Length..]);
        if (reference.Contains('?', StringComparison.Ordinal)) return null;
        string[] parts = reference.Split('/');
        int version = Array.IndexOf(parts, "_history");
        int id = version >= 0 ? version - 1 : parts.Length - 1;
        if (id < 1 || parts[id].Length == 0 || parts[id - 1].Length == 0 || !char.IsAsciiLetterUpper(parts[id - 1][0])) return null;
        return new FhirReference(parts[id - 1], parts[id]);
    }
}
