using Ptoy.Client.Workflows;
using Ptoy.EndToEnd.Chaos.Storm;
using Ptoy.EndToEnd.Network;
using Ptoy.EndToEnd.Network.Faults;
using Ptoy.Node.Devnet;
using Ptoy.Protocol.Ledger;

namespace Ptoy.EndToEnd.Chaos;

/// <summary>Does harm to real node processes under load, then checks every acknowledgement.</summary>
public static class ChaosCommand
{
    private const int ProxyPort = 30_540;
    private static readonly TimeSpan StartPatience = TimeSpan.FromMinutes(3), Limit = TimeSpan.FromMinutes(30);

    private static readonly FaultKind[] Clocks = [FaultKind.ClockAhead, FaultKind.ClockBehind, FaultKind.ClockJumps];

    /// <summary>Runs it; the exit code is 0 only when every check held.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        ArgumentNullException.ThrowIfNull(args);
        if (ChaosOptions.Parse(args, out string problem) is not { } options)
        {
            await Console.Error.WriteLineAsync($"chaos: {problem}\n{ChaosOptions.Usage}").ConfigureAwait(false);
            return 2;
        }
        string directory = Path.Combine(Path.GetTempPath(), "ptoy-chaos-" + Guid.NewGuid().ToString("N"));
        using var limit = new CancellationTokenSource(Limit + TimeSpan.FromMinutes(2 * options.Minutes));
        string what = options.Minutes > 0 ? $"{options.Minutes} minutes of faults" : $"{options.Rounds} rounds";
        Console.WriteLine($"chaos: {what}, seed {options.Seed}, {options.Rate} writes/s, data in {directory}");
        bool holds = false;
        try
        {
            holds = options.Minutes > 0
                ? await StormAsync(options, directory, limit.Token).ConfigureAwait(false)
                : await RoundsAsync(options, directory, limit.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (Failure.IsExpected(e)
            || e is InvalidOperationException or InvalidDataException or UntrustedAnswerException)
        {
            await Console.Error.WriteLineAsync($"chaos: {e.GetType().Name}: {e.Message}").ConfigureAwait(false);
        }
        if (holds && !options.Keep) Directory.Delete(directory, recursive: true);
        else Console.WriteLine($"the nodes' data and logs are kept in {directory}");
        Console.WriteLine(holds ? "chaos: every check held" : "chaos: FAILED");
        return holds ? 0 : 1;
    }

    /// <summary>Kills, one after another, and how long each costs.</summary>
    private static async Task<bool> RoundsAsync(ChaosOptions options, string directory, CancellationToken cancellation)
    {
        using var parties = new Parties(directory);
        await using Theatre theatre = await Theatre.OpenAsync(options, parties, directory, StartPatience,
            cancellation).ConfigureAwait(false);
        var rounds = new Rounds(theatre.Members, theatre.Acks, theatre.Service, new Random(options.Seed));
        await theatre.Workload.RunAsync(() => rounds.RunAsync(options.Rounds, cancellation), theatre.Verdict,
            cancellation).ConfigureAwait(false);
        theatre.Verdict.Add("killing two of four stops writes, and they recover", rounds.TwoStopped ? "yes" : "no", rounds.TwoStopped);
        bool holds = await theatre.JudgeAsync(cancellation).ConfigureAwait(false);
        PrintGaps(rounds);
        return holds;
    }

    /// <summary>Faults of every kind, for minutes.</summary>
    private static async Task<bool> StormAsync(ChaosOptions options, string directory, CancellationToken cancellation)
    {
        using var parties = new Parties(directory);
        using var network = new FaultyNetwork(parties.Layout, ProxyPort, options.Seed);
        int diskNode = new Random(options.Seed).Next(network.Count);
        Dictionary<FaultKind, string> left = [];
        using SmallDisk? disk = SmallDisk.TryMount(parties.Layout.Nodes[diskNode].DataDir, out string problem);
        if (disk is null) left[FaultKind.FullDisk] = $"a small disk cannot be mounted here: {problem}";
        if (FakeClock.Library is null)
            foreach (FaultKind kind in Clocks) left[kind] = "libfaketime is not installed";
        if (options.Only.Count > 0)
            foreach (FaultKind kind in FaultPlan.Kinds.Except(options.Only)) left.TryAdd(kind, "not asked for");
        if (left.Count == FaultPlan.Kinds.Count)
            throw new InvalidOperationException($"there is nothing left to inject: {string.Join("; ", left.Values.Distinct())}");
        foreach ((FaultKind kind, string reason) in left.Where(l => options.Only.Count == 0 || options.Only.Contains(l.Key)))
            Console.WriteLine($"left out: {kind}: {reason}");
        var plan = new FaultPlan(options.Seed, network.Count, diskNode, left.Keys, TimeSpan.FromSeconds(options.Minutes == 1 ? 3 : 8));

        await using Theatre theatre = await Theatre.OpenAsync(options, parties, directory, StartPatience,
            cancellation).ConfigureAwait(false);
        var injector = new Injector(theatre.Members, network, disk, directory);
        var storm = new FaultStorm(plan, injector, theatre.Members, theatre.Acks, theatre.Service, network);
        await theatre.Workload.RunAsync(() => storm.RunAsync(TimeSpan.FromMinutes(options.Minutes), cancellation), theatre.Verdict,
            cancellation).ConfigureAwait(false);
        theatre.Verdict.Add("faults did what they should: clocks obeyed, a full disk stopped its node with a clear message",
            injector.Problems.Count == 0 ? "yes" : string.Join("; ", injector.Problems), injector.Problems.Count == 0);
        bool holds = await theatre.JudgeAsync(cancellation).ConfigureAwait(false);
        storm.PrintInjected(left);
        return holds;
    }

    private static void PrintGaps(Rounds rounds)
    {
        foreach (IGrouping<string, RoundResult> kind in rounds.Results.GroupBy(r => r.Kind))
        {
            long[] gaps = [.. kind.Select(r => r.GapMs).Order()];
            Console.WriteLine($"service gap, {kind.Key,-11} killed: median {gaps[gaps.Length / 2]} ms, worst {gaps[^1]} ms over "
                + $"{gaps.Length} rounds{(kind.Key == Rounds.Primary ? " (aim: worst 1000 ms)" : "")}");
        }
    }
}
