using System.Text.Json;
using Ptoy.Protocol;
using Ptoy.Protocol.Audit;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Rpc;
using Ptoy.Protocol.State;
using Ptoy.Protocol.Wire;

namespace Ptoy.Client.Light;

/// <summary>
/// Believes nothing that a node says: from the genesis alone it checks execution certificates, and from those the state, the receipts and
/// the anchored access log. Every method throws <see cref="ProofException"/> naming the first thing that does not hold. It knows the validators
/// of genesis, and those of later epochs once <see cref="EpochFollower"/> was shown how each began; a certificate counts only for the heights of
/// its epoch. Safe for many threads.
/// </summary>
public sealed class LightClient
{
    private readonly Lock _lock = new();
    private ExecutionStatement? _newest;

    /// <summary>Trusts this genesis and nothing else. Throws <see cref="ProofException"/> when it is not well-formed.</summary>
    public LightClient(Genesis genesis)
    {
        if (genesis.Problem() is { } problem) throw new ProofException(ProofPart.Chain, $"the genesis is not well-formed: {problem}");
        ChainId = genesis.ComputeChainId();
        Epochs = new EpochChain(ChainId, genesis.Validators);
    }

    /// <summary>The chain.</summary>
    public Hash ChainId { get; }

    /// <summary>The validators, as far as they were followed.</summary>
    public EpochChain Epochs { get; }

    /// <summary>The newest height seen in a certificate that held.</summary>
    public ulong Height
    {
        get
        {
            lock (_lock) return _newest?.Height ?? 0;
        }
    }

    /// <summary>What a quorum of the validators says about a height. Two certificates that contradict each other are refused and told apart.</summary>
    /// <param name="certificate">The encoded <see cref="ExecutionCertificate"/>.</param>
    /// <param name="minHeight">The oldest height that will do: a node that is behind, or hides what happened since, is refused.</param>
    public ExecutionStatement Certificate(ReadOnlyMemory<byte> certificate, ulong minHeight = 0)
    {
        var decoded = Decode<ExecutionCertificate>(certificate, ExecutionCertificate.MaxBytes, ProofPart.Certificate);
        ExecutionStatement statement = decoded.Statement;
        if (statement.ChainId != ChainId)
            throw new ProofException(ProofPart.Chain, $"the certificate is of chain {statement.ChainId.Short}…, not {ChainId.Short}…");
        if (Epochs.Place(statement.ChainId, statement.Epoch, statement.Height) is { } elsewhere) throw new ProofException(ProofPart.Epoch, $"the certificate: {elsewhere}");
        if (statement.Height < minHeight)
            throw new ProofException(ProofPart.Height, $"the certificate is of height {statement.Height}, older than {minHeight}");
        if (Epochs.Verify(decoded) is { } problem) throw new ProofException(ProofPart.Certificate, problem);
        lock (_lock)
        {
            if (_newest is { } newest && newest.Height == statement.Height && newest != statement)
                throw new ProofException(ProofPart.Contradiction, $"two certificates of height {statement.Height} say different things: more than f validators are faulty");
            if (_newest is null || statement.Height > _newest.Height) _newest = statement;
        }
        return statement;
    }

    /// <summary>The value (JSON text) of one state entry, or null where the proof shows that there is none.</summary>
    public VerifiedValue State(ContractId contract, string key, ChainProofResult answer, ulong minHeight = 0)
    {
        ExecutionStatement statement = Certificate(answer.Certificate, minHeight);
        if (answer.Height != statement.Height)
            throw new ProofException(ProofPart.Height, $"the answer is of height {answer.Height}, its certificate of {statement.Height}");
        var proof = Decode<StateProof>(answer.Proof, StateProof.MaxBytes, ProofPart.State);
        string path = PathOf(contract, key);
        if (!proof.Verify(statement.StateRoot, path, answer.Value))
            throw new ProofException(ProofPart.State, $"the proof does not show {(answer.Value is null ? "absence" : "this value")} at {path} under the certified root");
        return new VerifiedValue(statement.Height, path, answer.Value);
    }

    /// <summary>The receipt of a transaction, as a quorum of validators has it in its block.</summary>
    public Receipt Receipt(Hash transaction, TxWaitResult answer, ulong minHeight = 0)
    {
        if (!answer.Found || answer.Receipt is null || answer.Proof is null || answer.Certificate is null)
            throw new ProofException(ProofPart.Receipt, $"the node has no certified receipt of {transaction}");
        ExecutionStatement statement = Certificate(answer.Certificate, minHeight);
        var receipt = Decode<Receipt>(answer.Receipt, Protocol.Ledger.Receipt.MaxBytes, ProofPart.Receipt);
        var proof = Decode<MerkleProof>(answer.Proof, StateProof.MaxBytes, ProofPart.Receipt);
        if (receipt.Transaction != transaction)
            throw new ProofException(ProofPart.Receipt, $"the receipt is of transaction {receipt.Transaction}, not {transaction}");
        if (receipt.Height != statement.Height)
            throw new ProofException(ProofPart.Height, $"the receipt is of height {receipt.Height}, its certificate of {statement.Height}");
        if (receipt.Index != proof.Index)
            throw new ProofException(ProofPart.Receipt, $"the receipt has index {receipt.Index}, its proof {proof.Index}");
        if (!proof.Verify(receipt.ComputeHash(), statement.ReceiptsRoot))
            throw new ProofException(ProofPart.Receipt, "the receipt is not under the certified receipts root");
        return receipt;
    }

    /// <summary>
    /// An entry of a node's access log: that the requester signed exactly this request for that node on this chain, that the entry is in
    /// a segment of the node's log, and that the chain holds that segment's root.
    /// </summary>
    /// <param name="entry">The entry as <c>audit_list</c> gave it, with its anchor.</param>
    /// <param name="anchor">The answer of <c>chain_proof</c> for contract <c>Audit</c> and the anchor's key.</param>
    /// <param name="minHeight">The oldest height of the anchor's certificate that will do.</param>
    public AccessEntry Access(AuditEntryDto entry, ChainProofResult anchor, ulong minHeight = 0)
    {
        AccessEntry decoded = Access(entry);
        if (entry.Anchor is null) throw new ProofException(ProofPart.Anchor, "the entry is not anchored yet");
        if (!entry.Anchor.Key.StartsWith($"anchor/{decoded.Node}/", StringComparison.Ordinal))
            throw new ProofException(ProofPart.Anchor, "the anchor is not one of the node whose log the entry is in");
        if (!Hash.TryParse(entry.Anchor.Root, out Hash root)) throw new ProofException(ProofPart.Anchor, "the segment's root is not a hash");
        var proof = Decode<MerkleProof>(entry.Anchor.Proof, StateProof.MaxBytes, ProofPart.AccessEntry);
        if (!proof.Verify(decoded.ComputeHash(), root)) throw new ProofException(ProofPart.AccessEntry, "the entry is not in the segment");
        VerifiedValue value = State(ContractId.Single("Audit"), entry.Anchor.Key, anchor, minHeight);
        if (AnchoredRoot(value.Value) != root) throw new ProofException(ProofPart.Anchor, $"the chain does not hold this root at {value.Path}");
        return decoded;
    }

    /// <summary>What can be known of an entry that is not anchored yet: that its requester signed this request for that node on this chain.</summary>
    public AccessEntry Access(AuditEntryDto entry)
    {
        var decoded = Decode<AccessEntry>(entry.Entry, AccessEntry.MaxBytes, ProofPart.AccessEntry);
        if (!Epochs.Ever(decoded.Node)) throw new ProofException(ProofPart.AccessEntry, "the entry is of a node that never was a validator");
        var request = new RequestProof(decoded.Requester, decoded.Request, decoded.RequestSignature);
        if (!request.Verify()) throw new ProofException(ProofPart.AccessSignature, "the requester did not sign the request that the entry holds");
        string[] parts = decoded.Request.Split('|');
        const int Parts = 7;
        if (parts.Length != Parts || parts[0] != ChainId.ToString() || parts[1] != decoded.Node.ToString())
            throw new ProofException(ProofPart.AccessSignature, "the request was signed for another chain or node");
        string onBehalfOf = decoded.OnBehalfOf.IsNone ? "" : decoded.OnBehalfOf.ToString();
        return parts[^1] == onBehalfOf
            ? decoded
            : throw new ProofException(ProofPart.AccessSignature, "the request was signed on behalf of somebody else");
    }

    /// <summary>The state path of a key of a contract instance: <c>Class/ownerHex/key</c>.</summary>
    public static string PathOf(ContractId contract, string key) =>
        $"{contract.Class}/{(contract.Owner.IsNone ? "" : contract.Owner.Value.ToString())}/{key}";

    private static Hash? AnchoredRoot(string? json)
    {
        if (json is null) return null;
        try
        {
            using JsonDocument document = JsonDocument.Parse(json, RpcJson.Documents);
            return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("root", out JsonElement root)
                && root.ValueKind == JsonValueKind.String && Hash.TryParse(root.GetString(), out Hash hash) ? hash : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static T Decode<T>(ReadOnlyMemory<byte> bytes, int maxBytes, ProofPart part) where T : class, IWire =>
        Codec.TryDecode(bytes, maxBytes, out T? value, out string error) ? value! : throw new ProofException(part, error);
}
