namespace Ptoy.Node.Transport;

/// <summary>The other side broke the rules of the protocol; the connection is closed.</summary>
internal sealed class ProtocolViolationException(string message) : TransportException(message);

/// <summary>Puts messages together from the frames of a stream; tells <c>heard</c> the bytes of each frame as it comes.</summary>
internal sealed class FrameReader(Stream stream, Action<int> heard)
{
    private readonly byte[] _buffer = new byte[64 * 1024];
    private int _start, _end;
    private FrameHead _partial;
    private byte[]? _assembly;
    private int _assembled;

    /// <summary>The next message. Throws <see cref="EndOfStreamException"/> at the end and <see cref="ProtocolViolationException"/> for a bad frame.</summary>
    public async ValueTask<Message> ReadAsync(CancellationToken cancellation)
    {
        while (true)
        {
            FrameHead head = await ReadHeadAsync(cancellation);
            if (head.Problem() is { } problem) throw new ProtocolViolationException(problem);
            heard(FrameHead.Size + head.Length);
            if (head.Length == head.Total)
            {
                var payload = new byte[head.Length];
                await ReadExactlyAsync(payload, cancellation);
                return new Message(head.Type, head.Kind, head.Id, payload);
            }
            if (await ReadChunkAsync(head, cancellation) is { } whole) return whole;
        }
    }

    private async ValueTask<Message?> ReadChunkAsync(FrameHead head, CancellationToken cancellation)
    {
        if (_assembly is null)
        {
            _partial = head;
            _assembly = new byte[head.Total];
            _assembled = 0;
        }
        else if (head with { Length = _partial.Length } != _partial || head.Length > head.Total - _assembled)
        {
            throw new ProtocolViolationException("a piece of another message came before the last one was complete");
        }
        await ReadExactlyAsync(_assembly.AsMemory(_assembled, head.Length), cancellation);
        _assembled += head.Length;
        if (_assembled < head.Total) return null;
        var message = new Message(head.Type, head.Kind, head.Id, _assembly);
        _assembly = null;
        return message;
    }

    private async ValueTask<FrameHead> ReadHeadAsync(CancellationToken cancellation)
    {
        while (_end - _start < FrameHead.Size)
        {
            if (_start > 0)
            {
                _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
                _end -= _start;
                _start = 0;
            }
            int read = await stream.ReadAsync(_buffer.AsMemory(_end), cancellation);
            if (read == 0) throw new EndOfStreamException("the peer closed the connection");
            _end += read;
        }
        FrameHead head = FrameHead.Read(_buffer.AsSpan(_start));
        _start += FrameHead.Size;
        return head;
    }

    private async ValueTask ReadExactlyAsync(Memory<byte> target, CancellationToken cancellation)
    {
        int buffered = Math.Min(target.Length, _end - _start);
        _buffer.AsSpan(_start, buffered).CopyTo(target.Span);
        _start += buffered;
        if (buffered < target.Length) await stream.ReadExactlyAsync(target[buffered..], cancellation);
    }
}
