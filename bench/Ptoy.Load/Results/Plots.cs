using System.Globalization;
using Ptoy.Load.Engine;
using ScottPlot;

namespace Ptoy.Load.Results;

/// <summary>The pictures: throughput against latency, latency by percentile, and a timeline with the faults marked.</summary>
internal static class Plots
{
    private const int Width = 1_100, Height = 700;
    private static readonly double[] Nines = [0, 50, 75, 90, 95, 97.5, 99, 99.5, 99.75, 99.9, 99.95, 99.99];

    public static void Write(string directory, IReadOnlyList<RunResult> runs)
    {
        RunResult[] good = [.. runs.Where(r => r.Latency.TotalCount > 0)];
        if (good.Length == 0) return;
        Against(good).SavePng(Path.Combine(directory, "throughput-latency.png"), Width, Height);
        Distribution(good).SavePng(Path.Combine(directory, "latency.png"), Width, Height);
        RunResult[] shown = good.Any(r => r.Faults.Count > 0) ? [.. good.Where(r => r.Faults.Count > 0)] : good;
        Timeline(shown).SavePng(Path.Combine(directory, "timeline.png"), Width, 2 * Height);
    }

    private static Plot Against(RunResult[] runs)
    {
        var plot = new Plot();
        foreach (IGrouping<string, RunResult> workload in runs.Where(r => r.Offered > 0).DefaultIfEmpty(runs[0]).GroupBy(r => r.Workload))
        {
            RunResult[] byRate = [.. workload.OrderBy(r => r.Throughput)];
            foreach (double percentile in (double[])[50, 99])
            {
                double[] x = [.. byRate.Select(r => r.Throughput)], y = [.. byRate.Select(r => Decades(r.Percentile(percentile)))];
                var line = plot.Add.Scatter(x, y);
                line.LegendText = Text($"{workload.Key} p{percentile}");
                line.LinePattern = percentile > 50 ? LinePattern.Dashed : LinePattern.Solid;
            }
        }
        Logarithmic(plot.Axes.Left);
        plot.Title("Throughput against latency");
        plot.XLabel("operations a second");
        plot.YLabel("latency from the due time, ms");
        plot.ShowLegend(Alignment.UpperLeft);
        return plot;
    }

    private static Plot Distribution(RunResult[] runs)
    {
        var plot = new Plot();
        foreach (RunResult run in runs)
        {
            double[] x = [.. Nines.Select(p => -Math.Log10(1 - (p / 100)))], y = [.. Nines.Select(p => Decades(run.Percentile(p)))];
            var line = plot.Add.Scatter(x, y);
            line.LegendText = Label(run);
        }
        plot.Axes.Bottom.SetTicks([.. Nines.Select(p => -Math.Log10(1 - (p / 100)))], [.. Nines.Select(p => p.ToString(CultureInfo.InvariantCulture))]);
        Logarithmic(plot.Axes.Left);
        plot.Title("Latency by percentile");
        plot.XLabel("percentile");
        plot.YLabel("latency from the due time, ms");
        plot.ShowLegend(Alignment.UpperLeft);
        return plot;
    }

    private static Multiplot Timeline(RunResult[] runs)
    {
        var both = new Multiplot();
        both.AddPlots(2);
        Plot rate = both.GetPlot(0), worst = both.GetPlot(1);
        const double Slice = Recorder.SliceMs / 1000.0;
        foreach (RunResult run in runs)
        {
            double[] seconds = [.. run.Timeline.Select((_, i) => (i + 0.5) * Slice)];
            Scatter(rate, seconds, [.. run.Timeline.Select(t => t.Completed / Slice)], Label(run));
            Scatter(worst, seconds, [.. run.Timeline.Select(t => t.WorstMs)], Label(run));
            foreach (FaultMark fault in run.Faults)
            {
                foreach (Plot plot in (Plot[])[rate, worst])
                {
                    var mark = plot.Add.VerticalLine(fault.AtSeconds, 1.5f, Colors.Red);
                    mark.LinePattern = LinePattern.Dotted;
                    mark.LabelText = $"{fault.What} {fault.Node}";
                    mark.LabelOppositeAxis = true;
                }
            }
        }
        rate.Title("Completed by tenths of a second");
        rate.YLabel("operations a second");
        rate.ShowLegend(Alignment.LowerRight);
        worst.Title("Worst latency by tenths of a second");
        worst.XLabel("seconds");
        worst.YLabel("ms");
        worst.ShowLegend(Alignment.UpperRight);
        return both;
    }

    private static void Scatter(Plot plot, double[] x, double[] y, string label)
    {
        var line = plot.Add.Scatter(x, y);
        line.MarkerSize = 0;
        line.LegendText = label;
    }

    private static double Decades(double milliseconds) => Math.Log10(Math.Max(0.01, milliseconds));

    private static void Logarithmic(IYAxis axis)
    {
        double[] decades = [-1, 0, 1, 2, 3, 4, 5];
        axis.SetTicks(decades, [.. decades.Select(d => Math.Pow(10, d).ToString("0.#", CultureInfo.InvariantCulture))]);
    }

    private static string Label(RunResult run) => run.Offered > 0
        ? Text($"{run.Workload} {run.Kind}, {run.Offered:0}/s offered")
        : Text($"{run.Workload} {run.Kind}, {run.UnderWay} under way");

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
