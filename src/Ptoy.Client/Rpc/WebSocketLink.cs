using System.Buffers;
using System.Collections.Concurrent;
using System.Net.WebSockets;
using System.Text.Json;
using System.Threading.Channels;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Client.Rpc;

/// <summary>One open WebSocket: matches answers to calls and hands notifications to their subscriptions. Once lost it stays lost.</summary>
internal sealed class WebSocketLink : IAsyncDisposable
{
    private readonly ClientWebSocket _socket = new();
    private readonly RpcClientOptions _options;
    private readonly SemaphoreSlim _sending = new(1, 1);
    private readonly ConcurrentDictionary<long, Pending> _pending = new();
    private readonly ConcurrentDictionary<string, ChannelWriter<JsonElement>> _subscriptions = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _ended = new();
    private Task _receiving = Task.CompletedTask;
    private Exception? _lost;
    private long _id;

    private WebSocketLink(RpcClientOptions options) => _options = options;

    public bool IsOpen => Volatile.Read(ref _lost) is null;

    public static async Task<WebSocketLink> OpenAsync(Uri address, RpcClientOptions options, HttpMessageInvoker http, CancellationToken cancellation)
    {
        var link = new WebSocketLink(options);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(options.ConnectTimeout);
        try
        {
            await link._socket.ConnectAsync(address, http, limit.Token);
        }
        catch (Exception e) when (e is WebSocketException or HttpRequestException || (e is OperationCanceledException && !cancellation.IsCancellationRequested))
        {
            await link.DisposeAsync();
            throw new RpcConnectionException($"cannot connect to {address}: {e.Message}", e);
        }
        link._receiving = link.ReceiveAllAsync();
        return link;
    }

    /// <summary>Sends calls in one message and waits for all answers.</summary>
    public async Task<RpcReply[]> CallAsync(
        IReadOnlyList<RpcRequest> requests, bool isBatch, Action<JsonElement>? onResult, CancellationToken cancellation)
    {
        long first = Interlocked.Add(ref _id, requests.Count) - requests.Count;
        var body = new ArrayBufferWriter<byte>();
        var waits = new Task<RpcReply>[requests.Count];
        try
        {
            for (int i = 0; i < requests.Count; i++)
            {
                if (isBatch) body.Write(i == 0 ? "["u8 : ","u8);
                RequestWriter.Write(body, requests[i], first + i, _options.Signer);
                var pending = new Pending(onResult);
                _pending[first + i] = pending;
                waits[i] = pending.Reply.Task;
            }
            if (isBatch) body.Write("]"u8);
            await SendAsync(body.WrittenMemory, cancellation);
            return await Task.WhenAll(waits).WaitAsync(cancellation);
        }
        finally
        {
            for (int i = 0; i < requests.Count; i++) _pending.TryRemove(first + i, out _);
        }
    }

    public Task NotifyAsync(RpcRequest request, CancellationToken cancellation)
    {
        var body = new ArrayBufferWriter<byte>();
        RequestWriter.Write(body, request, null, _options.Signer);
        return SendAsync(body.WrittenMemory, cancellation);
    }

    /// <summary>Subscribes; the channel is in place before the first notification is read.</summary>
    public async Task<(string Id, ChannelReader<JsonElement> Items)> SubscribeAsync(RpcRequest request, CancellationToken cancellation)
    {
        Channel<JsonElement> items = Channel.CreateBounded<JsonElement>(
            new BoundedChannelOptions(_options.MaxQueuedNotifications) { SingleReader = true, SingleWriter = true });
        RpcReply[] replies = await CallAsync([request], false, result => _subscriptions[result.GetString()!] = items.Writer, cancellation);
        return (replies[0].Value<string>(), items.Reader);
    }

    /// <summary>Ends a subscription on this side: its reader comes to an end.</summary>
    public void Forget(string subscription) => End(subscription, null);

    public async ValueTask DisposeAsync()
    {
        if (_socket.State == WebSocketState.Open)
        {
            using var limit = new CancellationTokenSource(_options.ConnectTimeout);
            try
            {
                await _socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "", limit.Token);
                await _receiving.WaitAsync(limit.Token);
            }
            catch (Exception e) when (e is WebSocketException or OperationCanceledException)
            {
                // The node is gone; there is nothing to close.
            }
        }
        await _ended.CancelAsync();
        await _receiving;
        Lose(new RpcConnectionException("the client is closed"));
        _socket.Dispose();
        _sending.Dispose();
        _ended.Dispose();
    }

    private async Task SendAsync(ReadOnlyMemory<byte> message, CancellationToken cancellation)
    {
        await _sending.WaitAsync(cancellation);
        try
        {
            if (Volatile.Read(ref _lost) is { } lost) throw new RpcConnectionException(lost.Message, lost);
            await _socket.SendAsync(message, WebSocketMessageType.Text, endOfMessage: true, cancellation);
        }
        catch (Exception e) when (e is WebSocketException or InvalidOperationException)
        {
            throw new RpcConnectionException($"the connection was lost: {e.Message}", e);
        }
        finally
        {
            _sending.Release();
        }
    }

    private async Task ReceiveAllAsync()
    {
        Exception reason;
        try
        {
            var message = new ArrayBufferWriter<byte>(16 * 1024);
            while (await ReceiveAsync(message))
            {
                Take(message.WrittenMemory);
                message.ResetWrittenCount();
            }
            reason = new RpcConnectionException($"the node closed the connection ({_socket.CloseStatus}: {_socket.CloseStatusDescription})");
            Interlocked.CompareExchange(ref _lost, reason, null);
            await AnswerCloseAsync();
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException or RpcConnectionException or JsonException)
        {
            reason = new RpcConnectionException($"the connection was lost: {e.Message}", e);
        }
        Lose(reason);
    }

    /// <summary>Agrees to the node's closing, so that the node need not wait. Not while a message is being sent: then the node sees the end anyway.</summary>
    private async Task AnswerCloseAsync()
    {
        if (_socket.State != WebSocketState.CloseReceived || !await _sending.WaitAsync(TimeSpan.Zero)) return;
        try
        {
            await _socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "", _ended.Token);
        }
        finally
        {
            _sending.Release();
        }
    }

    private async Task<bool> ReceiveAsync(ArrayBufferWriter<byte> message)
    {
        const int Chunk = 16 * 1024;
        while (true)
        {
            ValueWebSocketReceiveResult read = await _socket.ReceiveAsync(message.GetMemory(Chunk), _ended.Token);
            if (read.MessageType == WebSocketMessageType.Close) return false;
            message.Advance(read.Count);
            if (message.WrittenCount > _options.MaxResponseBytes)
                throw new RpcConnectionException($"the node sent more than {_options.MaxResponseBytes} bytes in one message");
            if (read.EndOfMessage) return true;
        }
    }

    private void Take(ReadOnlyMemory<byte> message)
    {
        using JsonDocument document = JsonDocument.Parse(message, RpcJson.Documents);
        JsonElement root = document.RootElement;
        if (root.ValueKind == JsonValueKind.Array)
        {
            foreach (JsonElement response in root.EnumerateArray()) Answer(response);
        }
        else if (root.ValueKind == JsonValueKind.Object && root.TryGetProperty("method", out _))
        {
            Notify(root);
        }
        else
        {
            Answer(root);
        }
    }

    private void Answer(JsonElement response)
    {
        (long? id, RpcReply reply) = RpcAnswer.Parse(response);
        if (id is null)
        {
            // About a whole message that the node could not take apart: nobody knows which, so every call learns of it.
            foreach (long each in _pending.Keys) Complete(each, reply);
            return;
        }
        Complete(id.Value, reply);
    }

    private void Complete(long id, RpcReply reply)
    {
        if (!_pending.TryRemove(id, out Pending? pending)) return;
        if (reply.Error is null) pending.OnResult?.Invoke(reply.Result);
        pending.Reply.TrySetResult(reply);
    }

    private void Notify(JsonElement notification)
    {
        if (!notification.TryGetProperty("params", out JsonElement parameters)
            || !parameters.TryGetProperty("subscription", out JsonElement name) || name.GetString() is not { } id) return;
        if (parameters.TryGetProperty("error", out JsonElement error))
        {
            // The node cuts the whole connection off, and so every subscription of it.
            RpcException reason = RpcAnswer.Error(error);
            foreach (string each in _subscriptions.Keys) End(each, reason);
            return;
        }
        if (!_subscriptions.TryGetValue(id, out ChannelWriter<JsonElement>? items)) return;
        if (parameters.TryGetProperty("result", out JsonElement result) && !items.TryWrite(result.Clone()))
            End(id, new RpcException(RpcErrors.SlowConsumer, $"{_options.MaxQueuedNotifications} notifications wait to be read"));
    }

    private void End(string subscription, Exception? reason)
    {
        if (_subscriptions.TryRemove(subscription, out ChannelWriter<JsonElement>? items)) items.TryComplete(reason);
    }

    private void Lose(Exception reason)
    {
        Interlocked.CompareExchange(ref _lost, reason, null);
        foreach (long id in _pending.Keys)
        {
            if (_pending.TryRemove(id, out Pending? pending)) pending.Reply.TrySetException(reason);
        }
        foreach (string id in _subscriptions.Keys) End(id, reason);
    }

    private sealed class Pending(Action<JsonElement>? onResult)
    {
        public Action<JsonElement>? OnResult => onResult;

        public TaskCompletionSource<RpcReply> Reply { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
