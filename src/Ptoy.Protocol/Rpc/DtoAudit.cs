namespace Ptoy.Protocol.Rpc;

/// <summary>
/// Parameters of <c>audit_list</c>: who read, searched or was denied. Signed by the person the entries are about, or by somebody whom that person permits to search
/// <see cref="Records.Compartments.AccessLogTag"/>.
/// </summary>
/// <param name="Owner">Whose records the entries are about.</param>
/// <param name="After">Cursor of the page before.</param>
/// <param name="Limit">Most entries in the answer, 1 to 1,000.</param>
/// <param name="Purpose">HL7 v3 purpose of use of anybody but the owner; null: PATADMIN.</param>
public sealed record AuditListParams(string Owner, string? After = null, int? Limit = null, string? Purpose = null);

/// <summary>Answer of <c>audit_list</c>: the answering node's own entries (each node keeps its own chain).</summary>
/// <param name="Node">The node whose log this is.</param>
/// <param name="Entries">Oldest first.</param>
/// <param name="Next">Cursor of the next page; absent at the end.</param>
public sealed record AuditListResult(string Node, AuditEntryDto[] Entries, string? Next);

/// <summary>One entry of a node's access log, with what proves it.</summary>
/// <param name="Sequence">Place in that node's log.</param>
/// <param name="TimeMs">Unix milliseconds.</param>
/// <param name="Requester">Account whose key signed the request.</param>
/// <param name="OnBehalfOf">Organisation it acted for.</param>
/// <param name="Method">The method called.</param>
/// <param name="Outcome"><c>permit</c> or <c>deny</c>.</param>
/// <param name="Reason">Why, as the contract said.</param>
/// <param name="Purpose">Purpose of use.</param>
/// <param name="Records">Records touched.</param>
/// <param name="Entry">The entry's exact bytes: what is hashed into the chain.</param>
/// <param name="PreviousHash">Hash of the entry before it, hexadecimal.</param>
/// <param name="Anchor">Proof that it is in an anchored batch; absent until the next anchor.</param>
public sealed record AuditEntryDto(
    ulong Sequence, long TimeMs, string Requester, string? OnBehalfOf, string Method, string Outcome, string? Reason, string? Purpose,
    string[] Records, byte[] Entry, string PreviousHash, AuditAnchorDto? Anchor);

/// <summary>Where an entry's batch is anchored on chain: state key <c>anchor/{node}/{sequence}</c> of the contract <c>Audit</c>.</summary>
/// <param name="Key">State key inside the contract <c>Audit</c>, for <c>chain_proof</c>.</param>
/// <param name="Root">Merkle root of the batch, hexadecimal: what the state entry holds.</param>
/// <param name="Proof">Wire bytes of the <see cref="Ledger.MerkleProof"/> of the entry's hash under that root.</param>
public sealed record AuditAnchorDto(string Key, string Root, byte[] Proof);
