using System.Text.Json;
using System.Text.Json.Serialization;

namespace Ptoy.Protocol.Rpc;

/// <summary>
/// How the parameters and results of JSON-RPC methods are written: camelCase, byte strings as base64, hashes as 64 hexadecimal
/// characters, accounts as <c>ptoy1…</c>, keys as <c>suite:hex</c>, absent values left out.
/// </summary>
public static class DtoJson
{
    /// <summary>Nesting beyond which a message is refused.</summary>
    public const int MaxDepth = 64;

    /// <summary>The one set of options, for both ends.</summary>
    public static JsonSerializerOptions Options { get; } = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        NumberHandling = JsonNumberHandling.Strict,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        MaxDepth = MaxDepth,
    };
}
