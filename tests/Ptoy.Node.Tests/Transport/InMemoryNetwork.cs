using System.Collections.Concurrent;
using System.Threading.Channels;
using NUnit.Framework;
using Ptoy.Node.Transport;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Node.Tests.Transport;

/// <summary>Nodes in one process without sockets: for tests of what stands on the transport. Links can be cut and mended.</summary>
internal sealed class InMemoryNetwork
{
    private readonly ConcurrentDictionary<PublicKey, InMemoryTransport> _nodes = new();
    private readonly ConcurrentDictionary<(PublicKey, PublicKey), bool> _cut = new();

    public InMemoryTransport Create(PublicKey self) => new(this, self);

    public void Join(InMemoryTransport node)
    {
        _nodes[node.Self] = node;
        foreach (InMemoryTransport other in _nodes.Values.Where(n => n != node)) Tell(node, other, up: true);
    }

    public void Leave(InMemoryTransport node)
    {
        if (!_nodes.TryRemove(node.Self, out _)) return;
        foreach (InMemoryTransport other in _nodes.Values) Tell(node, other, up: false);
    }

    /// <summary>Nothing passes between the two until <see cref="Mend"/>.</summary>
    public void Cut(InMemoryTransport one, InMemoryTransport two)
    {
        _cut[(one.Self, two.Self)] = _cut[(two.Self, one.Self)] = true;
        Tell(one, two, up: false);
    }

    public void Mend(InMemoryTransport one, InMemoryTransport two)
    {
        _cut.TryRemove((one.Self, two.Self), out _);
        _cut.TryRemove((two.Self, one.Self), out _);
        Tell(one, two, up: true);
    }

    public InMemoryTransport? Reach(PublicKey from, PublicKey to) =>
        !_cut.ContainsKey((from, to)) && _nodes.TryGetValue(to, out InMemoryTransport? node) ? node : null;

    private static void Tell(InMemoryTransport one, InMemoryTransport two, bool up)
    {
        one.PeerChanged(two.Self, up);
        two.PeerChanged(one.Self, up);
    }
}

/// <summary>One node of an <see cref="InMemoryNetwork"/>. Everyone who joined is a member; messages to one node are handled in the order they came.</summary>
internal sealed class InMemoryTransport(InMemoryNetwork network, PublicKey self) : ITransport
{
    private readonly Channel<Func<ValueTask>> _mailbox = Channel.CreateUnbounded<Func<ValueTask>>(new UnboundedChannelOptions { SingleReader = true });
    private TransportHandlers _handlers = new();
    private Task _working = Task.CompletedTask;

    public PublicKey Self => self;

    public int VotePort => 0;

    public int BulkPort => 0;

    public Task StartAsync(TransportHandlers handlers, CancellationToken cancellation = default)
    {
        _handlers = handlers;
        _working = Task.Run(WorkAsync, CancellationToken.None);
        network.Join(this);
        return Task.CompletedTask;
    }

    public void UpdatePeers(IReadOnlyCollection<PeerAddress> peers)
    {
        // Membership is who joined.
    }

    public bool IsUp(PublicKey peer, Carrier carrier) => network.Reach(self, peer) is not null;

    public bool SendVote(PublicKey peer, ReadOnlyMemory<byte> vote, VoteLane lane = VoteLane.Ordered) =>
        Post(peer, to => { to._handlers.OnVote(self, vote.ToArray()); return ValueTask.CompletedTask; });

    public bool SendBulk(PublicKey peer, ushort kind, ReadOnlyMemory<byte> payload) =>
        Post(peer, to => to._handlers.OnBulk(self, kind, payload.ToArray()));

    public ValueTask<bool> SendBulkAsync(PublicKey peer, ushort kind, ReadOnlyMemory<byte> payload, CancellationToken cancellation) =>
        ValueTask.FromResult(SendBulk(peer, kind, payload));

    public async Task<byte[]> RequestAsync(PublicKey peer, ushort kind, ReadOnlyMemory<byte> payload, CancellationToken cancellation = default)
    {
        InMemoryTransport to = network.Reach(self, peer) ?? throw new TransportException($"node {peer} is not connected");
        try { return await Task.Run(() => to._handlers.OnRequest(self, kind, payload.ToArray(), cancellation), cancellation).WaitAsync(cancellation); }
        catch (Exception e) when (e is not OperationCanceledException) { throw new RemoteRequestException(e.Message); }
    }

    public TransportSnapshot Snapshot() => new([], 0);

    public async ValueTask DisposeAsync()
    {
        network.Leave(this);
        _mailbox.Writer.TryComplete();
        await _working;
    }

    public void PeerChanged(PublicKey peer, bool up) => _mailbox.Writer.TryWrite(() =>
    {
        foreach (Carrier carrier in Enum.GetValues<Carrier>()) (up ? _handlers.OnPeerUp : _handlers.OnPeerDown)(peer, carrier);
        return ValueTask.CompletedTask;
    });

    private bool Post(PublicKey peer, Func<InMemoryTransport, ValueTask> deliver) =>
        network.Reach(self, peer) is { } to && to._mailbox.Writer.TryWrite(() => deliver(to));

    private async Task WorkAsync()
    {
        await foreach (Func<ValueTask> deliver in _mailbox.Reader.ReadAllAsync())
        {
            try { await deliver(); }
            catch (Exception e) { await TestContext.Error.WriteLineAsync(e.ToString()); }
        }
    }
}
