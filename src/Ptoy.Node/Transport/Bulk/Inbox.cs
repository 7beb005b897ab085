using System.Threading.Channels;

namespace Ptoy.Node.Transport;

/// <summary>
/// One-way messages between the reader of a connection and the handler, bounded in bytes. Its own task runs the handler, so that a
/// handler that itself asks this peer something does not wait for the reader that waits for it.
/// </summary>
internal sealed class Inbox(int maxBytes)
{
    private const int MaxMessages = 1024;
    private readonly Channel<Message> _channel = Channel.CreateBounded<Message>(new BoundedChannelOptions(MaxMessages) { SingleReader = true });
    private readonly Signal _room = new();
    private long _bytes;

    /// <summary>Puts a message in; waits while too many bytes are unhandled. A single larger message is let in when it is alone.</summary>
    public async ValueTask AddAsync(Message message, CancellationToken cancellation)
    {
        while (Interlocked.Read(ref _bytes) is > 0 and long waiting && waiting + message.Payload.Length > maxBytes) await _room.WaitAsync(cancellation);
        Interlocked.Add(ref _bytes, message.Payload.Length);
        await _channel.Writer.WriteAsync(message, cancellation);
    }

    /// <summary>Nothing more comes: <see cref="RunAsync"/> ends when what waits is handled.</summary>
    public void Complete() => _channel.Writer.TryComplete();

    /// <summary>Runs the handler over all that comes.</summary>
    public async Task RunAsync(Func<Message, ValueTask> handler, CancellationToken cancellation)
    {
        await foreach (Message message in _channel.Reader.ReadAllAsync(cancellation))
        {
            await handler(message);
            Interlocked.Add(ref _bytes, -message.Payload.Length);
            _room.Set();
        }
    }
}
