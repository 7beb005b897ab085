using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Node.Transport;

/// <summary>One member on the bulk carrier: its connection, and the dialling when that is this node's part.</summary>
internal sealed class BulkPeer : IAsyncDisposable
{
    private readonly BulkHandshake _handshake;
    private readonly BulkContext _context;
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _gate = new();
    private readonly HashSet<Task> _running = [];
    private readonly SemaphoreSlim _admitting = new(1);
    private readonly Task _dialling;
    private volatile BulkConnection? _current;
    private bool _removed;

    public BulkPeer(PeerAddress address, bool dials, PeerMetrics metrics, BulkHandshake handshake, BulkContext context)
    {
        Address = address;
        Metrics = metrics;
        _handshake = handshake;
        _context = context;
        _dialling = dials ? Task.Run(DialLoopAsync) : Task.CompletedTask;
    }

    public PeerAddress Address { get; }

    public PeerMetrics Metrics { get; }

    public BulkConnection? Current => _current;

    /// <summary>
    /// The listener's side: runs an authenticated stream as this peer's connection; completes when it ended. <paramref name="successor"/>: the one there was
    /// still works and is to say what it has to say first; otherwise it is closed. The dialler is told before it may dial the next one, and the
    /// next one waits until this one is in place: both sides see them in the same order.
    /// </summary>
    public async Task AdmitAsync(Stream stream, bool successor)
    {
        Running? running;
        using (CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token))
        {
            limit.CancelAfter(_context.Options.HandshakeTimeout);
            await _admitting.WaitAsync(limit.Token);
            try
            {
                await stream.WriteAsync(new byte[] { BulkHandshake.Admitted }, limit.Token);
                running = Start(stream, successor);
            }
            finally
            {
                _admitting.Release();
            }
        }
        if (running is not null) await running.Ended;
    }

    private sealed record Running(BulkConnection Connection, Task Ended);

    private Running? Start(Stream stream, bool successor)
    {
        BulkConnection? before;
        BulkConnection connection;
        Task<string> run;
        lock (_gate)
        {
            if (_removed)
            {
                stream.Dispose(); // removed while it connected
                return null;
            }
            before = _current;
            connection = new BulkConnection(Address.Node, stream, Metrics, _context, successor ? before?.Drained : null);
            _current = connection;
            run = connection.RunAsync(_stop.Token);
            _running.Add(run);
        }
        if (!successor) before?.Close();
        else before?.Retire();
        PeerMetrics.Count(ref Metrics.BulkConnects);
        if (before is null) Notify(_context.Handlers.OnPeerUp);
        else if (successor) PeerMetrics.Count(ref Metrics.BulkRenewals);
        return new Running(connection, EndAsync(connection, run));
    }

    private async Task EndAsync(BulkConnection connection, Task<string> run)
    {
        string reason = await run;
        bool down;
        lock (_gate)
        {
            _running.Remove(run);
            down = _current == connection;
            if (down) _current = null;
        }
        connection.Dispose();
        if (!down) return;
        if (_context.Logger.IsEnabled(LogLevel.Information)) _context.Logger.LogInformation("bulk to {Peer} is down: {Reason}", Short, reason);
        Notify(_context.Handlers.OnPeerDown);
    }

    /// <summary>No member any more: no connection begins from here on, and the present one ends.</summary>
    public void Refuse()
    {
        lock (_gate) _removed = true;
        _current?.Refuse();
    }

    public async ValueTask DisposeAsync()
    {
        Task[] running;
        lock (_gate)
        {
            _removed = true;
            _stop.Cancel();
            running = [.. _running];
        }
        await _dialling;
        await Task.WhenAll(running);
    }

    private string Short => Address.Node.ToString()[..10];

    private void Notify(Action<PublicKey, Carrier> handler)
    {
        try { handler(Address.Node, Carrier.Bulk); }
        catch (Exception e) { _context.Logger.LogError(e, "a peer event handler failed"); }
    }

    private async Task DialLoopAsync()
    {
        var backoff = new Backoff(_context.Options.ReconnectMin, _context.Options.ReconnectMax);
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                Running? running = Start(await DialAsync(successor: false), successor: false);
                backoff.Reset();
                while (running is not null) running = await RenewAsync(running);
            }
            catch (Exception e) when (!_stop.IsCancellationRequested)
            {
                if (_context.Logger.IsEnabled(LogLevel.Debug)) _context.Logger.LogDebug("bulk dial of {Peer} failed: {Reason}", Short, e.Message);
            }
            catch (Exception)
            {
                return; // the node is stopping: whatever broke, broke because of that
            }
            try { await Task.Delay(backoff.Next(), _stop.Token); }
            catch (OperationCanceledException) { return; }
        }
    }

    /// <summary>Waits until the connection's keys have served for long and dials the next one, or until it ended (null).</summary>
    private async Task<Running?> RenewAsync(Running running)
    {
        using var waiting = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        Task old = Task.Delay(_context.Options.BulkRenewAfter, waiting.Token);
        await Task.WhenAny(running.Ended, running.Connection.Worn, old);
        await waiting.CancelAsync();
        var backoff = new Backoff(_context.Options.ReconnectMin, _context.Options.ReconnectMax);
        while (!running.Ended.IsCompleted && !_stop.IsCancellationRequested)
        {
            try
            {
                return Start(await DialAsync(successor: true), successor: true);
            }
            catch (Exception e) when (!_stop.IsCancellationRequested)
            {
                // What there is still works.
                if (_context.Logger.IsEnabled(LogLevel.Debug)) _context.Logger.LogDebug("renewing bulk to {Peer} failed: {Reason}", Short, e.Message);
            }
            await Task.Delay(backoff.Next(), _stop.Token);
        }
        await running.Ended;
        return null;
    }

    private async Task<Stream> DialAsync(bool successor)
    {
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        limit.CancelAfter(_context.Options.HandshakeTimeout);
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(Address.Host, Address.BulkPort, limit.Token);
            return await _handshake.DialAsync(new NetworkStream(socket, ownsSocket: true), Address.Node, successor, limit.Token);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
