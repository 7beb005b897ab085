using System.Text.Json;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Protocol.Rpc;

/// <summary>Result of <c>chain_info</c>.</summary>
public sealed record ChainInfo(
    Hash ChainId, string Name, PublicKey NodeKey, ulong Epoch, ulong Height, ulong TimeMs, Hash ChainHash, Hash StateRoot, bool Behind);

/// <summary>One replica in <see cref="ValidatorsInfo"/>.</summary>
public sealed record ValidatorInfo(PublicKey NodeKey, Address Organisation);

/// <summary>Result of <c>chain_validators</c>: the replicas in their order, and how many make a quorum.</summary>
public sealed record ValidatorsInfo(ulong Epoch, int Quorum, ValidatorInfo[] Members);

/// <summary>Result of <c>chain_block</c> and notification of topic <c>blocks</c>: <c>Block</c> and <c>Certificate</c> are encoded wire values.</summary>
public sealed record BlockInfo(ulong Height, Hash Hash, ulong TimeMs, Hash[] Transactions, byte[]? Block, byte[]? Certificate);

/// <summary>An event a contract emitted, as part of a receipt and as notification of topic <c>events</c>.</summary>
public sealed record EventInfo(ulong Height, Hash Transaction, string Contract, string Name, JsonElement Data);

/// <summary>
/// Result of <c>chain_receipt</c> and <c>tx_wait</c>, notification of topic <c>receipts</c>. <c>Receipt</c>, <c>Proof</c> (a
/// <see cref="MerkleProof"/> to the block's receipts root) and <c>Certificate</c> (an <see cref="ExecutionCertificate"/>) are encoded
/// wire values that a light client verifies; the other members are there to be read.
/// </summary>
public sealed record ReceiptInfo(
    Hash Transaction, ulong Height, uint Index, ReceiptStatus Status, ulong GasUsed, string Result, string Error,
    byte[] Receipt, byte[]? Proof, byte[]? Certificate);

/// <summary>
/// Result of <c>chain_proof</c>: the value (UTF-8 JSON text; null when the key is absent) of a state key path at a height, the encoded state
/// proof and the encoded <see cref="ExecutionCertificate"/> over its root.
/// </summary>
public sealed record StateProofInfo(ulong Height, string Path, string? Value, byte[] Proof, byte[] Certificate);

/// <summary>Result of <c>tx_submit</c>, and each element of <c>tx_submitBatch</c>'s when accepted.</summary>
public sealed record TxSubmitted(Hash Hash);

/// <summary>Result of <c>account_nonce</c>: the next nonce by the chain, and counting what waits in this node.</summary>
public sealed record AccountNonce(ulong Nonce, ulong Pending);

/// <summary>Result of <c>contract_view</c>: what the method returned, and the height it was asked at.</summary>
public sealed record ViewResult(ulong Height, JsonElement Value);

/// <summary>Result of <c>record_upload</c>: the node's signature that it holds the bytes durably.</summary>
public sealed record StorageReceiptInfo(PublicKey Node, Signature Signature);

/// <summary>Result of <c>audit_anchor</c>: what a light client needs to check an access-log entry against the chain.</summary>
public sealed record AuditAnchorInfo(
    PublicKey Node, ulong FirstIndex, uint Count, Hash Root, ulong Height, byte[] EntryProof, byte[] AnchorProof, byte[] Certificate);

/// <summary>Result of <c>node_health</c>.</summary>
public sealed record NodeHealth(
    string Version, ulong Height, ulong ExecutedHeight, ulong View, bool IsPrimary, int Peers, int Mempool, bool Behind);
