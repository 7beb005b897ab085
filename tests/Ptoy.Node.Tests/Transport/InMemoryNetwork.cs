using System.Collections.Concurrent;
using System.Threading.Channels;
using Ptoy.Node.Transport;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Node.Tests.Transport;

/// <summary>
/// Nodes in one process without sockets, with the promises of the real transport (the conformance suite runs against both). Links can be cut and mended.
/// </summary>
internal sealed class InMemoryNetwork
{
    private const int FirstPort = 10_000;
    private readonly Lock _gate = new();
    private readonly Dictionary<int, InMemoryTransport> _listening = [];
    private readonly HashSet<(PublicKey, PublicKey)> _cut = [];
    private int _lastPort = FirstPort;

    public InMemoryTransport Create(PublicKey self, Hash? chain = null, TransportOptions? options = null) => new(this, self, chain ?? TestNode.Chain, options ?? new TransportOptions());

    /// <summary>Makes started nodes members of one another and returns when all are connected.</summary>
    public static async Task IntroduceAsync(IReadOnlyList<InMemoryTransport> nodes)
    {
        PeerAddress[] all = [.. nodes.Select(n => new PeerAddress(n.Self, "memory", n.VotePort, n.BulkPort))];
        foreach (InMemoryTransport node in nodes) node.UpdatePeers(all);
        using var limit = new CancellationTokenSource(TestNode.Patience);
        using var poll = new PeriodicTimer(TimeSpan.FromMilliseconds(1));
        while (!nodes.All(n => nodes.All(o => o == n || n.IsUp(o.Self, Carrier.Bulk)))) await poll.WaitForNextTickAsync(limit.Token);
    }

    /// <summary>Opens a node's door: the port it asks for, or a free one.</summary>
    public int Listen(InMemoryTransport node, int wanted)
    {
        lock (_gate)
        {
            int port = wanted == 0 ? ++_lastPort : wanted;
            if (!_listening.TryAdd(port, node)) throw new TransportException($"port {port} is taken");
            return port;
        }
    }

    public void Leave(InMemoryTransport node)
    {
        lock (_gate) _listening.Remove(node.VotePort);
    }

    /// <summary>Nothing passes between the two until <see cref="Mend"/>.</summary>
    public void Cut(InMemoryTransport one, InMemoryTransport two)
    {
        lock (_gate) _cut.UnionWith([(one.Self, two.Self), (two.Self, one.Self)]);
        one.Disconnect(two.Self);
        two.Disconnect(one.Self);
    }

    public void Mend(InMemoryTransport one, InMemoryTransport two)
    {
        lock (_gate) _cut.ExceptWith([(one.Self, two.Self), (two.Self, one.Self)]);
    }

    /// <summary>Who listens at an address, if that is whom the dialler means and nothing is cut.</summary>
    public InMemoryTransport? At(InMemoryTransport dialler, PeerAddress address)
    {
        lock (_gate) return !_cut.Contains((dialler.Self, address.Node)) && _listening.TryGetValue(address.VotePort, out InMemoryTransport? node) && node.Self == address.Node ? node : null;
    }
}

/// <summary>One node of an <see cref="InMemoryNetwork"/>. Of two the one with the smaller key dials, again and again until it gets in, as over sockets.</summary>
internal sealed class InMemoryTransport(InMemoryNetwork network, PublicKey self, Hash chain, TransportOptions options) : ITransport
{
    private static readonly TimeSpan DialEvery = TimeSpan.FromMilliseconds(2);
    private readonly Lock _gate = new();
    private readonly ConcurrentDictionary<PublicKey, InMemoryPeer> _peers = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Channel<Action> _events = Channel.CreateUnbounded<Action>(new UnboundedChannelOptions { SingleReader = true });
    private Task _dialling = Task.CompletedTask, _telling = Task.CompletedTask;
    private long _strangers;

    public PublicKey Self => self;

    public TransportHandlers Handlers { get; private set; } = new();

    public int VotePort { get; private set; }

    public int BulkPort => VotePort;

    public Task StartAsync(TransportHandlers handlers, CancellationToken cancellation = default)
    {
        Handlers = handlers;
        VotePort = network.Listen(this, options.VotePort);
        _dialling = Task.Run(DialAsync, CancellationToken.None);
        _telling = Task.Run(TellAsync, CancellationToken.None);
        return Task.CompletedTask;
    }

    public void UpdatePeers(IReadOnlyCollection<PeerAddress> peers)
    {
        lock (_gate)
        {
            Dictionary<PublicKey, PeerAddress> next = peers.Where(p => p.Node != self).ToDictionary(p => p.Node);
            foreach ((PublicKey node, InMemoryPeer old) in _peers)
            {
                if (next.TryGetValue(node, out PeerAddress? same) && same == old.Address) continue;
                _peers.TryRemove(node, out _);
                old.Remove();
            }
            foreach (PeerAddress peer in next.Values) _peers.GetOrAdd(peer.Node, _ => new InMemoryPeer(this, peer, options));
        }
    }

    public bool IsUp(PublicKey peer, Carrier carrier) => _peers.TryGetValue(peer, out InMemoryPeer? known) && known.IsUp;

    public bool SendVote(PublicKey peer, ReadOnlyMemory<byte> vote, VoteLane lane = VoteLane.Ordered) =>
        _peers.TryGetValue(peer, out InMemoryPeer? known) && known.SendVote(vote);

    public bool SendBulk(PublicKey peer, ushort kind, ReadOnlyMemory<byte> payload) =>
        _peers.TryGetValue(peer, out InMemoryPeer? known) && known.SendBulk(kind, payload);

    public ValueTask<bool> SendBulkAsync(PublicKey peer, ushort kind, ReadOnlyMemory<byte> payload, CancellationToken cancellation) =>
        ValueTask.FromResult(SendBulk(peer, kind, payload));

    public async Task<byte[]> RequestAsync(PublicKey peer, ushort kind, ReadOnlyMemory<byte> payload, CancellationToken cancellation = default)
    {
        if (!_peers.TryGetValue(peer, out InMemoryPeer? known)) throw new TransportException($"node {peer} is not in the member list");
        InMemoryTransport to = known.Other?.Owner ?? throw new TransportException($"node {peer} is not connected");
        byte[] bytes = payload.ToArray();
        try { return await Task.Run(() => to.Handlers.OnRequest(self, kind, bytes, cancellation), cancellation).WaitAsync(options.RequestTimeout, cancellation); }
        catch (Exception e) when (e is not OperationCanceledException) { throw new RemoteRequestException(e.Message); }
    }

    public TransportSnapshot Snapshot()
    {
        var refused = new RefusalSnapshot(Interlocked.Read(ref _strangers), 0, 0, 0, 0);
        return new TransportSnapshot([.. _peers.Values.Select(p => p.Snapshot())], refused, refused);
    }

    public void Disconnect(PublicKey peer)
    {
        if (_peers.TryGetValue(peer, out InMemoryPeer? known)) known.Disconnect();
    }

    public async ValueTask DisposeAsync()
    {
        if (_stop.IsCancellationRequested) return;
        await _stop.CancelAsync();
        await _dialling;
        network.Leave(this);
        UpdatePeers([]);
        _events.Writer.TryComplete();
        await _telling;
        _stop.Dispose();
    }

    /// <summary>Has the handlers told of what happened, in the order in which it did.</summary>
    public void Post(Action tell) => _events.Writer.TryWrite(tell);

    private async Task TellAsync()
    {
        await foreach (Action tell in _events.Reader.ReadAllAsync()) tell();
    }

    private async Task DialAsync()
    {
        using var timer = new PeriodicTimer(DialEvery);
        try
        {
            while (await timer.WaitForNextTickAsync(_stop.Token))
            {
                foreach (InMemoryPeer peer in _peers.Values.Where(p => !p.IsUp && self.Bytes.AsSpan().SequenceCompareTo(p.Address.Node.Bytes) < 0))
                    network.At(this, peer.Address)?.Accept(this, chain, peer);
            }
        }
        catch (OperationCanceledException)
        {
            // The node stops.
        }
    }

    private void Accept(InMemoryTransport dialler, Hash diallersChain, InMemoryPeer theirs)
    {
        if (diallersChain == chain && _peers.TryGetValue(dialler.Self, out InMemoryPeer? mine))
        {
            mine.Connect(theirs);
            return;
        }
        Interlocked.Increment(ref _strangers);
        Post(() => Array.ForEach(Enum.GetValues<Carrier>(), Handlers.OnRefused));
    }
}
