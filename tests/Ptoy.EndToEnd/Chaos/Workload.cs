namespace Ptoy.EndToEnd.Chaos;

/// <summary>
/// Everything that clients do at once: transfers, consents, records, reads of records and of balances. Ends with every write that began
/// resolved.
/// </summary>
internal sealed class Workload(ChaosOptions options, Members members, AckLog acks, Patients patients, TransferLoad transfers)
{
    private static readonly TimeSpan DrainPatience = TimeSpan.FromSeconds(90);
    private readonly RecordLoad _records = new(patients, members, acks, options.Seed);
    private readonly ReadLoad _reads = new(patients, members, acks, options.Seed);

    /// <summary>Runs the load, lets <paramref name="disturbAsync"/> do its worst, then drains. Adds what it saw to the verdict.</summary>
    public async Task RunAsync(Func<Task> disturbAsync, Verdict verdict, CancellationToken cancellation)
    {
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using var giveUp = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Task load = Task.WhenAll(
            transfers.RunAsync(members, acks, options.Rate, options.Seed, stopping.Token, giveUp.Token),
            new ConsentLoad(patients).RunAsync(stopping.Token, giveUp.Token),
            _records.RunAsync(stopping.Token, giveUp.Token),
            _reads.RunAsync(stopping.Token),
            new BalanceLoad(members, acks, transfers.Addresses, options.Seed).RunAsync(stopping.Token));
        double rate = await SteadyRateAsync(cancellation).ConfigureAwait(false);
        try
        {
            await disturbAsync().ConfigureAwait(false);
        }
        finally
        {
            await stopping.CancelAsync().ConfigureAwait(false);
            giveUp.CancelAfter(DrainPatience);
            await load.ConfigureAwait(false);
        }
        PrintKinds(rate);
        // What a kill costs says nothing on a machine that is busy with something else; what was lost does.
        int least = Math.Min(200, options.Rate);
        if (options.Rounds > 0)
            verdict.Add("writes a second before the first kill", $"{rate:0} of at least {least} (aimed at {options.Rate} "
                + $"transfers)", rate >= least);
        verdict.Add("every write that began was resolved", giveUp.IsCancellationRequested ? "not within 90 s" : "yes",
            !giveUp.IsCancellationRequested);
        verdict.Add("reads and denials as the contracts say", $"{_reads.Wrong} otherwise", _reads.Wrong == 0);
        verdict.Add("registrations of stored records", $"{_records.Refused} refused", _records.Refused == 0);
    }

    private async Task<double> SteadyRateAsync(CancellationToken cancellation)
    {
        await Pace.PauseAsync(TimeSpan.FromSeconds(3), cancellation).ConfigureAwait(false);
        long from = AckLog.Now;
        await Pace.PauseAsync(TimeSpan.FromSeconds(5), cancellation).ConfigureAwait(false);
        long to = AckLog.Now;
        double rate = acks.CertifiedBetween(from, to) * 1000.0 / (to - from);
        Console.WriteLine($"steady: {rate:0} certified writes/s");
        return rate;
    }

    private void PrintKinds(double rate)
    {
        string kinds = string.Join(", ",
            acks.Transactions.GroupBy(t => (t.Kind, t.Status)).OrderByDescending(g => g.Count())
                .Select(g => $"{g.Count()} {g.Key.Kind} {g.Key.Status}"));
        int failovers = transfers.Writers.Sum(w => w.Failovers) + patients.All.Sum(p => p.Writer.Failovers);
        Console.WriteLine($"acknowledged: {kinds}; {acks.Manifests.Count} manifests stored by a quorum, {acks.Records.Count} records, "
            + $"{acks.Reads.Count} reads, "
            + $"{acks.Balances.Count} balances; {failovers} fail-overs; {rate:0} writes/s undisturbed");
    }
}
