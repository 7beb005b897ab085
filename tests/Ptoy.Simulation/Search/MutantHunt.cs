using System.Diagnostics;
using Ptoy.Consensus;

namespace Ptoy.Simulation;

/// <summary>
/// Plants one fault at a time in the core and looks for it: in the seeds that everybody runs, and in the scripts when many seeds did not show
/// it. A fault that is not found says that the simulator would not find its like either.
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
            string? how = Hunt(Faults[i], budget);
            if (how is not null) Interlocked.Increment(ref found);
            lines[i] = $"planted fault {Faults[i]}: {how ?? $"NOT FOUND in {budget} seeds and every script"}";
        });
        foreach (string line in lines) output.WriteLine(line);
        output.WriteLine($"{found} of {Faults.Length} planted faults found; {watch.Elapsed.TotalSeconds:F0} s");
        return found == Faults.Length;
    }

    /// <summary>How a fault was found, or null.</summary>
    private static string? Hunt(PlantedFault fault, ulong budget)
    {
        (RunResult? result, ulong tried) = Find(fault, Math.Min(budget, SeedsBeforeScripts));
        if (result is null && ByScript(fault) is { } script) return $"not in {tried} seeds, found by script {script}";
        if (result is null && budget > SeedsBeforeScripts) (result, tried) = Find(fault, budget);
        return result is null ? null : $"found after {tried} seeds: {Shorten(result.Failure!)}";
    }

    private const ulong SeedsBeforeScripts = 300;

    /// <summary>The first script that does not play with the fault, and what it says.</summary>
    private static string? ByScript(PlantedFault fault)
    {
        foreach (string path in Directory.GetFiles(ScriptRunner.Folder, "*.txt").Order(StringComparer.Ordinal))
        {
            Script script = Script.Parse(File.ReadAllText(path));
            // A script that does not play as it is shows nothing about a fault.
            if (Failure(script, PlantedFault.None) is null && Failure(script, fault) is { } failure)
                return $"{Path.GetFileNameWithoutExtension(path)}: {Shorten(failure)}";
        }
        return null;
    }

    private static string? Failure(Script script, PlantedFault fault)
    {
        try
        {
            Performance.Of(script, fault);
            return null;
        }
        catch (ScriptException e)
        {
            return e.Message;
        }
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
