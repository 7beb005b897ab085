using System.Threading.Channels;
using NUnit.Framework;
using Ptoy.Node.Transport;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Node.Tests.Transport;

/// <summary>One member as a node of an <see cref="InMemoryNetwork"/> sees it: whether it is connected, what waits for it, what came from it.</summary>
internal sealed class InMemoryPeer
{
    private static readonly Lock Linking = new();
    private readonly TransportOptions _options;
    private readonly Channel<Func<ValueTask>> _came = Channel.CreateUnbounded<Func<ValueTask>>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Queue<byte[]> _votes = new();
    private readonly Lock _gate = new();
    private long _connects, _dropped, _waiting;
    private volatile bool _removed;
    private InMemoryPeer? _other;

    public InMemoryPeer(InMemoryTransport owner, PeerAddress address, TransportOptions options)
    {
        (Owner, Address, _options) = (owner, address, options);
        _ = Task.Run(HandleAsync);
    }

    public InMemoryTransport Owner { get; }

    public PeerAddress Address { get; }

    /// <summary>This link's other end; null while it is down.</summary>
    public InMemoryPeer? Other => Volatile.Read(ref _other);

    public bool IsUp => Other is not null;

    public void Connect(InMemoryPeer other)
    {
        lock (Linking)
        {
            if (_removed || other._removed || _other == other) return;
            Down();
            other.Down();
            (_other, other._other) = (other, this);
            foreach (InMemoryPeer end in new[] { this, other }) end.Tell(end.Owner.Handlers.OnPeerUp);
        }
        foreach (InMemoryPeer end in new[] { this, other }) end.Up();
    }

    public void Disconnect()
    {
        lock (Linking) Down();
    }

    /// <summary>No member any more: what came and is not handled yet is not handed on.</summary>
    public void Remove()
    {
        _removed = true;
        Disconnect();
        _came.Writer.TryComplete();
    }

    public bool SendVote(ReadOnlyMemory<byte> vote)
    {
        lock (_gate)
        {
            if (_removed) return false;
            _votes.Enqueue(vote.ToArray());
            while (_votes.Count > _options.VoteQueueLengthWhileDown && !IsUp)
            {
                _votes.Dequeue();
                _dropped++;
            }
            Flush();
            return true;
        }
    }

    public bool SendBulk(ushort kind, ReadOnlyMemory<byte> payload)
    {
        byte[] bytes = payload.ToArray();
        return Other is { } other && Interlocked.Read(ref other._waiting) < _options.BulkQueueLength
            && other.Take(() => other.Owner.Handlers.OnBulk(other.Address.Node, kind, bytes));
    }

    public PeerSnapshot Snapshot()
    {
        lock (_gate) return new PeerSnapshot(Address.Node, IsUp, IsUp, 0, 0, _dropped, _votes.Count, 0, 0, 0, 0, 0, 0, 0, 0, 0, _connects, _connects, 0, 0, 0, 0);
    }

    private void Up()
    {
        lock (_gate)
        {
            _connects++;
            Flush();
        }
    }

    /// <summary>Called under the lock of all links.</summary>
    private void Down()
    {
        if (_other is not { } other) return;
        (_other, other._other) = (null, null);
        Tell(Owner.Handlers.OnPeerDown);
        other.Tell(other.Owner.Handlers.OnPeerDown);
    }

    /// <summary>Called under this peer's lock: votes leave in the order in which they came.</summary>
    private void Flush()
    {
        while (Other is { } other && _votes.TryDequeue(out byte[]? vote))
            other.Take(() => { other.Owner.Handlers.OnVote(other.Address.Node, vote); return ValueTask.CompletedTask; });
    }

    private void Tell(Action<PublicKey, Carrier> handler) => Owner.Post(() => Array.ForEach(Enum.GetValues<Carrier>(), c => handler(Address.Node, c)));

    private bool Take(Func<ValueTask> handle)
    {
        Interlocked.Increment(ref _waiting);
        return _came.Writer.TryWrite(handle);
    }

    private async Task HandleAsync()
    {
        await foreach (Func<ValueTask> handle in _came.Reader.ReadAllAsync())
        {
            Interlocked.Decrement(ref _waiting);
            if (_removed) continue;
            try { await handle(); }
            catch (Exception e) { await TestContext.Error.WriteLineAsync(e.ToString()); }
        }
    }
}
