using System.Collections.Concurrent;
using System.Diagnostics;
using Ptoy.Consensus;

namespace Ptoy.Simulation;

/// <summary>The command line of the simulator.</summary>
internal static class Commands
{
    private const string Usage = """
        usage: sim [--seeds N] [--from S] [--n 4|5|6|7|10]     run seeds, print totals
               sim --mutants [--budget N]                      plant faults, show that each is found
               sim --seed S [--n N] [--trace]                  one seed, twice, with its trace
        """;

    /// <summary>In so many seeds every kind of fault and event must have happened.</summary>
    private const ulong EveryKindSeeds = 2000;

    private static readonly PlantedFault[] Faults = [.. Enum.GetValues<PlantedFault>().Where(f => f != PlantedFault.None)];

    public static int Run(string[] args, TextWriter output, TextWriter errors)
    {
        ulong seeds = 1000, from = 1, budget = 2000;
        ulong? seed = null;
        int? replicas = null;
        bool mutants = false, trace = false, many = false;
        for (int i = 0; i < args.Length; i++)
        {
            string? value = i + 1 < args.Length ? args[i + 1] : null;
            bool number = ulong.TryParse(value, out ulong parsed);
            switch (args[i])
            {
                case "--seeds" when number: seeds = parsed; many = true; i++; break;
                case "--from" when number: from = parsed; i++; break;
                case "--budget" when number: budget = parsed; i++; break;
                case "--seed" when number: seed = parsed; i++; break;
                case "--n" when number && parsed is >= 4 and <= 64: replicas = (int)parsed; i++; break;
                case "--mutants": mutants = true; break;
                case "--trace": trace = true; break;
                default:
                    errors.WriteLine($"not understood: {args[i]}{Environment.NewLine}{Usage}");
                    return 2;
            }
        }
        if (seed is { } one) return Replay(one, replicas, trace, output);
        bool good = true;
        if (many || !mutants) good = Many(from, seeds, replicas, output);
        // A full run also shows that the simulator can find faults at all.
        if (mutants || (many && seeds >= 10_000)) good &= Mutants(budget, output);
        return good ? 0 : 1;
    }

    /// <summary>Runs seeds on all processors; true when every invariant held and every kind of fault occurred.</summary>
    internal static bool Many(ulong from, ulong count, int? replicas, TextWriter output)
    {
        var watch = Stopwatch.StartNew();
        var totals = new Totals();
        var failures = new ConcurrentBag<RunResult>();
        long done = 0;
        // As many worlds at once as there are processors: the thread pool by itself starts ever more of them while they wait for one.
        var atOnce = new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount };
        Parallel.For((long)from, (long)(from + count), atOnce, seed =>
        {
            RunResult result = World.Run((ulong)seed, replicas);
            if (result.Failure is not null) failures.Add(result);
            lock (totals)
            {
                totals.Add(result.Totals);
                if (++done % 1000 == 0) output.WriteLine($"  {done} seeds, {watch.Elapsed.TotalSeconds:F0} s, {failures.Count} failed");
            }
        });
        foreach ((string name, long value) in totals.Lines()) output.WriteLine($"{name,-48} {value,14:N0}");
        foreach (RunResult failure in failures.OrderBy(f => f.Seed).Take(20))
            output.WriteLine($"FAILED seed {failure.Seed}: {failure.Failure}{Environment.NewLine}  replay: ./dev sim --seed {failure.Seed}{(replicas is null ? "" : $" --n {replicas}")} --trace");
        string[] missing = [.. totals.Lines().Where(l => l.Value == 0).Select(l => l.Name)];
        if (missing.Length > 0) output.WriteLine($"never happened, so nothing is shown about it: {string.Join(", ", missing)}");
        output.WriteLine($"{count} seeds, {failures.Count} failed, each of the others decided at least {World.HeightsAfterFaults} heights after its faults");
        double seconds = watch.Elapsed.TotalSeconds;
        output.WriteLine($"wall time {seconds:F0} s, {totals.Steps / Math.Max(seconds, 0.001):N0} steps/s");
        return failures.IsEmpty && (missing.Length == 0 || count < EveryKindSeeds);
    }

    /// <summary>True when each planted fault is found within so many seeds.</summary>
    internal static bool Mutants(ulong budget, TextWriter output)
    {
        bool all = true;
        foreach (PlantedFault fault in Faults)
        {
            RunResult? found = null;
            ulong tried = 0;
            while (found is null && tried < budget)
            {
                RunResult result = World.Run(++tried, null, fault);
                if (result.Failure is not null) found = result;
            }
            all &= found is not null;
            output.WriteLine(found is null
                ? $"planted fault {fault}: NOT FOUND in {tried} seeds"
                : $"planted fault {fault}: found by seed {found.Seed} ({tried} seeds): {found.Failure}");
        }
        return all;
    }

    private static int Replay(ulong seed, int? replicas, bool trace, TextWriter output)
    {
        RunResult first = World.Run(seed, replicas, observer: trace ? new TextTrace(output) : null);
        RunResult second = World.Run(seed, replicas);
        output.WriteLine($"seed {seed}: {first.Failure ?? "every invariant held"}");
        output.WriteLine($"ended at {first.EndedAt} units; trace hash {first.TraceHash:x16}, again {second.TraceHash:x16}");
        return first.Failure is null && first.TraceHash == second.TraceHash ? 0 : 1;
    }
}
