using System.Runtime.InteropServices;
using System.Text.Json;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Node.Rpc;

/// <summary>One request object on its way from its JSON to its answer.</summary>
internal sealed class RpcCall
{
    private const int MaxIdCharacters = 128;

    private static readonly JsonElement EmptyObject = JsonDocument.Parse("{}").RootElement;

    private RpcCall(JsonElement? id, bool isNotification)
    {
        Id = id;
        IsNotification = isNotification;
    }

    /// <summary>The id to answer with; null is answered as JSON null.</summary>
    public JsonElement? Id { get; }

    /// <summary>True when nobody waits for an answer. A request that is ill-formed is answered even without an id.</summary>
    public bool IsNotification { get; }

    public string MethodName { get; private init; } = "";

    public JsonElement Parameters { get; private init; } = EmptyObject;

    private bool HasParameters { get; init; }

    public JsonElement? Auth { get; private init; }

    public RpcContext? Context { get; set; }

    public object? Result { get; set; }

    public RpcException? Error { get; set; }

    /// <summary>Reads a request object; what is ill-formed gives a call with an error.</summary>
    public static RpcCall Read(JsonElement json)
    {
        if (json.ValueKind != JsonValueKind.Object) return Refused(null, "a request is an object");
        bool hasId = json.TryGetProperty("id", out JsonElement id);
        if (hasId && !IsId(id)) return Refused(null, $"id: not text of at most {MaxIdCharacters} characters, a number or null");
        JsonElement? echoed = hasId ? id : null;
        if (!json.TryGetProperty("jsonrpc", out JsonElement version) || version.ValueKind != JsonValueKind.String || !version.ValueEquals("2.0"))
            return Refused(echoed, "jsonrpc: not \"2.0\"");
        if (!json.TryGetProperty("method", out JsonElement method) || method.ValueKind != JsonValueKind.String)
            return Refused(echoed, "method: missing or not text");
        bool hasParams = json.TryGetProperty("params", out JsonElement parameters);
        if (hasParams && parameters.ValueKind is not (JsonValueKind.Object or JsonValueKind.Array))
            return Refused(echoed, "params: not an object");
        bool byName = !hasParams || parameters.ValueKind == JsonValueKind.Object;
        return new RpcCall(echoed, !hasId)
        {
            MethodName = method.GetString()!,
            Parameters = hasParams ? parameters : EmptyObject,
            HasParameters = hasParams,
            Auth = json.TryGetProperty("auth", out JsonElement auth) ? auth : null,
            Error = byName ? null : new RpcException(RpcErrors.InvalidParams, "params: parameters are given by name, in an object"),
        };
    }

    /// <summary>The UTF-8 text of params as it was sent; empty when there was none.</summary>
    public ReadOnlySpan<byte> ParametersText() =>
        HasParameters ? JsonMarshal.GetRawUtf8Value(Parameters) : [];

    private static bool IsId(JsonElement id) => id.ValueKind switch
    {
        JsonValueKind.Null => true,
        JsonValueKind.Number => id.GetRawText().Length <= MaxIdCharacters,
        JsonValueKind.String => id.GetString()!.Length <= MaxIdCharacters,
        _ => false,
    };

    private static RpcCall Refused(JsonElement? id, string problem) =>
        new(id, false) { Error = new RpcException(RpcErrors.InvalidRequest, problem) };
}
