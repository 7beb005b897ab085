using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Node.Rpc;

/// <summary>
/// What a WebSocket connection has to send, and its subscriptions. Answers wait for their turn (the requests in progress bound them);
/// notifications have a bound of their own: one beyond it cuts the connection off, with an error notification as the last word.
/// </summary>
public sealed class RpcConnection
{
    private readonly RpcServerOptions _options;
    private readonly Channel<Outgoing> _queue = Channel.CreateUnbounded<Outgoing>(new UnboundedChannelOptions { SingleReader = true });
    private readonly ConcurrentDictionary<string, RpcSubscription> _subscriptions = new(StringComparer.Ordinal);
    private int _queuedNotifications, _queuedBytes, _cut;

    internal RpcConnection(RpcServerOptions options) => _options = options;

    internal int MaxQueuedNotifications => _options.MaxQueuedNotifications;

    /// <summary>True once the connection was cut off as a slow consumer.</summary>
    internal bool IsCut => Volatile.Read(ref _cut) != 0;

    internal ChannelReader<Outgoing> Queue => _queue.Reader;

    /// <summary>Makes a subscription. Throws <see cref="RpcException"/> when there are too many.</summary>
    internal RpcSubscription Subscribe(RpcTopic topic, RpcContext context, JsonElement filter)
    {
        if (IsCut || _subscriptions.Count >= _options.MaxSubscriptions)
            throw new RpcException(RpcErrors.TooManySubscriptions, $"a connection has at most {_options.MaxSubscriptions} subscriptions");
        var subscription = new RpcSubscription(Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8)), topic, this);
        topic.Attach(context, filter, subscription);
        _subscriptions[subscription.Id] = subscription;
        if (IsCut) EndSubscriptions();
        return subscription;
    }

    /// <summary>Ends a subscription; false when there is none of that id.</summary>
    internal bool Unsubscribe(string id)
    {
        if (!_subscriptions.TryRemove(id, out RpcSubscription? subscription)) return false;
        subscription.Topic.Detach(subscription);
        return true;
    }

    internal void Respond(PooledBuffer response, Action sent)
    {
        if (_queue.Writer.TryWrite(new Outgoing(response, false, false, sent))) return;
        response.Dispose();
        sent();
    }

    internal void Notify(string subscription, byte[] json)
    {
        if (IsCut) return;
        PooledBuffer buffer = Notification(subscription, "result", json);
        int notifications = Interlocked.Increment(ref _queuedNotifications);
        int bytes = Interlocked.Add(ref _queuedBytes, buffer.Length);
        if (notifications <= _options.MaxQueuedNotifications && bytes <= _options.MaxQueuedBytes)
        {
            Enqueue(buffer, last: false);
            return;
        }
        buffer.Dispose();
        CutOff();
    }

    /// <summary>Ends every subscription, queues the error notification and lets nothing follow it.</summary>
    internal void CutOff()
    {
        if (Interlocked.Exchange(ref _cut, 1) != 0) return;
        string? any = EndSubscriptions();
        byte[] error = JsonSerializer.SerializeToUtf8Bytes(
            new { code = RpcErrors.SlowConsumer, message = "notifications were not taken fast enough", data = new { name = nameof(RpcErrors.SlowConsumer) } },
            RpcJson.Options);
        Enqueue(Notification(any ?? "", "error", error), last: true);
        _queue.Writer.TryComplete();
    }

    /// <summary>Called by the sender once a notification has left.</summary>
    internal void Sent(Outgoing message)
    {
        if (!message.IsNotification) return;
        Interlocked.Decrement(ref _queuedNotifications);
        Interlocked.Add(ref _queuedBytes, -message.PayloadBytes);
    }

    /// <summary>Ends the subscriptions and gives back what is still queued.</summary>
    internal void Close()
    {
        Interlocked.Exchange(ref _cut, 1);
        EndSubscriptions();
        _queue.Writer.TryComplete();
        while (_queue.Reader.TryRead(out Outgoing? left)) left.Dispose();
    }

    private string? EndSubscriptions()
    {
        string? any = null;
        foreach (string id in _subscriptions.Keys)
        {
            Unsubscribe(id);
            any = id;
        }
        return any;
    }

    private void Enqueue(PooledBuffer buffer, bool last)
    {
        if (!_queue.Writer.TryWrite(new Outgoing(buffer, true, last, null))) buffer.Dispose();
    }

    private static PooledBuffer Notification(string subscription, string member, byte[] json)
    {
        string head = $$"""{"jsonrpc":"2.0","method":"subscription","params":{"subscription":"{{subscription}}","{{member}}":""";
        var buffer = new PooledBuffer(int.MaxValue, head.Length + json.Length + 2);
        buffer.Write(Encoding.ASCII.GetBytes(head));
        buffer.Write(json);
        buffer.Write("}}"u8);
        return buffer;
    }
}

/// <summary>One message on its way out. <see cref="IsLast"/>: the connection closes behind it.</summary>
internal sealed class Outgoing(PooledBuffer buffer, bool isNotification, bool isLast, Action? sent) : IDisposable
{
    public ReadOnlyMemory<byte> Bytes => buffer.Memory;

    public bool IsNotification => isNotification;

    public bool IsLast => isLast;

    public int PayloadBytes { get; } = buffer.Length;

    public void Dispose()
    {
        buffer.Dispose();
        sent?.Invoke();
    }
}
