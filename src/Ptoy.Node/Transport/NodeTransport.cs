using System.Net;
using Microsoft.Extensions.Logging;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Node.Transport;

/// <summary>The transport of a node: votes over encrypted UDP sessions, bulk over mutual TLS 1.3, one member list for both.</summary>
public sealed class NodeTransport : ITransport
{
    private readonly NodeIdentity _identity;
    private readonly TransportOptions _options;
    private readonly ILogger _logger;
    private readonly Lock _gate = new();
    private readonly Dictionary<PublicKey, PeerMetrics> _metrics = [];
    private readonly List<Task> _leaving = [];
    private Dictionary<PublicKey, PeerAddress> _members = [];
    private VoteCarrier? _votes;
    private BulkCarrier? _bulk;
    private bool _disposed;

    /// <summary>Prepares; nothing is opened before <see cref="StartAsync"/>. Throws <see cref="TransportException"/> for options out of range.</summary>
    /// <param name="key">The node's signing key; stays the caller's to dispose, after this.</param>
    /// <param name="chainId">The chain: nodes of another one are refused.</param>
    /// <param name="options">Ports and bounds.</param>
    /// <param name="logger">Where connection losses are told. Keys and addresses of nodes only, never payloads.</param>
    public NodeTransport(SigningKey key, Hash chainId, TransportOptions options, ILogger logger)
    {
        options.Validate();
        _identity = new NodeIdentity(key, chainId);
        _options = options;
        _logger = logger;
    }

    /// <inheritdoc/>
    public PublicKey Self => _identity.Self;

    /// <inheritdoc/>
    public int VotePort => _votes?.Port ?? 0;

    /// <inheritdoc/>
    public int BulkPort => _bulk?.Port ?? 0;

    /// <inheritdoc/>
    public async Task StartAsync(TransportHandlers handlers, CancellationToken cancellation = default)
    {
        cancellation.ThrowIfCancellationRequested();
        VoteCarrier votes;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_votes is not null) throw new TransportException("the transport was started already");
            votes = _votes = new VoteCarrier(_identity, _options, handlers, _logger);
        }
        try
        {
            var bulk = new BulkCarrier(_identity, new BulkContext(_options, handlers, _logger));
            lock (_gate)
            {
                _bulk = bulk;
                foreach (PeerAddress member in _members.Values) Connect(member);
            }
        }
        catch
        {
            await votes.DisposeAsync();
            lock (_gate) _votes = null;
            throw;
        }
    }

    /// <inheritdoc/>
    public void UpdatePeers(IReadOnlyCollection<PeerAddress> peers)
    {
        var next = new Dictionary<PublicKey, PeerAddress>();
        foreach (PeerAddress peer in peers)
        {
            Check(peer);
            if (peer.Node == Self) continue;
            if (!next.TryAdd(peer.Node, peer)) throw new TransportException($"node {peer.Node} is in the member list twice");
        }
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            Dictionary<PublicKey, PeerAddress> before = _members;
            _members = next;
            if (_votes is null || _bulk is null) return;
            _leaving.RemoveAll(task => task.IsCompleted);
            foreach (PeerAddress old in before.Values)
                if (!next.TryGetValue(old.Node, out PeerAddress? same) || same != old) _leaving.Add(DisconnectAsync(old.Node));
            foreach (PeerAddress peer in next.Values)
                if (!before.TryGetValue(peer.Node, out PeerAddress? same) || same != peer) Connect(peer);
        }
    }

    /// <inheritdoc/>
    public bool IsUp(PublicKey peer, Carrier carrier) =>
        carrier == Carrier.Votes ? _votes?.Peer(peer) is { IsUp: true } : _bulk?.Connection(peer) is not null;

    /// <inheritdoc/>
    public bool SendVote(PublicKey peer, ReadOnlyMemory<byte> vote, VoteLane lane = VoteLane.Ordered)
    {
        if (vote.Length > VoteCarrier.MaxVote) return Bulk(peer, BulkConnection.VoteKind, vote);
        if (lane > VoteLane.Proposal) throw new ArgumentOutOfRangeException(nameof(lane), lane, "there is no such lane");
        return _votes is { } votes && votes.Peer(peer) is { } known && votes.Send(known, vote, lane);
    }

    /// <inheritdoc/>
    public bool SendBulk(PublicKey peer, ushort kind, ReadOnlyMemory<byte> payload)
    {
        CheckKind(kind);
        return Bulk(peer, kind, payload);
    }

    /// <inheritdoc/>
    public async ValueTask<bool> SendBulkAsync(PublicKey peer, ushort kind, ReadOnlyMemory<byte> payload, CancellationToken cancellation)
    {
        CheckKind(kind);
        CheckSize(payload);
        BulkConnection? connection = _bulk?.Connection(peer);
        while (connection is not null && !await connection.SendAsync(kind, payload, cancellation))
        {
            BulkConnection? next = _bulk?.Connection(peer);
            if (next == connection) return false;
            connection = next;
        }
        return connection is not null;
    }

    /// <inheritdoc/>
    public async Task<byte[]> RequestAsync(PublicKey peer, ushort kind, ReadOnlyMemory<byte> payload, CancellationToken cancellation = default)
    {
        CheckKind(kind);
        CheckSize(payload);
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(_options.RequestTimeout);
        try
        {
            while (true)
            {
                if (_bulk?.Connection(peer) is not { } connection)
                    throw new TransportException(IsMember(peer) ? $"node {peer} is not connected" : $"node {peer} is not in the member list");
                try
                {
                    return await connection.RequestAsync(kind, payload, limit.Token);
                }
                catch (ConnectionReplacedException) when (_bulk.Connection(peer) != connection)
                {
                    // Another connection has just taken this one's place.
                }
            }
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new TransportException($"node {peer} did not answer a request of kind {kind} within {_options.RequestTimeout.TotalSeconds} s");
        }
    }

    /// <inheritdoc/>
    public TransportSnapshot Snapshot()
    {
        lock (_gate)
        {
            var none = new RefusalSnapshot(0, 0, 0, 0, 0);
            return new TransportSnapshot([.. _members.Keys.Select(PeerSnapshot)], _votes?.Refusals ?? none, _bulk?.Refusals ?? none);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        Task[] leaving;
        lock (_gate)
        {
            if (_disposed) return;
            _disposed = true;
            leaving = [.. _leaving];
        }
        await Task.WhenAll(leaving);
        if (_votes is not null) await _votes.DisposeAsync();
        if (_bulk is not null) await _bulk.DisposeAsync();
    }

    private static void Check(PeerAddress peer)
    {
        if (peer.Node.Problem() is { } problem) throw new TransportException($"member list: {problem}");
        if (peer.Node.Suite != SuiteId.Ed25519) throw new TransportException($"member list: {peer.Node} is not an Ed25519 key");
        if (string.IsNullOrWhiteSpace(peer.Host)) throw new TransportException($"member list: node {peer.Node} has no host");
        if (peer.VotePort is < 1 or > IPEndPoint.MaxPort) throw new TransportException($"member list: node {peer.Node} has vote port {peer.VotePort}");
        if (peer.BulkPort is < 1 or > IPEndPoint.MaxPort) throw new TransportException($"member list: node {peer.Node} has bulk port {peer.BulkPort}");
    }

    private static void CheckKind(ushort kind)
    {
        if (kind >= ITransport.FirstReservedKind) throw new ArgumentOutOfRangeException(nameof(kind), kind, "this kind belongs to the transport itself");
    }

    private static void CheckSize(ReadOnlyMemory<byte> payload)
    {
        if (payload.Length > ITransport.MaxMessageSize)
            throw new TransportException($"a message of {payload.Length} bytes is larger than {ITransport.MaxMessageSize}");
    }

    private bool IsMember(PublicKey peer)
    {
        lock (_gate) return _members.ContainsKey(peer);
    }

    private bool Bulk(PublicKey peer, ushort kind, ReadOnlyMemory<byte> payload)
    {
        CheckSize(payload);
        BulkConnection? connection = _bulk?.Connection(peer);
        while (connection is not null)
        {
            if (connection.Send(kind, payload)) return true;
            // Another connection may have just taken this one's place.
            BulkConnection? next = _bulk?.Connection(peer);
            connection = next == connection ? null : next;
        }
        lock (_gate)
            if (_metrics.TryGetValue(peer, out PeerMetrics? metrics)) PeerMetrics.Count(ref metrics.BulkRefused);
        return false;
    }

    private void Connect(PeerAddress member)
    {
        if (!_metrics.TryGetValue(member.Node, out PeerMetrics? metrics)) _metrics[member.Node] = metrics = new PeerMetrics();
        _votes!.Add(member, metrics);
        _bulk!.Add(member, metrics);
    }

    /// <summary>Both are out of the tables when this returns its task; closing goes on behind it.</summary>
    private async Task DisconnectAsync(PublicKey node)
    {
        Task votes = _votes!.RemoveAsync(node).AsTask(), bulk = _bulk!.RemoveAsync(node).AsTask();
        await Task.WhenAll(votes, bulk);
    }

    private PeerSnapshot PeerSnapshot(PublicKey node)
    {
        PeerMetrics m = _metrics.GetValueOrDefault(node) ?? new PeerMetrics();
        VotePeer? votes = _votes?.Peer(node);
        BulkConnection? bulk = _bulk?.Connection(node);
        return new PeerSnapshot(
            node, votes is { IsUp: true }, bulk is not null,
            m.VotesSent, m.VotesReceived, m.VotesDropped, votes?.Queued ?? 0, m.VoteBytesSent, m.VoteBytesReceived, m.PacketsRefused,
            m.BulkSent, m.BulkReceived, m.BulkRefused, bulk?.QueuedBytes ?? 0, m.BulkBytesSent, m.BulkBytesReceived,
            m.VoteConnects, m.BulkConnects, m.VoteRenewals, m.BulkRenewals, votes?.RoundTrip ?? 0, m.BulkRtt);
    }
}
