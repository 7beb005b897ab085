namespace Ptoy.Protocol.Rpc;

/// <summary>One wrap: a record's key for one recipient.</summary>
/// <param name="RecordId">Hexadecimal.</param>
/// <param name="KeyId">Digest of the recipient's public key, hexadecimal.</param>
/// <param name="Wrap">Wire bytes of the <c>RecordWrap</c>.</param>
public sealed record WrapDto(string RecordId, string KeyId, byte[] Wrap);

/// <summary>
/// Answer of <c>record_upload</c>, which is a binary call (signed): the body is an encoded <c>UploadPackage</c>, the answer this record as
/// UTF-8 JSON. The node answers once it and enough other members hold everything durably.
/// </summary>
/// <param name="Manifest">Root of the manifest, hexadecimal.</param>
/// <param name="Receipts">Storage receipts of this node and of the members it replicated to, each of another member.</param>
public sealed record RecordUploadResult(string Manifest, StorageReceiptDto[] Receipts);

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

/// <summary>Parameters of <c>record_get</c> (signed): one record's sealed bytes, or a range of them.</summary>
/// <param name="Owner">Whose record.</param>
/// <param name="RecordId">Hexadecimal.</param>
/// <param name="Purpose">HL7 v3 purpose of use.</param>
/// <param name="Offset">First byte wanted.</param>
/// <param name="Length">Most bytes wanted; absent: as many as one answer holds.</param>
/// <param name="MinHeight">Refuse to answer from an older state.</param>
public sealed record RecordGetParams(
    string Owner, string RecordId, string Purpose, long? Offset = null, int? Length = null, ulong? MinHeight = null);

/// <summary>Answer of <c>record_get</c>.</summary>
/// <param name="Height">Height of the state that permitted it.</param>
/// <param name="Entry">Wire bytes of the <c>ManifestEntry</c>.</param>
/// <param name="Manifest">Root of its manifest.</param>
/// <param name="Proof">Wire bytes of the <see cref="Ledger.MerkleProof"/> of the entry under that root.</param>
/// <param name="Bytes">The sealed bytes from the offset on.</param>
/// <param name="TotalLength">Sealed bytes in all.</param>
public sealed record RecordGetResult(ulong Height, byte[] Entry, string Manifest, byte[] Proof, byte[] Bytes, long TotalLength);

/// <summary>Parameters of <c>record_wraps</c> (signed): keys of records for recipients.</summary>
/// <param name="Owner">Whose records.</param>
/// <param name="RecordIds">At most 1,000.</param>
/// <param name="KeyIds">Only wraps for these keys; absent: all that the requester may have.</param>
/// <param name="Purpose">HL7 v3 purpose of use.</param>
public sealed record RecordWrapsParams(string Owner, string[] RecordIds, string[]? KeyIds, string Purpose);

/// <summary>Answer of <c>record_wraps</c>.</summary>
/// <param name="Height">Height of the state that permitted it.</param>
/// <param name="Wraps">The wraps held.</param>
public sealed record RecordWrapsResult(ulong Height, WrapDto[] Wraps);

/// <summary>
/// Parameters of <c>record_addWraps</c> (signed, by the owner): keys of old records for a new grantee, from the owner's device.
/// </summary>
/// <param name="Owner">Whose records.</param>
/// <param name="Wraps">At most 1,000.</param>
public sealed record RecordAddWrapsParams(string Owner, WrapDto[] Wraps);

/// <summary>
/// Parameters of <c>record_retire</c> (signed, by the owner): erase the bytes and wraps of manifests that the owner has retired
/// on chain.
/// </summary>
/// <param name="Owner">Whose manifests.</param>
/// <param name="Manifests">Roots.</param>
public sealed record RecordRetireParams(string Owner, string[] Manifests);

/// <summary>How many a method acted on.</summary>
/// <param name="Count">Things done.</param>
public sealed record CountResult(int Count);
