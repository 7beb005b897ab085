using Ptoy.Consensus;
using Ptoy.Node.Diagnostics;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Wire;

namespace Ptoy.Node.Consensus;

/// <summary>
/// Between the network and the driver: decodes envelopes, checks that they come from whom they name and verifies their signatures, off the
/// driver's thread. Each peer has a lane of its own, bounded in messages and bytes; when it is full its newest message is dropped, since
/// replicas repeat what matters. Several threads take turns over the lanes, <see cref="Turn"/> messages each: whoever sends much waits for its own
/// backlog only. One thread at a time works on a lane, so one peer's messages keep their order.
/// </summary>
public sealed class ConsensusInbox : IAsyncDisposable
{
    /// <summary>Messages of one peer that wait.</summary>
    public const int LaneLength = 4_096;

    /// <summary>Bytes of waiting messages of all peers together; each peer has an equal part of it, at least one largest message.</summary>
    public const int AllBytes = 256 * 1024 * 1024;

    /// <summary>Messages of one peer verified before the next peer's turn.</summary>
    public const int Turn = 8;

    private const int MostThreads = 8;

    private readonly object _gate = new();
    private readonly Queue<Lane> _ready = new();
    private readonly Action<VerifiedEnvelope> _deliver;
    private readonly ILogger<ConsensusInbox> _logger;
    private readonly Thread[] _threads;
    private Replicas _replicas;
    private bool _stopping;
    private long _refused, _dropped;

    /// <summary>Starts verifying; what passes goes to <paramref name="deliver"/>, which may wait. Half the processors verify unless told how many.</summary>
    public ConsensusInbox(
        ValidatorSet validators, MessageVerifier verifier, Action<VerifiedEnvelope> deliver, ILogger<ConsensusInbox> logger, int? threads = null)
    {
        (_deliver, _logger) = (deliver, logger);
        _replicas = new Replicas(validators, verifier);
        _threads = new Thread[threads ?? Math.Clamp(Environment.ProcessorCount / 2, 1, MostThreads)];
        for (int i = 0; i < _threads.Length; i++)
        {
            _threads[i] = new Thread(Run) { Name = $"ptoy-verify-{i}", IsBackground = true };
            _threads[i].Start();
        }
    }

    /// <summary>Messages that did not decode or verify.</summary>
    public long Refused => Interlocked.Read(ref _refused);

    /// <summary>Messages for which their sender's lane had no room.</summary>
    public long Dropped => Interlocked.Read(ref _dropped);

    /// <summary>Messages that wait.</summary>
    public int Waiting
    {
        get { lock (_gate) return _replicas.Lanes.Values.Sum(l => l.Waiting.Count); }
    }

    /// <summary>Takes what a peer sent. Returns at once. What comes from no replica is ignored.</summary>
    public void Receive(PublicKey peer, ReadOnlyMemory<byte> bytes)
    {
        lock (_gate)
        {
            if (_stopping || !_replicas.Lanes.TryGetValue(peer, out Lane? lane)) return;
            if (lane.Waiting.Count >= LaneLength || lane.Bytes + bytes.Length > _replicas.LaneBytes)
            {
                Interlocked.Increment(ref _dropped);
                return;
            }
            lane.Waiting.Enqueue(bytes);
            lane.Bytes += bytes.Length;
            if (lane.Scheduled) return;
            lane.Scheduled = true;
            _ready.Enqueue(lane);
            Monitor.Pulse(_gate);
        }
    }

    /// <summary>The replicas of another epoch from now on. What waits from the last one is dropped: its replica is gone.</summary>
    public void Use(ValidatorSet validators, MessageVerifier verifier)
    {
        lock (_gate)
        {
            _replicas = new Replicas(validators, verifier);
            _ready.Clear();
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            _stopping = true;
            Monitor.PulseAll(_gate);
        }
        await Task.Run(() => Array.ForEach(_threads, t => t.Join())).ConfigureAwait(false);
    }

    private void Run()
    {
        var taken = new List<ReadOnlyMemory<byte>>(Turn);
        while (Next(taken) is { } lane)
        {
            foreach (ReadOnlyMemory<byte> bytes in taken) Verify(lane, bytes);
            taken.Clear();
            lock (_gate)
            {
                lane.Scheduled = lane.Waiting.Count > 0;
                if (lane.Scheduled && lane.Owner == _replicas) _ready.Enqueue(lane);
            }
        }
    }

    /// <summary>The next lane and the messages of its turn; null at the end.</summary>
    private Lane? Next(List<ReadOnlyMemory<byte>> taken)
    {
        lock (_gate)
        {
            while (_ready.Count == 0 && !_stopping) Monitor.Wait(_gate);
            if (_stopping) return null;
            Lane lane = _ready.Dequeue();
            while (taken.Count < Turn && lane.Waiting.TryDequeue(out ReadOnlyMemory<byte> bytes))
            {
                lane.Bytes -= bytes.Length;
                taken.Add(bytes);
            }
            return lane;
        }
    }

    private void Verify(Lane lane, ReadOnlyMemory<byte> bytes)
    {
        using CpuParts.Section section = CpuParts.Measure(CpuPart.Consensus);
        try
        {
            if (!Codec.TryDecode(bytes, ConsensusEnvelope.MaxBytes, out ConsensusEnvelope? envelope, out string error)) Refuse(lane, error);
            else if (envelope!.Sender != lane.Replica) Refuse(lane, "it names another sender");
            else if (lane.Owner.Verifier.Verify(envelope, out error) is { } verified) _deliver(verified);
            else Refuse(lane, error);
        }
#pragma warning disable CA1031 // one message must not end the thread that verifies everybody's
        catch (Exception e)
#pragma warning restore CA1031
        {
            _logger.LogError(e, "a consensus message from replica {Replica} could not be handled", lane.Replica);
        }
    }

    private void Refuse(Lane lane, string reason)
    {
        if (Interlocked.Increment(ref _refused) % 1000 == 1)
            _logger.LogWarning("a consensus message from replica {Replica} was refused: {Reason}", lane.Replica, reason);
    }

    /// <summary>One peer's messages. Everything but <see cref="Owner"/> and <see cref="Replica"/> is guarded by the inbox's lock.</summary>
    private sealed class Lane(Replicas owner, int replica)
    {
        public readonly Queue<ReadOnlyMemory<byte>> Waiting = new();

        public long Bytes;

        /// <summary>True while it waits for a turn or a thread works on it.</summary>
        public bool Scheduled;

        public Replicas Owner => owner;

        public int Replica => replica;
    }

    /// <summary>The replicas of one epoch.</summary>
    private sealed class Replicas
    {
        public Replicas(ValidatorSet validators, MessageVerifier verifier)
        {
            Verifier = verifier;
            LaneBytes = Math.Max(ConsensusEnvelope.MaxBytes, AllBytes / validators.Count);
            for (int i = 0; i < validators.Count; i++) Lanes[validators.Members[i].NodeKey] = new Lane(this, i);
        }

        public MessageVerifier Verifier { get; }

        public long LaneBytes { get; }

        public Dictionary<PublicKey, Lane> Lanes { get; } = [];
    }
}
