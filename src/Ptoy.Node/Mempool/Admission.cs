using Ptoy.Node.Diagnostics;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Wire;

namespace Ptoy.Node.Mempool;

/// <summary>
/// The way into the pool: decode strictly, check chain, expiry and gas, verify each signature once, then the pool's own rules.
/// Safe to call from many threads; the signature check, the expensive part, runs outside the pool's lock.
/// </summary>
public sealed class Admission(TransactionPool pool, Hash chainId, Func<ulong> height)
{
    /// <summary>The chain whose transactions are admitted.</summary>
    public Hash ChainId { get; } = chainId;

    /// <summary>Most gas that a transaction may ask for.</summary>
    public const ulong MaxGas = 50_000_000;

    /// <summary>A transaction expires at most this many heights ahead, so that the pool never holds one for ever.</summary>
    public const ulong MaxLifetime = 10_000;

    /// <summary>
    /// Why clients' transactions are turned away for now, or null. What other members spread is taken all the same: blocks will need it.
    /// </summary>
    public Func<string?> Overload { get; set; } = static () => null;

    /// <summary>Raised for transactions that this node admitted first-hand, together as they came: spread them.</summary>
    public event Action<IReadOnlyList<Transaction>>? Admitted;

    /// <summary>Raised when something new waits: a primary may propose.</summary>
    public event Action? Ready;

    /// <summary>Admits a client's transaction.</summary>
    public (Transaction? Transaction, Rejection? Rejection) Submit(ReadOnlyMemory<byte> bytes)
    {
        if (Overload() is { } overload) return (null, new Rejection("busy", overload));
        (Transaction? transaction, Rejection? rejection) = Check(bytes);
        if (rejection is null) rejection = pool.Add(transaction!, height(), allowGap: false);
        if (rejection is not null) return (transaction, rejection);
        Admitted?.Invoke([transaction!]);
        Ready?.Invoke();
        return (transaction, null);
    }

    /// <summary>
    /// Admits a client's transactions together: the signatures of all are verified before the first is in the pool, so that they can be
    /// proposed in one block instead of one by one.
    /// </summary>
    public IReadOnlyList<(Transaction? Transaction, Rejection? Rejection)> Submit(IReadOnlyList<byte[]> batch)
    {
        using CpuParts.Section mempool = CpuParts.Measure(CpuPart.Mempool);
        var results = new (Transaction? Transaction, Rejection? Rejection)[batch.Count];
        if (Overload() is { } overload)
        {
            Array.Fill(results, (null, new Rejection("busy", overload)));
            return results;
        }
        for (int i = 0; i < results.Length; i++) results[i] = Check(batch[i]);
        var admitted = new List<Transaction>(results.Length);
        for (int i = 0; i < results.Length; i++)
        {
            if (results[i].Rejection is null) results[i].Rejection = pool.Add(results[i].Transaction!, height(), allowGap: false);
            if (results[i].Rejection is null) admitted.Add(results[i].Transaction!);
        }
        if (admitted.Count == 0) return results;
        Admitted?.Invoke(admitted);
        Ready?.Invoke();
        return results;
    }

    /// <summary>Admits a batch that another replica spread; what does not pass is dropped, as its own node should have.</summary>
    public int AcceptSpread(IReadOnlyList<byte[]> batch, PublicKey? from = null)
    {
        using CpuParts.Section mempool = CpuParts.Measure(CpuPart.Mempool);
        // As with a client's: none is in the pool before all are verified, or a proposal would take the first few alone.
        List<Transaction> verified = [.. batch.Select(bytes => Check(bytes)).Where(c => c.Rejection is null).Select(c => c.Transaction!)];
        int accepted = verified.Count(transaction => pool.Add(transaction, height(), allowGap: true) is null);
        if (accepted > 0) Ready?.Invoke();
        return accepted;
    }

    /// <summary>
    /// Admits what another replica hands over because it has waited for long, into a reserve; <paramref name="waiting"/> gets what waits here.
    /// True when each of them does or is no longer needed.
    /// </summary>
    public bool AcceptForwarded(IReadOnlyList<byte[]> batch, int reserve, ISet<Hash> waiting)
    {
        bool all = true, any = false;
        foreach (byte[] bytes in batch)
        {
            (Transaction? transaction, Rejection? rejection) = Check(bytes);
            rejection ??= pool.Add(transaction!, height(), allowGap: true, reserve);
            if (rejection is null) any |= waiting.Add(transaction!.Hash);
            all &= rejection is null or { Reason: "replayed" or "nonce taken" or "expired" };
        }
        if (any) Ready?.Invoke();
        return all;
    }

    /// <summary>Everything but the pool's rules; a transaction that already waits is not verified again.</summary>
    public (Transaction? Transaction, Rejection? Rejection) Check(ReadOnlyMemory<byte> bytes)
    {
        Transaction transaction;
        try
        {
            using CpuParts.Section codec = CpuParts.Measure(CpuPart.Codec);
            transaction = Transaction.Decode(bytes);
        }
        catch (WireException e)
        {
            return (null, new Rejection("malformed", e.Message));
        }
        if (pool.Find(transaction.Hash) is { } waiting) return (waiting, null);
        TransactionBody body = transaction.Body;
        if (body.ChainId != ChainId)
            return (null, new Rejection("wrong chain", $"the transaction is for chain {body.ChainId.Short}…, this is {ChainId.Short}…"));
        if (body.GasLimit is 0 or > MaxGas)
            return (null, new Rejection("gas limit", $"the gas limit is {body.GasLimit}, not 1 to {MaxGas}"));
        ulong now = height();
        if (body.ExpiryHeight <= now)
            return (null, new Rejection("expired", $"the transaction expired at height {body.ExpiryHeight}; the chain is at {now}"));
        if (body.ExpiryHeight > now + MaxLifetime + 1_000)
            return (null, new Rejection("expiry", $"the expiry height is {body.ExpiryHeight - now} ahead, more than {MaxLifetime}"));
        using CpuParts.Section signature = CpuParts.Measure(CpuPart.Signature);
        return transaction.VerifySignatures()
            ? (transaction, null)
            : (null, new Rejection("bad signature", "the signature does not match the sender's key and the body"));
    }
}
