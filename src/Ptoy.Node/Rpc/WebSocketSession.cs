using System.Net;
using System.Net.WebSockets;
using System.Threading.Channels;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Node.Rpc;

/// <summary>
/// Serves one WebSocket: a loop that reads messages, a loop that sends. While as many requests are in progress as one connection
/// may have, nothing more is read, so the client's own buffers push back.
/// </summary>
internal sealed class WebSocketSession(
    WebSocket socket, IPAddress remote, RpcDispatcher dispatcher, RpcServerOptions options, ILogger log)
{
    private readonly RpcConnection _connection = new(options);
    private readonly Channel<bool> _slots = Slots(options.MaxRequestsPerConnection);

    /// <summary>Runs until the client leaves, misbehaves, is cut off, or the server stops.</summary>
    public async Task RunAsync(CancellationToken stopping)
    {
        using var ended = new CancellationTokenSource();
        using var calls = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        Task sending = SendAllAsync(ended, stopping);
        (WebSocketCloseStatus status, string reason) = await ReceiveAllAsync(ended.Token, calls.Token);
        await calls.CancelAsync();
        _connection.Close();
        await sending;
        await CloseAsync(status, reason);
        socket.Abort();
    }

    private async Task<(WebSocketCloseStatus Status, string Reason)> ReceiveAllAsync(CancellationToken ended, CancellationToken calls)
    {
        try
        {
            while (true)
            {
                await _slots.Reader.ReadAsync(ended);
                var message = new PooledBuffer(options.MaxBodyBytes);
                (WebSocketCloseStatus, string)? refusal;
                try
                {
                    refusal = await ReceiveAsync(message, ended);
                }
                catch
                {
                    message.Dispose();
                    throw;
                }
                if (refusal is { } close)
                {
                    message.Dispose();
                    return close;
                }
                _ = AnswerAsync(message, calls);
            }
        }
        catch (Exception e) when (IsGone(e))
        {
            return (WebSocketCloseStatus.NormalClosure, "");
        }
    }

    /// <summary>Reads one message; null when it is whole, else how to close.</summary>
    private async Task<(WebSocketCloseStatus, string)?> ReceiveAsync(PooledBuffer message, CancellationToken ended)
    {
        const int Chunk = 16 * 1024;
        while (true)
        {
            Memory<byte> free = message.GetMemory(Math.Min(Chunk, options.MaxBodyBytes));
            ValueWebSocketReceiveResult read = await socket.ReceiveAsync(free, ended);
            if (read.MessageType == WebSocketMessageType.Close) return (WebSocketCloseStatus.NormalClosure, "");
            if (read.MessageType == WebSocketMessageType.Binary) return (WebSocketCloseStatus.InvalidMessageType, "text messages only");
            if (message.Length + read.Count > options.MaxBodyBytes)
                return (WebSocketCloseStatus.MessageTooBig, $"a message has at most {options.MaxBodyBytes} bytes");
            message.Advance(read.Count);
            if (read.EndOfMessage) return null;
        }
    }

    private async Task AnswerAsync(PooledBuffer message, CancellationToken ended)
    {
        var output = new PooledBuffer(options.MaxResponseBytes + ResponseWriter.ErrorRoom);
        try
        {
            IReadOnlyList<RpcSubscription> subscriptions =
                await dispatcher.DispatchAsync(message, new RpcPeer(remote, _connection), output, ended);
            if (output.Length > 0)
            {
                _connection.Respond(output, () => _slots.Writer.TryWrite(true));
            }
            else
            {
                output.Dispose();
                _slots.Writer.TryWrite(true);
            }
            foreach (RpcSubscription subscription in subscriptions) subscription.Start();
        }
        catch (Exception e)
        {
            // The dispatcher answers every failure of a call; one that reaches here is a defect of the server itself.
            log.LogError(e, "a WebSocket request could not be answered");
            output.Dispose();
            _slots.Writer.TryWrite(true);
        }
    }

    private async Task SendAllAsync(CancellationTokenSource ended, CancellationToken stopping)
    {
        try
        {
            (WebSocketCloseStatus Status, string Reason)? last = await SendQueueAsync(ended.Token, stopping);
            if (last is not { } close) return;
            // Half-closed: the client's own close frame, or this limit, ends the reading side.
            ended.CancelAfter(options.StopTimeout);
            await socket.CloseOutputAsync(close.Status, close.Reason, ended.Token);
        }
        catch (Exception e) when (IsGone(e))
        {
            // The client is gone or takes nothing. Aborting ends the reading side, which ends the session.
            socket.Abort();
        }
    }

    /// <summary>Sends until the queue ends (null) or the connection is to be closed from this side.</summary>
    private async Task<(WebSocketCloseStatus, string)?> SendQueueAsync(CancellationToken ended, CancellationToken stopping)
    {
        while (true)
        {
            try
            {
                if (!await _connection.Queue.WaitToReadAsync(stopping)) return null;
            }
            catch (OperationCanceledException)
            {
                return (WebSocketCloseStatus.EndpointUnavailable, "the node is stopping");
            }
            while (_connection.Queue.TryRead(out Outgoing? message))
            {
                using (message)
                {
                    using var limit = CancellationTokenSource.CreateLinkedTokenSource(ended);
                    limit.CancelAfter(options.SendTimeout);
                    await socket.SendAsync(message.Bytes, WebSocketMessageType.Text, endOfMessage: true, limit.Token);
                    _connection.Sent(message);
                }
                if (message.IsLast) return (WebSocketCloseStatus.PolicyViolation, nameof(RpcErrors.SlowConsumer));
            }
        }
    }

    private async Task CloseAsync(WebSocketCloseStatus status, string reason)
    {
        if (socket.State is not (WebSocketState.Open or WebSocketState.CloseReceived)) return;
        using var limit = new CancellationTokenSource(options.StopTimeout);
        try
        {
            await socket.CloseAsync(status, reason, limit.Token);
        }
        catch (Exception e) when (IsGone(e))
        {
            log.LogDebug("a WebSocket was gone before it was closed");
        }
    }

    /// <summary>A channel that holds one token for each request that may be in progress.</summary>
    private static Channel<bool> Slots(int count)
    {
        var slots = Channel.CreateUnbounded<bool>();
        for (int i = 0; i < count; i++) slots.Writer.TryWrite(true);
        return slots;
    }

    private static bool IsGone(Exception e) =>
        e is OperationCanceledException or WebSocketException or IOException or ObjectDisposedException;
}
