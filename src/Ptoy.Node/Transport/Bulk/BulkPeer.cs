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
    private readonly Task _dialling;
    private volatile BulkConnection? _current;

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

    /// <summary>Runs an authenticated stream as this peer's connection, in place of the one there was; completes when it ended.</summary>
    public async Task RunAsync(Stream stream)
    {
        var connection = new BulkConnection(Address.Node, stream, Metrics, _context);
        BulkConnection? before;
        Task<string> run;
        lock (_gate)
        {
            if (_stop.IsCancellationRequested)
            {
                connection.Dispose();
                return;
            }
            before = _current;
            _current = connection;
            run = connection.RunAsync(_stop.Token);
            _running.Add(run);
        }
        before?.Close();
        PeerMetrics.Count(ref Metrics.BulkConnects);
        if (before is null) Notify(_context.Handlers.OnPeerUp);
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

    public async ValueTask DisposeAsync()
    {
        Task[] running;
        lock (_gate)
        {
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
                using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                Stream secured = await DialAsync(socket);
                backoff.Reset();
                await RunAsync(secured);
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

    private async Task<Stream> DialAsync(Socket socket)
    {
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        limit.CancelAfter(_context.Options.HandshakeTimeout);
        await socket.ConnectAsync(Address.Host, Address.BulkPort, limit.Token);
        return await _handshake.DialAsync(new NetworkStream(socket, ownsSocket: true), Address.Node, limit.Token);
    }
}
