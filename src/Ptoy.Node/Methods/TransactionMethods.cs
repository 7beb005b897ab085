using System.Text.Json;
using Ptoy.Node.Diagnostics;
using Ptoy.Node.Execution;
using Ptoy.Node.Mempool;
using Ptoy.Node.Rpc;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Rpc;
using static Ptoy.Node.Methods.Describe;

namespace Ptoy.Node.Methods;

/// <summary>Transactions: <c>tx_*</c>.</summary>
public sealed class TransactionMethods(Admission admission, TransactionPool pool, CertifiedBlocks certified)
{
    private const int MaxWaitMs = 30_000;
    private const int MaxBatch = 50;

    /// <summary>The table.</summary>
    public IEnumerable<RpcMethod> Table() =>
    [
        new()
        {
            Name = "tx_submit", Summary = "Hands in a signed transaction.", Result = "TxSubmitResult",
            Params = [Required("tx", RpcType.Base64, "wire bytes of a SignedTransaction")],
            Handler = (_, p, _) => Done(Submit(p)),
            BatchHandler = (calls, _) => Task.FromResult<IReadOnlyList<object?>>(SubmitTogether(calls)),
        },
        new()
        {
            Name = "tx_submitBatch", Summary = "Hands in up to 50 signed transactions.", Result = "TxSubmitBatchResult",
            Params = [Required("txs", RpcType.Strings, "wire bytes of each, base64")],
            Handler = (_, p, _) => Done(SubmitBatch(p)),
        },
        new()
        {
            Name = "tx_wait", Summary = "Waits for a transaction's certified receipt.", Result = "TxWaitResult",
            Params = [Required("hash", RpcType.Hash, "hash of the transaction"), Optional("timeoutMs", RpcType.Integer, "at most 30,000")],
            Timeout = TimeSpan.FromMilliseconds(MaxWaitMs + 5_000),
            Handler = WaitAsync,
        },
    ];

    private TxSubmitResult Submit(JsonElement parameters)
    {
        byte[] bytes = parameters.Bytes("tx", SignedTransaction.MaxBytes);
        (Transaction? transaction, Rejection? rejection) = admission.Submit(bytes);
        return rejection is null ? new TxSubmitResult(transaction!.Hash.ToString()) : throw new RpcException(Code(rejection), rejection.Message);
    }

    private object?[] SubmitTogether(IReadOnlyList<RpcBatchCall> calls)
    {
        using CpuParts.Section section = CpuParts.Measure(CpuPart.Rpc);
        var answers = new object?[calls.Count];
        var read = new List<(int Call, byte[] Bytes)>(calls.Count);
        for (int i = 0; i < answers.Length; i++)
        {
            try
            {
                read.Add((i, calls[i].Parameters.Bytes("tx", SignedTransaction.MaxBytes)));
            }
            catch (RpcException e)
            {
                answers[i] = e;
            }
        }
        var outcomes = admission.Submit([.. read.Select(r => r.Bytes)]);
        for (int i = 0; i < outcomes.Count; i++)
        {
            (Transaction? transaction, Rejection? rejection) = outcomes[i];
            answers[read[i].Call] = rejection is null ? new TxSubmitResult(transaction!.Hash.ToString()) : new RpcException(Code(rejection), rejection.Message);
        }
        return answers;
    }

    private TxSubmitBatchResult SubmitBatch(JsonElement parameters)
    {
        // All are read before the first is handed in: a call that is refused has had no effect.
        byte[][] transactions = [.. parameters.Texts("txs", MaxBatch).Select(Bytes)];
        return new TxSubmitBatchResult([.. admission.Submit(transactions).Select(Outcome)]);
    }

    private static TxSubmitOutcome Outcome((Transaction? Transaction, Rejection? Rejection) result) => result.Rejection is null
        ? new TxSubmitOutcome(result.Transaction!.Hash.ToString(), null)
        : new TxSubmitOutcome(null, result.Rejection.Message);

    private static byte[] Bytes(string base64, int index)
    {
        var bytes = new byte[base64.Length];
        return Convert.TryFromBase64String(base64, bytes, out int length)
            ? bytes[..length]
            : throw RpcException.Parameter($"txs[{index}]", "not base64");
    }

    private async Task<object?> WaitAsync(RpcContext context, JsonElement parameters, CancellationToken cancellation)
    {
        ulong timeout = parameters.OptionalNumber("timeoutMs", MaxWaitMs) ?? 10_000;
        CertifiedReceipt? found = await certified
            .WaitAsync(parameters.HashOf("hash"), TimeSpan.FromMilliseconds(timeout), pool.Contains, cancellation).ConfigureAwait(false);
        return ChainMethods.Receipt(found);
    }

    private static int Code(Rejection rejection) => rejection.Reason switch
    {
        "malformed" => RpcErrors.TransactionMalformed,
        "wrong chain" => RpcErrors.WrongChain,
        "gas limit" => RpcErrors.GasLimit,
        "expired" or "expiry" => RpcErrors.TransactionExpired,
        "bad signature" => RpcErrors.TransactionSignature,
        "replayed" or "nonce taken" => RpcErrors.NonceUsed,
        "nonce gap" => RpcErrors.NonceGap,
        "full" => RpcErrors.MempoolFull,
        "busy" => RpcErrors.Busy,
        _ => RpcErrors.TransactionRejected,
    };
}
