namespace Ptoy.EndToEnd.Chaos;

/// <summary>One round: who was killed, and how long no write was certified.</summary>
internal sealed record RoundResult(string Kind, long GapMs, long BackMs);

/// <summary>Kills and restarts nodes under load.</summary>
internal sealed class Rounds(Members members, AckLog acks, Service service, Random random)
{
    public const string Primary = "primary";
    public const string Other = "other";
    public const string All = "all four";
    public const string Two = "two of four";

    private const int WritesAfterwards = 100;
    private readonly List<RoundResult> _results = [];
    private int _number;

    public IReadOnlyList<RoundResult> Results => _results;

    /// <summary>True when killing two of four stopped the writes, and they went on after the restart.</summary>
    public bool TwoStopped { get; private set; }

    public async Task RunAsync(int rounds, CancellationToken cancellation)
    {
        for (int i = 0; i < rounds; i++)
        {
            int primary = await members.PrimaryAsync().ConfigureAwait(false);
            if (i % 2 == 0) await KillAsync(Primary, [primary], cancellation).ConfigureAwait(false);
            else await KillAsync(Other, [(primary + 1 + random.Next(members.All.Count - 1)) % members.All.Count],
                cancellation).ConfigureAwait(false);
        }
        for (int i = 0; i < rounds / 2; i++) await KillAsync(All, [0, 1, 2, 3], cancellation).ConfigureAwait(false);
        await KillTwoAsync(cancellation).ConfigureAwait(false);
    }

    private async Task KillAsync(string kind, int[] victims, CancellationToken cancellation)
    {
        await service.RaiseFallenAsync().ConfigureAwait(false);
        await RandomPauseAsync(300, 1_500, cancellation).ConfigureAwait(false);
        // The view may have changed meanwhile; the victim is who leads now.
        if (kind == Primary) victims = [await members.PrimaryAsync().ConfigureAwait(false)];
        long killed = AckLog.Now;
        members.Kill(victims);
        await RandomPauseAsync(200, 2_500, cancellation).ConfigureAwait(false);
        long gap = await BackAsync(kind, victims, killed, cancellation).ConfigureAwait(false);
        Console.WriteLine($"round {++_number,2}: {kind,-8} {Names(victims),-14} gap {gap,6} ms, back after {AckLog.Now - killed,6} "
            + $"ms, {acks.CertifiedCount} writes certified");
    }

    private async Task<long> BackAsync(string kind, int[] victims, long killed, CancellationToken cancellation)
    {
        members.Start(victims);
        await service.CaughtUpAsync(victims).ConfigureAwait(false);
        long back = AckLog.Now;
        await service.FlowAsync(WritesAfterwards, cancellation).ConfigureAwait(false);
        await service.RaiseFallenAsync().ConfigureAwait(false);
        const long Before = 1_000;
        long gap = acks.LongestGap(killed - Before, AckLog.Now);
        _results.Add(new RoundResult(kind, gap, back - killed));
        return gap;
    }

    private async Task KillTwoAsync(CancellationToken cancellation)
    {
        int primary = await members.PrimaryAsync().ConfigureAwait(false);
        int[] victims = [primary, (primary + 2) % members.All.Count];
        await RandomPauseAsync(300, 1_500, cancellation).ConfigureAwait(false);
        long killed = AckLog.Now;
        members.Kill(victims);
        // What was decided before may still be shown for a moment; then nothing may be.
        await Pace.PauseAsync(TimeSpan.FromSeconds(1.5), cancellation).ConfigureAwait(false);
        long from = AckLog.Now;
        ulong height = members.SeenHeight;
        await Pace.PauseAsync(TimeSpan.FromSeconds(4), cancellation).ConfigureAwait(false);
        int certified = acks.CertifiedBetween(from, AckLog.Now);
        TwoStopped = certified == 0 && members.SeenHeight == height;
        Console.WriteLine($"{Two}: {Names(victims)} dead, {certified} writes certified in {AckLog.Now - from} ms, "
            + $"{(TwoStopped ? "as it must be" : "WRONG")}");
        long gap = await BackAsync(Two, victims, killed, cancellation).ConfigureAwait(false);
        Console.WriteLine($"{Two}: restarted, writes go on; gap {gap} ms");
    }

    private async Task RandomPauseAsync(int least, int most, CancellationToken cancellation) =>
        await Pace.PauseAsync(TimeSpan.FromMilliseconds(random.Next(least, most)), cancellation).ConfigureAwait(false);

    private static string Names(int[] nodes) => string.Join(" ", nodes.Select(n => $"node{n + 1}"));
}
