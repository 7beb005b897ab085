namespace Ptoy.Node.Transport;

/// <summary>
/// What waits to be written on one connection: small and large messages, each bounded in number and bytes. Small messages go first, but every buffer that is filled
/// also takes a chunk of the large message under way: neither waits long for the other.
/// </summary>
internal sealed class SendQueue(int maxMessages, int maxBytes)
{
    /// <summary>What <see cref="Fill"/> needs: small messages and one chunk.</summary>
    public const int BufferSize = 2 * (FrameHead.Chunk + FrameHead.Size);

    private readonly Lock _gate = new();
    private readonly Queue<Message> _small = new();
    private readonly Queue<Message> _large = new();
    private readonly Signal _ready = new();
    private TaskCompletionSource? _room;
    private int _written;
    private long _smallBytes, _largeBytes;
    private bool _closed, _finishing, _saidGoodbye;

    public bool IsEmpty
    {
        get { lock (_gate) return _small.Count + _large.Count == 0; }
    }

    /// <summary>True once the goodbye was handed out to be written.</summary>
    public bool SaidGoodbye
    {
        get { lock (_gate) return _saidGoodbye; }
    }

    public long Bytes
    {
        get { lock (_gate) return _smallBytes + _largeBytes; }
    }

    /// <summary>False when full or closed. Control messages (probes, cancellations) are small and may fill it twice.</summary>
    public bool TryEnqueue(Message message, bool control = false)
    {
        lock (_gate)
        {
            if (_closed || IsLate(message) || !(control ? _small.Count < 2 * maxMessages : Fits(message))) return false;
            Enqueue(message);
            return true;
        }
    }

    /// <summary>Waits for room; false once closed, and for what begins something once finishing.</summary>
    public async ValueTask<bool> EnqueueAsync(Message message, CancellationToken cancellation)
    {
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            Task room;
            lock (_gate)
            {
                if (_closed || IsLate(message)) return false;
                if (Fits(message))
                {
                    Enqueue(message);
                    return true;
                }
                _room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                room = _room.Task;
            }
            await room.WaitAsync(cancellation);
        }
    }

    /// <summary>Completes when there may be something to fill a buffer with.</summary>
    public ValueTask<bool> WaitAsync(CancellationToken cancellation) => _ready.WaitAsync(cancellation);

    /// <summary>Writes as many frames as fit; returns the length and how many messages were completed. Zero when empty.</summary>
    public (int Length, int Messages) Fill(Span<byte> buffer)
    {
        lock (_gate)
        {
            int length = 0, messages = 0;
            int reserve = _large.Count > 0 ? FrameHead.Chunk + FrameHead.Size : 0;
            while (_small.TryPeek(out Message? small) && length + FrameHead.Size + small.Payload.Length + reserve <= buffer.Length)
            {
                _small.Dequeue();
                length += Put(buffer[length..], small, 0, small.Payload.Length);
                messages++;
            }
            if (_large.TryPeek(out Message? large))
            {
                int chunk = Math.Min(FrameHead.Chunk, large.Payload.Length - _written);
                length += Put(buffer[length..], large, _written, chunk);
                _written += chunk;
                if (_written == large.Payload.Length)
                {
                    _large.Dequeue();
                    _written = 0;
                    messages++;
                }
            }
            if (_finishing && !_saidGoodbye && _small.Count + _large.Count == 0 && length + FrameHead.Size <= buffer.Length)
            {
                _saidGoodbye = true;
                length += Put(buffer[length..], new Message(FrameType.Goodbye, 0, 0, default), 0, 0);
            }
            if (_small.Count + _large.Count > 0 || (_finishing && !_saidGoodbye)) _ready.Set();
            if (length > 0) Interlocked.Exchange(ref _room, null)?.TrySetResult();
            return (length, messages);
        }
    }

    /// <summary>
    /// Takes no one-way messages and requests from here on. When those that wait are written, a goodbye follows them; answers may still come behind it.
    /// </summary>
    public void Finish()
    {
        lock (_gate)
        {
            _finishing = true;
            _ready.Set();
            Interlocked.Exchange(ref _room, null)?.TrySetResult();
        }
    }

    /// <summary>Lets <see cref="WaitAsync"/> complete.</summary>
    public void Wake() => _ready.Set();

    /// <summary>Takes nothing more; returns how many messages were left unwritten.</summary>
    public int Close()
    {
        lock (_gate)
        {
            _closed = true;
            int left = _small.Count + _large.Count;
            _small.Clear();
            _large.Clear();
            _smallBytes = _largeBytes = 0;
            Interlocked.Exchange(ref _room, null)?.TrySetResult();
            return left;
        }
    }

    private bool IsLate(Message message) => _finishing && message.Type is (FrameType.OneWay or FrameType.Request);

    private bool Fits(Message message)
    {
        (int count, long bytes) = message.IsLarge ? (_large.Count, _largeBytes) : (_small.Count, _smallBytes);
        return count == 0 || (count < maxMessages && bytes + message.Payload.Length <= maxBytes);
    }

    private void Enqueue(Message message)
    {
        (message.IsLarge ? _large : _small).Enqueue(message);
        if (message.IsLarge) _largeBytes += message.Payload.Length;
        else _smallBytes += message.Payload.Length;
        _ready.Set();
    }

    private int Put(Span<byte> buffer, Message message, int from, int count)
    {
        new FrameHead(message.Type, message.Kind, message.Id, message.Payload.Length, count).Write(buffer);
        message.Payload.Span.Slice(from, count).CopyTo(buffer[FrameHead.Size..]);
        if (message.IsLarge) _largeBytes -= count;
        else _smallBytes -= count;
        return FrameHead.Size + count;
    }
}
