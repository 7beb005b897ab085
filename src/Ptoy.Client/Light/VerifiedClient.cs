using Ptoy.Client.Rpc;
using Ptoy.Protocol;
using Ptoy.Protocol.Audit;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Client.Light;

/// <summary>
/// Asks a node and believes only what it proves. Throws what <see cref="RpcClient"/> throws, and <see cref="ProofException"/> for an
/// answer that proves nothing. When an answer is of an epoch not known yet, the node is asked how it began, and the answer judged again.
/// </summary>
public sealed class VerifiedClient(RpcClient rpc, LightClient light)
{
    /// <summary>The value of a state entry (JSON text; null when proven absent), at least as new as <paramref name="minHeight"/>.</summary>
    public async Task<VerifiedValue> StateAsync(ContractId contract, string key, ulong minHeight = 0, CancellationToken cancellation = default)
    {
        var parameters = new ChainProofParams(contract.ToString(), key);
        ChainProofResult answer = await rpc.CallAsync<ChainProofResult>("chain_proof", parameters, cancellation: cancellation);
        return await JudgeAsync(() => light.State(contract, key, answer, minHeight), cancellation);
    }

    /// <summary>Waits for a transaction's receipt for at most <paramref name="timeoutMs"/>; null when there is none by then.</summary>
    public async Task<Receipt?> WaitAsync(Hash transaction, int timeoutMs = 30_000, CancellationToken cancellation = default)
    {
        var parameters = new TxWaitParams(transaction.ToString(), timeoutMs);
        TxWaitResult answer = await rpc.CallAsync<TxWaitResult>("tx_wait", parameters, cancellation: cancellation);
        return answer.Found ? await JudgeAsync(() => light.Receipt(transaction, answer), cancellation) : null;
    }

    /// <summary>Verifies an access-log entry from genesis, fetching its anchor's proof.</summary>
    public async Task<AccessEntry> AccessAsync(AuditEntryDto entry, CancellationToken cancellation = default)
    {
        if (entry.Anchor is null) throw new ProofException(ProofPart.Anchor, "the entry is not anchored yet");
        var parameters = new ChainProofParams("Audit", entry.Anchor.Key);
        ChainProofResult anchor = await rpc.CallAsync<ChainProofResult>("chain_proof", parameters, cancellation: cancellation);
        return await JudgeAsync(() => light.Access(entry, anchor), cancellation);
    }

    /// <summary>Follows the validators up to the newest epoch that the node tells of. Returns how many epochs were new.</summary>
    public Task<int> FollowAsync(CancellationToken cancellation = default) => EpochFollower.FollowAsync(rpc, light.Epochs, cancellation);

    private async Task<T> JudgeAsync<T>(Func<T> judge, CancellationToken cancellation)
    {
        try
        {
            return judge();
        }
        catch (ProofException e) when (e.Part == ProofPart.Epoch || e.Part == ProofPart.AccessEntry)
        {
            if (await FollowAsync(cancellation) == 0) throw;
            return judge();
        }
    }
}
