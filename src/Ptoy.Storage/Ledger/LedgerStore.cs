using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Wire;
using Ptoy.Storage.Consensus;
using Ptoy.Storage.Engine;
using Ptoy.Storage.Records;
using Ptoy.Storage.State;

namespace Ptoy.Storage.Ledger;

/// <summary>
/// The executed chain: blocks, certificates, transactions, receipts. A block becomes durable with its state in one synced
/// batch, so after a power cut the ledger is at some height entirely. Reads may come from any thread; commits belong to one.
/// </summary>
public sealed partial class LedgerStore
{
    private const int MaxCertificate = 16 * 1024;

    private readonly Database _database;
    private readonly StateStore _state;
    private readonly RecordStore _records;
    private readonly ConsensusLog _consensus;
    private ExecutedBlock? _last;

    internal LedgerStore(Database database, StateStore state, RecordStore records, ConsensusLog consensus)
    {
        _database = database;
        _state = state;
        _records = records;
        _consensus = consensus;
        _first = database.Get(Tables.Meta, FirstKey) is { } first ? Keys.Number(first) : 1;
        if (database.Last(Tables.Executed) is not { } last) return;
        _last = Read<ExecutedBlock>(last.Value, ExecutedBlock.MaxBytes);
        if (_last.StateRoot != state.Root || _last.Height != state.Height)
            throw StoreErrors.Damaged(database.Directory, "ledger and state are at different heights");
    }

    /// <summary>The newest executed block; null before genesis was committed.</summary>
    public ExecutedBlock? Last => Volatile.Read(ref _last);

    /// <summary>Stores the state that genesis made, as height 0. Synced.</summary>
    public ExecutedBlock CommitGenesis(StateUpdate state, Hash chainHash, Hash receiptsRoot, ulong timeMs, IReadOnlyList<Receipt>? receipts = null)
    {
        if (Last is { } last) throw new StoreException(StoreProblem.Refused, $"genesis is committed already; the ledger is at height {last.Height}");
        if (state.Height != 0) throw new StoreException(StoreProblem.Refused, $"genesis is height 0, not {state.Height}");
        var executed = new ExecutedBlock(0, Hash.Zero, chainHash, state.Root, receiptsRoot, timeMs);
        using var batch = new Batch(_database);
        Put(batch, 0, receipts ?? [], null);
        Finish(batch, state, executed);
        return executed;
    }

    /// <summary>
    /// Stores one block with its certificate, bodies, receipts and state: one synced batch. Throws <see cref="StoreException"/>
    /// when it is not the next height, or when the write fails; then nothing of it is stored.
    /// </summary>
    public ExecutedBlock CommitBlock(BlockCommit commit)
    {
        BlockHeader header = commit.Block.Header;
        Check(commit, header);
        Hash blockHash = header.ComputeHash();
        using Lock.Scope pruning = _pruning.EnterScope();
        var executed = new ExecutedBlock(header.Height, blockHash, commit.ChainHash, commit.State.Root, commit.ReceiptsRoot, commit.EffectiveTimeMs);
        byte[] height = Keys.Of(header.Height);
        using var batch = new Batch(_database);
        batch.Put(Tables.Blocks, height, Codec.Encode(commit.Block));
        batch.Put(Tables.BlockHeights, Keys.Of(blockHash), height);
        batch.Put(Tables.Commits, height, Codec.Encode(commit.Certificate));
        Sheaf.Put(batch, Tables.Bodies, header.Height, [.. commit.Bodies]);
        Put(batch, header.Height, commit.Receipts, commit.EncodedReceipts);
        _records.StageRegistered(batch, commit.RegisteredManifests, header.Height);
        Finish(batch, commit.State, executed);
        return executed;
    }

    /// <summary>Stores an execution certificate. Not synced: it becomes durable with the next block at the latest.</summary>
    public void PutExecutionCertificate(ExecutionCertificate certificate)
    {
        using var batch = new Batch(_database);
        batch.Put(Tables.Executions, Keys.Of(certificate.Statement.Height), Codec.Encode(certificate));
        _database.Write(batch, sync: false);
    }

    /// <summary>
    /// Stores how an epoch began; synced, since votes of that epoch rest on it. The same again is harmless. The caller has verified it. Throws
    /// <see cref="StoreException"/> when it is ill-formed, or another beginning of that epoch is stored.
    /// </summary>
    public void PutEpoch(EpochStart start)
    {
        if (start.Problem() is { } problem) throw new StoreException(StoreProblem.Refused, $"epoch start: {problem}");
        ulong epoch = start.Validators.Epoch;
        if (Epoch(epoch) is { } known && known.Validators.ComputeHash() != start.Validators.ComputeHash())
            throw new StoreException(StoreProblem.Refused, $"epoch {epoch} is known with other validators");
        using var batch = new Batch(_database);
        batch.Put(Tables.Epochs, Keys.Of(epoch), Codec.Encode(start));
        _database.Write(batch, sync: true);
    }

    /// <summary>How an epoch began; null when it has not, and for the first one (genesis).</summary>
    public EpochStart? Epoch(ulong epoch) => Find<EpochStart>(Tables.Epochs, Keys.Of(epoch), EpochStart.MaxBytes);

    /// <summary>The epochs from a number on, in order. Pruning and snapshots leave them as they are.</summary>
    public IEnumerable<EpochStart> Epochs(ulong from = 0) =>
        _database.Scan(Tables.Epochs, from: Keys.Of(from)).Select(e => Read<EpochStart>(e.Value, EpochStart.MaxBytes));

    /// <summary>The block at a height, or null.</summary>
    public Block? Block(ulong height) => Find<Block>(Tables.Blocks, Keys.Of(height), Protocol.Ledger.Block.MaxBytes);

    /// <summary>The height of an executed block by its hash, or null.</summary>
    public ulong? HeightOf(Hash blockHash) => _database.Get(Tables.BlockHeights, Keys.Of(blockHash)) is { } height ? Keys.Number(height) : null;

    /// <summary>What execution found at a height, or null.</summary>
    public ExecutedBlock? Executed(ulong height) => Find<ExecutedBlock>(Tables.Executed, Keys.Of(height), ExecutedBlock.MaxBytes);

    /// <summary>The commit certificate of a height, or null.</summary>
    public CommitCertificate? CommitCertificate(ulong height) => Find<CommitCertificate>(Tables.Commits, Keys.Of(height), MaxCertificate);

    /// <summary>The execution certificate of a height, or null while there is none.</summary>
    public ExecutionCertificate? ExecutionCertificate(ulong height) =>
        Find<ExecutionCertificate>(Tables.Executions, Keys.Of(height), Protocol.Ledger.ExecutionCertificate.MaxBytes);

    /// <summary>The newest execution certificate, or null.</summary>
    public ExecutionCertificate? LatestExecutionCertificate() =>
        _database.Last(Tables.Executions) is { } last ? Read<ExecutionCertificate>(last.Value, Protocol.Ledger.ExecutionCertificate.MaxBytes) : null;

    /// <summary>The envelope bytes of an executed transaction, or null.</summary>
    public byte[]? TransactionBytes(Hash transaction) =>
        Places(transaction).Select(p => Sheaf.Get(_database, Tables.Bodies, p.Height, p.Index)).FirstOrDefault(bytes => bytes is not null);

    /// <summary>The envelope bytes of all transactions of a height, in order; empty where there is no such block.</summary>
    public IReadOnlyList<byte[]> Bodies(ulong height) => Sheaf.All(_database, Tables.Bodies, height);

    /// <summary>True when the ledger holds the bytes of that transaction.</summary>
    public bool HasTransaction(Hash transaction) => _database.Has(Tables.Transactions, Keys.Of(transaction));

    /// <summary>Where a transaction took effect (or, if it never did, where it was last skipped); null when it was in no block.</summary>
    public TransactionLocation? Locate(Hash transaction) => Places(transaction) is [var first, ..] ? first : null;

    /// <summary>The receipt at a place, or null.</summary>
    public Receipt? Receipt(ulong height, uint index) =>
        Sheaf.Get(_database, Tables.Receipts, height, index) is { } bytes ? Read<Receipt>(bytes, Protocol.Ledger.Receipt.MaxBytes) : null;

    /// <summary>The receipt of a transaction, or null.</summary>
    public Receipt? Receipt(Hash transaction) => Locate(transaction) is { } place ? Receipt(place.Height, place.Index) : null;

    /// <summary>All receipts of a height in order: the leaves of its receipts root.</summary>
    public IReadOnlyList<Receipt> Receipts(ulong height) =>
        [.. Sheaf.All(_database, Tables.Receipts, height).Select(bytes => Read<Receipt>(bytes, Protocol.Ledger.Receipt.MaxBytes))];

    private void Check(BlockCommit commit, BlockHeader header)
    {
        ExecutedBlock last = Last ?? throw new StoreException(StoreProblem.Refused, "genesis has to be committed before the first block");
        string? problem =
            header.Height != last.Height + 1 ? $"block {header.Height} does not follow {last.Height}"
            : commit.State.Height != header.Height ? $"the state update is of height {commit.State.Height}, not {header.Height}"
            : commit.Receipts.Count != commit.Block.TransactionHashes.Length ? $"{commit.Receipts.Count} receipts for {commit.Block.TransactionHashes.Length} transactions"
            : commit.Bodies.Count != commit.Block.TransactionHashes.Length ? $"{commit.Bodies.Count} bodies for {commit.Block.TransactionHashes.Length} transactions"
            : commit.EffectiveTimeMs < last.EffectiveTimeMs ? "block time goes back"
            : null;
        for (int i = 0; problem is null && i < commit.Receipts.Count; i++)
        {
            Receipt receipt = commit.Receipts[i];
            if (receipt.Height != header.Height || receipt.Index != i || receipt.Transaction != commit.Block.TransactionHashes[i])
                problem = $"receipt {i} is not of transaction {i} of block {header.Height}";
        }
        if (problem is not null) throw new StoreException(StoreProblem.Refused, problem);
    }

    // A later duplicate is skipped; the place where the transaction took effect stays the one that is found.
    private void Put(Batch batch, ulong height, IReadOnlyList<Receipt> receipts, IReadOnlyList<byte[]>? encoded)
    {
        Sheaf.Put(batch, Tables.Receipts, height, [.. encoded ?? receipts.Select(Codec.Encode)]);
        foreach (Receipt receipt in receipts)
        {
            byte[] place = Keys.Of(receipt.Height, receipt.Index);
            if (receipt.Status == ReceiptStatus.Skipped && Receipt(receipt.Transaction) is { Status: not ReceiptStatus.Skipped } effective)
                place = [.. Keys.Of(effective.Height, effective.Index), .. place];
            batch.Put(Tables.Transactions, Keys.Of(receipt.Transaction), place);
        }
    }

    private void Finish(Batch batch, StateUpdate state, ExecutedBlock executed)
    {
        _state.Stage(batch, state);
        batch.Put(Tables.Executed, Keys.Of(executed.Height), Codec.Encode(executed));
        _consensus.StageMark(batch);
        _database.Write(batch, sync: true);
        _state.Committed(state);
        Volatile.Write(ref _last, executed);
    }

    private T? Find<T>(Table table, byte[] key, int maxBytes) where T : class, IWire =>
        _database.Get(table, key) is { } bytes ? Read<T>(bytes, maxBytes) : null;

    private T Read<T>(byte[] bytes, int maxBytes) where T : class, IWire => Codec.TryDecode(bytes, maxBytes, out T? value, out string error)
        ? value!
        : throw StoreErrors.Damaged(_database.Directory, error);
}
