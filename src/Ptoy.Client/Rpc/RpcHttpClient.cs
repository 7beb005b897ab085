using System.Buffers;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Client.Rpc;

/// <summary>Calls a node over HTTP or HTTPS: JSON calls, and binary calls for large bodies.</summary>
public sealed class RpcHttpClient : RpcClient
{
    private readonly HttpClient _http;
    private readonly Uri _node;
    private long _id;

    internal RpcHttpClient(Uri node, RpcClientOptions options)
        : base(options)
    {
        if (node.Scheme != Uri.UriSchemeHttp && node.Scheme != Uri.UriSchemeHttps)
            throw new ArgumentException($"'{node}' is not an http or https address", nameof(node));
        _node = node;
        _http = new HttpClient(options.CreateHandler())
        {
            Timeout = Timeout.InfiniteTimeSpan,
            MaxResponseContentBufferSize = options.MaxResponseBytes,
        };
    }

    /// <inheritdoc/>
    public override Task NotifyAsync(string method, object? parameters = null, RpcSigner? signer = null, CancellationToken cancellation = default)
    {
        var body = new ArrayBufferWriter<byte>();
        RequestWriter.Write(body, new RpcRequest(method, parameters, signer), null, Options.Signer);
        return PostAsync("/", Json(body), null, method, cancellation);
    }

    /// <summary>Calls a binary method: bytes in, bytes out, the signature over the body.</summary>
    public async Task<byte[]> CallBinaryAsync(
        string method, ReadOnlyMemory<byte> body, RpcSigner? signer = null, CancellationToken cancellation = default)
    {
        RpcAuth? auth = (signer ?? Options.Signer)?.Sign(method, body.Span);
        var content = new ReadOnlyMemoryContent(body);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        return await PostAsync($"/bin/{method}", content, auth, method, cancellation);
    }

    /// <inheritdoc/>
    public override ValueTask DisposeAsync()
    {
        _http.Dispose();
        return ValueTask.CompletedTask;
    }

    private protected override async Task<RpcReply[]> SendAsync(IReadOnlyList<RpcRequest> requests, bool isBatch, CancellationToken cancellation)
    {
        long first = Interlocked.Add(ref _id, requests.Count) - requests.Count;
        var body = new ArrayBufferWriter<byte>();
        for (int i = 0; i < requests.Count; i++)
        {
            if (isBatch) body.Write(i == 0 ? "["u8 : ","u8);
            RequestWriter.Write(body, requests[i], first + i, Options.Signer);
        }
        if (isBatch) body.Write("]"u8);
        byte[] answer = await PostAsync("/", Json(body), null, requests[0].Method, cancellation);
        return Match(answer, first, requests.Count);
    }

    private static RpcReply[] Match(byte[] answer, long first, int count)
    {
        using JsonDocument document = ParseAnswer(answer);
        JsonElement root = document.RootElement;
        var replies = new RpcReply[count];
        IEnumerable<JsonElement> responses = root.ValueKind == JsonValueKind.Array ? root.EnumerateArray() : [root];
        foreach (JsonElement response in responses)
        {
            (long? id, RpcReply reply) = RpcAnswer.Parse(response);
            if (id is null && reply.Error is { } error) throw error;
            if (id is { } number && number >= first && number < first + count) replies[number - first] = reply;
        }
        return replies.Contains(null) ? throw new RpcConnectionException("the node did not answer every call") : replies;
    }

    private static JsonDocument ParseAnswer(byte[] answer)
    {
        try
        {
            return JsonDocument.Parse(answer, RpcJson.Documents);
        }
        catch (JsonException e)
        {
            throw new RpcConnectionException("the node's answer is not JSON", e);
        }
    }

    private static ReadOnlyMemoryContent Json(ArrayBufferWriter<byte> body)
    {
        var content = new ReadOnlyMemoryContent(body.WrittenMemory);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        return content;
    }

    private Task<byte[]> PostAsync(string path, HttpContent content, RpcAuth? auth, string method, CancellationToken cancellation) =>
        WithTimeoutAsync(
            async limited =>
            {
                using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(_node, path)) { Content = content };
                if (auth is not null) request.Headers.Add(RpcJson.AuthHeader, auth.ToJson());
                try
                {
                    using HttpResponseMessage response = await _http.SendAsync(request, limited);
                    byte[] body = await response.Content.ReadAsByteArrayAsync(limited);
                    return response.IsSuccessStatusCode ? body : throw Refusal(response.StatusCode, body);
                }
                catch (HttpRequestException e)
                {
                    throw new RpcConnectionException($"{_node}: {e.Message}", e);
                }
            },
            method, cancellation);

    private Exception Refusal(HttpStatusCode status, byte[] body)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(body, RpcJson.Documents);
            if (RpcAnswer.Parse(document.RootElement).Reply.Error is { } error) return error;
        }
        catch (Exception e) when (e is JsonException or RpcConnectionException)
        {
            // Not from a node's RPC server; the status says what is known.
        }
        return new RpcConnectionException($"{_node} answered HTTP {(int)status}");
    }
}
