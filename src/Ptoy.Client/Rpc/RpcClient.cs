using System.Text.Json;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Client.Rpc;

/// <summary>
/// Calls a node. Every method throws <see cref="RpcException"/> for an answer that is an error, <see cref="RpcConnectionException"/> when no
/// answer came, and <see cref="TimeoutException"/> when it took longer than the options allow.
/// </summary>
public abstract class RpcClient : IAsyncDisposable
{
    /// <summary>Most calls in a batch.</summary>
    public const int MaxBatch = 50;

    private protected RpcClient(RpcClientOptions options) => Options = options;

    /// <summary>The options it was made with.</summary>
    public RpcClientOptions Options { get; }

    /// <summary>A client over HTTP or HTTPS.</summary>
    public static RpcHttpClient Http(Uri node, RpcClientOptions? options = null) => new(node, options ?? new RpcClientOptions());

    /// <summary>Connects a client over WebSocket; <c>http</c> and <c>https</c> addresses stand for <c>ws</c> and <c>wss</c>.</summary>
    public static async Task<RpcWebSocketClient> ConnectAsync(Uri node, RpcClientOptions? options = null, CancellationToken cancellation = default)
    {
        var client = new RpcWebSocketClient(node, options ?? new RpcClientOptions());
        try
        {
            await client.OpenAsync(cancellation);
            return client;
        }
        catch
        {
            await client.DisposeAsync();
            throw;
        }
    }

    /// <summary>Calls a method and gives its result as <typeparamref name="T"/>.</summary>
    public async Task<T> CallAsync<T>(string method, object? parameters = null, RpcSigner? signer = null, CancellationToken cancellation = default)
    {
        RpcReply[] replies = await SendAsync([new RpcRequest(method, parameters, signer)], isBatch: false, cancellation);
        return replies[0].Value<T>();
    }

    /// <summary>Calls a method and gives its result as JSON.</summary>
    public Task<JsonElement> CallAsync(string method, object? parameters = null, RpcSigner? signer = null, CancellationToken cancellation = default) =>
        CallAsync<JsonElement>(method, parameters, signer, cancellation);

    /// <summary>Sends up to <see cref="MaxBatch"/> calls in one message; the replies are in the order of the calls.</summary>
    public async Task<IReadOnlyList<RpcReply>> BatchAsync(IReadOnlyList<RpcRequest> requests, CancellationToken cancellation = default)
    {
        if (requests.Count is < 1 or > MaxBatch) throw new ArgumentException($"a batch has 1 to {MaxBatch} calls, not {requests.Count}", nameof(requests));
        return await SendAsync(requests, isBatch: true, cancellation);
    }

    /// <summary>Sends a call without waiting for its outcome, which nobody will learn.</summary>
    public abstract Task NotifyAsync(string method, object? parameters = null, RpcSigner? signer = null, CancellationToken cancellation = default);

    /// <inheritdoc/>
    public abstract ValueTask DisposeAsync();

    private protected abstract Task<RpcReply[]> SendAsync(IReadOnlyList<RpcRequest> requests, bool isBatch, CancellationToken cancellation);

    private protected async Task<T> WithTimeoutAsync<T>(Func<CancellationToken, Task<T>> work, string what, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(Options.CallTimeout);
        try
        {
            return await work(limit.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested && limit.IsCancellationRequested)
        {
            throw new TimeoutException($"{what}: no answer within {Options.CallTimeout.TotalSeconds} s");
        }
    }
}
