using System.Globalization;
using System.Text;
using ScottPlot;

namespace Ptoy.Load;

/// <summary>Prints runs and writes them as CSV and PNG.</summary>
internal static class Report
{
    private static readonly double[] Percentiles = [.. Enumerable.Range(1, 199).Select(i => i / 2.0)];

    public static void Print(RunResult run)
    {
        string nodes = string.Join(" + ", run.CpuSeconds[..^1].Select(c => Text($"{c:0.0}")));
        Console.WriteLine(Text($"{run.Kind} {run.Name}: {run.Throughput:0} tx/s of {run.Rate:0} offered; p50 {run.Percentile(50):0.0} ms, p95 {run.Percentile(95):0.0} ms, p99 {run.Percentile(99):0.0} ms"));
        Console.WriteLine(Text($"  {run.Sent} sent, {run.Refused} refused, {run.Certified} certified, {run.Twice.Count} twice"));
        Console.WriteLine(Text($"  CPU seconds: nodes {nodes}, generator {run.CpuSeconds[^1]:0.0}; {run.CpuPerTransaction * 1e6:0} µs a transaction"));
        Console.WriteLine(Text($"  computed limit: {Environment.ProcessorCount} cores / {run.CpuPerTransaction * 1e6:0} µs = {run.ComputedLimit:0} tx/s"));
        if (run.FirstError is { } error) Console.WriteLine($"  first refusal: {error}");
    }

    public static void Write(string directory, IReadOnlyList<RunResult> runs)
    {
        Directory.CreateDirectory(directory);
        File.WriteAllText(Path.Combine(directory, "load.csv"), Csv(runs));
        File.WriteAllText(Path.Combine(directory, "latency.csv"), LatencyCsv(runs));
        Plot(Path.Combine(directory, "load.png"), runs);
    }

    private static string Csv(IReadOnlyList<RunResult> runs)
    {
        var csv = new StringBuilder(
            "kind,run,offered_tx_s,sent,refused,certified,tx_s,p50_ms,p95_ms,p99_ms,max_ms,cpu_nodes_s,cpu_generator_s,cpu_us_per_tx,cores,computed_limit_tx_s\n");
        foreach (RunResult r in runs)
        {
            csv.Append(Text($"{r.Kind},{r.Name},{r.Rate:0.#},{r.Sent},{r.Refused},{r.Certified},{r.Throughput:0.#},"));
            csv.Append(Text($"{r.Percentile(50):0.##},{r.Percentile(95):0.##},{r.Percentile(99):0.##},{r.Percentile(100):0.##},"));
            csv.Append(Text($"{r.CpuSeconds[..^1].Sum():0.##},{r.CpuSeconds[^1]:0.##},{r.CpuPerTransaction * 1e6:0.#},{Environment.ProcessorCount},{r.ComputedLimit:0.#}\n"));
        }
        return csv.ToString();
    }

    private static string LatencyCsv(IReadOnlyList<RunResult> runs)
    {
        var csv = new StringBuilder("kind,run,percentile,latency_ms\n");
        foreach (RunResult r in runs)
        {
            foreach (double p in Percentiles) csv.Append(Text($"{r.Kind},{r.Name},{p},{r.Percentile(p):0.###}\n"));
        }
        return csv.ToString();
    }

    private static void Plot(string file, IReadOnlyList<RunResult> runs)
    {
        var both = new Multiplot();
        both.AddPlots(2);
        Plot latency = both.GetPlot(0), throughput = both.GetPlot(1);
        foreach (RunResult run in runs.Where(r => r.Certified > 0))
        {
            string label = Text($"{run.Kind} {run.Name}, {run.Rate:0}/s offered");
            var line = latency.Add.Scatter(Percentiles, [.. Percentiles.Select(run.Percentile)]);
            line.MarkerSize = 0;
            line.LegendText = label;
            double[] rate = PerSecond(run);
            var curve = throughput.Add.Scatter([.. rate.Select((_, i) => i + 0.5)], rate);
            curve.LegendText = label;
        }
        latency.Title("From the scheduled time to the execution certificate");
        latency.XLabel("percentile");
        latency.YLabel("ms");
        latency.Axes.SetLimitsY(0, Math.Max(1, runs.Where(r => r.Certified > 0).Select(r => r.Percentile(99.5)).DefaultIfEmpty(1).Max() * 1.05));
        latency.ShowLegend(Alignment.UpperLeft);
        throughput.XLabel("seconds");
        throughput.YLabel("certified tx/s");
        throughput.ShowLegend(Alignment.LowerLeft);
        both.SavePng(file, 1100, 1000);
    }

    private static double[] PerSecond(RunResult run)
    {
        var counts = new double[(int)run.CertifiedAt[^1] + 1];
        foreach (double at in run.CertifiedAt) counts[(int)at]++;
        return counts;
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
