using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Ptoy.Load.Engine;
using Ptoy.Load.Network;
using Ptoy.Load.Results;

namespace Ptoy.Load.Report;

/// <summary><c>./dev bench report</c>: the three workloads at saturation, at half of it and unloaded; the micro-benchmarks; the table.</summary>
internal sealed class ReportRunner(ReportOptions options)
{
    private const int PerBatch = 400, PerMessage = 50, Accounts = 400;
    private const double WarmUpSeconds = 6, HalfSeconds = 8, UnloadedSeconds = 5, Settling = 2;

    /// <summary>A warm-up round counts as faster when it beats the best before it by this; after some that do not, the nodes are warm.</summary>
    private const double Faster = 1.03;

    private const int SteadyRounds = 2, MostWarmUpRounds = 12;

    private readonly List<RunResult> _runs = [];
    private readonly List<(string Name, RunResult Saturation, RunResult Half, RunResult Unloaded)> _measured = [];

    /// <summary>True when every pass mark is reached.</summary>
    public async Task<bool> RunAsync()
    {
        long start = Stopwatch.GetTimestamp();
        Surroundings surroundings = Surroundings.Now();
        var network = new ClusterOptions { BasePort = options.BasePort, CpuParts = true };
        var settings = LoadOptions.Parse(["--accounts", Accounts.ToString(CultureInfo.InvariantCulture)]);
        string[] whole = [.. options.Only.Where(o => o != "ordering")];
        if (whole.Length > 0)
        {
            await using Bench bench = await Bench.StartAsync(network, Accounts, faults: false).ConfigureAwait(false);
            foreach (string name in whole) await MeasureAsync(bench, bench.Workload(name, settings), name).ConfigureAwait(false);
            await bench.StopAsync().ConfigureAwait(false);
        }
        if (options.Only.Contains("ordering"))
        {
            await using Bench bench = await Bench.StartOrderingAsync(network).ConfigureAwait(false);
            await MeasureAsync(bench, bench.Workload("ordering", settings), "ordering").ConfigureAwait(false);
            await bench.StopAsync().ConfigureAwait(false);
        }
        var columns = new List<ReportColumn>();
        foreach ((string name, RunResult saturation, RunResult half, RunResult unloaded) in _measured)
        {
            Say($"micro-benchmarks: {name}");
            columns.Add(new ReportColumn(name, saturation, half, unloaded, await MicroAsync(name, saturation.PerBlock).ConfigureAwait(false)));
        }
        IReadOnlyList<PassMark> marks = PassMark.Of(columns);
        string table = ReportTable.Text(surroundings, columns, marks, Stopwatch.GetElapsedTime(start));
        Console.WriteLine(table);
        ResultFiles.Write(options.Out, options, _runs);
        File.WriteAllText(Path.Combine(options.Out, "report.txt"), table);
        File.WriteAllText(Path.Combine(options.Out, "report.json"), ReportTable.Json(surroundings, columns, marks));
        return marks.All(m => m.Passed);
    }

    /// <summary>The limit from micro-benchmarks; unknown, with the reason printed, when one fails: the table still says the rest, and the mark fails.</summary>
    private async Task<MicroLimit> MicroAsync(string name, double perBlock)
    {
        try
        {
            return name == "ordering"
                ? await MicroLimit.OfCommandsAsync(PerBatch, perBlock, options.BasePort).ConfigureAwait(false)
                : await MicroLimit.OfTransactionsAsync(name == "grants", perBlock, options.BasePort).ConfigureAwait(false);
        }
        catch (InvalidOperationException e)
        {
            Say($"  {e.Message}");
            return new MicroLimit(double.NaN, double.NaN, double.NaN, double.NaN, double.NaN, double.NaN, double.NaN, double.NaN);
        }
    }

    private async Task MeasureAsync(Bench bench, IWorkload workload, string name)
    {
        (int perMessage, int underWay, double guess) = name switch
        {
            "ordering" => (1, 160, 60_000.0),
            "transfers" => (PerMessage, 48, 4_000.0),
            _ => (PerMessage, 32, 2_000.0),
        };
        Say($"{name}: preparing");
        await workload.PrepareAsync().ConfigureAwait(false);
        double steady = await WarmAsync(bench, workload, underWay, perMessage, guess).ConfigureAwait(false);
        Say($"{name}: warm, {steady:0}/s");
        RunResult full = Keep(await bench.ClosedAsync(
            workload, "saturation", underWay, perMessage, options.Seconds, Math.Max(guess / 2, steady * 1.5), Settling).ConfigureAwait(false));
        RunResult half = Keep(await bench.OpenAsync(workload, "half", full.Throughput / 2, perMessage, HalfSeconds).ConfigureAwait(false));
        RunResult unloaded = Keep(await bench.ClosedAsync(workload, "unloaded", 1, 1, UnloadedSeconds, 400 * workload.Weight).ConfigureAwait(false));
        _measured.Add((name, full, half, unloaded));
    }

    /// <summary>
    /// Loads the nodes until they get no faster, and gives the rate: a server is judged by how it runs all day. Until then the runtime compiles
    /// what turns out to be hot, twice, in the background and on the same cores; with four nodes on two cores that takes most of a minute.
    /// </summary>
    private static async Task<double> WarmAsync(Bench bench, IWorkload workload, int underWay, int perMessage, double guess)
    {
        double best = 0;
        for (int round = 0, steady = 0; round < MostWarmUpRounds && steady < SteadyRounds; round++)
        {
            RunResult run = await bench.ClosedAsync(workload, "warm-up", underWay, perMessage, WarmUpSeconds, Math.Max(guess, best * 1.5)).ConfigureAwait(false);
            steady = run.Throughput > best * Faster ? 0 : steady + 1;
            best = Math.Max(best, run.Throughput);
            Say($"  warming up: {run.Throughput:0}/s");
        }
        return best;
    }

    private RunResult Keep(RunResult run)
    {
        _runs.Add(run);
        Say($"{run.Workload} {run.Kind}: {run.Throughput:0}/s, p50 {run.Percentile(50):0.0} ms, p99 {run.Percentile(99):0.0} ms, {run.PerBlock:0} in a block");
        if (run.FirstError is { } error) Say($"  first refusal: {error}");
        if (!run.ExactlyOnce) Say($"  NOT everything ended exactly once: {run.Lost} lost, {run.Twice} twice");
        return run;
    }

    private static void Say(FormattableString text) => Console.WriteLine(text.ToString(CultureInfo.InvariantCulture));
}

/// <summary>A mark that the report has to reach.</summary>
internal sealed record PassMark(string What, string Wanted, double Found, bool Passed, string? Stretch)
{
    private const double Dbft = 903;

    public static IReadOnlyList<PassMark> Of(IReadOnlyList<ReportColumn> columns)
    {
        var marks = new List<PassMark>();
        foreach (ReportColumn c in columns)
        {
            (double least, double stretch) = c.Name switch { "transfers" => (3 * Dbft, 5_000), "grants" => (1_500, 2_500), _ => (30_000, 45_000) };
            double rate = c.Saturation.Throughput;
            marks.Add(new PassMark($"{c.Name} a second", Text($"≥ {least:0}"), rate, rate >= least, rate >= stretch ? Text($"stretch {stretch:0} reached") : Text($"stretch {stretch:0} not reached")));
            marks.Add(new PassMark($"{c.Name}: percent of the limit from micro-benchmarks", "≥ 60", c.Reached * 100, c.Reached >= 0.6, null));
            marks.Add(new PassMark($"{c.Name}: not ended exactly once", "0", Unfinished(c), Unfinished(c) == 0, null));
            if (c.Name == "transfers") marks.Add(new PassMark("transfers: unloaded p50, ms", "≤ 10", c.Unloaded.Percentile(50), c.Unloaded.Percentile(50) <= 10, null));
        }
        return marks;
    }

    private static double Unfinished(ReportColumn c) => ((RunResult[])[c.Saturation, c.Half, c.Unloaded]).Sum(r => r.Lost + r.Twice + r.Refused);

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
