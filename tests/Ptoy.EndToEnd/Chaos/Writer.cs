using System.Diagnostics;
using Ptoy.Client.Rpc;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Rpc;

namespace Ptoy.EndToEnd.Chaos;

/// <summary>
/// One account's transactions, one after another. A node that does not answer is left for the next one, to which the same bytes go
/// again, until a node shows a certified receipt or the transaction has expired.
/// </summary>
internal sealed class Writer(SigningKey key, Members members, AckLog acks, int firstNode)
{
    private const ulong Lifetime = 4_000;
    private const ulong GasLimit = 50_000_000;
    private static readonly TimeSpan Retry = TimeSpan.FromMilliseconds(30);
    private int _at = firstNode;
    private ulong? _nonce;

    public Address Account => key.Address;

    public SigningKey Key => key;

    /// <summary>Transactions that expired without a certified receipt.</summary>
    public int Expired { get; private set; }

    /// <summary>Times that a node was left for another one.</summary>
    public int Failovers { get; private set; }

    /// <summary>Why the last attempt failed, for the message when nothing works any more.</summary>
    public string LastProblem { get; private set; } = "";

    /// <summary>The certified receipt, or null when it expired or the run was cancelled.</summary>
    public async Task<Receipt?> WriteAsync(
        string kind, ContractId contract, string method, string arguments, CancellationToken cancellation, Payment? payment = null)
    {
        if (_nonce is not { } nonce)
        {
            if (await NonceAsync(cancellation).ConfigureAwait(false) is not { } asked) return null;
            nonce = asked;
        }
        ulong expiry = members.SeenHeight + Lifetime;
        Transaction transaction = Transaction.Sign(
            new TransactionBody(members.Chain.ChainId, key.Public, nonce, expiry, GasLimit, null, contract, method, arguments), key);
        long submitted = Stopwatch.GetTimestamp();
        Receipt? receipt = await UntilCertifiedAsync(transaction, cancellation).ConfigureAwait(false);
        _nonce = receipt is null ? null : nonce + 1;
        if (receipt is null)
        {
            if (!cancellation.IsCancellationRequested) Expired++;
            return null;
        }
        acks.Add(new AckedTransaction(
            transaction.Hash, kind, Account, nonce, receipt.Height, receipt.Index, receipt.Status, receipt.ComputeHash(),
            submitted, Stopwatch.GetTimestamp(), receipt.Status == ReceiptStatus.Ok ? payment : null));
        return receipt;
    }

    private async Task<Receipt?> UntilCertifiedAsync(Transaction transaction, CancellationToken cancellation)
    {
        const int WaitMs = 2_000, LookMs = 50;
        while (!cancellation.IsCancellationRequested)
        {
            Member member = members.All[_at];
            bool taken = await TrySubmitAsync(member, transaction, cancellation).ConfigureAwait(false);
            if (await TryWaitAsync(member, transaction.Hash, taken ? WaitMs : LookMs, cancellation).ConfigureAwait(false) is { } receipt)
            {
                members.Saw(receipt.Height);
                if (receipt.Status != ReceiptStatus.Skipped) return receipt;
                LastProblem = $"skipped: {receipt.Error}";
                if (receipt.Height > transaction.Body.ExpiryHeight) return null;
            }
            if (members.SeenHeight > transaction.Body.ExpiryHeight + 16) return null;
            _at = (_at + 1) % members.All.Count;
            Failovers++;
            if (!taken) await Pace.PauseAsync(Retry, cancellation).ConfigureAwait(false);
        }
        return null;
    }

    private async Task<bool> TrySubmitAsync(Member member, Transaction transaction, CancellationToken cancellation)
    {
        if (!members.IsUp(member.Index)) return false;
        try
        {
            await member.Rpc.CallAsync<TxSubmitResult>("tx_submit", new TxSubmitParams(transaction.Bytes), null,
                cancellation).ConfigureAwait(false);
            return true;
        }
        catch (Exception e) when (Failure.IsExpected(e))
        {
            LastProblem = e.Message;
            // Used by a copy of these very bytes, unless another program sends for this account.
            return e is RpcException { Code: RpcErrors.NonceUsed };
        }
    }

    private async Task<Receipt?> TryWaitAsync(Member member, Hash transaction, int waitMs, CancellationToken cancellation)
    {
        if (!members.IsUp(member.Index)) return null;
        try
        {
            var answer = await member.Rpc.CallAsync<TxWaitResult>("tx_wait", new TxWaitParams(transaction.ToString(), waitMs), null,
                cancellation).ConfigureAwait(false);
            return answer.Found ? members.Chain.Verify(transaction, answer) : null;
        }
        catch (Exception e) when (Failure.IsExpected(e))
        {
            LastProblem = e.Message;
            return null;
        }
    }

    private async Task<ulong?> NonceAsync(CancellationToken cancellation)
    {
        while (!cancellation.IsCancellationRequested)
        {
            try
            {
                var state = await members.All[_at].Rpc.CallAsync<AccountNonceResult>(
                    "account_nonce", new AccountNonceParams(Account.ToString()), null, cancellation).ConfigureAwait(false);
                members.Saw(state.Height);
                return state.Nonce;
            }
            catch (Exception e) when (Failure.IsExpected(e))
            {
                LastProblem = e.Message;
                _at = (_at + 1) % members.All.Count;
                await Pace.PauseAsync(Retry, cancellation).ConfigureAwait(false);
            }
        }
        return null;
    }
}

/// <summary>What a client of a network under attack has to expect. An answer that does not verify is not among it.</summary>
internal static class Failure
{
    public static bool IsExpected(Exception e) =>
        e is RpcException or RpcConnectionException or TimeoutException or OperationCanceledException or HttpRequestException or IOException;
}
