using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Consensus;

/// <summary>
/// What a replica is told at start. Durations are in ticks: the driver decides how long one is and calls
/// <see cref="Replica.Tick"/> that often. The defaults suit ticks of 10 ms.
/// </summary>
public sealed record ReplicaConfig
{
    /// <summary>Genesis hash.</summary>
    public required Hash ChainId { get; init; }

    /// <summary>The replicas of the epoch, in order.</summary>
    public required ValidatorSet Validators { get; init; }

    /// <summary>This replica's place among them, or −1 for a learner, which follows and signs nothing.</summary>
    public required int Self { get; init; }

    /// <summary>The node key; null only for a learner.</summary>
    public INodeSigner? Signer { get; init; }

    /// <summary>
    /// The node key is in the set for the first time and never signed anything in this epoch, as far as the caller knows. A key that
    /// is not new and has no consensus log has forgotten its votes.
    /// </summary>
    public bool KeyIsNew { get; init; }

    /// <summary>
    /// Watermark window: heights above the stable checkpoint that may be voted on. At most <see cref="ViewChangeStatement.MaxPrepared"/>,
    /// and so that a new view that carries them all fits an envelope.
    /// </summary>
    public ulong Window { get; init; } = 128;

    /// <summary>Every how many heights an execution certificate is the stable checkpoint. Below <see cref="Window"/>.</summary>
    public ulong CheckpointInterval { get; init; } = 32;

    /// <summary>Heights that the primary proposes ahead of the last committed one.</summary>
    public int MaxInFlight { get; init; } = 16;

    /// <summary>Heights after which a primary hands over to the next in an orderly view change; 0 means never.</summary>
    public ulong Tenure { get; init; }

    /// <summary>Without a commit for this long the primary asks for a proposal, empty if need be (<c>maxBlockInterval</c>).</summary>
    public int HeartbeatTicks { get; init; } = 500;

    /// <summary>First view-change timeout; it doubles with every view that brings no commit.</summary>
    public int ViewTimeoutTicks { get; init; } = 60;

    /// <summary>
    /// The timeout for a primary whose connection is known to be broken (<see cref="PeerLink"/>) and from which nothing came since: long
    /// enough for a broken connection to be made again.
    /// </summary>
    public int LostLinkTicks { get; init; } = 15;

    /// <summary>Where doubling ends (30 s); each further view adds this much.</summary>
    public int MaxDoublingTicks { get; init; } = 3000;

    /// <summary>Without progress for this long, messages are sent again.</summary>
    public int ResendTicks { get; init; } = 20;

    /// <summary>How often a replica tells its peers where it stands.</summary>
    public int StatusTicks { get; init; } = 50;

    /// <summary>A proposal dated later than the local clock by more than this many milliseconds is held until it is not.</summary>
    public ulong MaxDriftMs { get; init; } = 5_000;

    /// <summary>
    /// A fresh proposal dated earlier than the local clock by more than this many milliseconds is not voted for: a primary cannot stop the
    /// chain's time, on which expiries depend.
    /// </summary>
    public ulong MaxAgeMs { get; init; } = 30_000;

    /// <summary>A fresh proposal whose bodies are larger than this together, in bytes, is not voted for.</summary>
    public long MaxBodyBytes { get; init; } = 16 * 1024 * 1024;

    /// <summary>A fault planted on purpose, for the simulator to find.</summary>
    internal PlantedFault Fault { get; init; }

    /// <summary>More replicas than a real network may have, to see in a model how the protocol scales.</summary>
    internal bool AnySize { get; init; }

    /// <summary>Votes that decide.</summary>
    internal int Quorum => Fault switch
    {
        PlantedFault.QuorumTwoF => 2 * Validators.Faulty,
        PlantedFault.QuorumTwoFPlusOne => (2 * Validators.Faulty) + 1,
        PlantedFault.QuorumOffByOne => Validators.Quorum - 1,
        _ => Validators.Quorum,
    };

    /// <summary>Null when usable, else what is wrong.</summary>
    public string? Problem() =>
        (AnySize ? null : Validators.Problem())
        ?? (Self >= -1 && Self < Validators.Count ? null : $"self is {Self}, but there are {Validators.Count} validators")
        ?? (Self == -1 || Signer is not null ? null : "a validator needs its node key")
        ?? (Window is >= 4 and <= ViewChangeStatement.MaxPrepared
            ? null
            : $"window is {Window}, not 4 to {ViewChangeStatement.MaxPrepared}")
        ?? (NewViewBytes <= ConsensusEnvelope.MaxBytes
            ? null
            : $"with a window of {Window} the new view of {Validators.Count} replicas is too large")
        ?? (CheckpointInterval >= 1 && CheckpointInterval < Window ? null : "checkpoint interval is not below the window")
        ?? (MaxInFlight >= 1 && (ulong)MaxInFlight <= Window ? null : "heights in flight are not between 1 and the window")
        ?? (Durations.All(d => d > 0) && MaxDoublingTicks >= ViewTimeoutTicks ? null : "a duration is not positive")
        ?? (MaxBodyBytes > 0 ? null : "the bound on a block's bodies is not positive");

    private IEnumerable<int> Durations => [HeartbeatTicks, ViewTimeoutTicks, LostLinkTicks, MaxDoublingTicks, ResendTicks, StatusTicks];

    /// <summary>A quorum of view changes, each with a full window of prepared certificates with a quorum of signatures.</summary>
    private long NewViewBytes => (long)Window * Validators.Quorum * ((Validators.Quorum * 70L) + 130);
}
