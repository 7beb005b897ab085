using System.Globalization;
using Ptoy.EndToEnd.Network.Faults;

namespace Ptoy.EndToEnd.Chaos.Storm;

/// <summary>Does the harm that a fault stands for, to real processes, links, clocks and disks, and undoes it.</summary>
internal sealed class Injector(Members members, FaultyNetwork network, SmallDisk? disk, string directory)
{
    private const long FreeBytes = 64 * 1024;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90), DiskPatience = TimeSpan.FromSeconds(30);

    private readonly List<string> _problems = [];

    /// <summary>
    /// What did not go as it must while a fault lasted: a clock that stayed right, a full disk that stopped nothing or without a word.
    /// </summary>
    public IReadOnlyList<string> Problems => _problems;

    private int Count => members.All.Count;

    /// <summary>Harms, waits, heals. <paramref name="tell"/> is told what is done to whom.</summary>
    public Task InjectAsync(PlannedFault fault, Action<string> tell, CancellationToken cancellation) => fault.Kind switch
    {
        FaultKind.KillPrimary or FaultKind.KillOther or FaultKind.KillTwo or FaultKind.KillAll => KillAsync(fault, tell, cancellation),
        FaultKind.PausePrimary or FaultKind.PauseOther => PauseAsync(fault, tell, cancellation),
        FaultKind.ClockAhead or FaultKind.ClockBehind or FaultKind.ClockJumps => ClockAsync(fault, tell, cancellation),
        FaultKind.FullDisk => FullDiskAsync(fault, tell, cancellation),
        FaultKind.CutStreams => CutAsync(fault, tell, cancellation),
        _ => LinksAsync(fault, tell, cancellation),
    };

    private async Task<int> VictimAsync(PlannedFault fault)
    {
        int primary = await members.PrimaryAsync().ConfigureAwait(false);
        return fault.Kind switch
        {
            FaultKind.KillPrimary or FaultKind.PausePrimary => primary,
            FaultKind.KillOther or FaultKind.PauseOther when fault.Victim == primary => (primary + 1) % Count,
            _ => fault.Victim,
        };
    }

    private async Task KillAsync(PlannedFault fault, Action<string> tell, CancellationToken cancellation)
    {
        int first = await VictimAsync(fault).ConfigureAwait(false);
        int many = fault.Kind switch { FaultKind.KillAll => Count, FaultKind.KillTwo => 2, _ => 1 };
        int[] victims = [.. Enumerable.Range(first, many).Select(i => i % Count)];
        tell($"SIGKILL to {Names(victims)}, {Seconds(fault.Length)}");
        members.Kill(victims);
        await Pace.PauseAsync(fault.Length, cancellation).ConfigureAwait(false);
        members.Start(victims);
    }

    private async Task PauseAsync(PlannedFault fault, Action<string> tell, CancellationToken cancellation)
    {
        int victim = await VictimAsync(fault).ConfigureAwait(false);
        tell($"SIGSTOP to {Name(victim)}, {Seconds(fault.Length)}");
        await members.Process(victim).PauseAsync().ConfigureAwait(false);
        try
        {
            await Pace.PauseAsync(fault.Length, cancellation).ConfigureAwait(false);
        }
        finally
        {
            await members.Process(victim).ResumeAsync().ConfigureAwait(false);
        }
    }

    private async Task ClockAsync(PlannedFault fault, Action<string> tell, CancellationToken cancellation)
    {
        const double Least = 3, Most = 300;
        int sign = fault.Kind == FaultKind.ClockBehind ? -1 : 1;
        TimeSpan offset = TimeSpan.FromSeconds(sign * Least * Math.Pow(Most / Least, fault.Severity));
        int victim = fault.Victim;
        var clock = new FakeClock(members.Process(victim), Path.Combine(directory, $"clock{victim + 1}"));
        members.Kill(victim);
        clock.Install(offset);
        try
        {
            members.Start(victim);
            await members.ReadyAsync(victim, Patience).ConfigureAwait(false);
            tell($"the clock of {Name(victim)} is {Offset(offset)} off, {Seconds(fault.Length)}");
            await CheckClockAsync(victim, offset).ConfigureAwait(false);
            await Pace.PauseAsync(fault.Length, cancellation).ConfigureAwait(false);
            if (fault.Kind == FaultKind.ClockJumps)
            {
                tell($"the clock of {Name(victim)} jumps to {Offset(-offset)} off");
                clock.Offset(-offset);
                await Pace.PauseAsync(fault.Length, cancellation).ConfigureAwait(false);
            }
        }
        finally
        {
            clock.Remove();
            members.Kill(victim);
            members.Start(victim);
        }
    }

    /// <summary>A clock that only this program believes to be wrong would prove nothing.</summary>
    private async Task CheckClockAsync(int victim, TimeSpan offset)
    {
        TimeSpan slack = TimeSpan.FromSeconds(2);
        if (await members.ClockOffsetAsync(victim).ConfigureAwait(false) is not { } seen || (seen - offset).Duration() > slack)
            _problems.Add($"the clock of {Name(victim)} did not obey");
    }

    /// <summary>A node without room for what it must remember has to stop, say why, and go on where it was when there is room.</summary>
    private async Task FullDiskAsync(PlannedFault fault, Action<string> tell, CancellationToken cancellation)
    {
        int victim = fault.Victim;
        tell($"the disk of {Name(victim)} is full, {Seconds(fault.Length)}");
        await members.Process(victim).PauseAsync().ConfigureAwait(false);
        try
        {
            disk!.Fill(FreeBytes);
            await members.Process(victim).ResumeAsync().ConfigureAwait(false);
            bool ended = await members.Process(victim).EndsAsync(DiskPatience).ConfigureAwait(false);
            if (!ended) _problems.Add($"{Name(victim)} did not stop within {DiskPatience.TotalSeconds:0} s of a full disk");
            else if (!members.Process(victim).LogTail().Contains("disk full", StringComparison.OrdinalIgnoreCase))
                _problems.Add($"{Name(victim)} did not say that its disk is full");
            await Pace.PauseAsync(fault.Length, cancellation).ConfigureAwait(false);
        }
        finally
        {
            disk!.Free();
            members.Kill(victim);
            members.Start(victim);
        }
    }

    private async Task CutAsync(PlannedFault fault, Action<string> tell, CancellationToken cancellation)
    {
        const double OfAll = 0.5;
        const int Cuts = 4;
        bool all = fault.Severity < OfAll;
        tell($"every stream of {(all ? "all nodes" : Name(fault.Victim))} is reset, {Cuts} times in {Seconds(fault.Length)}");
        for (int i = 0; i < Cuts; i++)
        {
            network.CutStreams((from, to) => all || from == fault.Victim || to == fault.Victim);
            await Pace.PauseAsync(fault.Length / Cuts, cancellation).ConfigureAwait(false);
        }
    }

    private async Task LinksAsync(PlannedFault fault, Action<string> tell, CancellationToken cancellation)
    {
        (string what, Func<int, int, bool> which, LinkFault harm) = Harm(fault);
        tell($"{what}, {Seconds(fault.Length)}");
        network.Set(which, harm);
        try
        {
            await Pace.PauseAsync(fault.Length, cancellation).ConfigureAwait(false);
        }
        finally
        {
            network.Heal();
        }
    }

    private (string What, Func<int, int, bool> Which, LinkFault Fault) Harm(PlannedFault fault)
    {
        int victim = fault.Victim, other = (victim + 1) % Count;
        bool outward = fault.Severity < 0.5;
        var blocked = new LinkFault { Blocked = true };
        switch (fault.Kind)
        {
            case FaultKind.Isolate:
                return ($"{Name(victim)} is cut off", (from, to) => from == victim || to == victim, blocked);
            case FaultKind.Halves:
                bool Left(int node) => node == victim || node == other;
                return ($"{Names([victim, other])} are cut off from the others", (from, to) => Left(from) != Left(to), blocked);
            case FaultKind.OneWay:
                return ($"nothing {(outward ? "from" : "to")} {Name(victim)} arrives", (from, to) => (outward ? from : to) == victim,
                    blocked);
            case FaultKind.SlowLinks:
                TimeSpan delay = TimeSpan.FromMilliseconds(10 + (240 * fault.Severity));
                long rate = (long)(4_000_000 / (1 + (30 * fault.Severity)));
                return (string.Create(CultureInfo.InvariantCulture,
                    $"every link has {delay.TotalMilliseconds:0} ms more each way, streams {rate >> 10} KiB/s"),
                    (_, _) => true, new LinkFault { Delay = delay, Jitter = delay / 4, BytesPerSecond = rate });
            default:
                double share = 0.02 + (0.23 * fault.Severity);
                return ($"{share:P0} of all datagrams are lost, as many doubled, the rest disordered",
                    (_, _) => true, new LinkFault { Loss = share, Duplicate = share,
                        Jitter = TimeSpan.FromMilliseconds(5 + (35 * fault.Severity)) });
        }
    }

    private static string Name(int node) => $"node{node + 1}";

    private static string Names(IEnumerable<int> nodes) => string.Join(" ", nodes.Select(Name));

    private static string Seconds(TimeSpan length) => string.Create(CultureInfo.InvariantCulture, $"{length.TotalSeconds:0.0} s");

    private static string Offset(TimeSpan offset) => string.Create(CultureInfo.InvariantCulture, $"{offset.TotalSeconds:+0.0;-0.0} s");
}
