using System.Text.Encodings.Web;
using System.Text.Json;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Node.Rpc;

/// <summary>Writes response objects. A result that cannot be written, or is too large, becomes that call's error.</summary>
internal sealed class ResponseWriter : IDisposable
{
    /// <summary>Room above the limit of results for the errors that replace results beyond it.</summary>
    public const int ErrorRoom = 128 * 1024;

    private const int MaxMessage = 1024;

    private static readonly JsonWriterOptions WriterOptions = new() { SkipValidation = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly PooledBuffer _output;
    private readonly int _maxBytes;
    private readonly Utf8JsonWriter _writer;

    public ResponseWriter(PooledBuffer output, int maxBytes)
    {
        _output = output;
        _maxBytes = maxBytes;
        _writer = new Utf8JsonWriter(output, WriterOptions);
    }

    /// <summary>Writes one response; <paramref name="fault"/> turns an exception of serialisation into an error.</summary>
    public void Write(RpcCall call, Func<RpcCall, Exception, RpcException> fault)
    {
        int start = _output.Length;
        if (call.Error is null)
        {
            try
            {
                WriteObject(call.Id, call.Result, null);
                if (_output.Length <= _maxBytes) return;
                call.Error = TooLarge();
            }
            catch (BufferLimitException)
            {
                call.Error = TooLarge();
            }
            catch (Exception e)
            {
                // Whatever a serialiser or a property of the result throws is that one call's fault.
                call.Error = fault(call, e);
            }
            _output.Truncate(start);
        }
        WriteObject(call.Id, null, call.Error);
    }

    public void WriteError(RpcException error) => WriteObject(null, null, error);

    public void Dispose() => _writer.Dispose();

    internal static void WriteErrorBody(Utf8JsonWriter writer, RpcException error)
    {
        writer.WriteStartObject();
        writer.WriteNumber("code", error.Code);
        writer.WriteString("message", error.Message.Length <= MaxMessage ? error.Message : error.Message[..MaxMessage] + "…");
        writer.WritePropertyName("data");
        writer.WriteStartObject();
        writer.WriteString("name", RpcErrors.NameOf(error.Code));
        if (error.Details is not null)
        {
            writer.WritePropertyName("details");
            JsonSerializer.Serialize(writer, error.Details, error.Details.GetType(), RpcJson.Options);
        }
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private RpcException TooLarge() =>
        new(RpcErrors.TooLarge, $"the result is larger than {_maxBytes} bytes; ask for less at once", new { limit = _maxBytes });

    private void WriteObject(JsonElement? id, object? result, RpcException? error)
    {
        _writer.Reset(_output);
        _writer.WriteStartObject();
        _writer.WriteString("jsonrpc", "2.0");
        _writer.WritePropertyName("id");
        if (id is { } present) present.WriteTo(_writer);
        else _writer.WriteNullValue();
        if (error is null)
        {
            _writer.WritePropertyName("result");
            WriteResult(result);
        }
        else
        {
            _writer.WritePropertyName("error");
            WriteErrorBody(_writer, error);
        }
        _writer.WriteEndObject();
        _writer.Flush();
    }

    private void WriteResult(object? result)
    {
        switch (result)
        {
            case null: _writer.WriteNullValue(); break;
            case RawJson raw: _writer.WriteRawValue(raw.Utf8.Span, skipInputValidation: true); break;
            case JsonElement element: element.WriteTo(_writer); break;
            case RpcSubscription subscription: _writer.WriteStringValue(subscription.Id); break;
            default: JsonSerializer.Serialize(_writer, result, result.GetType(), RpcJson.Options); break;
        }
    }
}
