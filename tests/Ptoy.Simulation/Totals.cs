namespace Ptoy.Simulation;

/// <summary>What happened in a run, or in many.</summary>
internal sealed class Totals
{
    public long Commits { get; set; }
    public long ViewChanges { get; set; }
    public long Crashes { get; set; }
    public long Dropped { get; set; }
    public long Delayed { get; set; }
    public long Duplicated { get; set; }
    public long Partitioned { get; set; }
    public long Reproposed { get; set; }
    public long NullBlocks { get; set; }
    public long Fetched { get; set; }
    public long Equivocations { get; set; }
    public long Checkpoints { get; set; }

    public void Add(Totals other)
    {
        Commits += other.Commits;
        ViewChanges += other.ViewChanges;
        Crashes += other.Crashes;
        Dropped += other.Dropped;
        Delayed += other.Delayed;
        Duplicated += other.Duplicated;
        Partitioned += other.Partitioned;
        Reproposed += other.Reproposed;
        NullBlocks += other.NullBlocks;
        Fetched += other.Fetched;
        Equivocations += other.Equivocations;
        Checkpoints += other.Checkpoints;
    }

    public IEnumerable<(string Name, long Value)> Lines() =>
    [
        ("commits", Commits),
        ("view changes", ViewChanges),
        ("crashes", Crashes),
        ("messages dropped", Dropped),
        ("messages delayed", Delayed),
        ("messages duplicated", Duplicated),
        ("messages partitioned", Partitioned),
        ("heights re-proposed from prepared certificates", Reproposed),
        ("null blocks for gaps", NullBlocks),
        ("blocks fetched by replicas behind", Fetched),
        ("equivocations", Equivocations),
        ("stable checkpoints", Checkpoints),
    ];
}

/// <summary>An invariant that did not hold.</summary>
internal sealed class InvariantException(string message) : Exception(message);

/// <summary>The outcome of one seed.</summary>
internal sealed record RunResult(ulong Seed, string? Failure, Totals Totals, ulong TraceHash, long EndedAt);
