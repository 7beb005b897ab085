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

    private readonly PriorityQueue<(SimNode? Node, int Life, Action Do), (long Time, long Order)> _events = new();
    private readonly Scenario _scenario;
    private readonly SimNode[] _nodes;
    private readonly MessageVerifier _verifier;
    private readonly Equivocator? _equivocator;
    private readonly int[] _skew;
    private readonly TextWriter? _trace;
    private readonly Hash _chainId;
    private long _time;
    private long _order;
    private bool _healed;
    private ulong _traceHash;

    public World(Scenario scenario, PlantedFault fault, TextWriter? trace)
    {
        _scenario = scenario;
        _trace = trace;
        Random = new SimRandom(scenario.Seed);
        ValidatorSet set = Members.Set(scenario.Replicas);
        _chainId = Digest.Of("ptoy/sim/chain", BitConverter.GetBytes(scenario.Seed));
        _skew = [.. Enumerable.Range(0, set.Count).Select(_ => Random.Between(0, 500))];
        ReplicaConfig config = ConfigOf(set, fault);
        Check = new Invariants(set, config.Quorum);
        _verifier = new MessageVerifier(_chainId, set, CheapVerifier.Instance, config.Quorum);
        if (scenario.Equivocator >= 0) _equivocator = new Equivocator(_chainId, new CheapSigner(set.Members[scenario.Equivocator].NodeKey));
        _groups = new int[set.Count];
        _nodes = [.. Enumerable.Range(0, set.Count).Select(i =>
            new SimNode(this, i, config with { Self = i, Signer = new CheapSigner(set.Members[i].NodeKey) }))];
        foreach (SimNode node in _nodes) node.Disk.Statements.Add(new ExecutionStatement(_chainId, 0, 0, _chainId, _chainId, _chainId, Hash.Zero, 0));
    }

    public SimRandom Random { get; }

    public Invariants Check { get; }

    public Totals Totals { get; } = new();

    /// <summary>Whether clients have transactions waiting.</summary>
    public bool Working { get; private set; } = true;

    public static RunResult Run(ulong seed, int? replicas, PlantedFault fault = PlantedFault.None, TextWriter? trace = null)
    {
        var world = new World(Scenario.Of(seed, replicas), fault, trace);
        string? failure = null;
        try
        {
            world.Run();
        }
        catch (InvariantException e)
        {
            failure = e.Message;
        }
        return new RunResult(seed, failure, world.Totals, world._traceHash, world._time);
    }

    public bool IsHonest(int node) => node != _scenario.Equivocator;

    public ulong ClockOf(int node) => Epoch2026 + (ulong)_time + (ulong)_skew[node];

    public Hash RandomHash() => Digest.Of("ptoy/sim/tx", BitConverter.GetBytes(Random.Next()));

    /// <summary>Does something later, unless the node has crashed by then.</summary>
    public void At(int delay, SimNode? node, Action action) =>
        _events.Enqueue((node, node?.Life ?? 0, action), (_time + delay, _order++));

    public void Trace(int node, string what, long a, long b)
    {
        ulong mixed = ((ulong)node << 48) ^ ((ulong)a << 24) ^ (ulong)b ^ ((ulong)what.Length << 56) ^ (ulong)_time;
        _traceHash = (ulong.RotateLeft(_traceHash, 13) ^ mixed) * 0x9E3779B97F4A7C15;
        _trace?.WriteLine($"{_time,7} n{node} {what} {a} {b}");
    }

    public void Say(string text) => _trace?.WriteLine($"{_time,7} {text}");

    private ReplicaConfig ConfigOf(ValidatorSet set, PlantedFault fault) => new()
    {
        ChainId = _chainId,
        Validators = set,
        Self = -1,
        Window = _scenario.Window,
        CheckpointInterval = _scenario.CheckpointInterval,
        MaxInFlight = _scenario.MaxInFlight,
        HeartbeatTicks = 50,
        ViewTimeoutTicks = _scenario.ViewTimeoutTicks,
        MaxDoublingTicks = 1500,
        ResendTicks = 8,
        StatusTicks = 20,
        Fault = fault,
    };

    private void Run()
    {
        foreach (SimNode node in _nodes) node.Start();
        At(ChaosEvery, null, ChaosEvent);
        while (_time < _scenario.FaultUnits) Next();
        Heal();
        ulong goal = _nodes.Where(n => IsHonest(n.Index)).Max(n => n.HighestDecided) + HeightsAfterFaults;
        long limit = _time + HealingLimit;
        while (_nodes.Any(n => IsHonest(n.Index) && n.Replica!.ExecutedHeight < goal))
        {
            if (_time > limit) throw new InvariantException($"liveness: height {goal} is not reached after the faults; {Standing()}");
            Next();
        }
    }

    private string Standing() => string.Join(", ", _nodes.Select(n =>
        $"node {n.Index}: view {n.Replica!.View}{(n.Replica.ViewActive ? "" : "?")} committed {n.Replica.Committed} executed {n.Replica.ExecutedHeight} stable {n.Replica.Stable}"));

    private void Next()
    {
        _events.TryDequeue(out (SimNode? Node, int Life, Action Do) next, out (long Time, long Order) at);
        _time = at.Time;
        if (next.Node is { } node && (!node.Up || node.Life != next.Life)) return;
        next.Do();
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
