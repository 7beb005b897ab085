using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Ptoy.Services.Fhir;

/// <summary>One pass over a bundle's tokens. Positions are of the file, a byte order mark counted.</summary>
internal sealed class BundleWalk(string? source, int start)
{
    private bool _sawEntries;
    private string? _type;

    public List<BundleSlice> Slices { get; } = [];

    public void ReadBundle(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject) Fail(reader, "a Bundle is a JSON object");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("resourceType"u8)) _type = ReadText(ref reader, "resourceType");
            else if (reader.ValueTextEquals("entry"u8)) ReadEntries(ref reader);
            else SkipValue(ref reader);
        }
        long end = reader.BytesConsumed;
        if (reader.Read()) Fail(reader, "text after the Bundle's end");
        if (_type != "Bundle") throw new BundleException(source, 0, "not a FHIR Bundle: resourceType is missing or says otherwise");
        if (!_sawEntries) throw new BundleException(source, start + end, "the Bundle has no entries");
    }

    private void ReadEntries(ref Utf8JsonReader reader)
    {
        if (_sawEntries) Fail(reader, "the Bundle has two 'entry' members");
        _sawEntries = true;
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartArray) Fail(reader, "'entry' is not a list");
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.StartObject) Fail(reader, $"entry {Slices.Count} is not an object");
            if (Slices.Count >= BundleSkeleton.MaxResources) Fail(reader, $"more than {BundleSkeleton.MaxResources} entries");
            ReadEntry(ref reader);
        }
    }

    private void ReadEntry(ref Utf8JsonReader reader)
    {
        BundleSlice? slice = null;
        string? fullUrl = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("resource"u8))
            {
                if (slice is not null) Fail(reader, $"entry {Slices.Count} has two resources");
                reader.Read();
                slice = ReadResource(ref reader);
            }
            else if (reader.ValueTextEquals("fullUrl"u8)) fullUrl = ReadText(ref reader, "fullUrl");
            else SkipValue(ref reader);
        }
        // An entry may be a mere request ("DELETE"): it stays in the skeleton.
        if (slice is not null) Slices.Add(slice with { FullUrl = fullUrl });
    }

    private BundleSlice ReadResource(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject) Fail(reader, $"the resource of entry {Slices.Count} is not an object");
        int offset = start + (int)reader.TokenStartIndex;
        string? type = null, id = null, patient = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("resourceType"u8)) type = ReadText(ref reader, "resourceType");
            else if (reader.ValueTextEquals("id"u8)) id = ReadText(ref reader, "id");
            else if (reader.ValueTextEquals("subject"u8) || reader.ValueTextEquals("patient"u8) || reader.ValueTextEquals("beneficiary"u8))
                patient = ReadReference(ref reader) ?? patient;
            else SkipValue(ref reader);
        }
        if (string.IsNullOrEmpty(type)) throw new BundleException(source, offset, $"the resource of entry {Slices.Count} has no resourceType");
        return new BundleSlice(offset, start + (int)reader.BytesConsumed - offset, type, id, null, patient);
    }

    private static string? ReadReference(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return null;
        }
        string? reference = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            bool wanted = reader.ValueTextEquals("reference"u8);
            reader.Read();
            if (wanted && reader.TokenType == JsonTokenType.String) reference = reader.GetString();
            else reader.Skip();
        }
        return reference;
    }

    private string ReadText(ref Utf8JsonReader reader, string name)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.String) Fail(reader, $"'{name}' is not text");
        return reader.GetString()!;
    }

    private static void SkipValue(ref Utf8JsonReader reader)
    {
        reader.Read();
        reader.Skip();
    }

    [DoesNotReturn]
    private void Fail(in Utf8JsonReader reader, string problem) => throw new BundleException(source, start + reader.TokenStartIndex, problem);
}
