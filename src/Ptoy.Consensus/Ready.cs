using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Consensus;

/// <summary>Kinds of records in the consensus log.</summary>
public enum LogKind : byte
{
    /// <summary>Marks the log as this node's (height 0, view 0).</summary>
    Marker = 0,
    /// <summary>A block that was voted for.</summary>
    Block = 1,
    /// <summary>An own prepare vote.</summary>
    Prepare = 2,
    /// <summary>A prepared certificate, written with the commit vote that rests on it.</summary>
    Prepared = 3,
    /// <summary>An own commit vote.</summary>
    Commit = 4,
    /// <summary>An own view change (height 0).</summary>
    ViewChange = 5,
    /// <summary>The new-view message of the view entered (height 0).</summary>
    NewView = 6,
    /// <summary>The execution certificate of the stable checkpoint (view 0).</summary>
    Checkpoint = 7,
    /// <summary>This key has forgotten votes and signs nothing more, whatever else the log says (height 0, view 0).</summary>
    Forgotten = 8,
}

/// <summary>Where a log record is kept.</summary>
public readonly record struct LogKey(LogKind Kind, ulong Height, ulong View);

/// <summary>Write these bytes at this key of the consensus log, or delete the key when <see cref="Value"/> is null.</summary>
public sealed record LogRecord(LogKey Key, byte[]? Value);

/// <summary>Send an envelope to one replica, or to all others when <see cref="To"/> is <see cref="Everyone"/>.</summary>
public sealed record Outbound(int To, ConsensusEnvelope Envelope)
{
    /// <summary>All other replicas.</summary>
    public const int Everyone = -1;
}

/// <summary>
/// The replica needs every body of this block before it can prepare it; answer with <see cref="BodiesReady"/>. Asked again
/// from time to time while unanswered.
/// </summary>
public sealed record BodyRequest(ulong Height, Hash BlockHash, Block Block, int Proposer);

/// <summary>A decided block with its proof, in the order of heights.</summary>
public sealed record DecidedBlock(Block Block, Hash BlockHash, CommitCertificate Certificate);

/// <summary>
/// The replica is behind: fetch certified blocks of these heights (both included) from any of these replicas, verify each
/// with <see cref="MessageVerifier.VerifyBlock"/> and give it back as <see cref="CommittedBlock"/>. Asked again until it helps.
/// </summary>
public sealed record FetchRequest(ulong From, ulong To, IReadOnlyList<int> Replicas);

/// <summary>
/// The replica is primary and can take a proposal for this height. With nothing in flight (proposed and not yet executed here: what waits
/// for the executor is not done sooner by being ordered sooner) propose at once what there is; else rather wait for a fuller block. When <see cref="HeartbeatDue"/>, propose even if there is nothing.
/// </summary>
public sealed record ProposalRequest(ulong View, ulong Height, int InFlight, bool HeartbeatDue);

/// <summary>
/// Two contradictory votes of one replica in the same phase, view and height; <see cref="Proof"/> is the form that convinces others.
/// </summary>
public sealed record Evidence(int Replica, HeldVote First, HeldVote Second, ContradictoryVotes Proof);

/// <summary>A view in which this replica waited for its primary in vain: a mark against that primary, not a proof.</summary>
public sealed record TimedOutView(ulong View, int Primary);

/// <summary>
/// What has to be done now. The order is part of the contract (a vote forgotten after it was sent can break agreement):
/// <list type="number">
/// <item><see cref="Persist"/> and the transaction bodies of <see cref="SyncBodies"/> go to disk in <em>one</em> synced write.
/// Several Readys may share one write, as long as it completes before step 2 of any of them.</item>
/// <item>Only then <see cref="Send"/>, in order; the network may lose, repeat and reorder.</item>
/// <item>Only then <see cref="Committed"/> is executed, in order; the result of each is written and synced with its
/// certificate before <see cref="Executed"/> is stepped.</item>
/// <item><see cref="Certified"/> is stored; receipts of those heights may be answered.</item>
/// <item><see cref="WantBodies"/>, <see cref="Fetch"/>, <see cref="WantProposal"/> may be done at any time, also earlier: they promise
/// nothing.</item>
/// </list>
/// If the write fails, stop the process: the replica believes that it voted.
/// </summary>
public sealed class Ready
{
    /// <summary>
    /// True when something must be on disk before <see cref="Send"/>; deletions alone may stay in the operating system's hands.
    /// </summary>
    public bool MustSync
    {
        get
        {
            if (SyncBodies.Count > 0) return true;
            foreach (LogRecord record in Persist)
            {
                if (record.Value is not null) return true;
            }
            return false;
        }
    }

    /// <summary>Log records to write before anything is sent.</summary>
    public required IReadOnlyList<LogRecord> Persist { get; init; }

    /// <summary>Blocks whose bodies must be synced in the same write as <see cref="Persist"/>.</summary>
    public required IReadOnlyList<Block> SyncBodies { get; init; }

    /// <summary>Messages to send after the write.</summary>
    public required IReadOnlyList<Outbound> Send { get; init; }

    /// <summary>
    /// Blocks decided, to be executed in this order. Their bodies may still have to be fetched when this replica did not vote.
    /// </summary>
    public required IReadOnlyList<DecidedBlock> Committed { get; init; }

    /// <summary>New execution certificates of heights executed here.</summary>
    public required IReadOnlyList<ExecutionCertificate> Certified { get; init; }

    /// <summary>Blocks whose bodies are needed before this replica can prepare them.</summary>
    public required IReadOnlyList<BodyRequest> WantBodies { get; init; }

    /// <summary>Decided blocks to fetch, or null.</summary>
    public required FetchRequest? Fetch { get; init; }

    /// <summary>Whether a proposal is wanted now, or null.</summary>
    public required ProposalRequest? WantProposal { get; init; }

    /// <summary>Proof that a replica lied.</summary>
    public required IReadOnlyList<Evidence> Evidence { get; init; }

    /// <summary>Views that ended by timeout, as this replica sees it.</summary>
    public required IReadOnlyList<TimedOutView> TimedOut { get; init; }

    /// <summary>Remarks for the log: view changes, and why this replica does not vote.</summary>
    public required IReadOnlyList<string> Notices { get; init; }

    /// <summary>
    /// The certificate of the last height of this epoch, once: this replica has nothing more to decide. Store the certificate with
    /// the next set's bytes, synced, and only then make the replica of the next epoch (same log, ledger ending at this height).
    /// </summary>
    public required ExecutionCertificate? EpochEnded { get; init; }

    /// <summary>Why this replica stopped for good, or null. The driver stops loudly.</summary>
    public required string? Halted { get; init; }
}

/// <summary>
/// Where the ledger stands at start: the execution statements of the last heights, ascending and without gaps, at least
/// the last one (at a new chain: that of genesis, height 0), best the last <see cref="ReplicaConfig.Window"/>; and the
/// newest execution certificate held, if any.
/// </summary>
public sealed record LedgerState(IReadOnlyList<ExecutionStatement> Recent, ExecutionCertificate? NewestCertificate)
{
    /// <summary>The last height of the epoch before: this epoch's heights are above it. 0 for the first epoch.</summary>
    public ulong EpochBase { get; init; }

    /// <summary>The last height of this epoch, when the executed state names it already (see <see cref="Executed"/>).</summary>
    public ulong? Barrier { get; init; }

    /// <summary>
    /// Commit certificates of the last heights of this epoch, as far as they are at hand: whose votes they show is held against a peer
    /// that comes back with an older log.
    /// </summary>
    public IReadOnlyList<CommitCertificate> Commits { get; init; } = [];
}

/// <summary>The consensus log cannot be used. The message says what to do.</summary>
public sealed class ConsensusLogException(string message) : Exception(message);
