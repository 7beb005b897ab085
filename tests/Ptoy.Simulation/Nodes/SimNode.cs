using Ptoy.Consensus;
using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Simulation;

/// <summary>
/// The driver of one replica, written to the ordering rules of <see cref="Ready"/>: one synced write for what has gathered,
/// then send, then execute. Everything but the disk is lost in a crash.
/// </summary>
internal sealed partial class SimNode(World world, int slot, int identity)
{
    private readonly Queue<DecidedBlock> _toExecute = [];
    private List<Ready> _gathered = [];
    private List<Ready>? _writing;
    private bool _executing;
    private bool _proposing;

    /// <summary>Place among the nodes of the world.</summary>
    public int Slot => slot;

    /// <summary>Whose key it has. Twins share one.</summary>
    public int Identity => identity;

    public string Name { get; } = slot == identity ? $"n{identity}" : $"n{identity}'";

    public Disk Disk { get; } = new();

    public Replica? Replica { get; private set; }

    public ReplicaConfig Config { get; private set; } = null!;

    /// <summary>Counts starts: events meant for an earlier life are dropped.</summary>
    public int Life { get; private set; }

    public bool Up => Replica is not null;

    /// <summary>What it signed is forgotten: from here on it must follow and be silent.</summary>
    public bool Forgot { get; private set; }

    /// <summary>It forgot, and its peers are sure to know: a new vote of its key is a fault.</summary>
    public bool MustBeSilent { get; private set; }

    /// <summary>Refuses to start, for this reason.</summary>
    public string? Refuses { get; private set; }

    public ulong HighestDecided { get; private set; }

    /// <summary>The last height it was waited for to execute, once it has.</summary>
    public ulong ReachedGoal { get; set; }

    /// <summary>Not to be started by chance.</summary>
    public bool HeldDown { get; set; }

    /// <summary>Blocks whose bodies came in, in this life.</summary>
    private readonly HashSet<Hash> _held = [];

    private readonly HashSet<int> _accused = [];

    /// <summary>How many replicas it found evidence against in this life.</summary>
    public int Accusations => _accused.Count;

    /// <summary>Whether it found evidence against a replica in this life.</summary>
    public bool HasAccused(int replica) => _accused.Contains(replica);

    public void Start()
    {
        if (Refuses is not null) return;
        Life++;
        LookWhatLacks();
        Config = world.ConfigOf(this);
        try
        {
            Replica = new Replica(Config, world.LedgerOf(this), Lacks ? [] : Disk.Records(), world.ClockOf(this));
        }
        catch (ConsensusLogException e) when (Forgot)
        {
            Refuses = e.Message;
            return;
        }
        if (Forgot && !Replica.Signs) world.Totals.Noticed++;
        if (world.RoleOf(this) == Role.Damaged && Forgot && Replica.Signs) throw new InvariantException($"{Name} signs upon a damaged consensus log");
        _accused.Clear();
        _held.Clear();
        HighestDecided = Math.Max(HighestDecided, Replica.Committed);
        world.Observer?.Started(world.Time, this);
        world.At(world.Random.Between(1, Scenario.UnitsPerTick), EventKind.Tick, this);
        Pump();
    }

    /// <summary>Power cut. A write under way is on disk, or is not, or in part, as chance has it.</summary>
    public void Crash()
    {
        if (_writing is not null)
        {
            switch (world.Random.Between(0, 3))
            {
                case 0: Disk.Write(_writing); break;
                case 1: Tear(); break;
                default: world.Totals.WritesLost++; break;
            }
        }
        world.Totals.UnsyncedLost += Disk.LoseUnsynced(world.Random);
        PowerOff();
    }

    private void Tear()
    {
        int records = Disk.RecordsOf(_writing!);
        if (records < 2) return;
        Disk.WriteTorn(_writing!, world.Random.Between(1, records - 1));
        world.Totals.TornWrites++;
    }

    private void PowerOff()
    {
        world.Observer?.Crashed(world.Time, this);
        world.Totals.Crashes++;
        _caughtUp = false;
        PutDown();
    }

    public void Receive(VerifiedEnvelope message)
    {
        world.Observer?.Received(world.Time, this, message.Envelope);
        Step(new Received(message));
    }

    public void Step(ReplicaInput input)
    {
        if (Replica is null) return;
        Replica.Step(input);
        world.Observer?.Stepped(world.Time, this, input);
        Pump();
    }

    public void Tick()
    {
        Replica!.Step(world.Working ? Waiting : NothingToDo);
        Replica.Tick(world.ClockOf(this));
        world.Observer?.Stepped(world.Time, this, null);
        world.At(Scenario.UnitsPerTick, EventKind.Tick, this);
        FollowIfNeeded();
        VoteAgainIfComplete();
        Pump();
    }

    private static readonly PendingWork Waiting = new(true), NothingToDo = new(false);

    private void Pump()
    {
        Replica replica = Replica!;
        while (replica.HasReady)
        {
            Ready ready = replica.TakeReady();
            Examine(ready);
            _gathered.Add(ready);
            foreach (BodyRequest want in ready.WantBodies) world.At(world.Pace(1, 20), EventKind.BodiesHeld, this, want);
            if (ready.Fetch is { } fetch) world.Fetch(this, fetch);
        }
        if (!_proposing && replica.WantProposal is not null)
        {
            _proposing = true;
            world.At(world.Pace(1, 40), EventKind.Propose, this);
        }
        BeginWrite();
    }

    private void Examine(Ready ready)
    {
        bool honest = world.IsHonest(this);
        foreach (string notice in ready.Notices) world.Say(this, notice);
        if (ready.Halted is not null && honest) throw new InvariantException($"{Name} halted: {ready.Halted}");
        if (!Replica!.Signs && honest && Config.Self >= 0 && !Forgot) throw new InvariantException($"{Name} stopped voting: {string.Join("; ", ready.Notices)}");
        foreach (Evidence evidence in ready.Evidence)
        {
            _accused.Add(evidence.Replica);
            if (honest) world.Accused(this, evidence);
        }
        if (honest) ExamineWrite(ready);
    }

    /// <summary>Bodies that are to be synced are held; a view that is entered was rightly opened.</summary>
    private void ExamineWrite(Ready ready)
    {
        foreach (Block block in ready.SyncBodies)
        {
            Hash hash = block.ComputeHash();
            bool mine = ready.Send.Any(s => s.Envelope.Message is PrePrepare p && ReferenceEquals(p.Block, block));
            if (!mine && !_held.Contains(hash) && !Disk.Bodies.Contains(hash))
                throw new InvariantException($"bodies: {Name} votes for a block of height {block.Header.Height} without its bodies");
        }
        foreach (LogRecord record in ready.Persist)
        {
            if (record.Key.Kind == LogKind.NewView && record.Value is not null) Invariants.Entered(this, record.Value);
        }
    }

    public void Bodies(BodyRequest want)
    {
        if (!world.CanGetBodies(this, want)) return;
        _held.Add(want.BlockHash);
        Step(new BodiesReady(want.Height, want.BlockHash));
    }

    public void Propose()
    {
        _proposing = false;
        if (Replica!.WantProposal is not { } want) return;
        if (world.Working || want.HeartbeatDue)
        {
            var hashes = new Hash[world.Working ? world.Pace(0, 3) : 0];
            for (int i = 0; i < hashes.Length; i++) hashes[i] = world.NewTransaction();
            Step(new Propose(hashes, world.ClockOf(this)));
        }
        else
        {
            Pump();
        }
    }

    private void BeginWrite()
    {
        if (_writing is not null || _gathered.Count == 0) return;
        _writing = _gathered;
        _gathered = [];
        bool empty = true;
        foreach (Ready ready in _writing) empty &= ready.Persist.Count == 0 && ready.SyncBodies.Count == 0;
        if (empty) Written();
        else world.At(world.Pace(1, 8), EventKind.WriteDone, this);
    }

    /// <summary>The write is finished, unless the world has the power cut at this very one.</summary>
    public void FinishWrite()
    {
        switch (world.FateOf(this, _writing!))
        {
            case WriteFate.LostBefore: break;
            case WriteFate.Torn: Disk.WriteTorn(_writing!, Disk.RecordsOf(_writing!) / 2); break;
            case WriteFate.LostAfter: Disk.Write(_writing!); break;
            default:
                Disk.Write(_writing!);
                Written();
                return;
        }
        Disk.LoseUnsynced(world.Random);
        PowerOff();
        world.At(RestartAfter, EventKind.Restart, this, life: -1);
    }

    /// <summary>Units between a planned power cut and the start after it.</summary>
    private const int RestartAfter = 60;

    private void Written()
    {
        List<Ready> written = _writing!;
        _writing = null;
        foreach (Ready ready in written)
        {
            world.Observer?.Written(world.Time, this, ready);
            foreach (Outbound outbound in ready.Send) world.Send(this, outbound);
            foreach (DecidedBlock decided in ready.Committed) Decided(decided);
            foreach (ExecutionCertificate certificate in ready.Certified) Certified(certificate);
            if (ready.EpochEnded is not { } end) continue;
            BeginNextEpoch(end);
            return;
        }
        BeginExecution();
        BeginWrite();
    }

    private void Certified(ExecutionCertificate certificate)
    {
        if (world.IsHonest(this)) world.Check.Certified(this, certificate);
        world.Observer?.Certified(world.Time, this, certificate);
        ulong height = certificate.Statement.Height;
        if (height > (Disk.Certificate?.Statement.Height ?? 0)) Disk.Certificate = certificate;
        if (height % Config.CheckpointInterval == 0) world.Totals.Checkpoints++;
    }

    private void Decided(DecidedBlock decided)
    {
        world.Mix(slot, (long)decided.Block.Header.Height, decided.BlockHash.GetHashCodeStable());
        world.Observer?.Decided(world.Time, this, decided);
        if (world.IsHonest(this)) world.Check.Decided(this, decided);
        HighestDecided = Math.Max(HighestDecided, decided.Block.Header.Height);
        world.Totals.Commits++;
        if (decided.Block.IsNull) world.Totals.NullBlocks++;
        _toExecute.Enqueue(decided);
    }

    private void BeginExecution()
    {
        if (_executing || _toExecute.Count == 0) return;
        _executing = true;
        world.At(world.Pace(1, 12), EventKind.ExecuteDone, this);
    }

    /// <summary>The trivial state machine: the state is the hash of all that was executed. Written before it is reported.</summary>
    public void FinishExecution()
    {
        _executing = false;
        DecidedBlock decided = _toExecute.Dequeue();
        ExecutionStatement statement = world.Execute(Disk.Last, decided);
        Disk.Execute(statement, new CertifiedBlock(decided.Block, decided.Certificate));
        if (world.IsHonest(this)) world.Check.Executed(this, statement);
        world.Observer?.Executed(world.Time, this, statement);
        Step(new Executed(statement, world.BarrierOf(Epoch, statement.Height)));
        BeginExecution();
        world.NoteExecuted(this);
    }
}
