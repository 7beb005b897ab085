using System.Buffers;
using System.Collections.Concurrent;
using System.Globalization;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;

namespace Ptoy.Load;

/// <summary>
/// A WebSocket to one node that does as little work as a client can: messages are built from prepared bytes, answers are
/// scanned and not turned into objects. What the generator costs belongs to the measurement.
/// </summary>
internal sealed class NodeSocket : IAsyncDisposable
{
    private readonly ClientWebSocket _socket = new();
    private readonly SemaphoreSlim _sending = new(1, 1);
    private readonly ConcurrentDictionary<long, Batch> _pending = new();
    private readonly ArrayBufferWriter<byte> _message = new();
    private readonly Action<string> _onBlock;
    private Task _receiving = Task.CompletedTask;
    private long _id;

    private NodeSocket(Action<string> onBlock) => _onBlock = onBlock;

    private sealed record Batch(int Count, TaskCompletionSource<string?[]> Done);

    /// <summary>Connects. <paramref name="onBlock"/> is called with each transaction hash of each certified block, once subscribed.</summary>
    public static async Task<NodeSocket> OpenAsync(Uri node, Action<string> onBlock)
    {
        var socket = new NodeSocket(onBlock);
        await socket._socket.ConnectAsync(new UriBuilder(node) { Scheme = "ws" }.Uri, CancellationToken.None).ConfigureAwait(false);
        socket._receiving = Task.Run(socket.ReceiveAllAsync);
        return socket;
    }

    /// <summary>Asks for the certified blocks.</summary>
    public Task SubscribeAsync() => SendTextAsync("""{"jsonrpc":"2.0","id":"blocks","method":"subscribe","params":{"topic":"blocks"}}""");

    /// <summary>Submits up to 50 transactions in one message. The answer: for each, null when taken, else why not.</summary>
    public async Task<string?[]> SubmitAsync(ArraySegment<Prepared> transactions)
    {
        long first = Interlocked.Add(ref _id, transactions.Count) - transactions.Count;
        var batch = new Batch(transactions.Count, new TaskCompletionSource<string?[]>(TaskCreationOptions.RunContinuationsAsynchronously));
        _pending[first] = batch;
        await _sending.WaitAsync().ConfigureAwait(false);
        try
        {
            _message.ResetWrittenCount();
            for (int i = 0; i < transactions.Count; i++)
            {
                _message.Write(i == 0 ? "["u8 : ","u8);
                Write(transactions[i].Bytes, first + i);
            }
            _message.Write("]"u8);
            await _socket.SendAsync(_message.WrittenMemory, WebSocketMessageType.Text, true, CancellationToken.None).ConfigureAwait(false);
        }
        finally
        {
            _sending.Release();
        }
        return await batch.Done.Task.ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        _socket.Abort();
        await _receiving.ConfigureAwait(false);
        _socket.Dispose();
        _sending.Dispose();
    }

    private void Write(byte[] transaction, long id)
    {
        _message.Write("{\"jsonrpc\":\"2.0\",\"id\":"u8);
        id.TryFormat(_message.GetSpan(20), out int digits, default, CultureInfo.InvariantCulture);
        _message.Advance(digits);
        _message.Write(",\"method\":\"tx_submit\",\"params\":{\"tx\":\""u8);
        System.Buffers.Text.Base64.EncodeToUtf8(
            transaction, _message.GetSpan(System.Buffers.Text.Base64.GetMaxEncodedToUtf8Length(transaction.Length)), out _, out int written);
        _message.Advance(written);
        _message.Write("\"}}"u8);
    }

    private async Task SendTextAsync(string text)
    {
        await _sending.WaitAsync().ConfigureAwait(false);
        try
        {
            await _socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, true, CancellationToken.None).ConfigureAwait(false);
        }
        finally
        {
            _sending.Release();
        }
    }

    private async Task ReceiveAllAsync()
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
                Take(message.WrittenSpan);
                message.ResetWrittenCount();
            }
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException or ObjectDisposedException)
        {
            // Closed from this side or the other; whoever still waits is told below.
        }
        foreach (Batch batch in _pending.Values) batch.Done.TrySetException(new IOException("the node closed the connection"));
    }

    private void Take(ReadOnlySpan<byte> json)
    {
        if (json[0] == '[')
        {
            Answer(json);
        }
        else if (json.IndexOf("\"transactions\""u8) >= 0)
        {
            Blocks(json);
        }
    }

    private void Answer(ReadOnlySpan<byte> json)
    {
        long? first = null;
        var errors = new List<string?>();
        var reader = new Utf8JsonReader(json);
        while (reader.Read())
        {
            if (reader.TokenType == JsonTokenType.StartObject && reader.CurrentDepth == 1) errors.Add(null);
            if (reader.TokenType != JsonTokenType.PropertyName) continue;
            bool top = reader.CurrentDepth == 2;
            if (top && reader.ValueTextEquals("id"u8))
            {
                reader.Read();
                first ??= reader.GetInt64();
            }
            else if (reader.ValueTextEquals("message"u8))
            {
                reader.Read();
                errors[^1] = reader.GetString();
            }
        }
        if (first is { } id && _pending.TryRemove(id, out Batch? batch))
            batch.Done.TrySetResult(errors.Count == batch.Count ? [.. errors] : [.. Enumerable.Repeat("no answer", batch.Count)]);
    }

    private void Blocks(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        while (reader.Read())
        {
            if (reader.TokenType != JsonTokenType.PropertyName || !reader.ValueTextEquals("transactions"u8)) continue;
            reader.Read();
            while (reader.Read() && reader.TokenType == JsonTokenType.String) _onBlock(reader.GetString()!);
            return;
        }
    }
}
