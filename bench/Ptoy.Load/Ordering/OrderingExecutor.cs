using System.Collections.Concurrent;
using System.Globalization;
using Ptoy.Consensus;
using Ptoy.Node.Consensus;
using Ptoy.Node.Diagnostics;
using Ptoy.Node.Execution;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;
using Ptoy.Storage;
using Ptoy.Storage.Ledger;

namespace Ptoy.Load.Ordering;

/// <summary>
/// Executes nothing: counts the commands of a block and stores block, certificate, bodies, one receipt a batch and the count in one synced
/// write, as the real executor does, so that a killed node goes on where it was.
/// </summary>
internal sealed class OrderingExecutor : IBlockExecution, IDisposable
{
    private const ulong KeptHeights = 256;
    private static readonly string CountKey = StatePath.Of(ContractId.Single("Ordering"), "commands");

    private readonly BlockingCollection<DecidedBlock> _queue = new(1024);
    private readonly ConcurrentDictionary<ulong, Hash[]> _recent = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly NodeStore _store;
    private readonly BatchPool _pool;
    private readonly Hash _chainId;
    private readonly Func<IReadOnlyCollection<Hash>, bool> _fetch;
    private readonly Action<string> _fatal;
    private readonly Thread _thread;

    public OrderingExecutor(NodeStore store, BatchPool pool, Hash chainId, Func<IReadOnlyCollection<Hash>, bool> fetch, Action<string> fatal)
    {
        (_store, _pool, _chainId, _fetch, _fatal) = (store, pool, chainId, fetch, fatal);
        _thread = new Thread(Run) { Name = "ptoy-executor", IsBackground = true };
        _thread.Start();
    }

    public event Action<ExecutionStatement>? Executed;

    public void Enqueue(DecidedBlock decided) => _queue.Add(decided, _stop.Token);

    /// <summary>The batches of a height executed lately.</summary>
    public Hash[] Batches(ulong height) => _recent.GetValueOrDefault(height) ?? [];

    public void Dispose()
    {
        _stop.Cancel();
        _thread.Join();
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
            // The end of the process.
        }
#pragma warning disable CA1031 // nothing may be executed on an unknown state; the process ends with the message
        catch (Exception e)
#pragma warning restore CA1031
        {
            _fatal($"execution failed: {e}");
        }
    }

    private void Execute(DecidedBlock decided)
    {
        Block block = decided.Block;
        ExecutedBlock last = _store.Ledger.Last!;
        ulong height = block.Header.Height;
        if (height <= last.Height) return;
        using CpuParts.Section section = CpuParts.Measure(CpuPart.State);
        while (_pool.Missing(block.TransactionHashes) is { Length: > 0 } missing)
        {
            if (!_fetch(missing)) _stop.Token.WaitHandle.WaitOne(TimeSpan.FromMilliseconds(200));
            _stop.Token.ThrowIfCancellationRequested();
        }
        KeyValuePair<Hash, byte[]>[] bodies = [.. block.TransactionHashes.Select(h => KeyValuePair.Create(h, _pool.Bytes(h)!))];
        var receipts = new Receipt[bodies.Length];
        ulong commands = _store.State.Get(CountKey) is { } text ? ulong.Parse(text, CultureInfo.InvariantCulture) : 0;
        for (int i = 0; i < receipts.Length; i++)
        {
            int count = CommandBatch.Count(bodies[i].Value);
            commands += (ulong)count;
            receipts[i] = new Receipt(bodies[i].Key, height, (uint)i, ReceiptStatus.Ok, 0, count.ToString(CultureInfo.InvariantCulture), "", []);
        }
        Commit(decided, last, bodies, receipts, commands);
    }

    private void Commit(DecidedBlock decided, ExecutedBlock last, KeyValuePair<Hash, byte[]>[] bodies, Receipt[] receipts, ulong commands)
    {
        Block block = decided.Block;
        ulong height = block.Header.Height, time = Math.Max(block.Header.TimeMs, last.EffectiveTimeMs);
        var state = _store.State.Prepare([KeyValuePair.Create(CountKey, (string?)commands.ToString(CultureInfo.InvariantCulture))], height);
        Hash receiptsRoot = MerkleTree.Root([.. receipts.Select(r => r.ComputeHash())]);
        Hash chainHash = ExecutionStatement.NextChainHash(last.ChainHash, height, decided.BlockHash);
        var commit = new BlockCommit
        {
            Block = block, Certificate = decided.Certificate, Bodies = [.. bodies.Select(b => b.Value)], Receipts = receipts, State = state,
            ChainHash = chainHash, ReceiptsRoot = receiptsRoot, EffectiveTimeMs = time,
        };
        using (CpuParts.Measure(CpuPart.Sync)) _store.Ledger.CommitBlock(commit);
        _pool.Executed(block.TransactionHashes);
        _recent[height] = block.TransactionHashes;
        if (height > KeptHeights) _recent.TryRemove(height - KeptHeights, out _);
        Executed?.Invoke(new ExecutionStatement(_chainId, block.Header.Epoch, height, chainHash, state.Root, receiptsRoot, Hash.Zero, time));
    }
}
