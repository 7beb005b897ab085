using Ptoy.Client.Rpc;
using Ptoy.Protocol;
using Ptoy.Protocol.Audit;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Client.Light;

/// <summary>
/// Asks a node and believes only what it proves. Throws what <see cref="RpcClient"/> throws, and <see cref="ProofException"/> for an
/// answer that proves nothing.
/// </summary>
public sealed class VerifiedClient(RpcClient rpc, LightClient light)
{
    /// <summary>The value of a state entry (JSON text; null when proven absent), at least as new as <paramref name="minHeight"/>.</summary>
    public async Task<VerifiedValue> StateAsync(ContractId contract, string key, ulong minHeight = 0, CancellationToken cancellation = default)
    {
        var parameters = new ChainProofParams(contract.ToString(), key);
        return light.State(contract, key, await rpc.CallAsync<ChainProofResult>("chain_proof", parameters, cancellation: cancellation), minHeight);
    }

    /// <summary>Waits for a transaction's receipt for at most <paramref name="timeoutMs"/>; null when there is none by then.</summary>
    public async Task<Receipt?> WaitAsync(Hash transaction, int timeoutMs = 30_000, CancellationToken cancellation = default)
    {
        var parameters = new TxWaitParams(transaction.ToString(), timeoutMs);
        TxWaitResult answer = await rpc.CallAsync<TxWaitResult>("tx_wait", parameters, cancellation: cancellation);
        return answer.Found ? light.Receipt(transaction, answer) : null;
    }

    /// <summary>Verifies an access-log entry from genesis, fetching its anchor's proof.</summary>
    public async Task<AccessEntry> AccessAsync(AuditEntryDto entry, CancellationToken cancellation = default)
    {
        if (entry.Anchor is null) throw new ProofException(ProofPart.Anchor, "the entry is not anchored yet");
        var parameters = new ChainProofParams("Audit", entry.Anchor.Key);
        return light.Access(entry, await rpc.CallAsync<ChainProofResult>("chain_proof", parameters, cancellation: cancellation));
    }
}
