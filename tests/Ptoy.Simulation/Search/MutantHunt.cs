using System.Diagnostics;
using Ptoy.Consensus;

namespace Ptoy.Simulation;

/// <summary>
/// Plants one fault at a time in the core and looks for it: in the seeds that everybody runs, first in those whose networks make the fault
/// matter. A fault that is not found says that the simulator would not find its like either.
/// </summary>
internal static class MutantHunt
{
    private static readonly PlantedFault[] Faults = [.. Enum.GetValues<PlantedFault>().Where(f => f != PlantedFault.None)];

    /// <summary>True when each planted fault is found within so many seeds.</summary>
    public static bool Run(ulong budget, TextWriter output)
    {
        var watch = Stopwatch.StartNew();
        var lines = new string[Faults.Length];
        int found = 0;
        var atOnce = new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount };
        Parallel.For(0, Faults.Length, atOnce, i =>
        {
            (RunResult? result, ulong tried) = Find(Faults[i], budget);
            if (result is not null) Interlocked.Increment(ref found);
            lines[i] = result is null
                ? $"planted fault {Faults[i]}: NOT FOUND in {tried} seeds"
                : $"planted fault {Faults[i]}: found after {tried} seeds (seed {result.Seed}): {Shorten(result.Failure!)}";
        });
        foreach (string line in lines) output.WriteLine(line);
        output.WriteLine($"{found} of {Faults.Length} planted faults found; {watch.Elapsed.TotalSeconds:F0} s");
        return found == Faults.Length;
    }

    /// <summary>The first seed that shows a fault, and how many were run.</summary>
    public static (RunResult? Found, ulong Tried) Find(PlantedFault fault, ulong budget)
    {
        for (ulong seed = 1; seed <= budget; seed++)
        {
            RunResult result = World.Run(seed, null, fault);
            if (result.Failure is not null) return (result, seed);
        }
        return (null, budget);
    }

    private static string Shorten(string failure)
    {
        const int Longest = 160;
        return failure.Length <= Longest ? failure : $"{failure[..Longest]}…";
    }
}
