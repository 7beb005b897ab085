using System.Globalization;
using Ptoy.EndToEnd.Network.Faults;

namespace Ptoy.EndToEnd.Chaos.Storm;

/// <summary>
/// Goes through the plan until the time is over. After each episode everything is healed, every node catches up and writes flow, before
/// the next.
/// </summary>
internal sealed class FaultStorm(FaultPlan plan, Injector injector, Members members, AckLog acks, Service service, FaultyNetwork network)
{
    private const int WritesAfterwards = 20;
    private const long Before = 200;
    private readonly Dictionary<FaultKind, List<long>> _gaps = [];
    private readonly long _started = AckLog.Now;

    public async Task RunAsync(TimeSpan length, CancellationToken cancellation)
    {
        while (AckLog.Now - _started < length.TotalMilliseconds)
        {
            Episode episode = plan.Next();
            await service.RaiseFallenAsync().ConfigureAwait(false);
            await Pace.PauseAsync(episode.Calm, cancellation).ConfigureAwait(false);
            cancellation.ThrowIfCancellationRequested();
            await RunAsync(episode, cancellation).ConfigureAwait(false);
        }
    }

    private async Task RunAsync(Episode episode, CancellationToken cancellation)
    {
        long from = AckLog.Now;
        await Task.WhenAll(episode.Faults.Select(f => injector.InjectAsync(f, Tell, cancellation))).ConfigureAwait(false);
        network.Heal();
        long healed = AckLog.Now;
        await service.CaughtUpAsync(members.All.Select(m => m.Index)).ConfigureAwait(false);
        await service.FlowAsync(WritesAfterwards, cancellation).ConfigureAwait(false);
        long gap = acks.LongestGap(from - Before, AckLog.Now);
        foreach (PlannedFault fault in episode.Faults)
        {
            if (!_gaps.TryGetValue(fault.Kind, out List<long>? known)) _gaps[fault.Kind] = known = [];
            known.Add(gap);
        }
        Tell($"healed; all nodes level {AckLog.Now - healed} ms later; longest pause of service {gap} ms; {acks.CertifiedCount} "
            + $"writes certified");
    }

    /// <summary>How often each kind was injected, and the longest pause of service around it.</summary>
    public void PrintInjected(IReadOnlyDictionary<FaultKind, string> left)
    {
        Console.WriteLine($"injected: {_gaps.Values.Sum(g => g.Count)} faults; the links: {network.Counters}");
        foreach (FaultKind kind in FaultPlan.Kinds)
        {
            if (left.TryGetValue(kind, out string? reason)) Console.WriteLine($"  {kind,-12}   0 ({reason})");
            else if (_gaps.TryGetValue(kind, out List<long>? gaps))
                Console.WriteLine($"  {kind,-12} {gaps.Count,3}   longest pause of service: median "
                    + $"{gaps.Order().ElementAt(gaps.Count / 2)} ms, worst {gaps.Max()} ms");
            else Console.WriteLine($"  {kind,-12}   0 (its turn did not come)");
        }
    }

    private void Tell(string what) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{DateTime.UtcNow:HH:mm:ss.fff} [{(AckLog.Now - _started) / 1000.0,6:0.0} s] {what}"));
}
