using System.Text.Json;
using System.Threading.Channels;

namespace Ptoy.Client.Rpc;

/// <summary>
/// Notifications of one topic. Enumerate it once. When the connection is lost the enumeration throws
/// <see cref="RpcConnectionException"/>, or, where <see cref="RpcClientOptions.Reconnect"/> allows, subscribes again and goes on: what happened in
/// between is missing then, and <see cref="Reconnects"/> counts it. A node that cut the connection off as too slow gives an <see cref="Ptoy.Protocol.Rpc.RpcException"/>.
/// </summary>
public sealed class RpcSubscription<T> : IAsyncEnumerable<T>, IAsyncDisposable
{
    private readonly RpcWebSocketClient _client;
    private readonly RpcRequest _request;
    private WebSocketLink? _link;
    private string? _id;
    private ChannelReader<JsonElement>? _items;

    internal RpcSubscription(RpcWebSocketClient client, RpcRequest request)
    {
        _client = client;
        _request = request;
    }

    /// <summary>How often the subscription was made again after a lost connection.</summary>
    public int Reconnects { get; private set; }

    /// <inheritdoc/>
    public async IAsyncEnumerator<T> GetAsyncEnumerator(CancellationToken cancellationToken = default)
    {
        while (true)
        {
            while (await MoreAsync(cancellationToken))
            {
                while (_items!.TryRead(out JsonElement item)) yield return RpcAnswer.Read<T>(item);
            }
            if (_id is null) yield break;
            await OpenAsync(cancellationToken);
            Reconnects++;
        }
    }

    /// <summary>Ends the subscription at the node too, when the connection stands.</summary>
    public async ValueTask DisposeAsync()
    {
        string? id = _id;
        _id = null;
        if (id is null || _link is not { } link) return;
        link.Forget(id);
        if (link.IsOpen)
        {
            try
            {
                await _client.CallOnAsync(
                    limited => link.CallAsync([new RpcRequest("unsubscribe", new { subscription = id })], false, null, limited), "unsubscribe", default);
            }
            catch (RpcConnectionException)
            {
                // The connection ended meanwhile, and the subscription with it.
            }
        }
    }

    internal async Task OpenAsync(CancellationToken cancellation)
    {
        _link = await _client.LinkAsync(cancellation);
        WebSocketLink link = _link;
        (_id, _items) = await _client.CallOnAsync(limited => link.SubscribeAsync(_request, limited), "subscribe", cancellation);
    }

    /// <summary>True when there is an item; false when the connection was lost and the policy is to connect again, or after disposal.</summary>
    private async Task<bool> MoreAsync(CancellationToken cancellation)
    {
        try
        {
            return await _items!.WaitToReadAsync(cancellation);
        }
        catch (RpcConnectionException) when (_client.Options.Reconnect.MaxAttempts > 0 || _id is null)
        {
            return false;
        }
    }
}
