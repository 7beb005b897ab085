using Ptoy.Protocol.Ledger;

namespace Ptoy.Simulation;

/// <summary>From one epoch to the next, and far ahead by a snapshot.</summary>
internal sealed partial class SimNode
{
    /// <summary>Ticks between two questions of a node that follows.</summary>
    private const int FollowTicks = 5;

    /// <summary>Messages of a later epoch came in.</summary>
    public bool HeardLaterEpoch { get; set; }

    /// <summary>The epoch it runs in; kept on its disk.</summary>
    public ulong Epoch => Disk.Epoch;

    private void FollowIfNeeded()
    {
        if (world.Time / Scenario.UnitsPerTick % FollowTicks != 0) return;
        // Others go on without it: at the barrier it may have missed the certificate, and who lost its vote is told nothing any more.
        bool over = Replica!.Barrier == Disk.Last.Height, forgotten = world.Time - HeardAt > SilenceUnits;
        if (Config.Self < 0 || HeardLaterEpoch || over || forgotten) world.Follow(this);
    }

    /// <summary>Units without a message after which a node asks around.</summary>
    private const int SilenceUnits = 400;

    /// <summary>When the last message of its epoch came in.</summary>
    public long HeardAt { get; set; }

    /// <summary>The certificate of the barrier is here and the old replica has nothing more to do. What it still wanted to send is dropped.</summary>
    private void BeginNextEpoch(ExecutionCertificate end)
    {
        Disk.EndEpoch(end);
        PutDown();
        HeardLaterEpoch = false;
        // Votes of an epoch that is over bind nobody: a log that is merely old forgot nothing that counts.
        if (world.RoleOf(this) == Role.RollsBack) MustBeSilent = false;
        world.EpochStarted(this);
        Start();
    }

    /// <summary>Far behind: the ledger begins again at a certified height that a peer has.</summary>
    public void InstallSnapshot(ExecutionCertificate certificate)
    {
        if (certificate.Statement.Height <= Disk.Last.Height) return;
        world.Totals.Snapshots++;
        world.Say(this, $"takes a snapshot of height {certificate.Statement.Height}");
        PutDown();
        Disk.Begin(certificate.Statement, certificate);
        Start();
        world.NoteExecuted(this);
    }

    /// <summary>A stop in good order: what was to be written and not yet sent is dropped, as it promised nothing.</summary>
    private void PutDown()
    {
        Replica = null;
        _writing = null;
        _gathered = [];
        _toExecute.Clear();
        _executing = false;
        _proposing = false;
    }
}
