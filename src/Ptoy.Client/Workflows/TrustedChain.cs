using Ptoy.Client.Light;
using Ptoy.Client.Rpc;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Rpc;
using Ptoy.Protocol.State;
using Ptoy.Protocol.Wire;

namespace Ptoy.Client.Workflows;

/// <summary>Something a node said that does not follow from genesis.</summary>
public class UntrustedAnswerException(string message) : Exception(message);

/// <summary>An answer of an epoch whose validators this client does not know yet: follow them, and judge again.</summary>
public sealed class UnknownEpochException(string message) : UntrustedAnswerException(message);

/// <summary>
/// What a client trusts: the chain's id and its first validators, both from genesis, and those of later epochs that follow from them.
/// Everything else is checked against these. Safe for many threads.
/// </summary>
public sealed class TrustedChain
{
    private TrustedChain(Genesis genesis)
    {
        ChainId = genesis.ComputeChainId();
        Epochs = new EpochChain(ChainId, genesis.Validators);
    }

    /// <summary>The chain.</summary>
    public Hash ChainId { get; }

    /// <summary>The validators, as far as they were followed.</summary>
    public EpochChain Epochs { get; }

    /// <summary>The newest validators known.</summary>
    public ValidatorSet Validators => Epochs.Newest;

    /// <summary>From a genesis.</summary>
    public static TrustedChain From(Genesis genesis) => new(genesis);

    /// <summary>Follows the validators up to the newest epoch that a node tells of; how many were new. Throws when one does not hold.</summary>
    public async Task<int> FollowAsync(RpcClient rpc, CancellationToken cancellation = default)
    {
        try
        {
            return await EpochFollower.FollowAsync(rpc, Epochs, cancellation);
        }
        catch (ProofException e)
        {
            throw new UntrustedAnswerException(e.Message);
        }
    }

    /// <summary>Judges an answer; when it is of an epoch not known yet, asks the node how that began, and judges again.</summary>
    public async Task<T> JudgeAsync<T>(RpcClient rpc, Func<T> judge, CancellationToken cancellation = default)
    {
        try
        {
            return judge();
        }
        catch (UnknownEpochException)
        {
            if (await FollowAsync(rpc, cancellation) == 0) throw;
            return judge();
        }
    }

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
        if (Epochs.Of(certificate.Statement.Epoch) is null)
            throw new UnknownEpochException($"the certificate is of epoch {certificate.Statement.Epoch}, whose validators are not known");
        return Epochs.Verify(certificate) is { } problem ? throw new UntrustedAnswerException($"certificate: {problem}") : certificate.Statement;
    }
}
