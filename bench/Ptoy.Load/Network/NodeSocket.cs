using System.Buffers;
using System.Net.WebSockets;
using System.Threading.Channels;

namespace Ptoy.Load.Network;

/// <summary>Takes a whole message of a node.</summary>
internal delegate void NodeMessage(int node, ReadOnlySpan<byte> json);

/// <summary>
/// A WebSocket to one node that does as little as a client can: prepared bytes go out in order, whole messages come in. What the generator
/// costs belongs to the measurement.
/// </summary>
internal sealed class NodeSocket : IAsyncDisposable
{
    private readonly ClientWebSocket _socket = new();
    private readonly Channel<ReadOnlyMemory<byte>> _outgoing = Channel.CreateUnbounded<ReadOnlyMemory<byte>>(new UnboundedChannelOptions { SingleReader = true });
    private readonly int _node;
    private readonly NodeMessage _onMessage;
    private Task _sending = Task.CompletedTask, _receiving = Task.CompletedTask;

    private NodeSocket(int node, NodeMessage onMessage) => (_node, _onMessage) = (node, onMessage);

    /// <summary>Ends when the connection has ended.</summary>
    public Task Closed => _receiving;

    /// <summary>Connects. Throws <see cref="WebSocketException"/> when the node does not answer.</summary>
    public static async Task<NodeSocket> OpenAsync(int node, Uri address, NodeMessage onMessage)
    {
        var socket = new NodeSocket(node, onMessage);
        try
        {
            await socket._socket.ConnectAsync(new UriBuilder(address) { Scheme = "ws" }.Uri, CancellationToken.None).ConfigureAwait(false);
        }
        catch
        {
            socket._socket.Dispose();
            throw;
        }
        socket._receiving = Task.Run(socket.ReceiveAsync);
        socket._sending = Task.Run(socket.SendAsync);
        return socket;
    }

    /// <summary>Queues a message. False when the connection has ended.</summary>
    public bool Send(ReadOnlyMemory<byte> json) => _outgoing.Writer.TryWrite(json);

    public async ValueTask DisposeAsync()
    {
        _outgoing.Writer.TryComplete();
        _socket.Abort();
        await _sending.ConfigureAwait(false);
        await _receiving.ConfigureAwait(false);
        _socket.Dispose();
    }

    private async Task SendAsync()
    {
        try
        {
            await foreach (ReadOnlyMemory<byte> message in _outgoing.Reader.ReadAllAsync().ConfigureAwait(false))
                await _socket.SendAsync(message, WebSocketMessageType.Text, true, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException or ObjectDisposedException)
        {
            // The reading side ends too, and with it the connection.
        }
    }

    private async Task ReceiveAsync()
    {
        var message = new ArrayBufferWriter<byte>(64 * 1024);
        try
        {
            while (true)
            {
                ValueWebSocketReceiveResult read = await _socket.ReceiveAsync(message.GetMemory(16 * 1024), CancellationToken.None).ConfigureAwait(false);
                if (read.MessageType == WebSocketMessageType.Close) break;
                message.Advance(read.Count);
                if (!read.EndOfMessage) continue;
                _onMessage(_node, message.WrittenSpan);
                message.ResetWrittenCount();
            }
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException or ObjectDisposedException)
        {
            // Closed from this side or the other.
        }
        _outgoing.Writer.TryComplete();
    }
}
