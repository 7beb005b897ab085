using Ptoy.Node.Mempool;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Node.Membership;

/// <summary>
/// Transactions of the node's own account: anchors, claims, reports. All of them pass here, so that two do not take one nonce. Thread-safe.
/// </summary>
public sealed class NodeAccount(Admission admission, TransactionPool pool, Func<Address, ulong> nonceOf, SigningKey nodeKey, Func<ulong> height)
{
    private const ulong Lifetime = 200;
    private const ulong Gas = 20_000_000;

    private readonly Lock _submitting = new();

    /// <summary>True while transactions of this account wait for their block.</summary>
    public bool Waits => pool.NextNonce(nodeKey.Address) > nonceOf(nodeKey.Address);

    /// <summary>Signs and submits; null when it was taken, else why not. <paramref name="arguments"/> is a JSON array.</summary>
    public string? Submit(ContractId contract, string method, string arguments)
    {
        lock (_submitting)
        {
            var body = new TransactionBody(
                admission.ChainId, nodeKey.Public, pool.NextNonce(nodeKey.Address), height() + Lifetime, Gas, null, contract, method, arguments);
            (_, Rejection? rejection) = admission.Submit(Transaction.Sign(body, nodeKey).Bytes);
            return rejection?.Message;
        }
    }
}
