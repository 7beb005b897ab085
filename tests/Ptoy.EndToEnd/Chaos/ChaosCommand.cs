using Ptoy.Client.Workflows;
using Ptoy.EndToEnd.Network;
using Ptoy.Node.Devnet;
using Ptoy.Protocol.Ledger;

namespace Ptoy.EndToEnd.Chaos;

/// <summary>Kills real node processes under load, then checks every acknowledgement.</summary>
public static class ChaosCommand
{
    private const int BasePort = 30_500;
    private const int MaxMinutes = 30;
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan DrainPatience = TimeSpan.FromSeconds(90);

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
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(MaxMinutes));
        Console.WriteLine($"chaos: {options.Rounds} rounds, seed {options.Seed}, {options.Rate} writes/s, data in {directory}");
        bool holds = false;
        try
        {
            holds = await RunAsync(options, directory, limit.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (Failure.IsExpected(e) || e is InvalidOperationException or InvalidDataException or UntrustedAnswerException)
        {
            await Console.Error.WriteLineAsync($"chaos: {e.GetType().Name}: {e.Message}").ConfigureAwait(false);
        }
        if (holds && !options.Keep) Directory.Delete(directory, recursive: true);
        else Console.WriteLine($"the nodes' data and logs are kept in {directory}");
        Console.WriteLine(holds ? "chaos: every check held" : "chaos: FAILED");
        return holds ? 0 : 1;
    }

    private static async Task<bool> RunAsync(ChaosOptions options, string directory, CancellationToken cancellation)
    {
        using var consortium = new Consortium();
        using var transfers = new TransferLoad();
        DevnetLayout layout = DevnetBuilder.Create(consortium.Options(directory, BasePort) with { Allotments = transfers.Allotments });
        using var network = new LocalNetwork(layout);
        await network.StartAsync(StartPatience).ConfigureAwait(false);
        TrustedChain chain = TrustedChain.From(GenesisFile.Parse(await File.ReadAllTextAsync(layout.GenesisFile, cancellation).ConfigureAwait(false)));
        await using var members = new Members(network, chain);
        using var acks = new AckLog(Path.Combine(directory, "acknowledged.log"));
        using var patients = new Patients(consortium, members, acks);
        await patients.SetUpAsync(members, acks, cancellation).ConfigureAwait(false);
        Console.WriteLine($"four nodes are up; {Patients.WithRecords} patients with records, {Patients.WithConsents} with changing consents, {TransferLoad.Accounts} accounts");

        var verdict = new Verdict();
        var rounds = new Rounds(members, acks, new Random(options.Seed));
        await StormAsync(options, members, acks, patients, transfers, rounds, verdict, cancellation).ConfigureAwait(false);
        await new Checker(members, acks, patients, transfers, verdict).RunAsync(cancellation).ConfigureAwait(false);
        PrintGaps(rounds);
        bool clean = await network.StopAsync().ConfigureAwait(false);
        verdict.Add("all nodes end cleanly", clean ? "yes" : "no", clean);
        verdict.Print();
        return verdict.Holds;
    }

    /// <summary>The workload, the rounds, and the end of the workload: every write that began is resolved.</summary>
    private static async Task StormAsync(
        ChaosOptions options, Members members, AckLog acks, Patients patients, TransferLoad transfers, Rounds rounds, Verdict verdict, CancellationToken cancellation)
    {
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using var giveUp = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var records = new RecordLoad(patients, members, acks, options.Seed);
        var reads = new ReadLoad(patients, members, acks, options.Seed);
        Task load = Task.WhenAll(
            transfers.RunAsync(members, acks, options.Rate, options.Seed, stopping.Token, giveUp.Token),
            new ConsentLoad(patients).RunAsync(stopping.Token, giveUp.Token),
            records.RunAsync(stopping.Token, giveUp.Token),
            reads.RunAsync(stopping.Token));
        double rate = await SteadyRateAsync(acks, cancellation).ConfigureAwait(false);
        try
        {
            await rounds.RunAsync(options.Rounds, cancellation).ConfigureAwait(false);
        }
        finally
        {
            await stopping.CancelAsync().ConfigureAwait(false);
            giveUp.CancelAfter(DrainPatience);
            await load.ConfigureAwait(false);
        }
        Kinds(acks, transfers, patients, rate);
        verdict.Add("writes a second before the first kill", $"{rate:0} of at least 200 (aimed at {options.Rate} transfers)", rate >= Math.Min(200, options.Rate));
        verdict.Add("every write that began was resolved", giveUp.IsCancellationRequested ? "not within 90 s" : "yes", !giveUp.IsCancellationRequested);
        verdict.Add("no node ended unless it was killed", rounds.Fallen.Count == 0 ? "none" : string.Join(" ", rounds.Fallen), rounds.Fallen.Count == 0);
        verdict.Add("killing two of four stops writes, and they recover", rounds.TwoStopped ? "yes" : "no", rounds.TwoStopped);
        verdict.Add("reads and denials as the contracts say", $"{reads.Wrong} otherwise", reads.Wrong == 0);
        verdict.Add("registrations of stored records", $"{records.Refused} refused", records.Refused == 0);
    }

    private static async Task<double> SteadyRateAsync(AckLog acks, CancellationToken cancellation)
    {
        await Pace.PauseAsync(TimeSpan.FromSeconds(3), cancellation).ConfigureAwait(false);
        long from = AckLog.Now;
        await Pace.PauseAsync(TimeSpan.FromSeconds(5), cancellation).ConfigureAwait(false);
        long to = AckLog.Now;
        double rate = acks.CertifiedBetween(from, to) * 1000.0 / (to - from);
        Console.WriteLine($"steady: {rate:0} certified writes/s");
        return rate;
    }

    private static void Kinds(AckLog acks, TransferLoad transfers, Patients patients, double rate)
    {
        string kinds = string.Join(", ", acks.Transactions.GroupBy(t => (t.Kind, t.Status)).OrderByDescending(g => g.Count()).Select(g => $"{g.Count()} {g.Key.Kind} {g.Key.Status}"));
        int failovers = transfers.Writers.Sum(w => w.Failovers) + patients.All.Sum(p => p.Writer.Failovers);
        Console.WriteLine($"acknowledged: {kinds}; {acks.Manifests.Count} manifests stored by a quorum, {acks.Records.Count} records, {acks.Reads.Count} reads; {failovers} fail-overs; {rate:0} writes/s undisturbed");
    }

    private static void PrintGaps(Rounds rounds)
    {
        foreach (IGrouping<string, RoundResult> kind in rounds.Results.GroupBy(r => r.Kind))
        {
            long[] gaps = [.. kind.Select(r => r.GapMs).Order()];
            Console.WriteLine($"service gap, {kind.Key,-11} killed: median {gaps[gaps.Length / 2]} ms, worst {gaps[^1]} ms over {gaps.Length} rounds{(kind.Key == Rounds.Primary ? " (aim: worst 2000 ms)" : "")}");
        }
    }
}
