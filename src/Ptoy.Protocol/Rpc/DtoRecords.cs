namespace Ptoy.Protocol.Rpc;

/// <summary>
/// Answer of <c>record_upload</c>, which is a binary call (signed): the body is an encoded <c>UploadPackage</c>, the answer this record as
/// UTF-8 JSON. The node answers once it and enough other members hold everything durably.
/// </summary>
/// <param name="Manifest">Root of the manifest, hexadecimal.</param>
/// <param name="Receipts">Storage receipts of this node and of the members it replicated to, each of another member.</param>
/// <param name="UnderReplicated">True when fewer than a quorum could be reached: register it as such, it is repaired first.</param>
public sealed record RecordUploadResult(string Manifest, StorageReceiptDto[] Receipts, bool UnderReplicated);

/// <summary>A member's signed word that it stores a manifest durably, as <c>Records.register</c> takes it.</summary>
/// <param name="Node">The member's node key, <c>1:hex</c>.</param>
/// <param name="Signature">Its signature, hexadecimal.</param>
public sealed record StorageReceiptDto(string Node, string Signature);

/// <summary>Parameters of <c>record_list</c> (signed).</summary>
/// <param name="Owner">Whose records.</param>
/// <param name="Purpose">HL7 v3 purpose of use: <c>TREAT</c>, <c>PATRQT</c>…</param>
/// <param name="Tags">Only these compartments; absent: every one that the requester may read.</param>
/// <param name="AfterHeight">Only records registered above this height.</param>
/// <param name="Cursor">Where the page before ended.</param>
/// <param name="Limit">Most records in the answer, 1 to 1,000.</param>
/// <param name="MinHeight">Refuse to answer from an older state.</param>
public sealed record RecordListParams(
    string Owner, string Purpose, string[]? Tags = null, ulong? AfterHeight = null, string? Cursor = null, int? Limit = null,
    ulong? MinHeight = null);

/// <summary>Answer of <c>record_list</c>: only what the requester may read is listed.</summary>
/// <param name="Height">Height of the state that was read.</param>
/// <param name="Records">In the order of registration.</param>
/// <param name="Next">Cursor of the next page; absent at the end.</param>
/// <param name="DeniedTags">Tags that were asked for by name and refused.</param>
public sealed record RecordListResult(ulong Height, RecordInfo[] Records, string? Next, string[] DeniedTags);

/// <summary>One registered record.</summary>
/// <param name="RecordId">Hexadecimal.</param>
/// <param name="Manifest">Root of its manifest, hexadecimal.</param>
/// <param name="Index">Its place in the manifest.</param>
/// <param name="Tag">Compartment tag.</param>
/// <param name="Epoch">Vault epoch it was sealed in.</param>
/// <param name="Length">Sealed bytes.</param>
/// <param name="Author">Account that registered it.</param>
/// <param name="RegisteredHeight">Height of the registration.</param>
public sealed record RecordInfo(
    string RecordId, string Manifest, uint Index, string Tag, uint Epoch, ulong Length, string Author, ulong RegisteredHeight);

/// <summary>Parameters of <c>record_get</c> (signed): sealed bytes and wraps of several records.</summary>
/// <param name="Owner">Whose records.</param>
/// <param name="RecordIds">Hexadecimal, at most 256.</param>
/// <param name="Purpose">HL7 v3 purpose of use.</param>
/// <param name="MinHeight">Refuse to answer from an older state.</param>
public sealed record RecordGetParams(string Owner, string[] RecordIds, string Purpose, ulong? MinHeight = null);

/// <summary>
/// Answer of <c>record_get</c>. When every record asked for is denied, the call is an error (Denied) instead. What did not fit into one
/// answer is named in <c>remaining</c>: ask again for it.
/// </summary>
/// <param name="Height">Height of the state that permitted it.</param>
/// <param name="Records">The permitted records, in the order asked for.</param>
/// <param name="Denied">Those that were refused, with the contract's reason.</param>
/// <param name="Remaining">Those left out because the answer is full.</param>
public sealed record RecordGetResult(ulong Height, RecordBytesDto[] Records, RecordDenialDto[] Denied, string[] Remaining);

/// <summary>One record with what is needed to verify and open it.</summary>
/// <param name="RecordId">Hexadecimal.</param>
/// <param name="Manifest">Root of its manifest: what the chain registered.</param>
/// <param name="Entry">Wire bytes of the manifest entry.</param>
/// <param name="Proof">Wire bytes of the <see cref="Ledger.MerkleProof"/> of the entry under that root.</param>
/// <param name="Sealed">The sealed bytes.</param>
/// <param name="Wraps">Wire bytes of the <see cref="Records.RecordWrap"/>s held for it.</param>
public sealed record RecordBytesDto(string RecordId, string Manifest, byte[] Entry, byte[] Proof, byte[] Sealed, byte[][] Wraps);

/// <summary>A refusal.</summary>
/// <param name="RecordId">Hexadecimal.</param>
/// <param name="Reason">The contract's reason.</param>
public sealed record RecordDenialDto(string RecordId, string Reason);

/// <summary>
/// Parameters of <c>record_access</c> (signed by an organisation, on behalf of the first actor): an access to copies that the organisation
/// keeps of what it was granted.
/// </summary>
/// <param name="Owner">Whose records.</param>
/// <param name="RecordIds">Hexadecimal, at most 1,000; none for a search that found nothing.</param>
/// <param name="Purpose">HL7 v3 purpose of use.</param>
/// <param name="Actors">1 to 4 accounts that the organisation acts for: each must be permitted, as must the organisation.</param>
/// <param name="Action"><c>read</c> or <c>search</c>, for the log.</param>
public sealed record RecordAccessParams(string Owner, string[] RecordIds, string Purpose, string[] Actors, string Action);

/// <summary>Answer of <c>record_access</c>; when nothing is permitted the call is an error (Denied) instead. The entry is in the log.</summary>
/// <param name="Height">Height of the state that permitted it.</param>
/// <param name="Permitted">The permitted records, hexadecimal.</param>
/// <param name="Denied">Those that were refused, with the contract's reason.</param>
public sealed record RecordAccessResult(ulong Height, string[] Permitted, RecordDenialDto[] Denied);

/// <summary>Parameters of <c>record_permits</c> (signed): what would be decided, without access and without a log entry.</summary>
/// <param name="Owner">Whose records.</param>
/// <param name="RecordIds">Hexadecimal, at most 64: one of each compartment is enough to learn all.</param>
/// <param name="Purpose">HL7 v3 purpose of use.</param>
/// <param name="Actors">As for <c>record_access</c>.</param>
/// <param name="Action"><c>read</c> or <c>write</c>.</param>
/// <param name="Tags">Compartment tags to ask about, at most 64: of what is not there yet.</param>
public sealed record RecordPermitsParams(string Owner, string[] RecordIds, string Purpose, string[] Actors, string Action, string[]? Tags = null);

/// <summary>Answer of <c>record_permits</c>.</summary>
/// <param name="Height">Height of the state that was read.</param>
/// <param name="Any">Whether the organisation and every actor hold any permit in force.</param>
/// <param name="Permitted">The records that would be permitted.</param>
/// <param name="PermittedTags">The tags that would be permitted.</param>
public sealed record RecordPermitsResult(ulong Height, bool Any, string[] Permitted, string[] PermittedTags);
