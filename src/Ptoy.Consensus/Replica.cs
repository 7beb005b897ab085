using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Wire;

namespace Ptoy.Consensus;

/// <summary>
/// One replica of Practical Byzantine Fault Tolerance (Castro and Liskov, 1999) as a pure state machine: inputs go into
/// <see cref="Step"/> and <see cref="Tick"/>, what is to be done comes out of <see cref="TakeReady"/>. Same inputs, same
/// outputs. No I/O, clock, randomness or threads: one caller at a time. It lives for one epoch.
/// <para>The parts: NormalCase (three phases), Proposing, ViewChange, Suspicion (who is blamed when), Execution (certificates,
/// checkpoints), Epochs, CatchUp, Held (votes kept for their signers), Timers, Recovery. What may be signed is decided by
/// <see cref="SafetyRules"/> alone. <c>docs/consensus.md</c> follows the paper section by section.</para>
/// </summary>
public sealed partial class Replica
{
    private readonly ReplicaConfig _config;
    private readonly ValidatorSet _set;
    private readonly int _quorum;
    private readonly SafetyRules _safety;
    private readonly LogBook _log = new();
    private readonly SlotTable _slots;
    private readonly Outbox _out = new();
    private readonly int _self;
    private bool _signs;
    private ulong _now;
    private ulong _nowMs;

    /// <summary>The current view, or while a view change is under way the view asked for.</summary>
    public ulong View { get; private set; }

    /// <summary>True when the view is open: entered by a new-view message (or view 0), not merely asked for.</summary>
    public bool ViewActive { get; private set; } = true;

    /// <summary>Last height decided and handed out in <see cref="Ready.Committed"/>.</summary>
    public ulong Committed { get; private set; }

    /// <summary>Last height executed.</summary>
    public ulong ExecutedHeight { get; private set; }

    /// <summary>Height of the stable checkpoint: the low watermark.</summary>
    public ulong Stable { get; private set; }

    /// <summary>The last height of the epoch before; heights of this epoch are above it.</summary>
    public ulong EpochBase => _base;

    /// <summary>The last height of this epoch, once the executed state names it.</summary>
    public ulong? Barrier => _barrier;

    /// <summary>Height of the newest execution certificate known, at least the end of the epoch before.</summary>
    public ulong CertifiedHeight => _newestCertificate?.Statement.Height ?? _base;

    /// <summary>The primary of the current view.</summary>
    public int Primary => PrimaryOf(View);

    /// <summary>True when this replica is the primary of an open view.</summary>
    public bool IsPrimary => ViewActive && Primary == _self;

    /// <summary>Why this replica stopped for good, or null.</summary>
    public string? Halted { get; private set; }

    /// <summary>False for a learner: it follows and signs nothing.</summary>
    public bool Signs => _signs && Halted is null;

    /// <summary>True when new votes may be signed: see <see cref="NoteAnswer"/>.</summary>
    private bool Votes => Signs && _heardEnough;

    /// <summary>True when <see cref="TakeReady"/> has something.</summary>
    public bool HasReady => !_out.IsEmpty || _log.HasPending || (WantProposal is { } want && want != _lastWant);

    /// <summary>Takes one input. Messages of other epochs, out of the window or not understood are ignored.</summary>
    public void Step(ReplicaInput input)
    {
        if (Halted is not null) return;
        switch (input)
        {
            case Received received: OnEnvelope(received.Message); break;
            case Propose propose: OnPropose(propose); break;
            case BodiesReady bodies: OnBodiesReady(bodies); break;
            case Executed executed: OnExecuted(executed.Statement, executed.Barrier); break;
            case CommittedBlock block: OnCommittedBlock(block.Block); break;
            case PendingWork pending: OnPendingWork(pending.Waiting); break;
            case PeerLink link: OnPeerLink(link); break;
            case Suspect suspect: OnSuspect(suspect.View); break;
            default: throw new ArgumentException($"no such input: {input.GetType().Name}", nameof(input));
        }
    }

    /// <summary>Hands over what is to be done, in the order that <see cref="Ready"/> prescribes, and forgets it.</summary>
    public Ready TakeReady()
    {
        _lastWant = WantProposal;
        return _out.Take(Persisted(), _lastWant, Halted, _set.Epoch, _self);
    }

    private List<LogRecord>? _withheld;

    private List<LogRecord> Persisted()
    {
        List<LogRecord> records = _log.Take();
        if (_config.Fault != PlantedFault.VoteBeforePersist) return records;
        List<LogRecord> late = _withheld ?? [];
        _withheld = records;
        return late;
    }

    private void OnEnvelope(VerifiedEnvelope verified)
    {
        ConsensusEnvelope envelope = verified.Envelope;
        int sender = envelope.Sender;
        if (envelope.Epoch != _set.Epoch && _config.Fault != PlantedFault.OtherEpochCounted) return;
        if (sender >= _set.Count || sender == _self) return;
        if (_lostAt[sender] is not null) _lostAt[sender] = _now;
        foreach (ExecutionVote vote in envelope.Votes) OnExecutionVote(sender, vote);
        if (Halted is not null) return;
        switch (envelope.Message)
        {
            case PrePrepare m: OnPrePrepare(sender, m, verified.BlockHash); break;
            case Prepare m: OnPrepare(sender, m); break;
            case Commit m: OnCommit(sender, m); break;
            case ViewChange m: OnViewChange(sender, m); break;
            case NewView m: OnNewView(m); break;
            case Status m: OnStatus(sender, m.Statement); break;
            case BlockRequest m: OnBlockRequest(sender, m.Statement); break;
            case BlockReply m: OnBlockReply(m.Block, verified.BlockHash); break;
            case Decision m: OnDecision(sender, m.Certificate); break;
            case Checkpoint m: OnCertificate(m.Certificate); break;
            default: break;
        }
    }

    /// <summary>Whose turn a view is. Replicas that did not answer are left out of the order by governance, at an epoch's end.</summary>
    private int PrimaryOf(ulong view) => _set.PrimaryOf(view);

    /// <summary>
    /// Highest height accepted. Above the stable checkpoint by the window; a replica that is behind also takes what follows its own last
    /// committed height. Nothing above the end of the epoch.
    /// </summary>
    private ulong High
    {
        get
        {
            // Planted: far above what a correct replica takes, but not so far that memory ends.
            ulong reach = _config.Fault == PlantedFault.WatermarkIgnored ? 4 * _config.Window : _config.Window;
            return Math.Min(Math.Max(Stable, Committed) + reach, LastHeight);
        }
    }

    /// <summary>The slot of a height within the watermarks, made when needed; null outside.</summary>
    private Slot? SlotAt(ulong height) => height <= _slots.Low || height > High ? null : _slots.At(height);

    private Slot? ExistingSlot(ulong height) => _slots[height];

    /// <summary>Moves every open height on, in order. Slots may come and go meanwhile.</summary>
    private void ConsiderAbove(ulong height)
    {
        for (ulong h = Math.Max(height, _slots.Low) + 1; h <= _slots.Top; h++)
        {
            if (_slots[h] is { } slot) Consider(slot);
        }
    }

    private Signature Sign<T>(string domain, T statement) where T : IWire => _config.Signer!.Sign(domain, Codec.Encode(statement));

    private VoteStatement StatementOf(ulong view, ulong height, Hash block) => new(_config.ChainId, _set.Epoch, view, height, block);

    private void Broadcast(ConsensusMessage message) => SendTo(Outbound.Everyone, message);

    private void SendTo(int replica, ConsensusMessage message) =>
        _out.Send.Add(new Outbound(replica, new ConsensusEnvelope(_set.Epoch, (byte)Math.Max(_self, 0), message, [])));

    /// <summary>Something happened that no correct replica can survive: say so and sign nothing more.</summary>
    private void Halt(string reason)
    {
        Halted ??= reason;
        _out.Notices.Add($"halted: {reason}");
    }
}
