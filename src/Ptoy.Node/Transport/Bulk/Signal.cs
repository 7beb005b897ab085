using System.Threading.Channels;

namespace Ptoy.Node.Transport;

/// <summary>Wakes one waiter; set twice before anyone waited, it wakes once. Nothing to dispose.</summary>
internal sealed class Signal
{
    private readonly Channel<bool> _channel = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    public void Set() => _channel.Writer.TryWrite(true);

    public ValueTask<bool> WaitAsync(CancellationToken cancellation) => _channel.Reader.ReadAsync(cancellation);
}
