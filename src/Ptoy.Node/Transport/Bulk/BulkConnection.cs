using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Security;
using System.Text;
using Microsoft.Extensions.Logging;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Node.Transport;

/// <summary>What a connection needs to know of the node around it.</summary>
internal sealed record BulkContext(TransportOptions Options, TransportHandlers Handlers, ILogger Logger);

/// <summary>
/// One authenticated connection: a reader, a writer, a handler task and a prober, which all end when one of them does. Its keys are those of its TLS
/// handshake; when they have served for long, another connection takes its place: this one is <see cref="Retire">retired</see>, writes what waits and a
/// goodbye, and ends when both sides have said goodbye and every request is answered. The handler of the next one waits until then, so that
/// one-way messages keep their order.
/// </summary>
internal sealed class BulkConnection : IDisposable
{
    /// <summary>Kind of a vote that was too large for UDP; the id holds nothing.</summary>
    public const ushort VoteKind = ITransport.FirstReservedKind;

    private const int MaxErrorLength = 1024;

    /// <summary>Of the requests that a peer may have open, so many are worked on at one time: each may hold an answer of many megabytes until it is written.</summary>
    private const int WorkedOn = 8;

    /// <summary>Bytes of a peer's requests that are held at one time.</summary>
    private const long ServedBytes = 2L * ITransport.MaxMessageSize;

    private readonly Stream _stream;
    private readonly PeerMetrics _metrics;
    private readonly BulkContext _context;
    private readonly SendQueue _queue;
    private readonly RequestTable _requests = new();
    private readonly Inbox _inbox;
    private readonly ConcurrentDictionary<uint, CancellationTokenSource> _serving = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly SemaphoreSlim _working = new(WorkedOn);
    private readonly Task _predecessor;
    private long _servedBytes;
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _worn = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _lastHeard = Stopwatch.GetTimestamp();
    private long _bytes;
    private volatile bool _peerSaidGoodbye, _allSaid, _refused;

    public BulkConnection(PublicKey peer, Stream stream, PeerMetrics metrics, BulkContext context, Task? predecessor = null)
    {
        _predecessor = predecessor ?? Task.CompletedTask;
        Peer = peer;
        _stream = stream;
        _metrics = metrics;
        _context = context;
        _queue = new SendQueue(context.Options.BulkQueueLength, context.Options.BulkQueueBytes);
        _inbox = new Inbox(context.Options.BulkInboxBytes);
    }

    public PublicKey Peer { get; }

    public long QueuedBytes => _queue.Bytes;

    /// <summary>Completes when no one-way message of this connection is unhandled and none will come.</summary>
    public Task Drained => _drained.Task;

    /// <summary>Completes when it has carried as many bytes as one set of keys should.</summary>
    public Task Worn => _worn.Task;

    /// <summary>Another connection has taken over: nothing begins on this one any more. <see cref="RunAsync"/> ends once all is said, or after the time of a request.</summary>
    public void Retire()
    {
        _queue.Finish();
        try { _stop.CancelAfter(_context.Options.RequestTimeout); }
        catch (ObjectDisposedException) { /* it had ended by itself */ }
    }

    /// <summary>Hands nothing more over, before it is closed: the peer is no member any more.</summary>
    public void Refuse() => _refused = true;

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
                _requests.Fail(id, new ConnectionReplacedException(Lost));
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
            EndIfAllIsSaid();
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
        Task[] work = [ReadAsync(stop), WriteAsync(stop), HandleAsync(stop), ProbeAsync(stop)];
        Task first = await Task.WhenAny(work);
        string reason = first.Exception?.GetBaseException().Message ?? "closed by this node";
        await _stop.CancelAsync();
        _requests.Close($"{Lost}: {reason}");
        PeerMetrics.Count(ref _metrics.BulkRefused, _queue.Close());
        await _stream.DisposeAsync();
        await Task.WhenAll(work).ContinueWith(static all => all.Exception, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        _drained.TrySetResult();
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
            if (_allSaid && _queue.IsEmpty) break;
            (int length, int messages) = _queue.Fill(buffer);
            if (length == 0) continue;
            await _stream.WriteAsync(buffer.AsMemory(0, length), stop);
            PeerMetrics.Count(ref _metrics.BulkBytesSent, length);
            Wear(length);
            PeerMetrics.Count(ref _metrics.BulkSent, messages);
            EndIfAllIsSaid();
        }
        if (_stream is SslStream tls) await tls.ShutdownAsync();
        await Task.Delay(Timeout.InfiniteTimeSpan, stop);
    }

    private async Task ReadAsync(CancellationToken stop)
    {
        var reader = new FrameReader(_stream, length =>
        {
            Volatile.Write(ref _lastHeard, Stopwatch.GetTimestamp());
            PeerMetrics.Count(ref _metrics.BulkBytesReceived, length);
            Wear(length);
        });
        while (true)
        {
            Message message = await reader.ReadAsync(stop);
            if (_refused) throw new ProtocolViolationException("the peer is no member any more");
            PeerMetrics.Count(ref _metrics.BulkReceived);
            if (message.Type == FrameType.OneWay) await ReceiveOneWayAsync(message, stop);
            else Receive(message, stop);
        }
    }

    private ValueTask ReceiveOneWayAsync(Message message, CancellationToken stop)
    {
        if (_peerSaidGoodbye) throw new ProtocolViolationException("a message came after the goodbye");
        if (message.Kind != VoteKind) return _inbox.AddAsync(message, stop);
        PeerMetrics.Count(ref _metrics.VotesReceived);
        try { _context.Handlers.OnVote(Peer, message.Payload); }
        catch (Exception e) { _context.Logger.LogError(e, "the vote handler failed"); }
        return ValueTask.CompletedTask;
    }

    private void Wear(int bytes)
    {
        if (Interlocked.Add(ref _bytes, bytes) >= _context.Options.BulkRenewAfterBytes) _worn.TrySetResult();
    }

    /// <summary>
    /// When the last answer is written, the writer closes its direction and the reader reads on until the other side has done the same: closing at once
    /// could take the last answer away from the peer.
    /// </summary>
    private void EndIfAllIsSaid()
    {
        if (!_peerSaidGoodbye || !_queue.SaidGoodbye || !_queue.IsEmpty || _requests.Count > 0 || !_serving.IsEmpty || !_drained.Task.IsCompleted) return;
        _allSaid = true;
        _queue.Wake();
    }

    /// <summary>Hands one-way messages over, once those of the connection before are handled.</summary>
    private async Task HandleAsync(CancellationToken stop)
    {
        await _predecessor.WaitAsync(stop);
        await _inbox.RunAsync(HandleOneWayAsync, stop);
        // The peer said goodbye. Answers may still come: the connection goes on.
        _drained.TrySetResult();
        EndIfAllIsSaid();
        await Task.Delay(Timeout.InfiniteTimeSpan, stop);
    }

    private void Receive(Message message, CancellationToken stop)
    {
        if (_peerSaidGoodbye && message.Type == FrameType.Request) throw new ProtocolViolationException("a request came after the goodbye");
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
            case FrameType.Goodbye:
                _peerSaidGoodbye = true;
                _inbox.Complete();
                EndIfAllIsSaid();
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
        bool fits = Interlocked.Add(ref _servedBytes, request.Payload.Length) <= ServedBytes;
        if (!fits || _serving.Count >= _context.Options.ServedRequests || !_serving.TryAdd(request.Id, cancel))
        {
            cancel.Dispose();
            Interlocked.Add(ref _servedBytes, -request.Payload.Length);
            _queue.TryEnqueue(Error(request.Id, $"busy: {_context.Options.ServedRequests} requests are being served already"), control: true);
            return;
        }
        _ = Task.Run(() => ServeAsync(request, cancel, stop), CancellationToken.None);
    }

    private async Task ServeAsync(Message request, CancellationTokenSource cancel, CancellationToken stop)
    {
        Message answer;
        bool working = false;
        try
        {
            await _working.WaitAsync(cancel.Token);
            working = true;
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
        if (working) _working.Release();
        Interlocked.Add(ref _servedBytes, -request.Payload.Length);
        _serving.TryRemove(request.Id, out _);
        cancel.Dispose();
        EndIfAllIsSaid();
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
        if (_refused) return;
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
