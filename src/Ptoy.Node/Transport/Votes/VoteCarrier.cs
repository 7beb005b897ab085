using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using LiteNetLib;
using Microsoft.Extensions.Logging;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Node.Transport;

/// <summary>The UDP engine, the handshakes and the members' links.</summary>
internal sealed class VoteCarrier : INetEventListener, IAsyncDisposable
{
    /// <summary>Largest vote sent over UDP, in bytes; larger ones take the bulk carrier.</summary>
    public const int MaxVote = 60 * 1024;

    /// <summary>Leaves room for IP and UDP heads and a tunnel's overhead below an Ethernet frame.</summary>
    private const int Mtu = 1350;
    private const int MaxFragments = 64;

    private readonly NodeIdentity _identity;
    private readonly TransportOptions _options;
    private readonly TransportHandlers _handlers;
    private readonly ILogger _logger;
    private readonly VoteHandshake _handshake;
    private readonly NetManager _engine;
    private readonly CookieJar _cookies = new();
    private readonly HandshakeBudget _budget = new(perSource: 64, inTotal: 512);
    private readonly RefusalCounters _refusals;
    private readonly ConcurrentDictionary<PublicKey, (VotePeer Peer, CancellationTokenSource Stop, Task Dialling)> _peers = new();
    private readonly CancellationTokenSource _stop = new();
    /// <summary>Held while a link is given to a fresh connection of the library, whose first packet may come on another thread meanwhile.</summary>
    private readonly Lock _linking = new();
    private readonly Task _probing;

    /// <summary>Opens the port. Throws <see cref="TransportException"/> when it is taken.</summary>
    public VoteCarrier(NodeIdentity identity, TransportOptions options, TransportHandlers handlers, ILogger logger)
    {
        _identity = identity;
        _options = options;
        _handlers = handlers;
        _logger = logger;
        _handshake = new VoteHandshake(identity);
        _refusals = new RefusalCounters(Carrier.Votes, handlers, logger);
        bool ipv6 = options.ListenAddress.AddressFamily == AddressFamily.InterNetworkV6;
        NetDebug.Logger = SilentNetLogger.Instance;
        _engine = new NetManager(this)
        {
            UnsyncedEvents = true,
            UnsyncedReceiveEvent = true,
            UnsyncedDeliveryEvent = true,
            UnconnectedMessagesEnabled = false,
            NatPunchEnabled = false,
            BroadcastReceiveEnabled = false,
            AutoRecycle = true,
            IPv6Enabled = ipv6,
            MtuOverride = Mtu,
            MaxFragmentsCount = MaxFragments,
            ChannelsCount = 2,
            UpdateTime = options.VoteTimerMilliseconds,
            PingInterval = (int)(options.DeadAfter / 8).TotalMilliseconds,
            DisconnectTimeout = (int)options.DeadAfter.TotalMilliseconds,
            ReconnectDelay = 250,
            MaxConnectAttempts = 4,
        };
        IPAddress v4 = ipv6 ? IPAddress.Any : options.ListenAddress, v6 = ipv6 ? options.ListenAddress : IPAddress.IPv6Any;
        if (!_engine.Start(v4, v6, options.VotePort))
            throw new TransportException($"UDP port {options.VotePort} ({TransportOptions.VotePortKey}) on {options.ListenAddress} cannot be used: is another node running?");
        _probing = Task.Run(ProbeAsync);
    }

    public int Port => _engine.LocalPort;

    public RefusalSnapshot Refusals => _refusals.Snapshot();

    public VotePeer? Peer(PublicKey node) => _peers.TryGetValue(node, out var known) ? known.Peer : null;

    public bool Send(VotePeer peer, ReadOnlyMemory<byte> vote, VoteLane lane)
    {
        if (peer.Send(vote, lane)) _engine.TriggerUpdate();
        return true;
    }

    public void Add(PeerAddress address, PeerMetrics metrics)
    {
        var peer = new VotePeer(address, metrics, _handshake, _options, _handlers, _logger);
        CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        CancellationToken token = stop.Token;
        _peers[address.Node] = (peer, stop, _identity.Dials(address.Node) ? Task.Run(() => DialLoopAsync(peer, token), CancellationToken.None) : Task.CompletedTask);
    }

    public async ValueTask RemoveAsync(PublicKey node)
    {
        if (!_peers.TryRemove(node, out var gone)) return;
        IReadOnlyList<VoteLink> links = gone.Peer.Remove();
        await Task.Yield(); // handlers are told outside the caller's lock
        await gone.Stop.CancelAsync();
        foreach (VoteLink link in links) Close(link);
        await gone.Dialling;
        gone.Stop.Dispose();
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        foreach (PublicKey node in _peers.Keys) await RemoveAsync(node);
        await _probing;
        await Task.Run(() => _engine.Stop(true));
        _stop.Dispose();
    }

    /// <summary>A hello: checked from the cheapest to the dearest, and nothing is remembered before the dialler proved where it is.</summary>
    public void OnConnectionRequest(ConnectionRequest request)
    {
        Refusal? refusal = Refusal.Unproven;
        try
        {
            refusal = Judge(request);
        }
        catch (Exception e)
        {
            _logger.LogDebug("a hello was refused: {Reason}", e.Message);
        }
        if (refusal is not { } why) return;
        request.RejectForce();
        _refusals.Refuse(why);
    }

    public void OnPeerConnected(NetPeer peer)
    {
        // The dialler waits for the signed reply, the listener for the first packet that opens: only those count.
    }

    public void OnPeerDisconnected(NetPeer peer, DisconnectInfo disconnectInfo)
    {
        if (LinkOf(peer) is not { } link) return;
        if (_logger.IsEnabled(LogLevel.Debug)) _logger.LogDebug("a vote link is gone: {Reason}", disconnectInfo.Reason);
        if (link.Dial is not null && !link.HasSession && disconnectInfo.AdditionalData is { AvailableBytes: CookieJar.Size } cookie)
            link.Peer.Cookie = cookie.GetRemainingBytes();
        link.Peer.Detach(link);
    }

    public void OnNetworkError(IPEndPoint endPoint, SocketError socketError)
    {
        if (_logger.IsEnabled(LogLevel.Debug)) _logger.LogDebug("UDP reports {Error}", socketError);
    }

    public void OnNetworkReceive(NetPeer peer, NetPacketReader reader, byte channelNumber, DeliveryMethod deliveryMethod)
    {
        if (LinkOf(peer) is not { } link) return;
        try
        {
            ReadOnlySpan<byte> packet = reader.GetRemainingBytesSpan();
            if (!link.HasSession) TakeReply(link, packet);
            else if (link.Peer.Receive(link, packet, out VoteLink? replaced) && replaced is not null) Close(replaced);
        }
        catch (Exception e)
        {
            _logger.LogError(e, "a vote packet could not be handled");
        }
    }

    public void OnNetworkReceiveUnconnected(IPEndPoint remoteEndPoint, NetPacketReader reader, UnconnectedMessageType messageType)
    {
        // Switched off.
    }

    public void OnNetworkLatencyUpdate(NetPeer peer, int latency)
    {
        // Read from the peer when asked.
    }

    public void OnMessageDelivered(NetPeer peer, object userData)
    {
        if (userData is VoteLink link && link.Peer.Acknowledged(link)) _engine.TriggerUpdate();
    }

    private VoteLink? LinkOf(NetPeer peer)
    {
        if (peer.Tag is VoteLink link) return link;
        lock (_linking) return peer.Tag as VoteLink;
    }

    /// <summary>Null when the hello was accepted or answered with a cookie.</summary>
    private Refusal? Judge(ConnectionRequest request)
    {
        ReadOnlySpan<byte> hello = request.Data.GetRemainingBytesSpan();
        if (_handshake.Claimed(hello) is not { } claimed || _identity.Dials(claimed) || Peer(claimed) is not { } peer) return Refusal.NoMember;
        if (!_cookies.Accepts(VoteHandshake.CookieOf(hello), request.RemoteEndPoint, claimed))
        {
            request.RejectForce(_cookies.Make(request.RemoteEndPoint, claimed));
            _refusals.Challenge();
            return null;
        }
        if (!_budget.TrySpend(request.RemoteEndPoint.Address)) return Refusal.TooMany;
        _refusals.CheckProof();
        if (_handshake.Answer(claimed, hello) is not { } answer) return Refusal.Unproven;
        return Accept(request, peer, new SecureSession(answer.Keys, _options.RekeyAfter, _options.RekeyAfterBytes), answer.Reply) ? null : Refusal.TooMany;
    }

    private bool Accept(ConnectionRequest request, VotePeer peer, SecureSession session, byte[] reply)
    {
        var link = new VoteLink(peer, null);
        link.Begin(session);
        NetPeer? net;
        lock (_linking)
        {
            net = request.Accept();
            if (net is null || net.Tag is not null)
            {
                link.Dispose();
                return net is not null;
            }
            net.Tag = link;
            link.Net = net;
        }
        if (!peer.TryAddUnproven(link, out VoteLink? displaced))
        {
            Close(link); // removed while it connected
            return true;
        }
        if (displaced is not null) Close(displaced);
        net.Send(reply, 0, DeliveryMethod.ReliableOrdered);
        _engine.TriggerUpdate();
        _ = ExpireAsync(link, _stop.Token);
        return true;
    }

    private async Task ProbeAsync()
    {
        using var timer = new PeriodicTimer(_options.DeadAfter / 3);
        try
        {
            while (await timer.WaitForNextTickAsync(_stop.Token))
                foreach (var known in _peers.Values)
                    if (known.Peer.Probe() is { } silent) Close(silent);
        }
        catch (OperationCanceledException)
        {
            // The carrier stops.
        }
    }

    private async Task ExpireAsync(VoteLink link, CancellationToken stop)
    {
        await Task.WhenAny(link.Up, link.Closed, Task.Delay(_options.HandshakeTimeout, stop));
        if (!stop.IsCancellationRequested && !link.Up.IsCompleted && !link.Closed.IsCompleted) Close(link);
    }

    private void TakeReply(VoteLink link, ReadOnlySpan<byte> packet)
    {
        if (link.Dial is null || _handshake.Finish(link.Dial, packet) is not { } keys)
        {
            PeerMetrics.Count(ref link.Peer.Metrics.PacketsRefused);
            Close(link);
            return;
        }
        link.Begin(new SecureSession(keys, _options.RekeyAfter, _options.RekeyAfterBytes));
        if (link.Peer.Attach(link) is { } replaced) Close(replaced);
        _engine.TriggerUpdate();
    }

    private void Close(VoteLink link)
    {
        link.Peer.Detach(link);
        if (link.Net is { } net) _engine.DisconnectPeer(net);
    }

    private async Task DialLoopAsync(VotePeer peer, CancellationToken stop)
    {
        var backoff = new Backoff(_options.ReconnectMin, _options.ReconnectMax);
        bool challenged = false;
        while (!stop.IsCancellationRequested)
        {
            try
            {
                byte[]? shown = peer.Cookie;
                VoteLink? link = await DialAsync(peer, stop);
                if (link is not null) await Task.WhenAny(link.Up, link.Closed).WaitAsync(_options.HandshakeTimeout, stop);
                if (link is not null && link.Up.IsCompleted)
                {
                    backoff.Reset();
                    await link.Closed.WaitAsync(stop);
                }
                else if (link is not null) Close(link);
                // The listener asked for a cookie, or for a newer one: that is no failure, unless it does so again.
                if (link is { Up.IsCompleted: false } && shown != peer.Cookie && !challenged)
                {
                    challenged = true;
                    continue;
                }
                challenged = false;
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                if (_logger.IsEnabled(LogLevel.Debug)) _logger.LogDebug("a vote dial failed: {Reason}", e.Message);
            }
            try { await Task.Delay(backoff.Next(), stop); }
            catch (OperationCanceledException) { return; }
        }
    }

    private async Task<VoteLink?> DialAsync(VotePeer peer, CancellationToken stop)
    {
        AddressFamily family = _engine.IPv6Enabled ? AddressFamily.Unspecified : AddressFamily.InterNetwork;
        IPAddress[] addresses = await Dns.GetHostAddressesAsync(peer.Address.Host, family, stop);
        if (addresses.Length == 0) throw new TransportException($"the host of {peer.Address.Node} has no address of this node's kind");
        var link = new VoteLink(peer, _handshake.Begin(peer.Address.Node, peer.Cookie));
        if (!TryConnect(new IPEndPoint(addresses[0], peer.Address.VotePort), link))
        {
            link.Dispose();
            return null;
        }
        if (peer.TryAddDialled(link)) return link;
        Close(link); // removed meanwhile
        return null;
    }

    private bool TryConnect(IPEndPoint address, VoteLink link)
    {
        lock (_linking)
        {
            NetPeer? net = _engine.Connect(address, link.Dial!.Hello);
            if (net is not null && net.Tag is null)
            {
                net.Tag = link;
                link.Net = net;
                return true;
            }
            if (net is not null) _engine.DisconnectPeer(net);
            return false;
        }
    }
}
