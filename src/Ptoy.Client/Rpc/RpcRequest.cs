using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Client.Rpc;

/// <summary>One call: a method, its params (any value that serialises to a JSON object, or null for none) and who signs it (or nobody).</summary>
public sealed record RpcRequest(string Method, object? Params = null, RpcSigner? Signer = null);

/// <summary>The answer to one call of a batch: a result or an error.</summary>
public sealed record RpcReply(JsonElement Result, RpcException? Error)
{
    /// <summary>The result as a value. Throws <see cref="RpcException"/> when the answer was an error.</summary>
    public T Value<T>() => Error is null ? RpcAnswer.Read<T>(Result) : throw Error;
}

/// <summary>Writes request objects. Params are serialised once: the bytes that are signed are the bytes that are sent.</summary>
internal static class RequestWriter
{
    private static readonly JsonWriterOptions Options = new() { SkipValidation = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static void Write(IBufferWriter<byte> output, RpcRequest request, long? id, RpcSigner? defaultSigner)
    {
        byte[]? parameters = Serialize(request.Params);
        RpcAuth? auth = (request.Signer ?? defaultSigner)?.Sign(request.Method, parameters);
        using var writer = new Utf8JsonWriter(output, Options);
        writer.WriteStartObject();
        writer.WriteString("jsonrpc", "2.0");
        if (id is { } number) writer.WriteNumber("id", number);
        writer.WriteString("method", request.Method);
        if (parameters is not null)
        {
            writer.WritePropertyName("params");
            writer.WriteRawValue(parameters, skipInputValidation: true);
        }
        if (auth is not null)
        {
            writer.WritePropertyName("auth");
            auth.WriteTo(writer);
        }
        writer.WriteEndObject();
    }

    private static byte[]? Serialize(object? parameters) => parameters switch
    {
        null => null,
        byte[] raw => raw,
        _ => JsonSerializer.SerializeToUtf8Bytes(parameters, parameters.GetType(), RpcJson.Options),
    };
}

/// <summary>Reads response objects.</summary>
internal static class RpcAnswer
{
    public static T Read<T>(JsonElement result)
    {
        if (typeof(T) == typeof(JsonElement)) return (T)(object)result;
        try
        {
            return result.Deserialize<T>(RpcJson.Options)!;
        }
        catch (JsonException e)
        {
            throw new RpcConnectionException($"the node's answer is not a {typeof(T).Name}: {e.Message}", e);
        }
    }

    /// <summary>The id and reply of one response object; the id is null for an error about the whole message.</summary>
    public static (long? Id, RpcReply Reply) Parse(JsonElement response)
    {
        if (response.ValueKind != JsonValueKind.Object) throw new RpcConnectionException("the node's answer is not a JSON-RPC response");
        long? id = response.TryGetProperty("id", out JsonElement number) && number.ValueKind == JsonValueKind.Number && number.TryGetInt64(out long value)
            ? value : null;
        if (response.TryGetProperty("error", out JsonElement error)) return (id, new RpcReply(default, Error(error)));
        if (response.TryGetProperty("result", out JsonElement result)) return (id, new RpcReply(result.Clone(), null));
        throw new RpcConnectionException("the node's answer has neither a result nor an error");
    }

    public static RpcException Error(JsonElement error)
    {
        if (error.ValueKind != JsonValueKind.Object
            || !error.TryGetProperty("code", out JsonElement code) || code.ValueKind != JsonValueKind.Number || !code.TryGetInt32(out int number)
            || !error.TryGetProperty("message", out JsonElement message) || message.ValueKind != JsonValueKind.String)
            return new RpcException(RpcErrors.InternalError, "the node answered with an error that is not well-formed");
        object? details = error.TryGetProperty("data", out JsonElement data) ? data.Clone() : null;
        return new RpcException(number, message.GetString()!, details);
    }
}
