using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Consensus;

/// <summary>Something that happened, for <see cref="Replica.Step"/>.</summary>
public abstract record ReplicaInput;

/// <summary>A message came in and passed the <see cref="MessageVerifier"/>.</summary>
public sealed record Received(VerifiedEnvelope Message) : ReplicaInput;

/// <summary>
/// The driver answers <see cref="Ready.WantProposal"/>: transactions it holds in verified form, in order, and the time in
/// milliseconds since 1970 UTC. Ignored when the replica no longer wants a proposal (see <see cref="Replica.WantProposal"/>).
/// </summary>
public sealed record Propose(Hash[] TransactionHashes, ulong TimeMs) : ReplicaInput;

/// <summary>
/// Every body of the block named in <see cref="Ready.WantBodies"/> is held and verified (synced or not); <paramref name="Bytes"/> is their
/// size together. A fresh proposal above <see cref="ReplicaConfig.MaxBodyBytes"/> gets no vote.
/// </summary>
public sealed record BodiesReady(ulong Height, Hash BlockHash, long Bytes = 0) : ReplicaInput;

/// <summary>
/// A block from <see cref="Ready.Committed"/> is executed <em>and its result is on disk</em>: the ledger is what makes the
/// execution vote repeatable. Comes in the order of heights. <paramref name="Barrier"/> is the height that ends this epoch, from
/// the moment when the executed state says so; null before. Once known it does not change, and exactly the statement of that
/// height names the next validators.
/// </summary>
public sealed record Executed(ExecutionStatement Statement, ulong? Barrier = null) : ReplicaInput;

/// <summary>A decided block that the driver fetched for <see cref="Ready.Fetch"/>, and verified.</summary>
public sealed record CommittedBlock(VerifiedBlock Block) : ReplicaInput;

/// <summary>
/// Whether transactions are waiting. While true, no commit within the view timeout makes the replica ask for the next view.
/// Leave out transactions too young for the primary to have seen.
/// </summary>
public sealed record PendingWork(bool Waiting) : ReplicaInput;

/// <summary>
/// A transaction that the primary of this view must have had long ago is not ordered: censorship. The replica says so to the others in
/// its status and votes on; f+1 such complaints, one of them from a correct replica, bring the next view. Commits of other
/// transactions do not take it back.
/// </summary>
public sealed record Suspect(ulong View) : ReplicaInput;

/// <summary>
/// A connection to a replica broke, or works again. A hint and nothing more: the operating system closes the connections of a process that
/// died at once, long before a timer says so. It can shorten the wait for a primary, never replace what that wait is for.
/// </summary>
public sealed record PeerLink(int Replica, bool Up) : ReplicaInput;
