using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Ptoy.Load.Results;

/// <summary>Writes the runs of a measurement as CSV and JSON with what they were made with, and plots them.</summary>
internal static class ResultFiles
{
    private static readonly double[] Percentiles = [.. Enumerable.Range(0, 100).Select(i => (double)i), 99.5, 99.9, 99.95, 99.99, 99.999, 100];
    private static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.CamelCase, NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    public static void Write(string directory, object settings, IReadOnlyList<RunResult> runs)
    {
        Directory.CreateDirectory(directory);
        File.WriteAllText(Path.Combine(directory, "runs.csv"), Runs(runs));
        File.WriteAllText(Path.Combine(directory, "summary.csv"), Summary(runs));
        File.WriteAllText(Path.Combine(directory, "latency.csv"), Latency(runs));
        File.WriteAllText(Path.Combine(directory, "timeline.csv"), Timeline(runs));
        File.WriteAllText(Path.Combine(directory, "runs.json"), Json(settings, runs));
        Plots.Write(directory, runs);
    }

    private static string Runs(IReadOnlyList<RunResult> runs)
    {
        var csv = new StringBuilder(
            "workload,kind,repetition,offered_per_s,under_way,sent,completed,refused,lost,twice,per_s,p50_ms,p95_ms,p99_ms,p999_ms,max_ms,"
            + "cpu_nodes_s,cpu_generator_s,cpu_us_per_op,cores,computed_limit_per_s,blocks,ops_per_block\n");
        foreach (RunResult r in runs)
        {
            csv.Append(Text($"{r.Workload},{r.Kind},{r.Repetition},{r.Offered:0.#},{r.UnderWay},{r.Sent},{r.Completed},{r.Refused},{r.Lost},{r.Twice},{r.Throughput:0.#},"));
            csv.Append(Text($"{r.Percentile(50):0.###},{r.Percentile(95):0.###},{r.Percentile(99):0.###},{r.Percentile(99.9):0.###},{r.Percentile(100):0.###},"));
            csv.Append(Text($"{r.CpuSeconds[..^1].Sum():0.##},{r.CpuSeconds[^1]:0.##},{r.CpuPerOperation * 1e6:0.##},{Environment.ProcessorCount},{r.ComputedLimit:0.#},"));
            csv.Append(Text($"{r.Blocks},{r.PerBlock:0.#}\n"));
        }
        return csv.ToString();
    }

    /// <summary>Means over the repetitions of each run, with half the width of the 95 % confidence interval.</summary>
    private static string Summary(IReadOnlyList<RunResult> runs)
    {
        var csv = new StringBuilder("workload,kind,step,repetitions,offered_per_s,per_s,per_s_ci95,p50_ms,p50_ms_ci95,p99_ms,p99_ms_ci95,cpu_us_per_op,cpu_us_per_op_ci95\n");
        foreach (var group in runs.GroupBy(r => (r.Workload, r.Kind)))
        {
            // Runs of one kind within a repetition are its steps, in order.
            var steps = group.GroupBy(r => r.Repetition).SelectMany(rep => rep.Select((run, step) => (run, step))).GroupBy(p => p.step, p => p.run);
            foreach (IGrouping<int, RunResult> step in steps)
            {
                Estimate Of(Func<RunResult, double> value) => Statistics.Of([.. step.Select(value)]);
                (Estimate offered, Estimate rate, Estimate cpu) = (Of(r => r.Offered), Of(r => r.Throughput), Of(r => r.CpuPerOperation * 1e6));
                (Estimate p50, Estimate p99) = (Of(r => r.Percentile(50)), Of(r => r.Percentile(99)));
                csv.Append(Text($"{group.Key.Workload},{group.Key.Kind},{step.Key},{rate.Count},{offered.Mean:0.#},{rate.Mean:0.#},{rate.HalfWidth:0.#},"));
                csv.Append(Text($"{p50.Mean:0.###},{p50.HalfWidth:0.###},{p99.Mean:0.###},{p99.HalfWidth:0.###},{cpu.Mean:0.##},{cpu.HalfWidth:0.##}\n"));
            }
        }
        return csv.ToString();
    }

    private static string Latency(IReadOnlyList<RunResult> runs)
    {
        var csv = new StringBuilder("run,workload,kind,offered_per_s,percentile,latency_ms\n");
        for (int i = 0; i < runs.Count; i++)
        {
            foreach (double p in Percentiles) csv.Append(Text($"{i},{runs[i].Workload},{runs[i].Kind},{runs[i].Offered:0.#},{p},{runs[i].Percentile(p):0.###}\n"));
        }
        return csv.ToString();
    }

    private static string Timeline(IReadOnlyList<RunResult> runs)
    {
        var csv = new StringBuilder("run,workload,kind,second,completed,worst_ms,fault\n");
        for (int i = 0; i < runs.Count; i++)
        {
            RunResult run = runs[i];
            double slice = Engine.Recorder.SliceMs / 1000.0;
            for (int s = 0; s < run.Timeline.Count; s++)
            {
                string faults = string.Join(' ', run.Faults.Where(f => f.AtSeconds >= s * slice && f.AtSeconds < (s + 1) * slice).Select(f => $"{f.What}:{f.Node}"));
                csv.Append(Text($"{i},{run.Workload},{run.Kind},{s * slice:0.0},{run.Timeline[s].Completed},{run.Timeline[s].WorstMs:0.##},{faults}\n"));
            }
        }
        return csv.ToString();
    }

    private static string Json(object settings, IReadOnlyList<RunResult> runs) => JsonSerializer.Serialize(
        new
        {
            environment = Surroundings.Now(),
            settings,
            runs = runs.Select(r => new
            {
                r.Workload, r.Kind, r.Repetition, offeredPerSecond = r.Offered, r.UnderWay, r.Sent, r.Completed, r.Refused, r.Lost, r.Twice, r.FirstError,
                perSecond = r.Throughput, r.Blocks, operationsPerBlock = r.PerBlock,
                latencyMs = r.Latency.TotalCount == 0 ? [] : Percentiles.ToDictionary(p => "p" + p.ToString(CultureInfo.InvariantCulture), r.Percentile),
                cpuSecondsOfNodes = r.CpuSeconds[..^1], cpuSecondsOfGenerator = r.CpuSeconds[^1], cpuSecondsByPart = r.CpuByPart, cpuSecondsByThread = r.CpuByThread,
                cpuMicrosecondsPerOperation = r.CpuPerOperation * 1e6, computedLimitPerSecond = r.ComputedLimit, faults = r.Faults,
                timeline = r.Timeline.Select(t => new { completed = t.Completed, worstMs = t.WorstMs }),
            }),
        },
        Indented);

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
