using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Rpc;
using Ptoy.Protocol.State;
using Ptoy.Protocol.Wire;

namespace Ptoy.Client.Workflows;

/// <summary>Something a node said that does not follow from genesis.</summary>
public sealed class UntrustedAnswerException(string message) : Exception(message);

/// <summary>What a client trusts: the chain's id and its validators, both from genesis. Everything else is checked against these.</summary>
public sealed record TrustedChain(Hash ChainId, ValidatorSet Validators)
{
    /// <summary>From a genesis.</summary>
    public static TrustedChain From(Genesis genesis) => new(genesis.ComputeChainId(), genesis.Validators);

    /// <summary>The certified receipt of a transaction. Throws <see cref="UntrustedAnswerException"/> or <see cref="WireException"/>.</summary>
    public Receipt Verify(Hash transaction, TxWaitResult answer)
    {
        if (answer.Receipt is null || answer.Proof is null || answer.Certificate is null)
            throw new UntrustedAnswerException("the answer has no receipt, proof or certificate");
        ExecutionStatement statement = Verify(answer.Certificate);
        var receipt = Codec.Decode<Receipt>(answer.Receipt, Receipt.MaxBytes);
        var proof = Codec.Decode<MerkleProof>(answer.Proof, 2048);
        if (receipt.Transaction != transaction) throw new UntrustedAnswerException("the receipt is of another transaction");
        if (receipt.Height != statement.Height || !proof.Verify(receipt.ComputeHash(), statement.ReceiptsRoot))
            throw new UntrustedAnswerException("the receipt is not under the certified receipts root");
        return receipt;
    }

    /// <summary>The certified value of a state entry, null for certified absence. Throws as <see cref="Verify(Hash, TxWaitResult)"/>.</summary>
    public string? Verify(ContractId contract, string key, ChainProofResult answer)
    {
        ExecutionStatement statement = Verify(answer.Certificate);
        var proof = Codec.Decode<StateProof>(answer.Proof, StateProof.MaxBytes);
        string owner = contract.Owner.IsNone ? "" : contract.Owner.Value.ToString();
        return proof.Verify(statement.StateRoot, $"{contract.Class}/{owner}/{key}", answer.Value)
            ? answer.Value
            : throw new UntrustedAnswerException("the state proof does not lead to the certified state root");
    }

    /// <summary>The statement of a certificate that a quorum of the validators signed.</summary>
    public ExecutionStatement Verify(byte[] certificateBytes)
    {
        var certificate = Codec.Decode<ExecutionCertificate>(certificateBytes, ExecutionCertificate.MaxBytes);
        if (certificate.Statement.ChainId != ChainId) throw new UntrustedAnswerException("the certificate is of another chain");
        return certificate.Verify(Validators) is { } problem ? throw new UntrustedAnswerException($"certificate: {problem}") : certificate.Statement;
    }
}
