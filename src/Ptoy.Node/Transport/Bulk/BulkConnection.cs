using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using Microsoft.Extensions.Logging;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Node.Transport;

/// <summary>What a connection needs to know of the node around it.</summary>
internal sealed record BulkContext(TransportOptions Options, TransportHandlers Handlers, ILogger Logger);

/// <summary>One authenticated connection: a reader, a writer, a handler task and a prober, which all end when one of them does.</summary>
internal sealed class BulkConnection : IDisposable
{
    /// <summary>Kind of a vote that was too large for UDP; the id holds nothing.</summary>
    public const ushort VoteKind = ITransport.FirstReservedKind;

    private const int MaxErrorLength = 1024;

    private readonly Stream _stream;
    private readonly PeerMetrics _metrics;
    private readonly BulkContext _context;
    private readonly SendQueue _queue;
    private readonly RequestTable _requests = new();
    private readonly Inbox _inbox;
    private readonly ConcurrentDictionary<uint, CancellationTokenSource> _serving = new();
    private readonly CancellationTokenSource _stop = new();
    private long _lastHeard = Stopwatch.GetTimestamp();

    public BulkConnection(PublicKey peer, Stream stream, PeerMetrics metrics, BulkContext context)
    {
        Peer = peer;
        _stream = stream;
        _metrics = metrics;
        _context = context;
        _queue = new SendQueue(context.Options.BulkQueueLength, context.Options.BulkQueueBytes);
        _inbox = new Inbox(context.Options.BulkInboxBytes);
    }

    public PublicKey Peer { get; }

    public long QueuedBytes => _queue.Bytes;

    public bool Send(ushort kind, ReadOnlyMemory<byte> payload) => _queue.TryEnqueue(new Message(FrameType.OneWay, kind, 0, payload));

    public ValueTask<bool> SendAsync(ushort kind, ReadOnlyMemory<byte> payload, CancellationToken cancellation) =>
        _queue.EnqueueAsync(new Message(FrameType.OneWay, kind, 0, payload), cancellation);

    /// <summary>Sends a request and waits for its answer until cancelled; then tells the peer to stop.</summary>
    public async Task<byte[]> RequestAsync(ushort kind, ReadOnlyMemory<byte> payload, CancellationToken cancellation)
    {
        (uint id, Task<byte[]> answer) = _requests.Add();
        try
        {
            if (!await _queue.EnqueueAsync(new Message(FrameType.Request, kind, id, payload), cancellation))
                _requests.Fail(id, new TransportException(Lost));
            return await answer.WaitAsync(cancellation);
        }
        catch (OperationCanceledException)
        {
            _queue.TryEnqueue(new Message(FrameType.Cancel, 0, id, default), control: true);
            throw;
        }
        finally
        {
            _requests.Forget(id);
        }
    }

    /// <summary>Closes the connection; <see cref="RunAsync"/> then returns.</summary>
    public void Close()
    {
        try { _stop.Cancel(); }
        catch (ObjectDisposedException) { /* it had ended by itself */ }
    }

    /// <summary>Works until the connection ends; returns why.</summary>
    public async Task<string> RunAsync(CancellationToken cancellation)
    {
        using CancellationTokenRegistration registration = cancellation.Register(Close);
        CancellationToken stop = _stop.Token;
        Task[] work = [ReadAsync(stop), WriteAsync(stop), _inbox.RunAsync(HandleOneWayAsync, stop), ProbeAsync(stop)];
        Task first = await Task.WhenAny(work);
        string reason = first.Exception?.GetBaseException().Message ?? "closed by this node";
        await _stop.CancelAsync();
        _requests.Close($"{Lost}: {reason}");
        PeerMetrics.Count(ref _metrics.BulkRefused, _queue.Close());
        await _stream.DisposeAsync();
        await Task.WhenAll(work).ContinueWith(static all => all.Exception, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        return reason;
    }

    public void Dispose()
    {
        _stream.Dispose();
        _stop.Dispose();
    }

    private string Lost => $"the connection to {Peer} was lost";

    private async Task WriteAsync(CancellationToken stop)
    {
        var buffer = new byte[SendQueue.BufferSize];
        while (true)
        {
            await _queue.WaitAsync(stop);
            (int length, int messages) = _queue.Fill(buffer);
            if (length == 0) continue;
            await _stream.WriteAsync(buffer.AsMemory(0, length), stop);
            PeerMetrics.Count(ref _metrics.BulkBytesSent, length);
            PeerMetrics.Count(ref _metrics.BulkSent, messages);
        }
    }

    private async Task ReadAsync(CancellationToken stop)
    {
        var reader = new FrameReader(_stream, length =>
        {
            Volatile.Write(ref _lastHeard, Stopwatch.GetTimestamp());
            PeerMetrics.Count(ref _metrics.BulkBytesReceived, length);
        });
        while (true)
        {
            Message message = await reader.ReadAsync(stop);
            PeerMetrics.Count(ref _metrics.BulkReceived);
            if (message.Type == FrameType.OneWay) await ReceiveOneWayAsync(message, stop);
            else Receive(message, stop);
        }
    }

    private ValueTask ReceiveOneWayAsync(Message message, CancellationToken stop)
    {
        if (message.Kind != VoteKind) return _inbox.AddAsync(message, stop);
        PeerMetrics.Count(ref _metrics.VotesReceived);
        try { _context.Handlers.OnVote(Peer, message.Payload); }
        catch (Exception e) { _context.Logger.LogError(e, "the vote handler failed"); }
        return ValueTask.CompletedTask;
    }

    private void Receive(Message message, CancellationToken stop)
    {
        switch (message.Type)
        {
            case FrameType.Request:
                StartServing(message, stop);
                break;
            case FrameType.Response:
                _requests.Complete(message.Id, AsArray(message.Payload));
                break;
            case FrameType.Error:
                _requests.Fail(message.Id, new RemoteRequestException(Encoding.UTF8.GetString(message.Payload.Span[..Math.Min(message.Payload.Length, MaxErrorLength)])));
                break;
            case FrameType.Cancel:
                CancelServing(message.Id);
                break;
            case FrameType.Ping:
                _queue.TryEnqueue(message with { Type = FrameType.Pong }, control: message.Payload.Length == sizeof(long));
                break;
            case FrameType.Pong:
                if (message.Payload.Length != sizeof(long)) throw new ProtocolViolationException("a probe's answer of the wrong length");
                _metrics.BulkRtt = Stopwatch.GetElapsedTime(BinaryPrimitives.ReadInt64LittleEndian(message.Payload.Span)).TotalMilliseconds;
                break;
            default:
                throw new ProtocolViolationException($"frame type {message.Type} was not expected");
        }
    }

    private static byte[] AsArray(ReadOnlyMemory<byte> payload) =>
        System.Runtime.InteropServices.MemoryMarshal.TryGetArray(payload, out ArraySegment<byte> segment) && segment.Count == segment.Array!.Length
            ? segment.Array
            : payload.ToArray();

    private void StartServing(Message request, CancellationToken stop)
    {
        CancellationTokenSource cancel = CancellationTokenSource.CreateLinkedTokenSource(stop);
        if (_serving.Count >= _context.Options.ServedRequests || !_serving.TryAdd(request.Id, cancel))
        {
            cancel.Dispose();
            _queue.TryEnqueue(Error(request.Id, $"busy: {_context.Options.ServedRequests} requests are being served already"), control: true);
            return;
        }
        _ = Task.Run(() => ServeAsync(request, cancel, stop), CancellationToken.None);
    }

    private async Task ServeAsync(Message request, CancellationTokenSource cancel, CancellationToken stop)
    {
        Message answer;
        try
        {
            byte[] payload = await _context.Handlers.OnRequest(Peer, request.Kind, request.Payload, cancel.Token);
            answer = payload.Length <= ITransport.MaxMessageSize
                ? new Message(FrameType.Response, request.Kind, request.Id, payload)
                : Error(request.Id, $"the answer of {payload.Length} bytes is larger than {ITransport.MaxMessageSize}");
        }
        catch (Exception e)
        {
            answer = Error(request.Id, e.Message);
        }
        // Served until the answer is queued: a peer that does not read cannot pile up answers.
        try { await _queue.EnqueueAsync(answer, stop); }
        catch (OperationCanceledException) { /* nobody is left to hear it */ }
        _serving.TryRemove(request.Id, out _);
        cancel.Dispose();
    }

    private void CancelServing(uint id)
    {
        if (!_serving.TryGetValue(id, out CancellationTokenSource? serving)) return;
        try { serving.Cancel(); }
        catch (ObjectDisposedException) { /* just answered */ }
        catch (AggregateException e) { _context.Logger.LogError(e, "cancelling a request failed"); }
    }

    private static Message Error(uint id, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text.Length > MaxErrorLength / 4 ? text[..(MaxErrorLength / 4)] : text);
        return new Message(FrameType.Error, 0, id, bytes);
    }

    private async ValueTask HandleOneWayAsync(Message message)
    {
        try { await _context.Handlers.OnBulk(Peer, message.Kind, message.Payload); }
        catch (Exception e) { _context.Logger.LogError(e, "the handler of bulk kind {Kind} failed", message.Kind); }
    }

    private async Task ProbeAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(_context.Options.DeadAfter / 3);
        do
        {
            TimeSpan silent = Stopwatch.GetElapsedTime(Volatile.Read(ref _lastHeard));
            if (silent > _context.Options.DeadAfter) throw new TransportException($"nothing was heard for {silent.TotalSeconds:F1} s");
            var stamp = new byte[sizeof(long)];
            BinaryPrimitives.WriteInt64LittleEndian(stamp, Stopwatch.GetTimestamp());
            _queue.TryEnqueue(new Message(FrameType.Ping, 0, 0, stamp), control: true);
        }
        while (await timer.WaitForNextTickAsync(stop));
    }
}
