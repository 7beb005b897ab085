using System.Text.Json;
using Ptoy.Client.Rpc;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Client.Workflows;

/// <summary>A transaction that the chain executed and a contract refused, or that took no effect. The message is the contract's.</summary>
public sealed class TransactionFailedException(Receipt receipt, string call)
    : Exception($"{call}: {(receipt.Error.Length > 0 ? receipt.Error : "it took no effect")}")
{
    /// <summary>The certified receipt.</summary>
    public Receipt Receipt { get; } = receipt;
}

/// <summary>A transaction that nobody executed before it expired.</summary>
public sealed class TransactionLostException(string message) : Exception(message);

/// <summary>
/// Sends an account's transactions through one node, one after another, and waits for the certified receipt of each. Safe for concurrent
/// use.
/// </summary>
public sealed class TransactionSender(NodeConnection node, SigningKey? sponsor = null) : IDisposable
{
    /// <summary>Heights for which a transaction stays valid.</summary>
    public const ulong Lifetime = 400;

    /// <summary>Gas limit of every transaction: the most that nodes take. Gas that is not used costs nothing.</summary>
    public const ulong GasLimit = 50_000_000;

    private const int WaitMs = 20_000;
    private readonly SemaphoreSlim _one = new(1, 1);

    /// <summary>The connection used.</summary>
    public NodeConnection Node => node;

    /// <summary>
    /// Calls a contract and waits. Returns the verified receipt; throws <see cref="TransactionFailedException"/> when the contract refused,
    /// <see cref="TransactionLostException"/> when it expired unexecuted.
    /// </summary>
    public async Task<Receipt> SendAsync(ContractId contract, string method, object?[] arguments, CancellationToken cancellation = default)
    {
        await _one.WaitAsync(cancellation);
        try
        {
            string call = $"{contract.Class}.{method}";
            AccountNonceResult state = await NonceAsync(cancellation);
            Transaction transaction = Make(state, contract, method, JsonSerializer.Serialize(arguments, RpcJson.Options));
            await node.CallAsync<TxSubmitResult>("tx_submit", new TxSubmitParams(transaction.Bytes), null, cancellation);
            Receipt receipt = await WaitAsync(transaction, call, cancellation);
            return receipt.Status == ReceiptStatus.Ok ? receipt : throw new TransactionFailedException(receipt, call);
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>Calls a contract that exists once.</summary>
    public Task<Receipt> SendAsync(string contract, string method, params object?[] arguments) =>
        SendAsync(ContractId.Single(contract), method, arguments);

    /// <inheritdoc/>
    public void Dispose() => _one.Dispose();

    private Task<AccountNonceResult> NonceAsync(CancellationToken cancellation) =>
        node.CallAsync<AccountNonceResult>("account_nonce", new AccountNonceParams(node.Key.Address.ToString()), null, cancellation);

    private Transaction Make(AccountNonceResult state, ContractId contract, string method, string arguments) => Transaction.Sign(
        new TransactionBody(node.Chain.ChainId, node.Key.Public, state.Nonce, state.Height + Lifetime, GasLimit, sponsor?.Public, contract, method, arguments),
        node.Key, sponsor);

    private async Task<Receipt> WaitAsync(Transaction transaction, string call, CancellationToken cancellation)
    {
        while (true)
        {
            var answer = await node.CallAsync<TxWaitResult>("tx_wait", new TxWaitParams(transaction.Hash.ToString(), WaitMs), null, cancellation);
            if (answer.Found) return await node.ReceiptAsync(transaction.Hash, answer, cancellation);
            AccountNonceResult state = await NonceAsync(cancellation);
            if (state.Height > transaction.Body.ExpiryHeight)
                throw new TransactionLostException($"{call}: not executed up to height {state.Height}; it has expired, so it may be sent again");
        }
    }
}
