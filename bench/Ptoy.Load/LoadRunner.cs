using System.Globalization;
using Ptoy.Load.Engine;
using Ptoy.Load.Network;
using Ptoy.Load.Results;

namespace Ptoy.Load;

/// <summary><c>./dev bench load</c>: a fresh network, each workload's runs, the files.</summary>
internal sealed class LoadRunner(LoadOptions options)
{
    private const double WarmUpSeconds = 4;
    private const double FullShare = 0.9, HalfShare = 0.5;
    private const double Carried = 0.97;
    private const double MostP99Ms = 1_000;

    private readonly List<RunResult> _runs = [];

    /// <summary>True when everything that was taken ended exactly once, and the contracts hold what they should.</summary>
    public async Task<bool> RunAsync()
    {
        try
        {
            return await RunAllAsync().ConfigureAwait(false);
        }
        finally
        {
            // Whatever ended the measurement, what was measured before stays.
            if (_runs.Count > 0)
            {
                ResultFiles.Write(options.Out, options, _runs);
                Console.WriteLine($"written to {options.Out}: runs.csv, summary.csv, latency.csv, timeline.csv, runs.json, *.png");
            }
        }
    }

    private async Task<bool> RunAllAsync()
    {
        bool good = true;
        string[] ordering = [.. options.Workloads.Where(w => w == "ordering")], whole = [.. options.Workloads.Where(w => w != "ordering")];
        var network = new ClusterOptions
        {
            Nodes = options.Nodes, BasePort = options.BasePort, Window = options.Window, InFlight = options.InFlight, BlockBatches = options.Block,
            WorthBatches = options.Worth, ViewTimeoutMs = options.ViewTimeoutMs, LinkDelayMs = options.LinkDelayMs, CpuParts = options.CpuParts,
        };
        Console.WriteLine(Text($"{options.Nodes} nodes on {Environment.ProcessorCount} cores, writes synced"));
        if (whole.Length > 0)
        {
            await using Bench bench = await Bench.StartAsync(network, options.Accounts, options.Faults.Count > 0).ConfigureAwait(false);
            foreach (string name in whole) good &= await RunAsync(bench, bench.Workload(name, options)).ConfigureAwait(false);
            await bench.StopAsync().ConfigureAwait(false);
        }
        if (ordering.Length > 0)
        {
            await using Bench bench = await Bench.StartOrderingAsync(network).ConfigureAwait(false);
            good &= await RunAsync(bench, bench.Workload("ordering", options)).ConfigureAwait(false);
            await bench.StopAsync().ConfigureAwait(false);
        }
        return good;
    }

    private static (int PerMessage, int UnderWay, double Guess) Defaults(IWorkload workload) => workload.Name switch
    {
        "ordering" => (1, 64, 60_000),
        "puts" or "gets" => (1, 16, 500),
        _ => (50, 40, 3_000),
    };

    private async Task<bool> RunAsync(Bench bench, IWorkload workload)
    {
        (int perMessage, int underWay, double guess) = Defaults(workload);
        if (options.Batch > 0 && workload.Name is not ("ordering" or "puts" or "gets")) perMessage = Math.Min(options.Batch, 50);
        if (options.UnderWay > 0) underWay = options.UnderWay;
        await workload.PrepareAsync().ConfigureAwait(false);
        // What runs for the first time is compiled first; that is not the load's cost.
        RunResult warm = await bench.ClosedAsync(workload, "warm-up", underWay, perMessage, WarmUpSeconds, guess).ConfigureAwait(false);
        Print(warm);
        guess = Math.Max(guess / 4, warm.Throughput * 1.5);
        for (int repetition = 0; repetition < options.Repeat; repetition++)
        {
            switch (options.Loop)
            {
                case Loop.Closed:
                    Add(await bench.ClosedAsync(workload, "closed", underWay, perMessage, options.Seconds, guess).ConfigureAwait(false), repetition);
                    break;
                case Loop.Search:
                    await SearchAsync(bench, workload, perMessage, warm.Throughput, repetition).ConfigureAwait(false);
                    break;
                default:
                    foreach (double rate in await RatesAsync(bench, workload, perMessage, underWay, guess, repetition).ConfigureAwait(false))
                        Add(await OpenAsync(bench, workload, "open", rate, perMessage).ConfigureAwait(false), repetition);
                    break;
            }
        }
        RunResult[] mine = [.. _runs.Where(r => r.Workload == workload.Name)];
        bool good = warm.ExactlyOnce && mine.All(r => r.ExactlyOnce);
        string? difference = mine.Append(warm).Any(r => r.Refused + r.Lost > 0) ? null : await workload.CheckAsync().ConfigureAwait(false);
        if (difference is not null) Console.WriteLine($"  {workload.Name}: the contracts disagree: {difference}");
        Console.WriteLine($"  {workload.Name}: {(good && difference is null ? "everything that was taken ended exactly once" : "NOT everything that was taken ended exactly once")}");
        return good && difference is null;
    }

    private async Task<IReadOnlyList<double>> RatesAsync(Bench bench, IWorkload workload, int perMessage, int underWay, double guess, int repetition)
    {
        if (options.Rates is not [0]) return options.Rates;
        RunResult closed = await bench.ClosedAsync(workload, "closed", underWay, perMessage, options.Seconds, guess).ConfigureAwait(false);
        Add(closed, repetition);
        return [closed.Throughput * FullShare, closed.Throughput * HalfShare];
    }

    /// <summary>A ladder of rates up to the first that is not carried, then bisection: the highest rate carried with a p99 below a second.</summary>
    private async Task SearchAsync(Bench bench, IWorkload workload, int perMessage, double about, int repetition)
    {
        double good = 0, bad = double.PositiveInfinity;
        for (double share = 0.25; double.IsInfinity(bad); share *= share < 0.7 ? 1.4 : 1.15)
        {
            double rate = about * share;
            if (await IsCarriedAsync(rate).ConfigureAwait(false)) good = rate;
            else bad = rate;
        }
        for (int i = 0; i < 3; i++)
        {
            double rate = (good + bad) / 2;
            if (await IsCarriedAsync(rate).ConfigureAwait(false)) good = rate;
            else bad = rate;
        }
        Console.WriteLine(Text($"  {workload.Name}: saturates between {good:0} and {bad:0} operations a second"));

        async Task<bool> IsCarriedAsync(double rate)
        {
            RunResult run = await OpenAsync(bench, workload, "search", rate, perMessage).ConfigureAwait(false);
            Add(run, repetition);
            return run.ExactlyOnce && run.Refused == 0 && run.Throughput >= rate * Carried && run.Percentile(99) <= MostP99Ms;
        }
    }

    private Task<RunResult> OpenAsync(Bench bench, IWorkload workload, string kind, double rate, int perMessage) =>
        bench.OpenAsync(workload, kind, rate, perMessage, options.Seconds, options.PoissonSeed, options.Faults);

    private void Add(RunResult run, int repetition)
    {
        _runs.Add(run with { Repetition = repetition });
        Print(run);
    }

    private static void Print(RunResult run)
    {
        string offered = run.Offered > 0 ? Text($"of {run.Offered:0}/s offered") : Text($"with {run.UnderWay} messages under way");
        Console.WriteLine(Text($"{run.Workload} {run.Kind}: {run.Throughput:0}/s {offered}; p50 {run.Percentile(50):0.0} ms, p99 {run.Percentile(99):0.0} ms, max {run.Percentile(100):0.0} ms"));
        Console.WriteLine(Text($"  {run.Sent} sent, {run.Completed} done, {run.Refused} refused, {run.Lost} lost, {run.Twice} twice; {run.PerBlock:0.0} in a block"));
        string nodes = string.Join(" + ", run.CpuSeconds[..^1].Select(c => Text($"{c:0.0}")));
        Console.WriteLine(Text($"  CPU seconds: nodes {nodes}, generator {run.CpuSeconds[^1]:0.0}: {run.CpuPerOperation * 1e6:0.0} µs an operation; computed limit {run.ComputedLimit:0}/s"));
        if (run.FirstError is { } error) Console.WriteLine($"  first refusal: {error}");
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
