using Ptoy.Consensus;

namespace Ptoy.Simulation;

/// <summary>
/// Disks that forget what the key signed (a log that is gone, an older one, a damaged one) or what was executed: then the node follows until
/// the ledger is as far as the log and the others, and votes again, as the node's own driver does it.
/// </summary>
internal sealed partial class SimNode
{
    private Dictionary<LogKey, byte[]>? _backup;

    /// <summary>Heights that peers say they have executed.</summary>
    private readonly Dictionary<int, ulong> _shown = [];

    /// <summary>True while this node follows, without a vote, for want of the ledger that its log was written upon.</summary>
    public bool Lacks => Disk.FollowsLog;

    /// <summary>The others were asked in this life of the process, and the ledger is as far as theirs.</summary>
    private bool _caughtUp;

    private void LookWhatLacks()
    {
        if (_caughtUp) return;
        LogReach reach = LogReach.Of(Disk.Records());
        if (Disk.FollowsLog || !reach.MayMissLedger(Disk.Last.Height, Disk.Epoch)) return;
        Disk.FollowsLog = true;
        world.Say(this, $"has a log up to height {reach.Checkpoint} and a ledger up to {Disk.Last.Height}: follows");
    }

    /// <summary>A peer said how far it is.</summary>
    public void NoteShown(int identity, ulong height) => _shown[identity] = height;

    private void VoteAgainIfComplete()
    {
        if (!Lacks || LogReach.Of(Disk.Records()).IsAheadOf(Disk.Last.Height, Disk.Epoch)) return;
        Epoch epoch = world.EpochOf(Disk.Epoch);
        ulong[] shown = [.. _shown.Where(s => s.Key != identity && epoch.IndexOf(s.Key) >= 0).Select(s => s.Value).OrderDescending()];
        int faulty = epoch.Set.Faulty;
        if (shown.Length < epoch.Set.Quorum - 1 || shown.Length <= faulty || shown[faulty] > Disk.Last.Height) return;
        Disk.FollowsLog = false;
        _caughtUp = true;
        PutDown();
        Start();
        if (world.RoleOf(this) == Role.LosesLedger && Disk.Last.Height > 0) world.Totals.LedgersRegained++;
        world.Say(this, $"has the ledger again, up to height {Disk.Last.Height}: votes again");
    }

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
            case Role.LosesLedger:
                Disk.LoseLedger(world.Genesis);
                _shown.Clear();
                world.Totals.LedgersLost++;
                world.Say(this, "loses its ledger");
                return;
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
