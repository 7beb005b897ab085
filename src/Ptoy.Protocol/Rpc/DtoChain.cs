using System.Text.Json;

namespace Ptoy.Protocol.Rpc;

/// <summary>Parameters of methods that take none.</summary>
public sealed record NoParams;

/// <summary>Answer of <c>chain_info</c>.</summary>
/// <param name="ChainId">Hash of the genesis, hexadecimal.</param>
/// <param name="Name">The chain's name.</param>
/// <param name="Height">Newest executed height of the answering node.</param>
/// <param name="TimeMs">Time of that block, Unix milliseconds.</param>
/// <param name="Epoch">Validator epoch in force.</param>
/// <param name="Node">Key of the answering node, <c>1:hex</c>: what a signed request must name.</param>
/// <param name="Organisation">Account of the organisation that runs it.</param>
public sealed record ChainInfoResult(
    string ChainId, string Name, ulong Height, ulong TimeMs, ulong Epoch, string Node, string Organisation);

/// <summary>Parameters of <c>chain_proof</c>: one entry of one contract instance's state.</summary>
/// <param name="Contract"><c>Token</c> or <c>Patient/ptoy1…</c>.</param>
/// <param name="Key">The key inside the instance.</param>
public sealed record ChainProofParams(string Contract, string Key);

/// <summary>Answer of <c>chain_proof</c>.</summary>
/// <param name="Height">Height that the proof is of.</param>
/// <param name="Value">JSON text of the value; absent when the proof shows that there is none.</param>
/// <param name="Proof">Wire bytes of the state proof.</param>
/// <param name="Certificate">Wire bytes of the <see cref="Ledger.ExecutionCertificate"/> whose state root it leads to.</param>
public sealed record ChainProofResult(ulong Height, string? Value, byte[] Proof, byte[] Certificate);

/// <summary>Answer of <c>chain_validators</c>.</summary>
/// <param name="Epoch">The epoch of the set.</param>
/// <param name="Validators">Wire bytes of the <see cref="Ledger.ValidatorSet"/>.</param>
/// <param name="Endpoints">Where each member serves JSON-RPC, where it told.</param>
public sealed record ChainValidatorsResult(ulong Epoch, byte[] Validators, MemberEndpoint[] Endpoints);

/// <summary>Parameters of <c>chain_epochs</c>.</summary>
/// <param name="From">First epoch wanted, from 1: epoch 0 is in genesis.</param>
public sealed record ChainEpochsParams(ulong From);

/// <summary>Answer of <c>chain_epochs</c>: what a client needs to follow the validators from genesis.</summary>
/// <param name="Newest">The newest epoch that the node knows.</param>
/// <param name="Epochs">Wire bytes of the <see cref="Ledger.EpochStart"/> of successive epochs, as many as fit one answer.</param>
public sealed record ChainEpochsResult(ulong Newest, byte[][] Epochs);

/// <summary>Where a member can be reached.</summary>
/// <param name="Node">Its node key, <c>1:hex</c>.</param>
/// <param name="Organisation">Its organisation's account.</param>
/// <param name="Url">Base address of its JSON-RPC.</param>
public sealed record MemberEndpoint(string Node, string Organisation, string Url);

/// <summary>Parameters of <c>tx_submit</c>.</summary>
/// <param name="Tx">Wire bytes of the <see cref="Ledger.SignedTransaction"/>.</param>
public sealed record TxSubmitParams(byte[] Tx);

/// <summary>Answer of <c>tx_submit</c>.</summary>
/// <param name="Hash">The transaction's hash.</param>
public sealed record TxSubmitResult(string Hash);

/// <summary>Parameters of <c>tx_submitBatch</c>, at most 50 transactions.</summary>
/// <param name="Txs">Wire bytes of each.</param>
public sealed record TxSubmitBatchParams(byte[][] Txs);

/// <summary>What became of one transaction of a batch: a hash, or an error.</summary>
/// <param name="Hash">The transaction's hash when it was taken.</param>
/// <param name="Error">Why it was not.</param>
public sealed record TxSubmitOutcome(string? Hash, string? Error);

/// <summary>Answer of <c>tx_submitBatch</c>, in the order sent.</summary>
/// <param name="Outcomes">One for each.</param>
public sealed record TxSubmitBatchResult(TxSubmitOutcome[] Outcomes);

/// <summary>Parameters of <c>tx_wait</c> and <c>chain_receipt</c>.</summary>
/// <param name="Hash">The transaction's hash.</param>
/// <param name="TimeoutMs">How long to hold the answer for a certificate (<c>tx_wait</c> only), at most 30,000.</param>
public sealed record TxWaitParams(string Hash, int? TimeoutMs = null);

/// <summary>Answer of <c>tx_wait</c> and <c>chain_receipt</c>: a receipt that a client can verify from genesis.</summary>
/// <param name="Found">False when no certified receipt exists (yet): the other members are then absent.</param>
/// <param name="Height">Height of the block that holds the transaction.</param>
/// <param name="Receipt">Wire bytes of the <see cref="Ledger.Receipt"/>.</param>
/// <param name="Proof">Wire bytes of the <see cref="Ledger.MerkleProof"/> of the receipt's hash under the receipts root.</param>
/// <param name="Certificate">Wire bytes of the height's <see cref="Ledger.ExecutionCertificate"/>.</param>
public sealed record TxWaitResult(bool Found, ulong? Height = null, byte[]? Receipt = null, byte[]? Proof = null, byte[]? Certificate = null);

/// <summary>Parameters of <c>contract_view</c>.</summary>
/// <param name="Contract"><c>Token</c> or <c>Patient/ptoy1…</c>.</param>
/// <param name="Method">One of the class's views.</param>
/// <param name="Args">Its arguments, a JSON array.</param>
/// <param name="MinHeight">Refuse to answer from an older state.</param>
public sealed record ContractViewParams(string Contract, string Method, JsonElement Args, ulong? MinHeight = null);

/// <summary>Answer of <c>contract_view</c>.</summary>
/// <param name="Height">Height of the state that was read.</param>
/// <param name="Value">What the view returned.</param>
public sealed record ContractViewResult(ulong Height, JsonElement Value);

/// <summary>Parameters of <c>account_nonce</c>.</summary>
/// <param name="Account"><c>ptoy1…</c>.</param>
public sealed record AccountNonceParams(string Account);

/// <summary>Answer of <c>account_nonce</c>.</summary>
/// <param name="Height">Newest executed height.</param>
/// <param name="Nonce">The nonce that the account's next transaction carries, those waiting in this node's pool counted.</param>
public sealed record AccountNonceResult(ulong Height, ulong Nonce);
