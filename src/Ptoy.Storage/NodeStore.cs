using Ptoy.Storage.Audit;
using Ptoy.Storage.Consensus;
using Ptoy.Storage.Engine;
using Ptoy.Storage.Ledger;
using Ptoy.Storage.Mail;
using Ptoy.Storage.Records;
using Ptoy.Storage.Snapshots;
using Ptoy.Storage.State;

namespace Ptoy.Storage;

/// <summary>
/// Everything a node keeps: one database <c>store</c> (ledger, state, records, access log, mail) and one database
/// <c>consensus</c> (votes), both in one data directory, values encrypted under the node storage key. A process killed at any moment
/// reopens at what was last synced, or later.
/// </summary>
public sealed class NodeStore : IDisposable
{
    internal const string StoreName = "store", ConsensusName = "consensus";

    private readonly Database _database;

    private NodeStore(Database database, ConsensusLog consensus, StoreOptions options)
    {
        _database = database;
        Consensus = consensus;
        State = new StateStore(database, options.CachedStateNodes, options.RetainVersions);
        Records = new RecordStore(database);
        Ledger = new LedgerStore(database, State, Records, consensus);
        Mail = new MailStore(database);
        Local = new LocalStore(database);
        Access = new AccessLog(database);
    }

    /// <summary>The contract state.</summary>
    public StateStore State { get; }

    /// <summary>Blocks, transactions, receipts, certificates.</summary>
    public LedgerStore Ledger { get; }

    /// <summary>The votes of this replica. Look at <see cref="ConsensusLog.MaySign"/> before anything else.</summary>
    public ConsensusLog Consensus { get; }

    /// <summary>Sealed records and their wraps.</summary>
    public RecordStore Records { get; }

    /// <summary>The access log.</summary>
    public AccessLog Access { get; }

    /// <summary>Accounts' inboxes.</summary>
    public MailStore Mail { get; }

    /// <summary>Small notes of the node to itself.</summary>
    public LocalStore Local { get; }

    /// <summary>
    /// Opens or creates the store. Throws <see cref="StoreException"/> whose message says what to do when it is damaged, encrypted
    /// under another key, of another chain, of a newer format, or in use. Votes forgotten is no exception: the node may still
    /// follow (see <see cref="ConsensusLog.Problem"/>).
    /// </summary>
    public static NodeStore Open(StoreOptions options) => Open(options, null);

    internal static NodeStore Open(StoreOptions options, Action<string>? beforeWrite)
    {
        options.Check();
        Database? database = null;
        ConsensusLog? consensus = null;
        try
        {
            database = Database.Open(Describe(options, StoreName, Tables.Store, beforeWrite));
            SnapshotImport.RefuseIfPending(database);
            consensus = new ConsensusLogOpener(database, Describe(options, ConsensusName, Tables.Consensus, beforeWrite), options.NodeKey).Open();
            return new NodeStore(database, consensus, options);
        }
        catch
        {
            consensus?.Dispose();
            database?.Dispose();
            throw;
        }
    }

    /// <summary>Every key and value of this open store, decrypted.</summary>
    public IEnumerable<StoredEntry> Entries() =>
        StoreScanner.Scan(_database).Select(e => new StoredEntry(StoreName, e.Table, e.Key, e.Value))
            .Concat(Consensus.Scan().Select(e => new StoredEntry(ConsensusName, e.Table, e.Key, e.Value)));

    /// <summary>
    /// Reads and authenticates everything, and the access chain. Throws <see cref="StoreException"/> at the first damage. Takes
    /// as long as reading all files.
    /// </summary>
    public void Verify()
    {
        foreach (StoredEntry _ in Entries()) { }
        if (Access.VerifyChain() is { } problem) throw StoreErrors.Damaged(_database.Directory, problem);
    }

    /// <summary>How far the store is behind with writing: what admission of new work has to heed. The consensus log is a database of its own.</summary>
    public StorePressure Pressure() => _database.Pressure();

    /// <summary>
    /// Copies this moment of the store into a new directory, which can be opened as a data directory. It never contains the
    /// consensus log: a node started from it follows and does not sign.
    /// </summary>
    public void Backup(string directory)
    {
        try { Directory.CreateDirectory(directory); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { throw StoreErrors.From(e, directory); }
        _database.Checkpoint(Path.Combine(directory, StoreName));
    }

    /// <summary>Writes what the access log still holds and closes the files.</summary>
    public void Dispose()
    {
        Access.Dispose();
        Consensus.Dispose();
        _database.Dispose();
    }

    internal static DatabaseOptions Describe(StoreOptions options, string name, IReadOnlyList<Table> tables, Action<string>? beforeWrite) => new()
    {
        Directory = Path.Combine(options.Directory, name),
        Name = name,
        StorageKey = options.StorageKey,
        ChainId = options.ChainId,
        Tables = tables,
        BlockCacheBytes = options.BlockCacheBytes,
        WriteBufferBytes = options.WriteBufferBytes,
        BeforeWrite = beforeWrite,
    };
}
