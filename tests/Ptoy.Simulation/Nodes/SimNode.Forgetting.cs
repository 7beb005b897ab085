using Ptoy.Consensus;

namespace Ptoy.Simulation;

/// <summary>Disks that forget what the key signed: a log that is gone, an older one, a damaged one.</summary>
internal sealed partial class SimNode
{
    private Dictionary<LogKey, byte[]>? _backup;

    /// <summary>Copies the log, to be restored later.</summary>
    public void BackUp() => _backup = Disk.Copy();

    /// <summary>Power cut, and the log is not what it was. The ledger stays. Starts again after a while.</summary>
    public void Forget()
    {
        Role role = world.RoleOf(this);
        if (Up) Crash();
        (ulong View, ulong Height, bool Commit) newest = NewestVote(Disk.Log);
        switch (role)
        {
            case Role.LosesLog:
                Disk.Replace([]);
                Forgot = true;
                MustBeSilent = Disk.Last.Height > 0;
                break;
            case Role.RollsBack when _backup is not null:
                MustBeSilent = world.Reliable && newest.CompareTo(NewestVote(_backup)) > 0;
                Disk.Replace(_backup);
                Forgot = true;
                break;
            case Role.Damaged:
                MustBeSilent = Forgot = Disk.Damage(world.Random, world.LedgerOf(this).EpochBase);
                break;
            default:
                break;
        }
        if (Forgot) world.Totals.Forgotten++;
        world.Say(this, Forgot ? $"forgets: {role}" : "had nothing to forget");
    }

    /// <summary>The vote that peers remember as the newest: by view, height and phase.</summary>
    private static (ulong View, ulong Height, bool Commit) NewestVote(Dictionary<LogKey, byte[]> log)
    {
        (ulong View, ulong Height, bool Commit) newest = default;
        foreach (LogKey key in log.Keys)
        {
            if (key.Kind is not (LogKind.Prepare or LogKind.Commit)) continue;
            (ulong View, ulong Height, bool Commit) vote = (key.View, key.Height, key.Kind == LogKind.Commit);
            if (vote.CompareTo(newest) > 0) newest = vote;
        }
        return newest;
    }
}
