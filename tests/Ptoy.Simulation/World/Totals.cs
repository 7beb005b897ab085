using System.Reflection;

namespace Ptoy.Simulation;

/// <summary>What happened in a run, or in many.</summary>
internal sealed class Totals
{
    public long Steps { get; set; }
    public long Sent { get; set; }
    public long Delivered { get; set; }
    public long Commits { get; set; }
    public long ViewChanges { get; set; }
    public long Reproposed { get; set; }
    public long NullBlocks { get; set; }
    public long Fetched { get; set; }
    public long Snapshots { get; set; }
    public long Checkpoints { get; set; }
    public long EpochsEntered { get; set; }
    public long Joined { get; set; }
    public long Left { get; set; }
    public long OtherEpoch { get; set; }
    public long Crashes { get; set; }
    public long TornWrites { get; set; }
    public long WritesLost { get; set; }
    public long UnsyncedLost { get; set; }
    public long Forgotten { get; set; }
    public long Noticed { get; set; }
    public long LedgersLost { get; set; }
    public long LedgersRegained { get; set; }
    public long Dropped { get; set; }
    public long Delayed { get; set; }
    public long Duplicated { get; set; }
    public long Partitions { get; set; }
    public long Partitioned { get; set; }
    public long Equivocations { get; set; }
    public long DoubleVotes { get; set; }
    public long TwinWorlds { get; set; }
    public long Swallowed { get; set; }
    public long Late { get; set; }
    public long Replayed { get; set; }
    public long Forged { get; set; }
    public long Refused { get; set; }
    public long Withheld { get; set; }
    public long WrongRoots { get; set; }
    public long BadProposals { get; set; }
    public long Flooded { get; set; }
    public long Accusations { get; set; }

    private static readonly PropertyInfo[] Counters = typeof(Totals).GetProperties(BindingFlags.Public | BindingFlags.Instance);

    public void Add(Totals other)
    {
        foreach (PropertyInfo counter in Counters) counter.SetValue(this, (long)counter.GetValue(this)! + (long)counter.GetValue(other)!);
    }

    public IEnumerable<(string Name, long Value)> Lines() =>
    [
        ("steps", Steps),
        ("messages sent", Sent),
        ("messages delivered", Delivered),
        ("commits", Commits),
        ("view changes", ViewChanges),
        ("heights re-proposed from prepared certificates", Reproposed),
        ("null blocks for gaps", NullBlocks),
        ("blocks fetched by replicas behind", Fetched),
        ("snapshots taken by replicas far behind", Snapshots),
        ("stable checkpoints", Checkpoints),
        ("epochs entered by nodes", EpochsEntered),
        ("nodes that joined from nothing", Joined),
        ("nodes that lost their vote", Left),
        ("messages of other epochs refused", OtherEpoch),
        ("crashes", Crashes),
        ("writes torn by a crash", TornWrites),
        ("writes lost before their sync", WritesLost),
        ("unsynced deletions undone by a crash", UnsyncedLost),
        ("logs lost, rolled back or damaged", Forgotten),
        ("starts without a vote, as the log forgot", Noticed),
        ("ledgers lost, with the log kept", LedgersLost),
        ("nodes that regained their ledger and vote again", LedgersRegained),
        ("messages dropped", Dropped),
        ("messages delayed", Delayed),
        ("messages duplicated", Duplicated),
        ("partitions", Partitions),
        ("messages partitioned", Partitioned),
        ("Byzantine: equivocations", Equivocations),
        ("Byzantine: double votes", DoubleVotes),
        ("Byzantine: worlds with twins", TwinWorlds),
        ("Byzantine: messages swallowed", Swallowed),
        ("Byzantine: messages held back", Late),
        ("Byzantine: messages replayed", Replayed),
        ("Byzantine: messages forged", Forged),
        ("Byzantine: forgeries refused", Refused),
        ("Byzantine: blocks without bodies", Withheld),
        ("Byzantine: wrong state roots", WrongRoots),
        ("Byzantine: unacceptable proposals", BadProposals),
        ("Byzantine: messages of floods", Flooded),
        ("evidence found", Accusations),
    ];
}

/// <summary>An invariant that did not hold.</summary>
internal sealed class InvariantException(string message) : Exception(message);

/// <summary>The outcome of one seed.</summary>
internal sealed record RunResult(ulong Seed, string? Failure, Totals Totals, ulong TraceHash, long EndedAt);
