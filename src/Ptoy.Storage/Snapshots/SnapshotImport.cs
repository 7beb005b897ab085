using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.State;
using Ptoy.Protocol.Wire;
using Ptoy.Storage.Engine;
using Ptoy.Storage.Ledger;
using Ptoy.Storage.Records;
using Ptoy.Storage.State;
using Ptoy.Protocol.Sync;

namespace Ptoy.Storage.Snapshots;

/// <summary>What a state entry says about a manifest of sealed records.</summary>
/// <param name="Root">The manifest.</param>
/// <param name="Height">The height that registered it.</param>
/// <param name="Retired">True when its owner gave it up: bytes and wraps are to be gone.</param>
public readonly record struct ChainManifest(Hash Root, ulong Height, bool Retired);

/// <summary>
/// Replaces the chain in a store (state and ledger) by a certified state snapshot, range by range; epochs, sealed records, the access log,
/// mail and the consensus log stay. Opened instead of <see cref="NodeStore"/>, since nothing may read a chain that is half there.
/// <para>
/// Every range is verified against the certified root before it is written, and written together with the note of how far the import
/// has come: killed at any moment, it goes on at the next start. While it is under way <see cref="NodeStore.Open(StoreOptions)"/> refuses the
/// store (<see cref="StoreProblem.Importing"/>). Safe for several threads.
/// </para>
/// </summary>
public sealed class SnapshotImport : IDisposable
{
    private static readonly byte[] ProgressKey = "snapshot-import"u8.ToArray();

    private readonly Database _database;
    private readonly RecordStore _records;
    private readonly Lock _writing = new();
    private ImportProgress? _progress;
    private ImportTree? _tree;

    private SnapshotImport(Database database)
    {
        _database = database;
        _records = new RecordStore(database);
        _progress = Load(database);
        if (_progress is not null) _tree = new ImportTree(database, _progress);
    }

    /// <summary>Opens or creates the store for importing. Throws <see cref="StoreException"/> as <see cref="NodeStore.Open(StoreOptions)"/> does.</summary>
    public static SnapshotImport Open(StoreOptions options)
    {
        options.Check();
        Database database = Database.Open(NodeStore.Describe(options, NodeStore.StoreName, Tables.Store, null));
        try
        {
            return new SnapshotImport(database);
        }
        catch
        {
            database.Dispose();
            throw;
        }
    }

    /// <summary>The import under way, or null.</summary>
    public ImportProgress? Progress => Volatile.Read(ref _progress);

    /// <summary>What is still to come of the import under way.</summary>
    public IReadOnlyList<OpenSegment> OpenSegments => Progress?.Open() ?? [];

    /// <summary>The newest height that the ledger holds; null when it holds none, as during an import.</summary>
    public ulong? LedgerHeight => _database.Last(Tables.Executed) is { } last ? Keys.Number(last.Key) : null;

    /// <summary>How the epochs began that the store knows, in order.</summary>
    public IReadOnlyList<EpochStart> Epochs() => [.. _database.Scan(Tables.Epochs).Select(e =>
        Codec.TryDecode(e.Value, EpochStart.MaxBytes, out EpochStart? start, out string error) ? start! : throw StoreErrors.Damaged(_database.Directory, error))];

    /// <summary>Stores how an epoch began, as <see cref="LedgerStore.PutEpoch"/> does. The caller has verified it.</summary>
    public void PutEpoch(EpochStart start)
    {
        using var batch = new Batch(_database);
        batch.Put(Tables.Epochs, Keys.Of(start.Validators.Epoch), Codec.Encode(start));
        _database.Write(batch, sync: true);
    }

    /// <summary>
    /// Begins an import; drops the chain that the store holds, and an import under way. The caller has verified the certificates. Synced.
    /// </summary>
    public void Begin(SnapshotFacts facts, int segments)
    {
        if (facts.Problem() is { } problem) throw new StoreException(StoreProblem.Refused, $"snapshot: {problem}");
        ImportProgress progress = ImportProgress.Begin(facts, Math.Clamp(segments, 1, ImportProgress.MaxSegments));
        lock (_writing)
        {
            using var batch = new Batch(_database);
            foreach (Table table in Tables.Chain) batch.Clear(table);
            batch.Delete(Tables.Meta, LedgerStore.FirstKey);
            batch.Put(Tables.Meta, ProgressKey, Codec.Encode(progress));
            _database.Write(batch, sync: true);
            _tree = new ImportTree(_database, progress);
            Volatile.Write(ref _progress, progress);
        }
    }

    /// <summary>
    /// Takes a range that begins where the segment stands (<see cref="OpenSegment.From"/>). Null when it was right and is stored, else what is
    /// wrong with it; then nothing of it is stored. <paramref name="manifests"/> says which entries speak of manifests: those not held
    /// here are noted as missing, so that they get fetched; those that were retired are erased.
    /// </summary>
    public string? Put(int segment, StateRange range, Func<StateItem, ChainManifest?> manifests)
    {
        ImportProgress progress = Progress ?? throw new StoreException(StoreProblem.Refused, "no snapshot import is under way");
        if (range.Verify(progress.Facts.Certificate.Statement.StateRoot, out StateEntry[] entries) is { } problem) return problem;
        lock (_writing)
        {
            progress = _progress!;
            OpenSegment open = progress.Open().FirstOrDefault(s => s.Index == segment, new OpenSegment(-1, default, default));
            if (open.Index < 0) return $"segment {segment} is complete";
            if (range.From != open.From) return $"the range begins at {range.From.Short}…, not at {open.From.Short}…";
            if (range.To.CompareTo(open.To) > 0) return $"the range ends behind the segment";
            using var batch = new Batch(_database);
            ImportTree tree = _tree!;
            (Hash root, IReadOnlyList<KeyValuePair<NodeKey, Node>> written) = tree.Stage(batch, range.Items, entries);
            foreach (StateItem item in range.Items)
            {
                if (manifests(item) is { } manifest) Note(batch, manifest);
            }
            ImportProgress after = progress.After(segment, range, root);
            batch.Put(Tables.Meta, ProgressKey, Codec.Encode(after));
            // Not synced: what a power cut takes is the end of the import, note and entries together.
            _database.Write(batch, sync: false);
            tree.Written(root, written);
            Volatile.Write(ref _progress, after);
        }
        return null;
    }

    /// <summary>
    /// Ends the import once every segment is complete: checks the root of the whole, seeds the ledger at the snapshot's height. Synced. After
    /// it the store opens as <see cref="NodeStore"/> (dispose this first). Throws <see cref="StoreException"/> when something is missing.
    /// </summary>
    public void Finish()
    {
        lock (_writing)
        {
            ImportProgress progress = _progress ?? throw new StoreException(StoreProblem.Refused, "no snapshot import is under way");
            if (progress.Open().Count > 0) throw new StoreException(StoreProblem.Refused, $"{progress.Open().Count} segments of the snapshot are not complete");
            ExecutionStatement statement = progress.Facts.Certificate.Statement;
            if (progress.Root != statement.StateRoot)
                throw StoreErrors.Damaged(_database.Directory, $"the imported state has root {progress.Root.Short}…, not {statement.StateRoot.Short}…");
            ulong height = statement.Height;
            var version = new StateVersion(height, progress.Root, _tree!.RootNode);
            var executed = new ExecutedBlock(height, progress.Facts.Commit.Statement.BlockHash, statement.ChainHash, statement.StateRoot,
                statement.ReceiptsRoot, statement.TimeMs);
            using var batch = new Batch(_database);
            batch.Put(Tables.StateRoots, Keys.Of(height), StateStore.Pack(version));
            batch.Put(Tables.Executed, Keys.Of(height), Codec.Encode(executed));
            batch.Put(Tables.Executions, Keys.Of(height), Codec.Encode(progress.Facts.Certificate));
            batch.Put(Tables.Commits, Keys.Of(height), Codec.Encode(progress.Facts.Commit));
            batch.Put(Tables.Meta, LedgerStore.FirstKey, Keys.Of(height + 1));
            batch.Delete(Tables.Meta, ProgressKey);
            _database.Write(batch, sync: true);
            Volatile.Write(ref _progress, null);
            _tree = null;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _database.Dispose();

    /// <summary>Throws when an import is under way: the store has no chain to read.</summary>
    internal static void RefuseIfPending(Database database)
    {
        if (Load(database) is not { } progress) return;
        int open = progress.Open().Count;
        throw new StoreException(StoreProblem.Importing, $"{database.Directory} holds a snapshot of height {progress.Facts.Height} of which {open} of "
            + $"{progress.Next.Length} segments are not complete: start the node, which goes on with it, or begins a newer one.");
    }

    private static ImportProgress? Load(Database database) => database.Get(Tables.Meta, ProgressKey) is not { } bytes ? null
        : Codec.TryDecode(bytes, ImportProgress.MaxBytes, out ImportProgress? progress, out string error) ? progress
        : throw StoreErrors.Damaged(database.Directory, error);

    private void Note(Batch batch, ChainManifest manifest)
    {
        if (manifest.Retired) _records.Delete(manifest.Root);
        else _records.StageRegistered(batch, [manifest.Root], manifest.Height);
    }
}
