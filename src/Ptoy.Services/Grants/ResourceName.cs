using System.Text.Json;

namespace Ptoy.Services.Grants;

/// <summary>Type and id of a resource, from its outermost members.</summary>
internal static class ResourceName
{
    /// <summary>Both; empty where the bytes are not a FHIR resource or have no id.</summary>
    public static (string Type, string Id) Of(ReadOnlySpan<byte> bytes)
    {
        string type = "", id = "";
        try
        {
            var reader = new Utf8JsonReader(bytes);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) return ("", "");
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                bool isType = reader.ValueTextEquals("resourceType"u8), isId = reader.ValueTextEquals("id"u8);
                if (!reader.Read()) return ("", "");
                if (isType && reader.TokenType == JsonTokenType.String) type = reader.GetString()!;
                else if (isId && reader.TokenType == JsonTokenType.String) id = reader.GetString()!;
                else reader.Skip();
                if (type.Length > 0 && id.Length > 0) break;
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return ("", "");
        }
        return type.Length > 0 ? (type, id) : ("", "");
    }
}
