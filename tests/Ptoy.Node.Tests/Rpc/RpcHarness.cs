using System.Net.Http.Headers;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Ptoy.Node.Rpc;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Node.Tests.Rpc;

/// <summary>A real server on a free port, and raw access to it: these tests look at bytes, so they use no client of ours.</summary>
internal sealed class RpcHarness : IAsyncDisposable
{
    private readonly HttpClient _http = new();

    private RpcHarness(RpcServer server, RpcTopic<string> topic, SigningKey node, LogLines logs)
    {
        Server = server;
        Topic = topic;
        NodeKey = node.Public;
        Logs = logs;
    }

    public static Hash ChainId { get; } = Digest.Of("ptoy/test/v1", [1]);

    public RpcServer Server { get; }

    public RpcTopic<string> Topic { get; }

    public PublicKey NodeKey { get; }

    public LogLines Logs { get; }

    public SigningKey Alice { get; } = new(Seed(7));

    public Uri Address => Server.Addresses[0];

    public static byte[] Seed(byte value) => [.. Enumerable.Repeat(value, SigningKey.SeedSize)];

    public static async Task<RpcHarness> StartAsync(
        Func<RpcServerOptions, RpcServerOptions>? change = null, IEnumerable<RpcMethod>? methods = null, TimeProvider? time = null)
    {
        var options = new RpcServerOptions { Listen = ["http://127.0.0.1:0"] };
        var topic = new RpcTopic<string>(
            "news", "Test notifications.", [new RpcParam("prefix", RpcType.String, false, "")],
            (_, filter) => filter.OptionalText("prefix") is { } prefix ? item => item.StartsWith(prefix, StringComparison.Ordinal) : _ => true);
        var node = new SigningKey(Seed(1));
        var logs = new LogLines();
        RpcServer server = await RpcServer.StartAsync(
            change?.Invoke(options) ?? options,
            new RpcServices
            {
                Identity = new RpcIdentity(ChainId, node.Public),
                Methods = [.. TestMethods.All, .. methods ?? []],
                Topics = [topic],
                Time = time ?? TimeProvider.System,
                Logging = LoggerFactory.Create(b => b.AddProvider(logs)),
            });
        return new RpcHarness(server, topic, node, logs);
    }

    public async Task<(int Status, string Body)> PostAsync(string body, string contentType = "application/json", string? origin = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Address) { Content = new StringContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue(contentType);
        if (origin is not null) request.Headers.Add("Origin", origin);
        using HttpResponseMessage response = await _http.SendAsync(request);
        return ((int)response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    public async Task<JsonElement> JsonAsync(string body) => JsonDocument.Parse((await PostAsync(body)).Body).RootElement;

    public async Task<(int Code, string Message)> ErrorAsync(string body) => Error(await JsonAsync(body));

    public async Task<(int Status, byte[] Body)> BinaryAsync(string path, byte[] body, RpcAuth? auth)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(Address, path)) { Content = new ByteArrayContent(body) };
        if (auth is not null) request.Headers.Add(RpcJson.AuthHeader, auth.ToJson());
        using HttpResponseMessage response = await _http.SendAsync(request);
        return ((int)response.StatusCode, await response.Content.ReadAsByteArrayAsync());
    }

    public Task<HttpResponseMessage> SendAsync(HttpRequestMessage request) => _http.SendAsync(request);

    public async Task<ClientWebSocket> ConnectAsync(string? origin = null)
    {
        var socket = new ClientWebSocket();
        if (origin is not null) socket.Options.SetRequestHeader("Origin", origin);
        await socket.ConnectAsync(new UriBuilder(Address) { Scheme = "ws" }.Uri, CancellationToken.None);
        return socket;
    }

    /// <summary>A signed call as text; the changes spoil one thing each.</summary>
    public string Signed(
        string method, string parameters, PublicKey? node = null, long? expiryMs = null, string nonce = "00112233445566778899aabbccddeeff",
        string? sentParameters = null, Address? onBehalfOf = null)
    {
        long expiry = expiryMs ?? DateTimeOffset.UtcNow.AddMinutes(1).ToUnixTimeMilliseconds();
        RpcAuth auth = SignedRequest.Sign(
            Alice, ChainId, node ?? NodeKey, method, Encoding.UTF8.GetBytes(parameters), nonce, expiry, onBehalfOf);
        return $$"""{"jsonrpc":"2.0","id":1,"method":"{{method}}","params":{{sentParameters ?? parameters}},"auth":{{auth.ToJson()}}}""";
    }

    public static (int Code, string Message) Error(JsonElement response)
    {
        JsonElement error = response.GetProperty("error");
        return (error.GetProperty("code").GetInt32(), error.GetProperty("message").GetString()!);
    }

    public static Task SendAsync(ClientWebSocket socket, string text) =>
        socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, true, CancellationToken.None);

    /// <summary>The next whole message, or null when the other side closes.</summary>
    public static async Task<string?> ReceiveAsync(ClientWebSocket socket)
    {
        using var message = new MemoryStream();
        var buffer = new byte[16 * 1024];
        while (true)
        {
            WebSocketReceiveResult read = await socket.ReceiveAsync(buffer, CancellationToken.None);
            if (read.MessageType == WebSocketMessageType.Close) return null;
            message.Write(buffer, 0, read.Count);
            if (read.EndOfMessage) return Encoding.UTF8.GetString(message.ToArray());
        }
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        Alice.Dispose();
        await Server.DisposeAsync();
    }
}

/// <summary>Everything that was logged, as text.</summary>
internal sealed class LogLines : ILoggerProvider
{
    private readonly System.Collections.Concurrent.ConcurrentQueue<string> _lines = new();

    public string Text => string.Join('\n', _lines);

    public ILogger CreateLogger(string categoryName) => new Lines(_lines);

    public void Dispose()
    {
    }

    private sealed class Lines(System.Collections.Concurrent.ConcurrentQueue<string> lines) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            lines.Enqueue($"{logLevel} {formatter(state, exception)} {exception}");
    }
}

internal static class TestMethods
{
    public static IReadOnlyList<RpcMethod> All { get; } =
    [
        new RpcMethod
        {
            Name = "subtract", Summary = "Subtracts.", Result = "The difference.",
            Params = [new("minuend", RpcType.Integer, true, ""), new("subtrahend", RpcType.Integer, true, "")],
            Handler = (_, p, _) => Task.FromResult<object?>((long)p.Number("minuend") - (long)p.Number("subtrahend")),
        },
        new RpcMethod
        {
            Name = "account", Summary = "Takes an address.", Result = "The address.",
            Params = [new("account", RpcType.Address, true, "")],
            Handler = (_, p, _) => Task.FromResult<object?>(p.AddressOf("account")),
        },
        new RpcMethod
        {
            Name = "whoami", Summary = "Who signed.", Result = "An address.", RequiresAuth = true,
            Params = [new("note", RpcType.String, false, "")],
            Handler = (context, _, _) => Task.FromResult<object?>(new
            {
                address = context.RequireCaller().Address,
                onBehalfOf = context.Caller!.OnBehalfOf,
                proof = context.Caller.ProofBytes(),
            }),
        },
        new RpcMethod
        {
            Name = "explode", Summary = "Fails.", Result = "Nothing.",
            Handler = (_, _, _) => throw new InvalidOperationException("the secret inside"),
        },
        new RpcMethod
        {
            Name = "unwritable", Summary = "Answers what JSON cannot say.", Result = "Nothing.",
            Handler = (_, _, _) => Task.FromResult<object?>(double.NaN),
        },
        new RpcMethod
        {
            Name = "huge", Summary = "Answers too much.", Result = "Text.",
            Handler = (_, _, _) => Task.FromResult<object?>(new string('x', 100_000)),
        },
        new RpcMethod
        {
            Name = "reverse", Summary = "Reverses bytes.", Result = "Bytes.", RequiresAuth = true, MaxBodyBytes = 1000,
            BinaryHandler = (_, body, _) => Task.FromResult(body.ToArray().Reverse().ToArray()),
        },
    ];
}
