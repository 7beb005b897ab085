using System.Net;
using System.Text;
using System.Text.Json;
using Ptoy.Node.Transport;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Node.Rpc;

/// <summary>How well the node is, for load balancers and operators. <see cref="Details"/> is written as JSON.</summary>
public sealed record RpcHealth(bool Healthy, object Details);

/// <summary>Routes HTTP requests: <c>POST /</c>, a WebSocket on <c>/</c>, <c>POST /bin/{method}</c>, <c>POST /upload</c>, <c>GET /health</c>.</summary>
internal sealed class HttpEndpoints(
    RpcDispatcher dispatcher, RpcMethodTable methods, RpcAuthenticator authenticator, RpcServerOptions options, RpcMetrics metrics,
    Func<RpcHealth> health, ILogger log, CancellationToken stopping)
{
    private const string BinaryPrefix = "/bin/";

    // What a client announces is not yet what it sends, so memory follows what arrives.
    private const int FirstRead = 1024 * 1024;

    private readonly HttpGate _gate = new(options);
    private readonly Places<IPAddress> _uploading = new(Math.Max(options.MaxUploadBytes, options.MaxUploadsInFlightBytes / 2), options.MaxUploadsInFlightBytes);
    private readonly Places<IPAddress> _sockets = new(Math.Max(1, options.MaxConnections / 2), options.MaxConnections);

    public async Task HandleAsync(HttpContext http)
    {
        string path = http.Request.Path.Value ?? "/";
        if (HttpMethods.IsOptions(http.Request.Method))
        {
            _gate.AnswerPreflight(http);
            return;
        }
        _gate.AddHeaders(http);
        if (path == "/health" && HttpMethods.IsGet(http.Request.Method)) await HealthAsync(http);
        else if (path == "/" && http.WebSockets.IsWebSocketRequest) await WebSocketAsync(http);
        else if (path == "/" && HttpMethods.IsPost(http.Request.Method)) await JsonAsync(http);
        else if (path == "/upload" && HttpMethods.IsPost(http.Request.Method)) await BinaryAsync(http, "record_upload");
        else if (path.StartsWith(BinaryPrefix, StringComparison.Ordinal) && HttpMethods.IsPost(http.Request.Method))
            await BinaryAsync(http, path[BinaryPrefix.Length..]);
        else if (path is "/" or "/health" or "/upload") http.Response.StatusCode = StatusCodes.Status405MethodNotAllowed;
        else http.Response.StatusCode = StatusCodes.Status404NotFound;
    }

    private static IPAddress Remote(HttpContext http)
    {
        IPAddress address = http.Connection.RemoteIpAddress ?? IPAddress.None;
        return address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
    }

    private async Task HealthAsync(HttpContext http)
    {
        RpcHealth state = health();
        http.Response.StatusCode = state.Healthy ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
        http.Response.ContentType = "application/json";
        byte[] body = JsonSerializer.SerializeToUtf8Bytes(
            new
            {
                healthy = state.Healthy,
                details = state.Details,
                rpc = new { calls = metrics.Total, failed = metrics.Failed, connections = metrics.OpenConnections },
            },
            RpcJson.Options);
        await http.Response.Body.WriteAsync(body, http.RequestAborted);
    }

    private async Task WebSocketAsync(HttpContext http)
    {
        if (!_gate.MayConnect(http))
        {
            http.Response.StatusCode = StatusCodes.Status403Forbidden;
            return;
        }
        IPAddress remote = Remote(http);
        if (!_sockets.TryTake(remote))
        {
            http.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            return;
        }
        metrics.Connected(1);
        try
        {
            using System.Net.WebSockets.WebSocket socket = await http.WebSockets.AcceptWebSocketAsync();
            await new WebSocketSession(socket, Remote(http), dispatcher, options, log).RunAsync(stopping);
        }
        finally
        {
            metrics.Connected(-1);
            _sockets.Return(remote);
        }
    }

    private async Task JsonAsync(HttpContext http)
    {
        if (!IsJson(http.Request.ContentType))
        {
            await ErrorAsync(http, StatusCodes.Status415UnsupportedMediaType, new RpcException(RpcErrors.InvalidRequest, "content-type: not application/json"));
            return;
        }
        PooledBuffer? body = await ReadAsync(http, options.MaxBodyBytes);
        if (body is null)
        {
            await ErrorAsync(http, StatusCodes.Status413PayloadTooLarge, TooLarge(options.MaxBodyBytes));
            return;
        }
        using var output = new PooledBuffer(options.MaxResponseBytes + ResponseWriter.ErrorRoom);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, stopping);
        await dispatcher.DispatchAsync(body, new RpcPeer(Remote(http), null), output, stop.Token);
        if (output.Length == 0)
        {
            http.Response.StatusCode = StatusCodes.Status204NoContent;
            return;
        }
        http.Response.ContentType = "application/json";
        http.Response.ContentLength = output.Length;
        await http.Response.Body.WriteAsync(output.Memory, http.RequestAborted);
    }

    private async Task BinaryAsync(HttpContext http, string name)
    {
        try
        {
            byte[] result = await CallBinaryAsync(http, name);
            http.Response.ContentType = "application/octet-stream";
            http.Response.ContentLength = result.Length;
            await http.Response.Body.WriteAsync(result, http.RequestAborted);
        }
        catch (RpcException e)
        {
            await ErrorAsync(http, Status(e.Code), e);
        }
    }

    /// <summary>Everything that can be refused without the body is refused before it is read.</summary>
    private async Task<byte[]> CallBinaryAsync(HttpContext http, string name)
    {
        RpcMethod method = methods.Find(name) is { BinaryHandler: not null } found
            ? found : throw new RpcException(RpcErrors.MethodNotFound, "there is no such binary method");
        RpcAuth? auth = ReadAuth(http);
        if (auth is null && method.RequiresAuth) throw new RpcException(RpcErrors.NotAuthorised, $"{name} needs a signed request: {RpcJson.AuthHeader} is missing");
        int limit = Math.Min(method.MaxBodyBytes ?? options.MaxUploadBytes, options.MaxUploadBytes);
        long length = http.Request.ContentLength ?? throw new RpcException(RpcErrors.InvalidRequest, "content-length: missing");
        if (length > limit) throw TooLarge(limit);
        IPAddress remote = Remote(http);
        if (!_uploading.TryTake(remote, length))
        {
            throw new RpcException(RpcErrors.Busy, "as many bytes are being uploaded as the node holds at one time; try again later");
        }
        try
        {
            PooledBuffer body = await ReadAsync(http, limit) ?? throw TooLarge(limit);
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, stopping);
            return await dispatcher.DispatchBinaryAsync(method, auth, body, new RpcPeer(Remote(http), null), stop.Token);
        }
        finally
        {
            _uploading.Return(remote, length);
        }
    }

    private RpcAuth? ReadAuth(HttpContext http)
    {
        string? header = http.Request.Headers[RpcJson.AuthHeader];
        if (header is null) return null;
        try
        {
            using JsonDocument document = RpcJson.Parse(Encoding.UTF8.GetBytes(header));
            return authenticator.Precheck(document.RootElement);
        }
        catch (JsonException)
        {
            throw new RpcException(RpcErrors.InvalidRequest, $"{RpcJson.AuthHeader}: not JSON");
        }
    }

    /// <summary>The body, or null when it is larger than the limit.</summary>
    private static async Task<PooledBuffer?> ReadAsync(HttpContext http, int limit)
    {
        if (http.Request.ContentLength > limit) return null;
        var buffer = new PooledBuffer(limit, (int)Math.Min((http.Request.ContentLength ?? 4096) + 1, FirstRead));
        try
        {
            while (true)
            {
                int read = await http.Request.Body.ReadAsync(buffer.GetMemory(), http.RequestAborted);
                if (read == 0) return buffer;
                buffer.Advance(read);
            }
        }
        catch (Exception e)
        {
            buffer.Dispose();
            if (e is BufferLimitException) return null;
            throw;
        }
    }

    private static bool IsJson(string? contentType) =>
        contentType is not null && contentType.Split(';')[0].Trim().Equals("application/json", StringComparison.OrdinalIgnoreCase);

    private static RpcException TooLarge(int limit) => new(RpcErrors.TooLarge, $"the body is larger than {limit} bytes", new { limit });

    private static int Status(int code) => code switch
    {
        RpcErrors.MethodNotFound or RpcErrors.NotFound => StatusCodes.Status404NotFound,
        RpcErrors.NotAuthorised or RpcErrors.BadSignature or RpcErrors.WrongNode or RpcErrors.Replayed or RpcErrors.Expired => StatusCodes.Status401Unauthorized,
        RpcErrors.Denied => StatusCodes.Status403Forbidden,
        RpcErrors.TooLarge => StatusCodes.Status413PayloadTooLarge,
        RpcErrors.RateLimited => StatusCodes.Status429TooManyRequests,
        RpcErrors.Busy or RpcErrors.NodeBehind or RpcErrors.TimedOut => StatusCodes.Status503ServiceUnavailable,
        RpcErrors.OverQuota or RpcErrors.StorageFull => StatusCodes.Status507InsufficientStorage,
        RpcErrors.InternalError => StatusCodes.Status500InternalServerError,
        _ => StatusCodes.Status400BadRequest,
    };

    private static async Task ErrorAsync(HttpContext http, int status, RpcException error)
    {
        using var output = new PooledBuffer(ResponseWriter.ErrorRoom);
        using (var writer = new ResponseWriter(output, ResponseWriter.ErrorRoom)) writer.WriteError(error);
        http.Response.StatusCode = status;
        http.Response.ContentType = "application/json";
        await http.Response.Body.WriteAsync(output.Memory, http.RequestAborted);
    }
}
