using System.Text.Json;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Node.Rpc;

/// <summary>Reads parameters out of the params object. Each throws <see cref="RpcException"/> (InvalidParams) naming the parameter.</summary>
public static class RpcParams
{
    /// <summary>The parameter, or null when it is absent or null.</summary>
    public static JsonElement? Find(this JsonElement parameters, string name) =>
        parameters.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    /// <summary>Text of at most <paramref name="max"/> characters.</summary>
    public static string Text(this JsonElement parameters, string name, int max = 1024) =>
        OptionalText(parameters, name, max) ?? throw Missing(name);

    /// <summary>Text, or null when absent.</summary>
    public static string? OptionalText(this JsonElement parameters, string name, int max = 1024)
    {
        if (Find(parameters, name) is not { } value) return null;
        if (value.ValueKind != JsonValueKind.String) throw RpcException.Parameter(name, "not text");
        string text = value.GetString()!;
        return text.Length <= max ? text : throw RpcException.Parameter(name, $"{text.Length} characters, more than {max}");
    }

    /// <summary>A whole number of 0 or more.</summary>
    public static ulong Number(this JsonElement parameters, string name, ulong max = ulong.MaxValue) =>
        OptionalNumber(parameters, name, max) ?? throw Missing(name);

    /// <summary>A whole number of 0 or more, or null when absent.</summary>
    public static ulong? OptionalNumber(this JsonElement parameters, string name, ulong max = ulong.MaxValue)
    {
        if (Find(parameters, name) is not { } value) return null;
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetUInt64(out ulong number))
            throw RpcException.Parameter(name, "not a whole number of 0 or more");
        return number <= max ? number : throw RpcException.Parameter(name, $"{number}, more than {max}");
    }

    /// <summary>true or false; <paramref name="otherwise"/> when absent.</summary>
    public static bool Flag(this JsonElement parameters, string name, bool otherwise = false) => Find(parameters, name) switch
    {
        null => otherwise,
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.False } => false,
        _ => throw RpcException.Parameter(name, "not true or false"),
    };

    /// <summary>A hash.</summary>
    public static Hash HashOf(this JsonElement parameters, string name) => OptionalHash(parameters, name) ?? throw Missing(name);

    /// <summary>A hash, or null when absent.</summary>
    public static Hash? OptionalHash(this JsonElement parameters, string name) =>
        OptionalText(parameters, name) is not { } text ? null
        : Hash.TryParse(text, out Hash hash) ? hash : throw RpcException.Parameter(name, "not 64 hexadecimal characters");

    /// <summary>An account address.</summary>
    public static Address AddressOf(this JsonElement parameters, string name) => OptionalAddress(parameters, name) ?? throw Missing(name);

    /// <summary>An account address, or null when absent.</summary>
    public static Address? OptionalAddress(this JsonElement parameters, string name) =>
        OptionalText(parameters, name) is not { } text ? null
        : Address.TryParse(text, out Address address) ? address : throw RpcException.Parameter(name, "not a ptoy1… address");

    /// <summary>A public key written <c>suite:hex</c>.</summary>
    public static PublicKey Key(this JsonElement parameters, string name)
    {
        try { return PublicKey.Parse(Text(parameters, name)); }
        catch (FormatException e) { throw RpcException.Parameter(name, e.Message); }
    }

    /// <summary>Bytes sent as base64, at most <paramref name="max"/> of them.</summary>
    public static byte[] Bytes(this JsonElement parameters, string name, int max)
    {
        if (Find(parameters, name) is not { } value) throw Missing(name);
        if (value.ValueKind != JsonValueKind.String || !value.TryGetBytesFromBase64(out byte[]? bytes))
            throw RpcException.Parameter(name, "not base64");
        return bytes.Length <= max ? bytes : throw RpcException.Parameter(name, $"{bytes.Length} bytes, more than {max}");
    }

    /// <summary>An array of text, at most <paramref name="max"/> elements; empty when absent.</summary>
    public static IReadOnlyList<string> Texts(this JsonElement parameters, string name, int max)
    {
        if (Find(parameters, name) is not { } value) return [];
        if (value.ValueKind != JsonValueKind.Array || value.EnumerateArray().Any(e => e.ValueKind != JsonValueKind.String))
            throw RpcException.Parameter(name, "not an array of text");
        if (value.GetArrayLength() > max) throw RpcException.Parameter(name, $"{value.GetArrayLength()} elements, more than {max}");
        return [.. value.EnumerateArray().Select(e => e.GetString()!)];
    }

    /// <summary>An object or array as a value of <typeparamref name="T"/>.</summary>
    public static T Value<T>(this JsonElement parameters, string name)
    {
        if (Find(parameters, name) is not { } value) throw Missing(name);
        try { return value.Deserialize<T>(RpcJson.Options)!; }
        catch (JsonException e) { throw RpcException.Parameter(e.Path is { Length: > 2 } path ? $"{name}{path[1..]}" : name, "not of the expected form"); }
    }

    /// <summary>The whole params object as a record of the methods' parameters.</summary>
    public static T As<T>(this JsonElement parameters) where T : class
    {
        try
        {
            return parameters.Deserialize<T>(RpcJson.Options)!;
        }
        catch (JsonException e)
        {
            // A path is "$.name" or "$.name[0].member"; a missing member has the path "$" and is named in the message only.
            if (e.Path is { Length: > 2 } path) throw RpcException.Parameter(Shorten(path[2..]), "not of the expected form");
            throw new RpcException(RpcErrors.InvalidParams, "params: a required parameter is missing, or one is not of the expected form");
        }
    }

    /// <summary>Throws unless every declared parameter is present where required, of its type, and no other is there.</summary>
    internal static void Validate(JsonElement parameters, IReadOnlyList<RpcParam> declared, string method)
    {
        int known = 0;
        foreach (RpcParam parameter in declared)
        {
            if (!parameters.TryGetProperty(parameter.Name, out JsonElement value))
            {
                if (parameter.Required) throw Missing(parameter.Name);
                continue;
            }
            known++;
            if (value.ValueKind == JsonValueKind.Null && !parameter.Required) continue;
            if (Problem(value, parameter.Type) is { } problem) throw RpcException.Parameter(parameter.Name, problem);
        }
        if (parameters.GetPropertyCount() == known) return;
        foreach (JsonProperty member in parameters.EnumerateObject())
        {
            if (declared.All(p => !member.NameEquals(p.Name)))
                throw RpcException.Parameter(Shorten(member.Name), $"not a parameter of {method}");
        }
    }

    private static string Shorten(string name) => name.Length <= 64 ? name : name[..64] + "…";

    private static RpcException Missing(string name) => RpcException.Parameter(name, "missing");

    private static string? Problem(JsonElement value, RpcType type) => type switch
    {
        RpcType.Any => null,
        RpcType.String => value.ValueKind == JsonValueKind.String ? null : "not text",
        RpcType.Base64 => value.ValueKind == JsonValueKind.String ? null : "not base64 text",
        RpcType.Integer => value.ValueKind == JsonValueKind.Number && value.TryGetUInt64(out _) ? null : "not a whole number of 0 or more",
        RpcType.Boolean => value.ValueKind is JsonValueKind.True or JsonValueKind.False ? null : "not true or false",
        RpcType.Object => value.ValueKind == JsonValueKind.Object ? null : "not an object",
        RpcType.Array => value.ValueKind == JsonValueKind.Array ? null : "not an array",
        RpcType.Strings => value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(e => e.ValueKind == JsonValueKind.String)
            ? null : "not an array of text",
        RpcType.Hash => value.ValueKind == JsonValueKind.String && Hash.TryParse(value.GetString(), out _) ? null : "not 64 hexadecimal characters",
        RpcType.Address => value.ValueKind == JsonValueKind.String && Address.TryParse(value.GetString(), out _) ? null : "not a ptoy1… address",
        RpcType.PublicKey => value.ValueKind == JsonValueKind.String && IsKey(value.GetString()!) ? null : "not a public key written suite:hex",
        _ => "of a type that is not known",
    };

    private static bool IsKey(string text)
    {
        try
        {
            PublicKey.Parse(text);
            return true;
        }
        catch (FormatException)
        {
            return false;
        }
    }
}
