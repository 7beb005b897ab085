using System.Buffers;
using System.Globalization;
using System.Text.Json;

namespace Ptoy.Services.Facade.Http;

/// <summary>
/// Puts version and time into a resource's <c>meta</c> without touching another byte: numbers keep their spelling, strings their escapes.
/// </summary>
internal static class ResourceMeta
{
    /// <summary>The resource with <c>meta.versionId</c> and <c>meta.lastUpdated</c> of this server; what else stands in meta
    /// stays.</summary>
    public static byte[] Apply(ReadOnlySpan<byte> resource, string versionId, DateTimeOffset lastUpdated)
    {
        (int start, int end, int afterBrace) = Locate(resource, "meta"u8);
        var output = new ArrayBufferWriter<byte>(resource.Length + 128);
        if (start < 0)
        {
            output.Write(resource[..afterBrace]);
            output.Write("\"meta\":"u8);
            WriteMeta(output, default, versionId, lastUpdated);
            if (!IsEmpty(resource[afterBrace..])) output.Write(","u8);
            output.Write(resource[afterBrace..]);
            return output.WrittenSpan.ToArray();
        }
        output.Write(resource[..start]);
        WriteMeta(output, resource[start..end], versionId, lastUpdated);
        output.Write(resource[end..]);
        return output.WrittenSpan.ToArray();
    }

    private static bool IsEmpty(ReadOnlySpan<byte> rest) => rest.TrimStart(" \t\r\n"u8) is [(byte)'}', ..];

    /// <summary>The resource with this id instead of its own, or put in where it had none.</summary>
    public static byte[] WithId(ReadOnlySpan<byte> resource, string id)
    {
        (int start, int end, int afterBrace) = Locate(resource, "id"u8);
        byte[] value = System.Text.Encoding.ASCII.GetBytes($"\"{id}\"");
        if (start >= 0) return [.. resource[..start], .. value, .. resource[end..]];
        ReadOnlySpan<byte> rest = resource[afterBrace..];
        return [.. resource[..afterBrace], .. "\"id\":"u8, .. value, .. IsEmpty(rest) ? ""u8 : ","u8, .. rest];
    }

    /// <summary>The same JSON on one line: white space between its parts is left out, everything else stays.</summary>
    public static byte[] OneLine(ReadOnlySpan<byte> json)
    {
        byte[] output = new byte[json.Length];
        int length = 0;
        bool inString = false, escaped = false;
        foreach (byte b in json)
        {
            if (!inString && (b is (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n')) continue;
            output[length++] = b;
            if (escaped) escaped = false;
            else if (b == (byte)'\\') escaped = true;
            else if (b == (byte)'"') inString = !inString;
        }
        return output[..length];
    }

    /// <summary>Where a member's value is (start -1: nowhere), and the first byte inside the resource's braces.</summary>
    private static (int Start, int End, int AfterBrace) Locate(ReadOnlySpan<byte> resource, ReadOnlySpan<byte> name)
    {
        var reader = new Utf8JsonReader(resource, new JsonReaderOptions { MaxDepth = 128 });
        reader.Read();
        int after = (int)reader.BytesConsumed;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            bool isIt = reader.ValueTextEquals(name);
            reader.Read();
            int start = (int)reader.TokenStartIndex;
            if (reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray) reader.Skip();
            if (isIt) return (start, (int)reader.BytesConsumed, after);
        }
        return (-1, -1, after);
    }

    private static void WriteMeta(ArrayBufferWriter<byte> output, ReadOnlySpan<byte> old, string versionId, DateTimeOffset lastUpdated)
    {
        using var writer = new Utf8JsonWriter(output, new JsonWriterOptions { SkipValidation = true });
        writer.WriteStartObject();
        writer.WriteString("versionId", versionId);
        writer.WriteString("lastUpdated", Instant(lastUpdated));
        if (old.Length > 0) CopyOthers(writer, old);
        writer.WriteEndObject();
    }

    private static void CopyOthers(Utf8JsonWriter writer, ReadOnlySpan<byte> old)
    {
        var reader = new Utf8JsonReader(old);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) return;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            reader.Read();
            int start = (int)reader.TokenStartIndex;
            if (reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray) reader.Skip();
            if (name is "versionId" or "lastUpdated" or "_versionId" or "_lastUpdated") continue;
            writer.WritePropertyName(name);
            writer.WriteRawValue(old[start..(int)reader.BytesConsumed], skipInputValidation: true);
        }
    }

    /// <summary>An instant as FHIR writes it.</summary>
    public static string Instant(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffZ",
        CultureInfo.InvariantCulture);
}
