using Ptoy.Protocol;

namespace Ptoy.Storage.Consensus;

/// <summary>
/// One thing a replica must remember: a vote, a proposal, a certificate. Kinds are the writer's own numbers; a record of the
/// same (kind, height, view) replaces the one before, and one with null bytes deletes it (what is loaded is never null). Records of height 0 belong to the replica as a whole (its view, for
/// example) and are never truncated.
/// </summary>
public sealed record ConsensusRecord(byte Kind, ulong Height, ulong View, byte[]? Bytes);

/// <summary>A transaction that a vote at this height depends on: envelope bytes by hash.</summary>
public sealed record ConsensusBody(ulong Height, Hash Hash, byte[] Bytes);

/// <summary>All that the log holds, as it was synced: records by height, view and kind, and bodies not yet truncated.</summary>
public sealed record ConsensusLogContent(IReadOnlyList<ConsensusRecord> Records, IReadOnlyList<ConsensusBody> Bodies);
