using System.Collections.Concurrent;
using System.Diagnostics;
using Ptoy.Consensus;
using Ptoy.Simulation.Trace;

namespace Ptoy.Simulation;

/// <summary>The command line of the simulator.</summary>
internal static class Commands
{
    private const string Usage = """
        usage: sim [--seeds N] [--from S] [--n 4|5|6|7|10]     run seeds, print totals
               sim --mutants [--budget N]                      plant faults, show that each is found
               sim --crash-points                              cut the power at every write of the consensus log
               sim --scripts [DIR] [--accept]                  play the scripts, compare (or accept) their transcripts
               sim --scale [FILE.csv] [--n LARGEST]            throughput and latency against n, with modelled links and processors
               sim --seed S [--n N] [--trace]                  one seed, twice, with its trace
               sim --traces DIR [--count N] [--from S]         traces for the model in spec/
               sim --short                                     a little of everything, as the tests run it
        """;

    /// <summary>In so many seeds every kind of fault and event must have happened.</summary>
    private const ulong EveryKindSeeds = 2000;

    private sealed record Options
    {
        public ulong Seeds { get; set; } = 1000;
        public ulong From { get; set; } = 1;
        public ulong Budget { get; set; } = 3000;
        public ulong Count { get; set; } = 100;
        public ulong? Seed { get; set; }
        public int? Replicas { get; set; }
        public bool Trace { get; set; }
        public bool Accept { get; set; }
        public string? Path { get; set; }
        public string What { get; set; } = "seeds";
    }

    public static int Run(string[] args, TextWriter output, TextWriter errors)
    {
        var options = new Options();
        for (int i = 0; i < args.Length; i++)
        {
            string? value = i + 1 < args.Length ? args[i + 1] : null;
            bool number = ulong.TryParse(value, out ulong parsed);
            switch (args[i])
            {
                case "--seeds" when number: options.Seeds = parsed; i++; break;
                case "--from" when number: options.From = parsed; i++; break;
                case "--budget" when number: options.Budget = parsed; i++; break;
                case "--seed" when number: options.Seed = parsed; options.What = "replay"; i++; break;
                case "--traces" when value is not null: options.Path = value; options.What = "traces"; i++; break;
                case "--count" when number && parsed > 0: options.Count = parsed; i++; break;
                case "--n" when number && parsed is >= 4 and <= 100: options.Replicas = (int)parsed; i++; break;
                case "--trace": options.Trace = true; break;
                case "--accept": options.Accept = true; break;
                case "--mutants" or "--crash-points" or "--short": options.What = args[i][2..]; break;
                case "--scripts" or "--scale":
                    options.What = args[i][2..];
                    if (value is not null && !value.StartsWith("--", StringComparison.Ordinal)) options.Path = args[++i];
                    break;
                default:
                    errors.WriteLine($"not understood: {args[i]}{Environment.NewLine}{Usage}");
                    return 2;
            }
        }
        return Do(options, output) ? 0 : 1;
    }

    private static bool Do(Options options, TextWriter output) => options.What switch
    {
        "replay" => Replay(options.Seed!.Value, options.Replicas, options.Trace, output),
        "mutants" => MutantHunt.Run(options.Budget, output),
        "crash-points" => CrashPoints.Run(int.MaxValue, output),
        "scripts" => ScriptRunner.RunFolder(options.Path ?? ScriptRunner.Folder, options.Accept, output),
        "traces" => TraceExport.Run(options.Path!, options.From, options.Count, output),
        "scale" => ScaleStudy.Run(options.Path, options.Replicas ?? int.MaxValue, output),
        "short" => Short(output),
        _ => Many(options.From, options.Seeds, options.Replicas, output),
    };

    /// <summary>What <c>./dev test</c> runs.</summary>
    internal static bool Short(TextWriter output)
    {
        bool good = Many(1, 1000, null, output);
        good &= ScriptRunner.RunFolder(ScriptRunner.Folder, accept: false, output);
        good &= CrashPoints.Run(2, output);
        good &= MutantHunt.Run(600, output);
        return good;
    }

    /// <summary>Runs seeds on all processors; true when every invariant held and every kind of fault occurred.</summary>
    internal static bool Many(ulong from, ulong count, int? replicas, TextWriter output)
    {
        var watch = Stopwatch.StartNew();
        var totals = new Totals();
        var failures = new ConcurrentBag<RunResult>();
        ulong every = Math.Max(1000, count / 20), done = 0;
        // As many worlds at once as there are processors: the thread pool by itself starts ever more of them while they wait for one.
        var atOnce = new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount };
        Parallel.For((long)from, (long)(from + count), atOnce, seed =>
        {
            RunResult result = World.Run((ulong)seed, replicas);
            if (result.Failure is not null) failures.Add(result);
            lock (totals)
            {
                totals.Add(result.Totals);
                if (++done % every == 0) output.WriteLine($"  {done} seeds, {watch.Elapsed.TotalSeconds:F0} s, {failures.Count} failed");
            }
        });
        foreach ((string name, long value) in totals.Lines()) output.WriteLine($"{name,-48} {value,16:N0}");
        foreach (RunResult failure in failures.OrderBy(f => f.Seed).Take(20))
            output.WriteLine($"FAILED seed {failure.Seed}: {failure.Failure}{Environment.NewLine}  replay: ./dev sim --seed {failure.Seed}{(replicas is null ? "" : $" --n {replicas}")} --trace");
        string[] missing = [.. totals.Lines().Where(l => l.Value == 0).Select(l => l.Name)];
        if (missing.Length > 0) output.WriteLine($"never happened, so nothing is shown about it: {string.Join(", ", missing)}");
        double seconds = watch.Elapsed.TotalSeconds;
        output.WriteLine($"{count} seeds, {failures.Count} failed, each of the others decided at least {World.HeightsAfterFaults} heights after its faults");
        output.WriteLine($"wall time {seconds:F0} s, {totals.Steps / Math.Max(seconds, 0.001):N0} steps/s on {Environment.ProcessorCount} processors");
        return failures.IsEmpty && (missing.Length == 0 || count < EveryKindSeeds);
    }

    private static bool Replay(ulong seed, int? replicas, bool trace, TextWriter output)
    {
        RunResult first = World.Run(seed, replicas, observer: trace ? new TextTrace(output) : null);
        RunResult second = World.Run(seed, replicas);
        output.WriteLine($"seed {seed}: {first.Failure ?? "every invariant held"}");
        output.WriteLine($"ended at {first.EndedAt} units; trace hash {first.TraceHash:x16}, again {second.TraceHash:x16}");
        return first.Failure is null && first.TraceHash == second.TraceHash;
    }
}
