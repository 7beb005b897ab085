using System.Collections.Concurrent;
using Ptoy.Consensus;
using Ptoy.Node.Consensus;
using Ptoy.Node.Diagnostics;
using Ptoy.Node.Membership;
using Ptoy.Node.Mempool;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Wire;
using Ptoy.Storage;
using Ptoy.Storage.Ledger;
using Ptoy.Storage.State;
using Ptoy.Vm;

namespace Ptoy.Node.Execution;

/// <summary>An executed block with its receipts, as published inside the node.</summary>
public sealed record BlockResult(Block Block, Hash BlockHash, IReadOnlyList<Transaction> Transactions, IReadOnlyList<Receipt> Receipts, Hash[] ReceiptHashes,
    IReadOnlyList<KeyValuePair<string, string?>> Writes, ExecutionStatement Statement, ulong TimeMs);

/// <summary>
/// Executes decided blocks in order on a thread with a contract stack: gathers bodies, runs, writes one synced batch,
/// then tells consensus the result.
/// </summary>
public sealed class ExecutionPipeline : IBlockExecution, IDisposable
{
    private readonly BlockingCollection<DecidedBlock> _queue = new(1024);
    private readonly NodeStore _store;
    private readonly BlockExecutor _executor;
    private readonly NonceBook _nonces;
    private readonly BodyCache _bodies;
    private readonly TransactionPool _pool;
    private readonly Hash _chainId;
    private readonly Func<IReadOnlyCollection<Hash>, bool> _fetchBodies;
    private readonly Action<string> _fatal;
    private readonly ILogger<ExecutionPipeline> _logger;
    private readonly CancellationTokenSource _stop = new();
    private Thread? _thread;
    private ulong? _barrier;

    /// <summary>Composes; nothing runs before <see cref="Start"/>.</summary>
    public ExecutionPipeline(
        NodeStore store, BlockExecutor executor, NonceBook nonces, BodyCache bodies, TransactionPool pool, Hash chainId,
        Func<IReadOnlyCollection<Hash>, bool> fetchBodies, Action<string> fatal, ILogger<ExecutionPipeline> logger)
    {
        (_store, _executor, _nonces, _bodies, _pool, _chainId) = (store, executor, nonces, bodies, pool, chainId);
        (_fetchBodies, _fatal, _logger) = (fetchBodies, fatal, logger);
        ReadBarrier();
    }

    /// <summary>The result of each height, after it is on disk. Raised on the executor's thread.</summary>
    public event Action<ExecutionStatement>? Executed;

    /// <summary>Block and receipts of each height, after it is on disk. Raised on the executor's thread, before <see cref="Executed"/>.</summary>
    public event Action<BlockResult>? Published;

    /// <inheritdoc/>
    public ulong? Barrier => _barrier;

    /// <summary>Starts the thread.</summary>
    public void Start() => _thread = VmThread.Start("ptoy-executor", Run);

    /// <summary>Queues a decided block; they come in the order of heights.</summary>
    public void Enqueue(DecidedBlock decided) => _queue.Add(decided, _stop.Token);

    /// <inheritdoc/>
    public void Dispose()
    {
        _stop.Cancel();
        _queue.CompleteAdding();
        _thread?.Join();
        _queue.Dispose();
        _stop.Dispose();
    }

    private void Run()
    {
        try
        {
            foreach (DecidedBlock decided in _queue.GetConsumingEnumerable(_stop.Token)) Execute(decided);
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            _logger.LogDebug("executor stopped");
        }
#pragma warning disable CA1031 // whatever failed, no further block may be executed on an unknown state
        catch (Exception e)
#pragma warning restore CA1031
        {
            _logger.LogCritical(e, "execution failed");
            _fatal(e is EmergencyStopException ? e.Message : $"execution failed: {e.Message}");
        }
    }

    private void Execute(DecidedBlock decided)
    {
        Block block = decided.Block;
        ExecutedBlock last = _store.Ledger.Last!;
        if (block.Header.Height <= last.Height) return;
        using CpuParts.Section section = CpuParts.Measure(CpuPart.State);
        IReadOnlyList<Transaction> transactions = Gather(block);
        ExecutedTransactions executed;
        using (CpuParts.Measure(CpuPart.Vm)) executed = _executor.Execute(block, transactions, last.EffectiveTimeMs, block.Header.Height == _barrier);
        StateUpdate update = _store.State.Prepare(executed.Writes, block.Header.Height);
        byte[][] encoded = [.. executed.Receipts.Select(Codec.Encode)];
        Hash[] receiptHashes = [.. encoded.Select(e => Receipt.HashOf(e))];
        Hash receiptsRoot = MerkleTree.Root(receiptHashes);
        Hash chainHash = ExecutionStatement.NextChainHash(last.ChainHash, block.Header.Height, decided.BlockHash);
        var commit = new BlockCommit
        {
            Block = block,
            Certificate = decided.Certificate,
            Bodies = [.. transactions.Select(t => t.Bytes)],
            Receipts = executed.Receipts,
            EncodedReceipts = encoded,
            State = update,
            ChainHash = chainHash,
            ReceiptsRoot = receiptsRoot,
            EffectiveTimeMs = executed.TimeMs,
            RegisteredManifests = RecordEvents.Registered(executed.Receipts),
        };
        using (CpuParts.Measure(CpuPart.Sync)) _store.Ledger.CommitBlock(commit);
        _nonces.Apply(executed.Nonces);
        ILookup<bool, Transaction> early = Early(transactions, executed.Receipts);
        _pool.Executed([.. early[false]], [.. early[true]], block.Header.Height);
        _bodies.Drop(block.TransactionHashes);
        var statement = new ExecutionStatement(
            _chainId, block.Header.Epoch, block.Header.Height, chainHash, update.Root, receiptsRoot, executed.NextValidators?.ComputeHash() ?? Hash.Zero, executed.TimeMs);
        Published?.Invoke(new BlockResult(
            block, decided.BlockHash, transactions, executed.Receipts, receiptHashes, executed.Writes, statement, executed.TimeMs));
        if (executed.NextValidators is null && executed.Writes.Any(w => w.Key == GovernanceFacts.NextPath)) ReadBarrier();
        Executed?.Invoke(statement);
        // Behind the barrier an epoch begins whose end is not planned; its own height still is the end for whom is told of it above.
        if (executed.NextValidators is not null) ReadBarrier();
    }

    private void ReadBarrier() => _barrier = GovernanceFacts.BarrierOf(_store.State.Get(GovernanceFacts.NextPath));

    /// <summary>By whether they came too early: those wait on for the nonces before them.</summary>
    private ILookup<bool, Transaction> Early(IReadOnlyList<Transaction> transactions, IReadOnlyList<Receipt> receipts) =>
        transactions.Zip(receipts).ToLookup(
            t => t.Second.Status == ReceiptStatus.Skipped && t.First.Body.Nonce > _nonces.Of(t.First.Sender), t => t.First);

    private Transaction[] Gather(Block block)
    {
        while (_bodies.Missing(block.TransactionHashes) is { Length: > 0 } missing)
        {
            _logger.LogInformation("fetching {Count} bodies of decided block {Height}", missing.Length, block.Header.Height);
            if (!_fetchBodies(missing)) _stop.Token.WaitHandle.WaitOne(TimeSpan.FromMilliseconds(200));
            _stop.Token.ThrowIfCancellationRequested();
        }
        return [.. block.TransactionHashes.Select(h => _bodies.Find(h)!)];
    }
}
