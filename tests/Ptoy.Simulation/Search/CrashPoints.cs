using System.Diagnostics;
using Ptoy.Consensus;

namespace Ptoy.Simulation;

/// <summary>
/// Cuts the power at every write of the consensus log: a run is made once to count the writes, then again for each of them, with the power
/// gone before the write, in the middle of it, and after it but before anything is sent. The node starts again; no vote may contradict one
/// from before, and the network must go on.
/// </summary>
internal static class CrashPoints
{
    private static readonly WriteFate[] Fates = [WriteFate.LostBefore, WriteFate.Torn, WriteFate.LostAfter];

    private static readonly (string Name, Scenario Scenario)[] Scenarios =
    [
        ("four nodes, nothing else goes wrong", Base(11, 4)),
        ("five nodes, messages lost, views change", Base(12, 5) with { Loss = 0.15, FaultUnits = 900, HeightsAfter = 4 }),
        ("four nodes, an equivocating primary", Base(13, 4) with { Cast = [Role.Equivocator], FaultUnits = 700, Incorrigible = true }),
        ("four nodes, the members change", Base(14, 4) with { Window = 8, Changes = [new Change(2, [0, 1, 2, 4])], HeightsAfter = 8 }),
        ("seven nodes, partitions", Base(15, 7) with { PartitionRate = 0.3, FaultUnits = 700, HeightsAfter = 3 }),
    ];

    private static Scenario Base(ulong seed, int replicas) => new()
    {
        Seed = seed,
        Replicas = replicas,
        CheckpointInterval = 3,
        FaultUnits = 300,
        HeightsAfter = 6,
    };

    /// <summary>Runs the first so many scenarios; true when no invariant broke anywhere.</summary>
    public static bool Run(int scenarios, TextWriter output)
    {
        var watch = Stopwatch.StartNew();
        bool good = true;
        long runs = 0;
        foreach ((string name, Scenario scenario) in Scenarios.Take(scenarios))
        {
            int writes = 0;
            RunResult whole = RunWith(scenario, (_, _) => { writes++; return WriteFate.Done; });
            var failures = new List<string>();
            if (whole.Failure is not null) failures.Add($"without a crash: {whole.Failure}");
            var atOnce = new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount };
            Parallel.For(0, writes * Fates.Length, atOnce, point =>
            {
                WriteFate fate = Fates[point % Fates.Length];
                int left = point / Fates.Length;
                RunResult result = RunWith(scenario, (_, _) => left-- == 0 ? fate : WriteFate.Done);
                if (result.Failure is null && result.Totals.Crashes == 0) throw new InvalidOperationException($"write {point / Fates.Length} never came");
                lock (failures)
                {
                    if (result.Failure is not null) failures.Add($"write {point / Fates.Length}, {fate}: {result.Failure}");
                }
            });
            runs += writes * Fates.Length;
            good &= failures.Count == 0;
            output.WriteLine($"{name}: {writes} writes, {writes * Fates.Length} crashes, {failures.Count} failed");
            foreach (string failure in failures.Order().Take(10)) output.WriteLine($"  FAILED {failure}");
        }
        output.WriteLine($"crash at every persist point: {runs} runs, {(good ? "no contradiction, every network went on" : "FAILED")}; {watch.Elapsed.TotalSeconds:F0} s");
        return good;
    }

    private static RunResult RunWith(Scenario scenario, Func<SimNode, List<Ready>, WriteFate> fates) => new World(scenario) { Fates = fates }.RunToEnd();
}
