using System.Text.Json;

namespace Ptoy.Protocol.Records;

/// <summary>
/// Reads JSON objects that must have exactly the named members: unknown, repeated and missing ones are refused, so a letter
/// means the same to every reader.
/// </summary>
internal static class StrictJson
{
    private const int MaxDepth = 16;

    /// <summary>Parses a whole document. Throws <see cref="FormatException"/> naming what is wrong; the content is not in the message.</summary>
    internal static T Parse<T>(ReadOnlyMemory<byte> json, string what, Func<JsonElement, string, T> read)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = MaxDepth });
            return read(document.RootElement, what);
        }
        catch (JsonException e)
        {
            throw new FormatException($"{what}: not JSON at byte {e.BytePositionInLine}");
        }
        catch (InvalidOperationException)
        {
            throw new FormatException($"{what}: text that is not valid Unicode");
        }
    }

    /// <summary>The members of an object, in the order of the names.</summary>
    internal static JsonElement[] Members(JsonElement element, string what, params ReadOnlySpan<string> names)
    {
        if (element.ValueKind != JsonValueKind.Object) throw new FormatException($"{what}: not an object");
        var members = new JsonElement[names.Length];
        var seen = new bool[names.Length];
        foreach (JsonProperty property in element.EnumerateObject())
        {
            int at = names.IndexOf(property.Name);
            if (at < 0) throw new FormatException($"{what}: a member that is not known");
            if (seen[at]) throw new FormatException($"{what}: {names[at]} is given twice");
            seen[at] = true;
            members[at] = property.Value;
        }
        int missing = Array.IndexOf(seen, false);
        return missing < 0 ? members : throw new FormatException($"{what}: {names[missing]} is missing");
    }

    internal static string Text(JsonElement element, string what, int max)
    {
        if (element.ValueKind != JsonValueKind.String) throw new FormatException($"{what}: not text");
        string text = element.GetString()!;
        return text.Length > 0 && text.Length <= max ? text : throw new FormatException($"{what}: {text.Length} characters, not 1 to {max}");
    }

    internal static long Integer(JsonElement element, string what, long min, long max) =>
        element.ValueKind == JsonValueKind.Number && element.TryGetInt64(out long value) && value >= min && value <= max
            ? value
            : throw new FormatException($"{what}: not a whole number from {min} to {max}");

    internal static byte[] Hex(JsonElement element, string what, int count)
    {
        string text = Text(element, what, count * 2);
        try
        {
            byte[] bytes = Convert.FromHexString(text);
            if (bytes.Length == count) return bytes;
        }
        catch (FormatException)
        {
            // The reason is the same as for a wrong length.
        }
        throw new FormatException($"{what}: not {count} bytes in hexadecimal");
    }

    internal static T[] List<T>(JsonElement element, string what, int max, Func<JsonElement, string, T> read)
    {
        if (element.ValueKind != JsonValueKind.Array) throw new FormatException($"{what}: not a list");
        int count = element.GetArrayLength();
        if (count > max) throw new FormatException($"{what}: {count} elements, more than {max}");
        return [.. element.EnumerateArray().Select((e, i) => read(e, $"{what}[{i}]"))];
    }
}
