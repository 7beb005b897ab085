using System.Text.Json;

namespace Ptoy.Protocol.Records;

/// <summary>
/// Reads from a FHIR resource's bytes what its compartment depends on, in one pass over the JSON: parsing to typed objects
/// costs many times more, and the bytes are sealed as they are anyway.
/// </summary>
public static class FhirScan
{
    private const int MaxDepth = 64;

    /// <summary>
    /// The compartment of a JSON resource: its type and every <c>{system, code}</c> pair at any depth, contained resources
    /// and <c>meta.security</c> included. Throws <see cref="FormatException"/> when it is not a JSON object with a resourceType.
    /// </summary>
    public static string CompartmentOf(ReadOnlySpan<byte> resource)
    {
        (string type, IReadOnlyCollection<string> codes) = Read(resource);
        return Compartments.Of(type, codes);
    }

    /// <summary>The resource type and the codings, written <c>system|code</c>.</summary>
    public static (string ResourceType, IReadOnlyCollection<string> Codes) Read(ReadOnlySpan<byte> resource)
    {
        var codes = new HashSet<string>(StringComparer.Ordinal);
        var open = new Stack<(string? System, string? Code)>();
        string? type = null;
        try
        {
            var reader = new Utf8JsonReader(resource, new JsonReaderOptions { MaxDepth = MaxDepth });
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) throw new FormatException("the resource is not a JSON object");
            open.Push(default);
            while (reader.Read())
            {
                if (reader.TokenType == JsonTokenType.StartObject) open.Push(default);
                else if (reader.TokenType == JsonTokenType.EndObject) Close(open.Pop(), codes);
                else if (reader.TokenType == JsonTokenType.PropertyName) Property(ref reader, open, ref type);
            }
        }
        catch (JsonException e)
        {
            throw new FormatException($"the resource is not JSON: line {e.LineNumber + 1}, byte {e.BytePositionInLine}");
        }
        catch (InvalidOperationException)
        {
            throw new FormatException("the resource holds text that is not valid Unicode");
        }
        return type is null ? throw new FormatException("the resource has no resourceType") : (type, codes);
    }

    private static void Property(ref Utf8JsonReader reader, Stack<(string? System, string? Code)> open, ref string? type)
    {
        bool system = reader.ValueTextEquals("system"u8), code = reader.ValueTextEquals("code"u8);
        bool resourceType = open.Count == 1 && reader.ValueTextEquals("resourceType"u8);
        reader.Read();
        if (reader.TokenType == JsonTokenType.StartObject)
        {
            open.Push(default);
            return;
        }
        if (reader.TokenType != JsonTokenType.String) return;
        if (resourceType) type = reader.GetString();
        if (!system && !code) return;
        (string? System, string? Code) top = open.Pop();
        open.Push(system ? (reader.GetString(), top.Code) : (top.System, reader.GetString()));
    }

    private static void Close((string? System, string? Code) coding, HashSet<string> codes)
    {
        if (coding is { System: not null, Code: not null }) codes.Add($"{coding.System}|{coding.Code}");
    }
}
