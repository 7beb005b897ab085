using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;
using Ptoy.Protocol.Crypto;
using PublicKey = Ptoy.Protocol.Crypto.PublicKey;

namespace Ptoy.Node.Transport;

/// <summary>The TCP listener and the members' connections.</summary>
internal sealed class BulkCarrier : IAsyncDisposable
{
    /// <summary>Connections at the same time that have named nobody yet, and those in a TLS handshake: of all, of one source, in one member's name.</summary>
    private const int MaxUnnamed = 256, MaxUnnamedOfSource = 64, MaxHandshakes = 64, MaxHandshakesOfSource = 16, MaxHandshakesOfMember = 8;
    private static readonly TimeSpan PrefaceTimeout = TimeSpan.FromSeconds(2);

    private readonly NodeIdentity _identity;
    private readonly BulkContext _context;
    private readonly X509Certificate2 _certificate = BulkHandshake.CreateCertificate();
    private readonly BulkHandshake _handshake;
    private readonly Socket _listener;
    private readonly ConcurrentDictionary<PublicKey, BulkPeer> _peers = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Places<IPAddress> _unnamed = new(MaxUnnamedOfSource, MaxUnnamed), _handshakes = new(MaxHandshakesOfSource, MaxHandshakes);
    private readonly Places<PublicKey> _claims = new(MaxHandshakesOfMember, MaxHandshakes);
    private readonly HandshakeBudget _budget = new(perSource: 64, inTotal: 512);
    private readonly RefusalCounters _refusals;
    private readonly ConcurrentDictionary<Task, bool> _serving = new();
    private readonly Task _accepting;

    /// <summary>Opens the port. Throws <see cref="TransportException"/> when it is taken.</summary>
    public BulkCarrier(NodeIdentity identity, BulkContext context)
    {
        _identity = identity;
        _context = context;
        _handshake = new BulkHandshake(identity, _certificate);
        _refusals = new RefusalCounters(Carrier.Bulk, context.Handlers, context.Logger);
        IPAddress address = context.Options.ListenAddress;
        _listener = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            if (address.Equals(IPAddress.IPv6Any)) _listener.DualMode = true;
            _listener.Bind(new IPEndPoint(address, context.Options.BulkPort));
            _listener.Listen(128);
        }
        catch (SocketException e)
        {
            _listener.Dispose();
            _certificate.Dispose();
            throw new TransportException($"TCP port {context.Options.BulkPort} ({TransportOptions.BulkPortKey}) on {address} cannot be used: {e.Message}", e);
        }
        Port = ((IPEndPoint)_listener.LocalEndPoint!).Port;
        _accepting = Task.Run(AcceptLoopAsync);
    }

    public int Port { get; }

    public RefusalSnapshot Refusals => _refusals.Snapshot();

    public BulkConnection? Connection(PublicKey peer) => _peers.TryGetValue(peer, out BulkPeer? known) ? known.Current : null;

    public void Add(PeerAddress address, PeerMetrics metrics) =>
        _peers[address.Node] = new BulkPeer(address, _identity.Dials(address.Node), metrics, _handshake, _context);

    public async ValueTask RemoveAsync(PublicKey node)
    {
        if (!_peers.TryRemove(node, out BulkPeer? gone)) return;
        gone.Refuse();
        await Task.Yield(); // handlers are told outside the caller's lock
        await gone.DisposeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        await _accepting;
        foreach (PublicKey node in _peers.Keys) await RemoveAsync(node);
        await Task.WhenAll(_serving.Keys);
        _certificate.Dispose();
        _stop.Dispose();
    }

    private async Task AcceptLoopAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                Socket socket = await _listener.AcceptAsync(_stop.Token);
                Serve(socket);
            }
            catch (Exception) when (_stop.IsCancellationRequested)
            {
                return;
            }
            catch (SocketException e)
            {
                // Out of descriptors, or the dialler gave up: neither may end the listening.
                _context.Logger.LogWarning("accepting a connection failed: {Reason}", e.Message);
                if (e.SocketErrorCode == SocketError.TooManyOpenSockets) await Task.Delay(_context.Options.ReconnectMax);
            }
        }
    }

    private void Serve(Socket socket)
    {
        IPAddress source = Source.Of(((IPEndPoint)socket.RemoteEndPoint!).Address);
        if (!_unnamed.TryTake(source))
        {
            socket.Dispose();
            _refusals.Refuse(Refusal.TooMany);
            return;
        }
        Task serving = ServeAsync(socket, source);
        _serving[serving] = true;
        _ = serving.ContinueWith(done => _serving.TryRemove(done, out _), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    private async Task ServeAsync(Socket socket, IPAddress source)
    {
        await Task.Yield();
        using Socket owned = socket;
        Accepted? accepted = null;
        var refusal = Refusal.NoMember;
        try
        {
            socket.NoDelay = true;
            (accepted, refusal) = await AuthenticateAsync(new NetworkStream(socket, ownsSocket: true), source);
        }
        catch (Exception e)
        {
            if (_context.Logger.IsEnabled(LogLevel.Debug)) _context.Logger.LogDebug("a connection was refused: {Reason}", e.Message);
        }
        finally
        {
            _unnamed.Return(source);
        }
        if (accepted is null)
        {
            _refusals.Refuse(refusal);
            return;
        }
        try
        {
            await using SslStream tls = accepted.Tls;
            await accepted.Peer.AdmitAsync(tls, accepted.Successor);
        }
        catch (Exception e)
        {
            if (_context.Logger.IsEnabled(LogLevel.Debug)) _context.Logger.LogDebug("a connection ended before it was in place: {Reason}", e.Message);
        }
    }

    private sealed record Accepted(BulkPeer Peer, SslStream Tls, bool Successor);

    /// <summary>From the cheapest to the dearest: what names no member costs no cryptography.</summary>
    private async Task<(Accepted? Accepted, Refusal Otherwise)> AuthenticateAsync(Stream stream, IPAddress source)
    {
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        limit.CancelAfter(PrefaceTimeout);
        PublicKey? claimed = await _handshake.ReadPrefaceAsync(stream, limit.Token);
        if (claimed is null || _identity.Dials(claimed) || !_peers.TryGetValue(claimed, out BulkPeer? peer)) return (null, Refusal.NoMember);
        if (!_budget.TrySpend(source) || !_handshakes.TryTake(source)) return (null, Refusal.TooMany);
        bool claims = _claims.TryTake(claimed);
        try
        {
            if (!claims) return (null, Refusal.TooMany);
            _refusals.CheckProof();
            limit.CancelAfter(_context.Options.HandshakeTimeout);
            (SslStream tls, bool successor) = await _handshake.AcceptAsync(stream, claimed, limit.Token);
            return (new Accepted(peer, tls, successor), default);
        }
        catch (Exception e)
        {
            if (_context.Logger.IsEnabled(LogLevel.Debug)) _context.Logger.LogDebug("a connection proved nothing: {Reason}", e.Message);
            return (null, Refusal.Unproven);
        }
        finally
        {
            if (claims) _claims.Return(claimed);
            _handshakes.Return(source);
        }
    }
}
