using System.Collections.Concurrent;
using System.Diagnostics;
using Ptoy.Consensus;
using Ptoy.Node.Diagnostics;
using Ptoy.Node.Transport;
using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Sync;
using Ptoy.Protocol.Wire;
using Ptoy.Storage.Consensus;

namespace Ptoy.Node.Consensus;

/// <summary>
/// Gives the pure <see cref="Replica"/> its time, disk and network. One thread steps it: it takes everything that has come in,
/// then does what <see cref="Ready"/> asks, in the order that Ready prescribes: one synced write, then send, then execute.
/// </summary>
public sealed class ConsensusDriver : IDisposable
{
    /// <summary>Length of a tick in milliseconds.</summary>
    public const int TickMs = 10;

    private const int InboxLength = 65_536;
    private const int MostAtOnce = 512;
    private const int FactsTicks = 16;

    private readonly DriverInbox _inbox = new(InboxLength);
    private readonly ConcurrentQueue<ReplicaInput> _local = new();
    private volatile Replica _replica;
    private readonly ConsensusLog _log;
    private readonly ITransport _transport;
    private volatile ValidatorSet _validators;
    private readonly IBodySource _bodies;
    private readonly IPeerFetcher _fetcher;
    private readonly IProposalSource _source;
    private readonly IBlockExecution _execution;
    private readonly TimeProvider _clock;
    private readonly IEpochTurns? _turns;
    private readonly Action<string> _fatal;
    private readonly ILogger<ConsensusDriver> _logger;
    private readonly CancellationTokenSource _stop = new();
    private Thread? _thread;
    private ulong _view;
    private bool _viewActive;
    private ulong _truncated;
    private int _fetching;
    private bool _pending;
    private bool _judges;
    private ulong _known;
    private int _ticks;
    private int _look;

    /// <summary>Composes; nothing runs before <see cref="Start"/>. <paramref name="fatal"/> ends the process with a message.</summary>
    public ConsensusDriver(
        Replica replica, ConsensusLog log, ITransport transport, ValidatorSet validators, IBodySource bodies, IPeerFetcher fetcher,
        IProposalSource source, IBlockExecution execution, TimeProvider clock, Action<string> fatal, ILogger<ConsensusDriver> logger,
        IEpochTurns? turns = null)
    {
        _turns = turns;
        (_replica, _log, _transport, _validators, _bodies, _fetcher) = (replica, log, transport, validators, bodies, fetcher);
        (_source, _execution, _clock, _fatal, _logger) = (source, execution, clock, fatal, logger);
        (_view, _viewActive) = (replica.View, replica.ViewActive);
        execution.Executed += executed => PostLocal(new Executed(executed, execution.Barrier));
    }

    /// <summary>Raised on the driver's thread when the replica of another epoch has taken over.</summary>
    public event Action<ValidatorSet>? EpochStarted;

    /// <summary>Raised on the driver's thread for each view that its primary let run out.</summary>
    public event Action<ValidatorSet, TimedOutView>? TimedOut;

    /// <summary>Raised on the driver's thread for each contradiction of a replica.</summary>
    public event Action<ValidatorSet, Evidence>? Accused;

    /// <summary>Raised on the driver's thread for each execution certificate of a height executed here.</summary>
    public event Action<ExecutionCertificate>? Certified;

    /// <summary>The view, for people.</summary>
    public ulong View => Volatile.Read(ref _view);

    /// <summary>The epoch in which this node's replica is.</summary>
    public ulong Epoch => _validators.Epoch;

    /// <summary>The replica that proposes now.</summary>
    public int Primary => _replica.Primary;

    /// <summary>Height of the newest stable checkpoint.</summary>
    public ulong Stable => _replica.Stable;

    /// <summary>False when this node follows and signs nothing.</summary>
    public bool Signs => _replica.Signs;

    /// <summary>Starts the thread.</summary>
    public void Start()
    {
        _thread = new Thread(Run) { Name = "ptoy-consensus", IsBackground = true };
        _thread.Start();
    }

    /// <summary>Hands over an input; waits while the inbox is full, so that whoever reads the network slows down.</summary>
    public void Post(ReplicaInput input)
    {
        try
        {
            _inbox.Add(input, _stop.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or InvalidOperationException)
        {
            _logger.LogDebug("input after the stop was dropped");
        }
    }

    /// <summary>A connection to a peer came up or broke: a hint for the timers.</summary>
    public void OnLink(PublicKey peer, bool up)
    {
        if (_validators.IndexOf(peer) is var replica and >= 0) Post(new PeerLink(replica, up));
    }

    /// <summary>
    /// Hands over what this node itself found, bounded by the heights in flight. Never waits: the executor must not wait for a thread
    /// that may be waiting for the executor.
    /// </summary>
    private void PostLocal(ReplicaInput input)
    {
        _local.Enqueue(input);
        Wake();
    }

    /// <summary>A transaction that the primary of this view was handed is not ordered in its turn: ask for the next view.</summary>
    public void Suspect(ulong view) => PostLocal(new Suspect(view));

    /// <summary>What the censorship watch judges by, at most a few ticks old.</summary>
    public ViewFacts Facts => new(View, Volatile.Read(ref _judges), Primary, Volatile.Read(ref _known));

    /// <summary>An epoch became known, or the ledger grew from elsewhere: look whether another replica has to take over.</summary>
    public void LookForEpoch()
    {
        Volatile.Write(ref _look, 1);
        Wake();
    }

    /// <summary>Something new waits in the pool: look whether to propose.</summary>
    public void Wake() => _inbox.Wake();

    /// <inheritdoc/>
    public void Dispose()
    {
        _stop.Cancel();
        _thread?.Join();
        _stop.Dispose();
    }

    private void Run()
    {
        try
        {
            Loop();
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            _logger.LogDebug("consensus stopped");
        }
#pragma warning disable CA1031 // whatever failed, the replica must not go on: it may believe that it voted
        catch (Exception e)
#pragma warning restore CA1031
        {
            _logger.LogCritical(e, "consensus failed");
            // Whoever waits to hand something over must not wait for a thread that is gone.
            _stop.Cancel();
            _fatal($"consensus failed: {e.Message}");
        }
    }

    private void Loop()
    {
        using CpuParts.Section section = CpuParts.Measure(CpuPart.Consensus);
        long start = Stopwatch.GetTimestamp();
        long ticks = 0;
        var inputs = new List<ReplicaInput>(MostAtOnce);
        while (!_stop.IsCancellationRequested)
        {
            double elapsed = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            // Rounded up: a wait of nothing would spin through the last part of every tick.
            int wait = Math.Clamp((int)Math.Ceiling(((ticks + 1) * TickMs) - elapsed), 0, TickMs);
            inputs.Clear();
            _inbox.Take(inputs, MostAtOnce, wait);
            foreach (ReplicaInput input in inputs) _replica.Step(input);
            while (_local.TryDequeue(out ReplicaInput? local)) StepLocal(local);
            long due = (long)(Stopwatch.GetElapsedTime(start).TotalMilliseconds / TickMs);
            // After a pause of the whole process (a suspended machine) time does not rush to catch up.
            if (due - ticks > 50) ticks = due - 50;
            for (; ticks < due; ticks++) Tick();
            OnViewChanged();
            TryPropose();
            if (_replica.HasReady) Do(_replica.TakeReady());
            if (Interlocked.Exchange(ref _look, 0) == 1) TurnEpoch(null);
        }
    }

    private void StepLocal(ReplicaInput input)
    {
        // The replica of a new epoch may have found in the ledger what the executor reports only now.
        if (input is Executed executed && executed.Statement.Height <= _replica.ExecutedHeight) return;
        _replica.Step(input);
        if (input is Executed { Statement.NextValidators.IsZero: false }) Volatile.Write(ref _look, 1);
    }

    private void Tick()
    {
        bool waiting = _source.HasExecutable;
        if (waiting != _pending) _replica.Step(new PendingWork(_pending = waiting));
        _replica.Tick((ulong)_clock.GetUtcNow().ToUnixTimeMilliseconds());
        if (++_ticks % FactsTicks != 0) return;
        Volatile.Write(ref _judges, _replica.ViewActive && _replica.Signs && !_replica.IsPrimary);
        Volatile.Write(ref _known, _replica.KnownHeight);
    }

    private void TryPropose()
    {
        while (_replica.WantProposal is { } want && _source.Choose(want, InFlight) is { } hashes)
        {
            if (hashes.Count == 0 && !want.HeartbeatDue) continue;
            _replica.Step(new Propose([.. hashes], (ulong)_clock.GetUtcNow().ToUnixTimeMilliseconds()));
        }
    }

    private HashSet<Hash> InFlight() => [.. _replica.InFlight().SelectMany(b => b.TransactionHashes)];

    private void Do(Ready ready)
    {
        foreach (string notice in ready.Notices) _logger.LogInformation("consensus: {Notice}", notice);
        Persist(ready);
        foreach (Outbound outbound in ready.Send) Send(outbound);
        foreach (Ptoy.Consensus.DecidedBlock decided in ready.Committed) _execution.Enqueue(decided);
        foreach (ExecutionCertificate certificate in ready.Certified) Certified?.Invoke(certificate);
        foreach (TimedOutView timedOut in ready.TimedOut) TimedOut?.Invoke(_validators, timedOut);
        foreach (Evidence evidence in ready.Evidence)
        {
            _logger.LogError("replica {Replica} signed two contradictory votes at height {Height}", evidence.Replica, evidence.First.Height);
            Accused?.Invoke(_validators, evidence);
        }
        foreach (Ptoy.Consensus.BodyRequest want in ready.WantBodies) ProvideBodies(want);
        if (ready.Fetch is { } fetch) FetchBlocks(fetch);
        TruncateLog();
        if (ready.EpochEnded is { } ended) TurnEpoch(ended);
        if (ready.Halted is { } reason) _fatal($"consensus halted: {reason}");
    }

    private void Persist(Ready ready)
    {
        // A node whose log is forgotten signs nothing, so there is nothing that it must remember; its log refuses to be written.
        if (!_log.MaySign || (ready.Persist.Count == 0 && ready.SyncBodies.Count == 0)) return;
        using CpuParts.Section section = CpuParts.Measure(CpuPart.Sync);
        var bodies = new List<ConsensusBody>();
        foreach (Block block in ready.SyncBodies)
        {
            foreach (Hash hash in block.TransactionHashes)
            {
                byte[] bytes = _bodies.Bytes(hash) ?? throw new InvalidOperationException($"body {hash.Short} of block {block.Header.Height} is gone");
                bodies.Add(new ConsensusBody(block.Header.Height, hash, bytes));
            }
        }
        _log.Append([.. ready.Persist.Select(r => new ConsensusRecord((byte)r.Key.Kind, r.Key.Height, r.Key.View, r.Value))], bodies, synced: true);
    }

    private void Send(Outbound outbound)
    {
        byte[] bytes = Codec.Encode(outbound.Envelope);
        VoteLane lane = outbound.Envelope.Message is PrePrepare ? VoteLane.Proposal : VoteLane.Ordered;
        for (int i = 0; i < _validators.Count; i++)
        {
            PublicKey peer = _validators.Members[i].NodeKey;
            if (peer != _transport.Self && (outbound.To == Outbound.Everyone || outbound.To == i)) _transport.SendVote(peer, bytes, lane);
        }
    }

    /// <summary>
    /// Before anything is proposed in a view that has just opened: what it carries over must not be proposed again, everything else may be.
    /// </summary>
    private void OnViewChanged()
    {
        if (_replica.View == _view && _replica.ViewActive == _viewActive) return;
        Volatile.Write(ref _view, _replica.View);
        _viewActive = _replica.ViewActive;
        _source.ResetTaken(InFlight());
    }

    private void ProvideBodies(Ptoy.Consensus.BodyRequest want)
    {
        _source.MarkTaken(want.Block.TransactionHashes);
        if (_bodies.Missing(want.Block.TransactionHashes).Length == 0)
        {
            PostLocal(BodiesReady(want));
            return;
        }
        _ = Task.Run(async () =>
        {
            try
            {
                if (await _fetcher.FetchBodiesAsync(want.Block.TransactionHashes, want.Proposer, _stop.Token).ConfigureAwait(false))
                    Post(BodiesReady(want));
                else
                    _logger.LogWarning("no replica gave all bodies of block {Height}", want.Height);
            }
            catch (OperationCanceledException)
            {
                _logger.LogDebug("fetching bodies was stopped");
            }
        });
    }

    private BodiesReady BodiesReady(Ptoy.Consensus.BodyRequest want) =>
        new(want.Height, want.BlockHash, want.Block.TransactionHashes.Sum(h => (long)(_bodies.Bytes(h)?.Length ?? 0)));

    private void FetchBlocks(FetchRequest fetch)
    {
        if (Interlocked.Exchange(ref _fetching, 1) == 1) return;
        _ = Task.Run(async () =>
        {
            try
            {
                foreach (VerifiedBlock block in await _fetcher.FetchBlocksAsync(fetch.From, fetch.To, fetch.Replicas, _stop.Token).ConfigureAwait(false))
                    Post(new CommittedBlock(block));
            }
            catch (OperationCanceledException)
            {
                _logger.LogDebug("fetching blocks was stopped");
            }
            finally
            {
                Interlocked.Exchange(ref _fetching, 0);
            }
        });
    }

    /// <summary>
    /// The replica of an epoch that has ended has nothing more to decide. What it left in the inbox is of an epoch that the next replica
    /// ignores; what the executor reported is in the ledger from which the next one starts.
    /// </summary>
    private void TurnEpoch(ExecutionCertificate? ended)
    {
        if (_turns?.Next(_validators.Epoch, ended) is not { } turn) return;
        _local.Clear();
        (_replica, _validators) = (turn.Replica, turn.Validators);
        _pending = false;
        // Nothing is in flight: what was proposed and not decided may be proposed again.
        _viewActive = !turn.Replica.ViewActive;
        _logger.LogInformation(
            "epoch {Epoch} begins above height {Height}: {Count} validators, {Role}", turn.Validators.Epoch, turn.Replica.ExecutedHeight, turn.Validators.Count,
            turn.Replica.Signs ? "this node among them" : "this node follows");
        OnViewChanged();
        EpochStarted?.Invoke(turn.Validators);
    }

    private void TruncateLog()
    {
        ulong below = Math.Min(_replica.Stable, _replica.ExecutedHeight);
        if (below <= _truncated || !_log.MaySign) return;
        _truncated = below;
        _log.TruncateBelow(below);
    }
}
