using System.Collections.Concurrent;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;
using Ptoy.Storage.Ledger;

namespace Ptoy.Node.Execution;

/// <summary>A receipt with everything a client needs to verify it from genesis.</summary>
public sealed record CertifiedReceipt(Receipt Receipt, MerkleProof Proof, ExecutionCertificate Certificate);

/// <summary>A block whose result a quorum signed.</summary>
public sealed record CertifiedBlockResult(BlockResult Result, ExecutionCertificate Certificate);

/// <summary>
/// Joins executed blocks with their execution certificates, wakes those who wait for a receipt, and tells subscribers. Recent blocks
/// come from memory, older ones from the ledger.
/// </summary>
public sealed class CertifiedBlocks(LedgerStore ledger)
{
    private const ulong KeptHeights = 256;
    private const int MaxWaiters = 200_000;

    private readonly ConcurrentDictionary<ulong, Recent> _recent = new();
    private readonly Dictionary<Hash, Waiting> _waiters = [];
    private readonly Lock _waiting = new();

    private sealed class Waiting
    {
        public readonly TaskCompletionSource Came = new(TaskCreationOptions.RunContinuationsAsynchronously);
        public int Count;
    }

    private sealed record Recent(BlockResult Result)
    {
        // Made when the first proof is asked for: then one serves the whole block.
        public Lazy<MerkleProver> Prover { get; } = new(() => new MerkleProver(Result.ReceiptHashes));

        public ExecutionCertificate? Certificate { get; set; }
    }

    /// <summary>Raised for every certified block in about the order of heights. Handlers must be quick.</summary>
    public event Action<CertifiedBlockResult>? Certified;

    /// <summary>A block was executed here.</summary>
    public void OnExecuted(BlockResult result)
    {
        _recent[result.Block.Header.Height] = new Recent(result);
        if (result.Block.Header.Height > KeptHeights) _recent.TryRemove(result.Block.Header.Height - KeptHeights, out _);
    }

    /// <summary>A quorum signed the result of a height executed here.</summary>
    public void OnCertified(ExecutionCertificate certificate)
    {
        ledger.PutExecutionCertificate(certificate);
        if (!_recent.TryGetValue(certificate.Statement.Height, out Recent? recent)) return;
        recent.Certificate = certificate;
        foreach (Receipt receipt in recent.Result.Receipts)
        {
            lock (_waiting)
            {
                if (_waiters.Remove(receipt.Transaction, out Waiting? waiter)) waiter.Came.TrySetResult();
            }
        }
        Certified?.Invoke(new CertifiedBlockResult(recent.Result, certificate));
    }

    /// <summary>The certified receipt of a transaction, or null while there is none.</summary>
    public CertifiedReceipt? Find(Hash transaction)
    {
        if (ledger.Locate(transaction) is not { } place) return null;
        if (_recent.TryGetValue(place.Height, out Recent? recent))
        {
            return (recent.Certificate ?? ledger.ExecutionCertificate(place.Height)) is { } fresh
                ? new CertifiedReceipt(recent.Result.Receipts[(int)place.Index], recent.Prover.Value.Prove((int)place.Index), fresh)
                : null;
        }
        if (ledger.ExecutionCertificate(place.Height) is not { } certificate) return null;
        IReadOnlyList<Receipt> receipts = ledger.Receipts(place.Height);
        Hash[] leaves = [.. receipts.Select(r => r.ComputeHash())];
        return new CertifiedReceipt(receipts[(int)place.Index], MerkleTree.Prove(leaves, (int)place.Index), certificate);
    }

    /// <summary>
    /// Waits until the transaction has a certified receipt that is final; null when the time is over. A transaction skipped because its
    /// nonce came too early is not final while <paramref name="pending"/> says that it still waits.
    /// </summary>
    public async Task<CertifiedReceipt?> WaitAsync(Hash transaction, TimeSpan timeout, Func<Hash, bool> pending, CancellationToken cancellation)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(timeout);
        while (true)
        {
            // Registered first, looked up second: a certificate that comes between the two is not missed.
            Waiting next = Enter(transaction);
            try
            {
                if (Find(transaction) is { } found && !(found.Receipt.Status == ReceiptStatus.Skipped && pending(transaction))) return found;
                await next.Came.Task.WaitAsync(deadline.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                cancellation.ThrowIfCancellationRequested();
                return null;
            }
            finally
            {
                Leave(transaction, next);
            }
        }
    }

    /// <summary>How many transactions are waited for.</summary>
    public int Waiters
    {
        get { lock (_waiting) return _waiters.Count; }
    }

    private Waiting Enter(Hash transaction)
    {
        lock (_waiting)
        {
            if (!_waiters.TryGetValue(transaction, out Waiting? waiting))
            {
                if (_waiters.Count >= MaxWaiters) throw new Protocol.Rpc.RpcException(Protocol.Rpc.RpcErrors.Busy, "too many calls wait for receipts");
                _waiters[transaction] = waiting = new Waiting();
            }
            waiting.Count++;
            return waiting;
        }
    }

    private void Leave(Hash transaction, Waiting waiting)
    {
        lock (_waiting)
        {
            if (--waiting.Count == 0 && _waiters.TryGetValue(transaction, out Waiting? present) && present == waiting) _waiters.Remove(transaction);
        }
    }
}
