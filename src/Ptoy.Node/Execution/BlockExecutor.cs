using System.Globalization;
using Ptoy.Node.Membership;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;
using Ptoy.Vm;

namespace Ptoy.Node.Execution;

/// <summary>A local limit stopped a transaction: no outcome, but a reason to halt. The evidence names the transaction.</summary>
public sealed class EmergencyStopException(Hash transaction, ulong height, string reason)
    : Exception($"transaction {transaction} at height {height} was stopped by a local limit of this node ({reason}). This node halts. "
        + "If the other members halted too, a quorum of them can agree to fail the transaction: ptoy chain skip-tx --help")
{
    /// <summary>The transaction that was stopped.</summary>
    public Hash Transaction { get; } = transaction;
}

/// <summary>What executing a block gave, before anything is stored.</summary>
public sealed record ExecutedTransactions(
    IReadOnlyList<Receipt> Receipts,
    IReadOnlyList<KeyValuePair<string, string?>> Writes,
    IReadOnlyDictionary<Address, ulong> Nonces,
    ulong TimeMs)
{
    /// <summary>At the barrier: the validators of the epoch that begins at the next height.</summary>
    public ValidatorSet? NextValidators { get; init; }
}

/// <summary>
/// Runs the transactions of a decided block, in order, against the state below it. Deterministic: the same block on the same
/// state gives the same receipts and writes on every replica. Stores nothing.
/// </summary>
public sealed class BlockExecutor(ContractVm vm, Hash chainId, Func<string, string?> stateGet, Func<Address, ulong> nonceOf, Func<Hash, ulong, bool> skipped)
{
    private const ulong ActivationGas = 500_000_000;

    /// <summary>
    /// Executes a block; <paramref name="previousTimeMs"/> is the time of the block before. At a barrier, the last height of an epoch, the
    /// chain itself then puts the next members in place.
    /// </summary>
    public ExecutedTransactions Execute(Block block, IReadOnlyList<Transaction> transactions, ulong previousTimeMs, bool barrier = false)
    {
        ulong time = Math.Max(block.Header.TimeMs, previousTimeMs);
        var state = new StateOverlay((contract, key) => stateGet(StatePath.Of(contract, key)));
        var nonces = new Dictionary<Address, ulong>();
        var receipts = new Receipt[transactions.Count];
        for (int i = 0; i < receipts.Length; i++)
            receipts[i] = Execute(transactions[i], block.Header, (uint)i, time, state, nonces);
        ValidatorSet? next = barrier ? Activate(block.Header, time, state) : null;

        var writes = new List<KeyValuePair<string, string?>>();
        foreach (StateWrite write in state.Writes())
            writes.Add(new(StatePath.Of(write.Contract, write.Key), write.Json));
        foreach ((Address account, ulong nonce) in nonces)
            writes.Add(new(StatePath.Nonce(account), nonce.ToString(CultureInfo.InvariantCulture)));
        return new ExecutedTransactions(receipts, writes, nonces, time) { NextValidators = next };
    }

    private Receipt Execute(Transaction transaction, BlockHeader header, uint index, ulong time, StateOverlay state, Dictionary<Address, ulong> nonces)
    {
        TransactionBody body = transaction.Body;
        ulong expected = nonces.TryGetValue(transaction.Sender, out ulong known) ? known : nonceOf(transaction.Sender);
        if (Stale(body, header, expected) is { } reason)
            return new Receipt(transaction.Hash, header.Height, index, ReceiptStatus.Skipped, 0, "null", reason, []);
        nonces[transaction.Sender] = expected + 1;
        if (skipped(transaction.Hash, header.Epoch))
            return new Receipt(transaction.Hash, header.Height, index, ReceiptStatus.Failed, 0, "null", "skipped by agreement of the members", []);
        string sender = transaction.Sender.ToString();
        CallResult result = vm.Execute(
            new CallRequest
            {
                Contract = body.Contract,
                Method = body.Method,
                ArgumentsJson = body.Arguments,
                Caller = sender,
                Sender = sender,
                Height = header.Height,
                TimeMs = (long)time,
                ChainId = chainId,
                TxHash = transaction.Hash,
                Epoch = header.Epoch,
                GasLimit = body.GasLimit,
            },
            state);
        return result.Status switch
        {
            CallStatus.Ok => new Receipt(transaction.Hash, header.Height, index, ReceiptStatus.Ok, result.GasUsed, result.ResultJson, "", [.. result.Events]),
            CallStatus.EmergencyStop => throw new EmergencyStopException(transaction.Hash, header.Height, result.Error),
            _ => new Receipt(transaction.Hash, header.Height, index, ReceiptStatus.Failed, result.GasUsed, "null", result.Error, []),
        };
    }

    /// <summary>A failure here is the same on every node: nothing that is decided afterwards could be judged, so the node halts.</summary>
    private ValidatorSet Activate(BlockHeader header, ulong time, StateOverlay state)
    {
        CallResult result = vm.Execute(
            new CallRequest
            {
                Contract = GovernanceFacts.Contract,
                Method = "activate",
                ArgumentsJson = "[]",
                Height = header.Height,
                TimeMs = (long)time,
                ChainId = chainId,
                Epoch = header.Epoch,
                GasLimit = ActivationGas,
            },
            state);
        if (result.Status != CallStatus.Ok) throw new InvalidOperationException($"the members of the next epoch could not be put in place at height {header.Height}: {result.Error}");
        ValidatorSet next = GovernanceFacts.Read(key => state.Read(GovernanceFacts.Contract, key)).Validators;
        return next.Problem() is { } problem ? throw new InvalidOperationException($"the validators of epoch {next.Epoch} are no set: {problem}") : next;
    }

    private string? Stale(TransactionBody body, BlockHeader header, ulong expected) =>
        body.ChainId != chainId ? "for another chain"
        : body.ExpiryHeight < header.Height ? $"expired at height {body.ExpiryHeight}"
        : body.Nonce < expected ? $"nonce {body.Nonce} was used; expected {expected}"
        : body.Nonce > expected ? $"nonce {body.Nonce} leaves a gap; expected {expected}"
        : null;
}
