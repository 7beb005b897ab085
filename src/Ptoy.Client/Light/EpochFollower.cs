using Ptoy.Client.Rpc;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Rpc;
using Ptoy.Protocol.Wire;

namespace Ptoy.Client.Light;

/// <summary>Follows the validators from genesis, epoch by epoch, as any node tells them: each set is vouched for by the one before.</summary>
public static class EpochFollower
{
    /// <summary>
    /// Asks until the node knows no later epoch. Returns how many were new. Throws what <see cref="RpcClient"/> throws, and
    /// <see cref="ProofException"/> when an epoch does not hold.
    /// </summary>
    public static async Task<int> FollowAsync(RpcClient rpc, EpochChain chain, CancellationToken cancellation = default)
    {
        int learnt = 0;
        while (true)
        {
            var parameters = new ChainEpochsParams(chain.Newest.Epoch + 1);
            ChainEpochsResult answer = await rpc.CallAsync<ChainEpochsResult>("chain_epochs", parameters, cancellation: cancellation);
            foreach (byte[] bytes in answer.Epochs) Take(chain, bytes);
            // A node that says the same again and again is not listened to for ever.
            if (answer.Epochs.Length == 0 || chain.Newest.Epoch < parameters.From) return learnt;
            learnt += answer.Epochs.Length;
        }
    }

    /// <summary>
    /// Takes one epoch's beginning in its wire form; one that is known already changes nothing. Throws <see cref="ProofException"/> when it
    /// does not hold.
    /// </summary>
    public static void Take(EpochChain chain, byte[] bytes)
    {
        if (!Codec.TryDecode(bytes, EpochStart.MaxBytes, out EpochStart? start, out string error)) throw new ProofException(ProofPart.Epoch, error);
        if (chain.Add(start!) is { } problem) throw new ProofException(ProofPart.Epoch, problem);
    }
}
