using System.Collections.Concurrent;
using System.Net;
using System.Threading.Channels;
using Microsoft.Extensions.Logging.Abstractions;
using Ptoy.Node.Transport;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Node.Tests.Transport;

/// <summary>A transport, on loopback or in memory, that keeps what it received, for tests that wait for events.</summary>
internal sealed class TestNode : IAsyncDisposable
{
    /// <summary>Only ever reached by a test that is about to fail.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public static readonly Hash Chain = Digest.Of("ptoy/test/v1", "chain"u8);

    private readonly Channel<(PublicKey Peer, byte[] Vote)> _votes = Channel.CreateUnbounded<(PublicKey, byte[])>();
    private readonly Channel<(PublicKey Peer, ushort Kind, byte[] Payload)> _bulk = Channel.CreateUnbounded<(PublicKey, ushort, byte[])>();
    private readonly Channel<bool>[] _refusals = [Channel.CreateUnbounded<bool>(), Channel.CreateUnbounded<bool>()];
    private readonly ConcurrentDictionary<(PublicKey, Carrier), Status> _status = new();
    private int _downs;

    public TestNode(byte seed, Hash? chain = null, TransportOptions? options = null, InMemoryNetwork? network = null)
    {
        Key = Signer(seed);
        Transport = network is null
            ? new NodeTransport(Key, chain ?? Chain, options ?? Options, NullLogger.Instance)
            : network.Create(Key.Public, chain, options);
    }

    public static TransportOptions Options { get; } = new()
    {
        ListenAddress = IPAddress.Loopback,
        ReconnectMin = TimeSpan.FromMilliseconds(5),
        ReconnectMax = TimeSpan.FromMilliseconds(50),
    };

    public SigningKey Key { get; }

    public ITransport Transport { get; }

    public PublicKey Id => Key.Public;

    public PeerAddress Address => new(Id, "127.0.0.1", Transport.VotePort, Transport.BulkPort);

    public Func<PublicKey, ushort, ReadOnlyMemory<byte>, CancellationToken, Task<byte[]>> Answer { get; set; } =
        (_, _, payload, _) => Task.FromResult(payload.ToArray());

    /// <summary>Called on the transport's thread when a carrier came up.</summary>
    public Action<PublicKey, Carrier> WhenUp { get; set; } = (_, _) => { };

    /// <summary>Times that a carrier went down.</summary>
    public int Downs => Volatile.Read(ref _downs);

    /// <summary>When set, one-way messages wait for it before they are taken.</summary>
    public Task? HoldBulk { get; set; }

    public static SigningKey Signer(byte seed)
    {
        var bytes = new byte[SigningKey.SeedSize];
        bytes[0] = seed;
        return new SigningKey(bytes);
    }

    /// <summary>Two nodes on loopback that know each other, the first being the dialler.</summary>
    public static async Task<(TestNode Dialler, TestNode Listener)> PairAsync(TransportOptions? options = null, InMemoryNetwork? network = null)
    {
        (byte dialler, byte listener) = Seeds();
        var pair = (new TestNode(dialler, options: options, network: network), new TestNode(listener, options: options, network: network));
        await pair.Item1.StartAsync();
        await pair.Item2.StartAsync();
        Introduce(pair.Item1, pair.Item2);
        await pair.Item1.UpAsync(pair.Item2);
        await pair.Item2.UpAsync(pair.Item1);
        return pair;
    }

    /// <summary>Seeds of which the first key is the smaller one and so dials.</summary>
    public static (byte Dialler, byte Listener) Seeds()
    {
        using SigningKey one = Signer(1), two = Signer(2);
        return one.Public.Bytes.AsSpan().SequenceCompareTo(two.Public.Bytes) < 0 ? ((byte)1, (byte)2) : ((byte)2, (byte)1);
    }

    public static void Introduce(params TestNode[] nodes)
    {
        PeerAddress[] all = [.. nodes.Select(n => n.Address)];
        foreach (TestNode node in nodes) node.Transport.UpdatePeers(all);
    }

    public Task StartAsync() => Transport.StartAsync(new TransportHandlers
    {
        OnVote = (peer, vote) => _votes.Writer.TryWrite((peer, vote.ToArray())),
        OnBulk = async (peer, kind, payload) =>
        {
            if (HoldBulk is { } hold) await hold;
            _bulk.Writer.TryWrite((peer, kind, payload.ToArray()));
        },
        OnRequest = (peer, kind, payload, cancellation) => Answer(peer, kind, payload, cancellation),
        OnPeerUp = (peer, carrier) =>
        {
            Of(peer, carrier).Set(true);
            WhenUp(peer, carrier);
        },
        OnPeerDown = (peer, carrier) =>
        {
            Interlocked.Increment(ref _downs);
            Of(peer, carrier).Set(false);
        },
        OnRefused = carrier => _refusals[(int)carrier].Writer.TryWrite(true),
    });

    public async Task<byte[]> VoteAsync() => (await _votes.Reader.ReadAsync().AsTask().WaitAsync(Patience)).Vote;

    public async Task<(PublicKey Peer, ushort Kind, byte[] Payload)> BulkAsync() => await _bulk.Reader.ReadAsync().AsTask().WaitAsync(Patience);

    /// <summary>Waits until that many more connection attempts were refused.</summary>
    public async Task RefusalsAsync(Carrier carrier, int count)
    {
        for (int i = 0; i < count; i++) await _refusals[(int)carrier].Reader.ReadAsync().AsTask().WaitAsync(Patience);
    }

    public bool HasVote => _votes.Reader.TryPeek(out _);

    public bool HasBulk => _bulk.Reader.TryPeek(out _);

    public PeerSnapshot Counters(TestNode peer) => Transport.Snapshot().Peers.Single(p => p.Node == peer.Id);

    public async Task UpAsync(TestNode peer)
    {
        await Of(peer.Id, Carrier.Votes).WaitAsync(true);
        await Of(peer.Id, Carrier.Bulk).WaitAsync(true);
    }

    /// <summary>Waits until a counter, which nothing announces, is as wanted.</summary>
    public static async Task UntilAsync(Func<bool> reached)
    {
        using var limit = new CancellationTokenSource(Patience);
        using var poll = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        while (!reached()) await poll.WaitForNextTickAsync(limit.Token);
    }

    public async Task DownAsync(TestNode peer)
    {
        await Of(peer.Id, Carrier.Votes).WaitAsync(false);
        await Of(peer.Id, Carrier.Bulk).WaitAsync(false);
    }

    public Task VotesDownAsync(TestNode peer) => Of(peer.Id, Carrier.Votes).WaitAsync(false);

    public async ValueTask DisposeAsync()
    {
        await Transport.DisposeAsync();
        Key.Dispose();
    }

    private Status Of(PublicKey peer, Carrier carrier) => _status.GetOrAdd((peer, carrier), static _ => new Status());

    /// <summary>Up or down, and who waits for it.</summary>
    private sealed class Status
    {
        private readonly Lock _gate = new();
        private readonly List<(bool Up, TaskCompletionSource Reached)> _waiting = [];
        private bool _up;

        public void Set(bool up)
        {
            lock (_gate)
            {
                _up = up;
                foreach ((bool wanted, TaskCompletionSource reached) in _waiting)
                    if (wanted == up) reached.TrySetResult();
                _waiting.RemoveAll(w => w.Up == up);
            }
        }

        public Task WaitAsync(bool up)
        {
            lock (_gate)
            {
                if (_up == up) return Task.CompletedTask;
                var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                _waiting.Add((up, reached));
                return reached.Task.WaitAsync(Patience);
            }
        }
    }
}
