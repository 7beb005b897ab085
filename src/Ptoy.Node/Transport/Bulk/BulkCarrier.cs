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
    /// <summary>Connections at the same time that have named nobody yet, and those in a TLS handshake.</summary>
    private const int MaxUnnamed = 256, MaxHandshakes = 32;
    private static readonly TimeSpan PrefaceTimeout = TimeSpan.FromSeconds(2);

    private readonly NodeIdentity _identity;
    private readonly BulkContext _context;
    private readonly X509Certificate2 _certificate = BulkHandshake.CreateCertificate();
    private readonly BulkHandshake _handshake;
    private readonly Socket _listener;
    private readonly ConcurrentDictionary<PublicKey, BulkPeer> _peers = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly SemaphoreSlim _unnamed = new(MaxUnnamed), _handshakes = new(MaxHandshakes);
    private readonly Task _accepting;
    private long _strangers;

    /// <summary>Opens the port. Throws <see cref="TransportException"/> when it is taken.</summary>
    public BulkCarrier(NodeIdentity identity, BulkContext context)
    {
        _identity = identity;
        _context = context;
        _handshake = new BulkHandshake(identity, _certificate);
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

    public long StrangersRefused => Interlocked.Read(ref _strangers);

    public BulkConnection? Connection(PublicKey peer) => _peers.TryGetValue(peer, out BulkPeer? known) ? known.Current : null;

    public void Add(PeerAddress address, PeerMetrics metrics) =>
        _peers[address.Node] = new BulkPeer(address, _identity.Dials(address.Node), metrics, _handshake, _context);

    public async ValueTask RemoveAsync(PublicKey node)
    {
        if (!_peers.TryRemove(node, out BulkPeer? gone)) return;
        await Task.Yield(); // handlers are told outside the caller's lock
        await gone.DisposeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        await _accepting;
        foreach (PublicKey node in _peers.Keys) await RemoveAsync(node);
        // Each accepted connection holds one place until it is gone.
        for (int i = 0; i < MaxUnnamed; i++) await _unnamed.WaitAsync();
        _certificate.Dispose();
        _unnamed.Dispose();
        _handshakes.Dispose();
        _stop.Dispose();
    }

    private async Task AcceptLoopAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                Socket socket = await _listener.AcceptAsync(_stop.Token);
                if (_unnamed.Wait(0)) _ = ServeAsync(socket);
                else Refuse(socket);
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

    private void Refuse(Socket socket)
    {
        socket.Dispose();
        CountStranger();
    }

    private void CountStranger()
    {
        Interlocked.Increment(ref _strangers);
        try { _context.Handlers.OnRefused(Carrier.Bulk); }
        catch (Exception e) { _context.Logger.LogError(e, "the handler of refusals failed"); }
    }

    private async Task ServeAsync(Socket socket)
    {
        bool named = false;
        try
        {
            using Socket owned = socket;
            socket.NoDelay = true;
            var stream = new NetworkStream(socket, ownsSocket: true);
            (BulkPeer peer, SslStream tls)? accepted = await AuthenticateAsync(stream);
            if (accepted is not { } member) return;
            named = true;
            _unnamed.Release();
            await member.peer.RunAsync(member.tls);
        }
        catch (Exception e)
        {
            if (_context.Logger.IsEnabled(LogLevel.Debug)) _context.Logger.LogDebug("a connection was refused: {Reason}", e.Message);
        }
        finally
        {
            if (!named)
            {
                _unnamed.Release();
                CountStranger();
            }
        }
    }

    private async Task<(BulkPeer Peer, SslStream Tls)?> AuthenticateAsync(Stream stream)
    {
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        limit.CancelAfter(PrefaceTimeout);
        PublicKey? claimed = await _handshake.ReadPrefaceAsync(stream, limit.Token);
        if (claimed is null || _identity.Dials(claimed) || !_peers.TryGetValue(claimed, out BulkPeer? peer)) return null;
        if (!_handshakes.Wait(0)) return null;
        try
        {
            limit.CancelAfter(_context.Options.HandshakeTimeout);
            SslStream tls = await _handshake.AcceptAsync(stream, claimed, limit.Token);
            return (peer, tls);
        }
        finally
        {
            _handshakes.Release();
        }
    }
}
