using Ptoy.Consensus;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Simulation;

/// <summary>
/// One run: virtual time, the network, the nodes and what goes wrong, all from one seed. First a time of faults, then
/// everything is healed and the network must decide <see cref="HeightsAfterFaults"/> more heights on every honest replica.
/// </summary>
internal sealed partial class World
{
    /// <summary>Heights that every honest replica must reach after the faults.</summary>
    public const ulong HeightsAfterFaults = 50;

    /// <summary>Units of virtual time for that.</summary>
    private const long HealingLimit = 400_000;

    private const ulong Epoch2026 = 1_767_225_600_000;

    /// <summary>One event queue for each thread, used by one world after another.</summary>
    [ThreadStatic]
    private static EventQueue? _shared;

    private readonly EventQueue _events;
    private readonly Scenario _scenario;
    private readonly PlantedFault _fault;
    private readonly List<SimNode> _nodes = [];
    private readonly List<SimNode>[] _copies;
    private readonly Adversary?[] _adversaries;
    private readonly int[] _skew;
    private ulong _goal = ulong.MaxValue;
    private int _short;
    private ulong _traceHash;

    public World(Scenario scenario, PlantedFault fault = PlantedFault.None, IWorldObserver? observer = null)
    {
        _scenario = scenario;
        _fault = fault;
        Observer = observer;
        _events = _shared ??= new EventQueue();
        _events.Reset();
        Random = new SimRandom(scenario.Seed);
        ChainId = Digest.Of("ptoy/sim/chain", BitConverter.GetBytes(scenario.Seed));
        int identities = scenario.Identities;
        _skew = [.. Enumerable.Range(0, identities).Select(_ => Random.Between(0, 500))];
        _copies = new List<SimNode>[identities];
        _adversaries = new Adversary?[identities];
        Genesis = new ExecutionStatement(ChainId, 0, 0, ChainId, ChainId, ChainId, Hash.Zero, 0);
        Check = new Invariants(this);
        Check.Genesis(Genesis);
        _timetable = new Timetable(scenario.Window, scenario.Changes);
        AddEpoch([.. Enumerable.Range(0, scenario.Replicas)]);
        foreach (Change change in scenario.Changes) AddEpoch(change.Members);
        for (int identity = 0; identity < identities; identity++) _copies[identity] = [AddNode(identity)];
        for (int identity = 0; identity < identities; identity++)
        {
            Role role = scenario.RoleOf(identity);
            if (role == Role.Twin)
            {
                _copies[identity].Add(AddNode(identity));
                Totals.TwinWorlds++;
            }
            else
            {
                _adversaries[identity] = Adversary.Of(role, this, identity);
            }
        }
        _groups = new int[_nodes.Count];
    }

    public IWorldObserver? Observer { get; }

    public SimRandom Random { get; }

    public Hash ChainId { get; }

    public ExecutionStatement Genesis { get; }

    public Invariants Check { get; }

    public Totals Totals { get; } = new();

    public long Time => _events.Time;

    public IReadOnlyList<SimNode> Nodes => _nodes;

    public ulong TraceHash => _traceHash;

    /// <summary>Whether clients have transactions waiting.</summary>
    public bool Working { get; set; } = true;

    /// <summary>Nothing is lost on the way, and only forgetful nodes go down: then peers are sure to know the votes of a node that forgets.</summary>
    public bool Reliable => _scenario is { Loss: 0, CrashRate: 0, AllCrashRate: 0, PartitionRate: 0 };

    /// <summary>Costly checks are made too.</summary>
    public bool Thorough => _scenario.Encoded;

    /// <summary>The latest of all clocks.</summary>
    public ulong LatestClock => Epoch2026 + (ulong)Time + 500;

    public static RunResult Run(ulong seed, int? replicas, PlantedFault fault = PlantedFault.None, IWorldObserver? observer = null) =>
        new World(Scenario.Of(seed, replicas), fault, observer).RunToEnd();

    /// <summary>The whole run; what an invariant, or the core itself, has against it is in the result.</summary>
    public RunResult RunToEnd()
    {
        string? failure = Try(Run);
        return new RunResult(_scenario.Seed, failure, Totals, _traceHash, Time);
    }

    /// <summary>Null, or the invariant that did not hold, or what the core threw.</summary>
    public static string? Try(Action action)
    {
        try
        {
            action();
            return null;
        }
        catch (InvariantException e)
        {
            return e.Message;
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException or NullReferenceException or KeyNotFoundException
            or IndexOutOfRangeException or ConsensusLogException or Ptoy.Protocol.Wire.WireException)
        {
            return $"exception: {e.GetType().Name}: {e.Message} {e.StackTrace?.Split('\n').FirstOrDefault()?.Trim()}";
        }
    }

    /// <summary>Runs correct software, whatever becomes of its disk.</summary>
    public bool IsHonest(SimNode node) => RoleOf(node) is Role.Honest || RoleOf(node).IsForgetful();

    public Role RoleOf(SimNode node) => _scenario.RoleOf(node.Identity);

    public ulong ClockOf(SimNode node) => Epoch2026 + (ulong)Time + (ulong)_skew[node.Identity];

    public Hash NewTransaction() => Digest.Of("ptoy/sim/tx", BitConverter.GetBytes(Random.Next()));

    /// <summary>A duration by chance, or where a script wants it steady, always the same.</summary>
    public int Pace(int low, int high) => _scenario.Steady ? (low + high) / 2 : Random.Between(low, high);

    /// <summary>Lets something happen later; to this life of the node only, unless −1 is given for whichever life.</summary>
    public void At(int delay, EventKind kind, SimNode? node, object? subject = null, int? life = null, long number = 0) =>
        _events.Add(delay, new SimEvent(kind, node, life ?? node?.Life ?? -1, subject, number));

    /// <summary>Something of note happened: a part of the identity of the run.</summary>
    public void Mix(int slot, long a, long b)
    {
        ulong mixed = ((ulong)slot << 48) ^ ((ulong)a << 24) ^ (ulong)b ^ (ulong)Time;
        _traceHash = (ulong.RotateLeft(_traceHash, 13) ^ mixed) * 0x9E3779B97F4A7C15;
    }

    public void Say(SimNode? node, string text) => Observer?.Said(Time, node, text);

    public ReplicaConfig ConfigOf(SimNode node)
    {
        Epoch epoch = EpochOf(node.Epoch);
        int self = node.Lacks ? -1 : epoch.IndexOf(node.Identity);
        return new ReplicaConfig
        {
            ChainId = ChainId,
            Validators = epoch.Set,
            Self = self,
            KeyIsNew = IsNewcomer(node),
            Signer = self < 0 ? null : Keys.SignerOf(node.Identity),
            Window = _scenario.Window,
            CheckpointInterval = _scenario.CheckpointInterval,
            MaxInFlight = _scenario.MaxInFlight,
            HeartbeatTicks = _scenario.HeartbeatTicks,
            ViewTimeoutTicks = _scenario.ViewTimeoutTicks,
            MaxDoublingTicks = _scenario.MaxDoublingTicks,
            ResendTicks = 8,
            StatusTicks = 20,
            Fault = _fault,
        };
    }

    /// <summary>What executing a decided block upon this outcome gives, on every node alike.</summary>
    public ExecutionStatement Execute(ExecutionStatement before, DecidedBlock decided)
    {
        ulong height = before.Height + 1;
        if (Check.Outcome(height) is { } known && known.ChainHash == ExecutionStatement.NextChainHash(before.ChainHash, height, decided.BlockHash)) return known;
        Hash chain = ExecutionStatement.NextChainHash(before.ChainHash, height, decided.BlockHash);
        Hash state = Digest.Of("ptoy/sim/state", before.StateRoot, chain);
        ulong time = Math.Max(before.TimeMs, decided.Block.Header.TimeMs);
        return new ExecutionStatement(ChainId, EpochAt(height), height, chain, state, chain, NextValidators(height), time);
    }

    private SimNode AddNode(int identity)
    {
        var node = new SimNode(this, _nodes.Count, identity);
        node.Disk.Begin(Genesis, null);
        _nodes.Add(node);
        return node;
    }

    private void Run()
    {
        foreach (SimNode node in _nodes) node.Start();
        PlanFaults();
        while (Time < _scenario.FaultUnits) Next();
        Heal();
        ulong goal = 0;
        foreach (SimNode node in _nodes) goal = Math.Max(goal, MustLive(node) ? node.HighestDecided : 0);
        RunUntilAllExecute(goal + _scenario.HeightsAfter, HealingLimit);
    }

    /// <summary>Runs until every correct node has executed this height; a fault when that takes longer than so many units.</summary>
    public void RunUntilAllExecute(ulong height, long units)
    {
        _goal = height;
        _short = _nodes.Count(n => MustLive(n) && n.Disk.Last.Height < height);
        long limit = Time + units;
        while (_short > 0)
        {
            if (Time > limit) throw new InvariantException($"liveness: height {height} is not reached after the faults; {Standing()}");
            Next();
        }
    }

    public void NoteExecuted(SimNode node)
    {
        if (node.Disk.Last.Height < _goal || node.ReachedGoal == _goal || !MustLive(node)) return;
        node.ReachedGoal = _goal;
        _short--;
    }

    /// <summary>Owes progress once the network is healed: correct, and its disk forgot nothing.</summary>
    public bool MustLive(SimNode node) => RoleOf(node) is Role.Honest or Role.LosesLedger;

    private string Standing() => string.Join(", ", _nodes.Select(n => n.Replica is not { } r ? $"{n.Name}: down"
        : $"{n.Name}: view {r.View}{(r.ViewActive ? "" : "?")} committed {r.Committed} executed {r.ExecutedHeight} stable {r.Stable}"));

    /// <summary>One event.</summary>
    public void Next()
    {
        SimEvent next = _events.Take();
        SimNode? node = next.Node;
        if (next.Life >= 0 && (!node!.Up || node.Life != next.Life)) return;
        Totals.Steps++;
        switch (next.Kind)
        {
            case EventKind.Message: Arrive(node!, (VerifiedEnvelope)next.Subject!); break;
            case EventKind.Tick: node!.Tick(); break;
            case EventKind.WriteDone: node!.FinishWrite(); break;
            case EventKind.ExecuteDone: node!.FinishExecution(); break;
            case EventKind.Propose: node!.Propose(); break;
            case EventKind.BodiesHeld: node!.Bodies((BodyRequest)next.Subject!); break;
            case EventKind.Fetched: Fetched(node!, (FetchRequest)next.Subject!, (int)next.Number); break;
            case EventKind.Followed: Followed(node!, (int)next.Number); break;
            case EventKind.Chaos: ChaosEvent(); break;
            case EventKind.Misbehave: Misbehave(); break;
            case EventKind.Forget: ForgetEvent(node!, next.Number); break;
            case EventKind.Restart: StartAgain(node!); break;
            case EventKind.Nothing: break;
            default: throw new InvalidOperationException($"no such event: {next.Kind}");
        }
    }
}

internal static class HashExtensions
{
    /// <summary>Some bits of a hash that are the same in every process.</summary>
    public static long GetHashCodeStable(this Hash hash)
    {
        Span<byte> bytes = stackalloc byte[Hash.Size];
        hash.CopyTo(bytes);
        return BitConverter.ToInt64(bytes);
    }
}
