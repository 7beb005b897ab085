using System.Text.Json;

namespace Ptoy.Client.Rpc;

/// <summary>Calls a node over one WebSocket, with subscriptions. Safe for many callers at once.</summary>
public sealed class RpcWebSocketClient : RpcClient
{
    private readonly Uri _address;
    private readonly HttpMessageInvoker _http;
    private readonly SemaphoreSlim _opening = new(1, 1);
    private WebSocketLink? _link;
    private bool _disposed;

    internal RpcWebSocketClient(Uri node, RpcClientOptions options)
        : base(options)
    {
        string scheme = node.Scheme switch
        {
            "ws" or "http" => "ws",
            "wss" or "https" => "wss",
            _ => throw new ArgumentException($"'{node}' is not a ws, wss, http or https address", nameof(node)),
        };
        _address = new UriBuilder(node) { Scheme = scheme, Port = node.Port }.Uri;
        _http = new HttpMessageInvoker(options.CreateHandler());
    }

    /// <summary>True while the connection stands.</summary>
    public bool IsOpen => Volatile.Read(ref _link)?.IsOpen ?? false;

    /// <inheritdoc/>
    public override async Task NotifyAsync(string method, object? parameters = null, RpcSigner? signer = null, CancellationToken cancellation = default)
    {
        WebSocketLink link = await LinkAsync(cancellation);
        await link.NotifyAsync(new RpcRequest(method, parameters, signer), cancellation);
    }

    /// <summary>
    /// Subscribes to a topic. The subscription is in force when this returns; its items are read by enumerating it, and it ends when it is disposed.
    /// </summary>
    public async Task<RpcSubscription<T>> SubscribeAsync<T>(
        string topic, object? filter = null, RpcSigner? signer = null, CancellationToken cancellation = default)
    {
        object parameters = filter is null ? new { topic } : new { topic, filter };
        var subscription = new RpcSubscription<T>(this, new RpcRequest("subscribe", parameters, signer));
        await subscription.OpenAsync(cancellation);
        return subscription;
    }

    /// <inheritdoc/>
    public override async ValueTask DisposeAsync()
    {
        if (_disposed) return;
        _disposed = true;
        if (_link is { } link) await link.DisposeAsync();
        _http.Dispose();
    }

    internal async Task OpenAsync(CancellationToken cancellation) =>
        _link = await WebSocketLink.OpenAsync(_address, Options, _http, cancellation);

    /// <summary>The open link, or a new one where the policy allows.</summary>
    internal async Task<WebSocketLink> LinkAsync(CancellationToken cancellation)
    {
        if (_link is { IsOpen: true } open) return open;
        await _opening.WaitAsync(cancellation);
        try
        {
            if (_link is { IsOpen: true } reopened) return reopened;
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (Options.Reconnect.MaxAttempts == 0) throw new RpcConnectionException($"the connection to {_address} is closed");
            if (_link is { } lost) await lost.DisposeAsync();
            _link = null;
            return _link = await ReopenAsync(cancellation);
        }
        finally
        {
            _opening.Release();
        }
    }

    private protected override Task<RpcReply[]> SendAsync(IReadOnlyList<RpcRequest> requests, bool isBatch, CancellationToken cancellation) =>
        WithTimeoutAsync(
            async limited => await (await LinkAsync(limited)).CallAsync(requests, isBatch, null, limited), requests[0].Method, cancellation);

    internal Task<T> CallOnAsync<T>(Func<CancellationToken, Task<T>> work, string what, CancellationToken cancellation) =>
        WithTimeoutAsync(work, what, cancellation);

    private async Task<WebSocketLink> ReopenAsync(CancellationToken cancellation)
    {
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                return await WebSocketLink.OpenAsync(_address, Options, _http, cancellation);
            }
            catch (RpcConnectionException) when (attempt + 1 < Options.Reconnect.MaxAttempts)
            {
                await Task.Delay(Options.Reconnect.DelayBefore(attempt), cancellation);
            }
        }
    }
}
