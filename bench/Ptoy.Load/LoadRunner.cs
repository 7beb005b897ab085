using System.Globalization;
using Ptoy.EndToEnd.Network;
using Ptoy.Node.Devnet;
using Ptoy.Protocol;

namespace Ptoy.Load;

/// <summary>The whole harness: a fresh network, each kind's runs, the report.</summary>
internal sealed class LoadRunner(LoadOptions options)
{
    /// <summary>A view change during a run measures the time-out, not the load: only a primary that is really gone is replaced.</summary>
    private const int ViewChangeTimeoutMs = 5_000;

    private const int WarmUp = 5_000;
    private const int Burst = 3_000;
    private const double FullShare = 0.9, Step = 1.25;

    private readonly List<RunResult> _runs = [];

    /// <summary>True when every accepted transaction was certified exactly once and the contracts hold what they should.</summary>
    public async Task<bool> RunAsync()
    {
        string directory = Path.Combine(Path.GetTempPath(), "ptoy-load-" + Guid.NewGuid().ToString("N"));
        using var consortium = new Consortium();
        using var transfers = new Transfers(options.Accounts, consortium.Hospitals.Count);
        using var grants = new Grants(options.Accounts, consortium);
        DevnetLayout layout = DevnetBuilder.Create(consortium.Options(directory, options.BasePort) with
        {
            Allotments = transfers.Allotments, ViewChangeTimeoutMs = ViewChangeTimeoutMs, AuditAnchorIntervalMs = 30_000,
        });
        bool good = true, ended = false;
        try
        {
            using var network = new LocalNetwork(layout);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"four nodes on {Environment.ProcessorCount} cores, writes synced, in {directory}"));
            await network.StartAsync(TimeSpan.FromSeconds(60)).ConfigureAwait(false);
            await using (LoadSession session = await LoadSession.OpenAsync(network).ConfigureAwait(false))
            {
                foreach (IWorkload workload in options.Kinds.Select(k => k == "transfers" ? (IWorkload)transfers : grants))
                    good &= await RunAsync(session, workload).ConfigureAwait(false);
            }
            await network.StopAsync().ConfigureAwait(false);
            Report.Write(options.Out, _runs);
            Console.WriteLine($"written: {Path.Combine(options.Out, "load.csv")}, latency.csv, load.png");
            ended = true;
        }
        finally
        {
            if (ended && !options.Keep) Directory.Delete(directory, recursive: true);
            else Console.WriteLine($"the network is kept in {directory}: each node's output is its node.log");
        }
        return good;
    }

    private async Task<bool> RunAsync(LoadSession session, IWorkload workload)
    {
        await workload.PrepareAsync(session).ConfigureAwait(false);
        // What runs for the first time is compiled first; that is not the load's cost.
        await OneAsync(session, workload, "warm-up", WarmUp, WarmUp, keep: false).ConfigureAwait(false);
        double full = options.Rate;
        if (full == 0)
        {
            RunResult burst = await OneAsync(session, workload, "capacity", Burst, Burst * 100.0, keep: true).ConfigureAwait(false);
            full = burst.Throughput * FullShare;
        }
        if (options.FindMax) full = await FindMaxAsync(session, workload, full).ConfigureAwait(false);
        await OneAsync(session, workload, "full", full, options.Seconds).ConfigureAwait(false);
        await OneAsync(session, workload, "half", full / 2, options.Seconds).ConfigureAwait(false);
        bool good = _runs.Where(r => r.Kind == workload.Name).All(r => r.ExactlyOnce);
        string? difference = _runs.Any(r => r.Kind == workload.Name && r.Refused > 0) ? null : await workload.CheckAsync(session).ConfigureAwait(false);
        if (difference is not null) Console.WriteLine($"  {workload.Name}: the contracts disagree: {difference}");
        Console.WriteLine($"  {workload.Name}: {(good && difference is null ? "every accepted transaction was certified exactly once" : "NOT every accepted transaction was certified exactly once")}");
        return good && difference is null;
    }

    /// <summary>The highest rate, in steps of a quarter, that was carried with a p95 below a second.</summary>
    private async Task<double> FindMaxAsync(LoadSession session, IWorkload workload, double from)
    {
        double best = 0;
        double rate = from * 0.5;
        while (true)
        {
            RunResult run = await OneAsync(session, workload, "ramp", rate, options.Seconds).ConfigureAwait(false);
            if (!run.ExactlyOnce || run.Refused > 0 || run.Throughput < rate * 0.9 || run.Percentile(95) > 1_000) return best > 0 ? best : rate / Step;
            best = rate;
            rate *= Step;
        }
    }

    private Task<RunResult> OneAsync(LoadSession session, IWorkload workload, string name, double rate, int seconds) =>
        OneAsync(session, workload, name, (int)Math.Max(100, rate * seconds), rate, keep: true);

    private async Task<RunResult> OneAsync(LoadSession session, IWorkload workload, string name, int count, double rate, bool keep)
    {
        (Hash chain, ulong expiry) = await session.ChainAsync().ConfigureAwait(false);
        Prepared[] transactions = workload.Make(count, chain, expiry);
        RunResult run = await session.RunAsync(workload.Name, name, transactions, rate, options.Batch).ConfigureAwait(false);
        Report.Print(run);
        if (keep) _runs.Add(run);
        return run;
    }
}
