namespace Ptoy.Simulation.Trace;

/// <summary>Writes traces for the model in <c>spec/</c>: <c>sim --traces DIR [--count N] [--from S]</c>.</summary>
internal static class TraceExport
{
    /// <summary>Where a trace is cut off: any prefix of a run is one the model must accept.</summary>
    private const int MostActions = 450;

    private const ulong MostHeights = 24;

    public static bool Run(string directory, ulong from, ulong count, TextWriter output)
    {
        Directory.CreateDirectory(directory);
        long actions = 0;
        var names = new SortedDictionary<string, int>(StringComparer.Ordinal);
        ulong written = 0;
        for (ulong seed = from; written < count; seed++)
        {
            Scenario scenario = ScenarioOf(seed);
            var recorder = new TraceRecorder(scenario, MostActions, MostHeights);
            if (new World(scenario, observer: recorder).RunToEnd() is { Failure: { } failure })
            {
                output.WriteLine($"seed {seed} fails in the simulator: {failure}");
                return false;
            }
            RecordedTrace trace = recorder.Take();
            // In the simulator a change passes at a set height, in the model with a block: a null block just there is for neither.
            if (trace.Changes.Contains(0)) continue;
            written++;
            using var file = new StreamWriter(Path.Combine(directory, $"trace-{seed:D4}.jsonl"));
            trace.Write(file);
            actions += trace.Actions.Length;
            foreach (TraceAction action in trace.Actions) names[action.Name] = names.GetValueOrDefault(action.Name) + 1;
        }
        output.WriteLine($"{written} traces, {actions} actions: {string.Join(", ", names.Select(n => $"{n.Value} {n.Key}"))}");
        return true;
    }

    /// <summary>Small networks with crashes, loss and partitions; one in five has an equivocating replica, one in three changes its members.</summary>
    internal static Scenario ScenarioOf(ulong seed)
    {
        var random = new SimRandom(seed * 0x9E3779B97F4A7C15 + 7);
        int n = seed % 8 == 7 ? 5 : 4;
        var cast = new Role[n];
        if (seed % 5 == 4) cast[random.Between(0, n - 1)] = Role.Equivocator;
        bool changes = seed % 3 == 0;
        return new Scenario
        {
            Seed = seed,
            Replicas = n,
            Window = changes ? 8 : random.Pick<ulong>(4, 8),
            CheckpointInterval = 3,
            MaxInFlight = random.Pick(2, 4),
            FaultUnits = 1200,
            Loss = random.Pick(0, 0.05, 0.2),
            MaxDelay = random.Pick(4, 30),
            CrashRate = random.Pick(0.02, 0.08),
            PartitionRate = random.Pick(0, 0.1),
            Cast = cast,
            Changes = changes ? [new Change(random.Between(2, 4), ChangedMembers(n, random))] : [],
        };
    }

    /// <summary>A new member, in the place of an old one or beside them.</summary>
    private static int[] ChangedMembers(int count, SimRandom random)
    {
        int leaver = random.Between(-1, count - 1);
        return [.. Enumerable.Range(0, count + 1).Where(i => i != leaver)];
    }
}
