using Ptoy.Consensus;
using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Simulation;

/// <summary>
/// The disk of a node: all that is left of it after a crash. What is written without a sync (deletions alone need none) is visible to the
/// process and may be undone by a crash, the newest first, as in a write-ahead log.
/// </summary>
internal sealed class Disk
{
    private readonly List<(LogKey Key, byte[]? Before)> _unsynced = [];

    /// <summary>Outcomes of the heights from <see cref="Base"/> on.</summary>
    private readonly List<ExecutionStatement> _statements = [];

    private readonly List<CertifiedBlock> _blocks = [];

    public Dictionary<LogKey, byte[]> Log { get; private set; } = [];

    public HashSet<Hash> Bodies { get; } = [];

    /// <summary>The newest execution certificate held.</summary>
    public ExecutionCertificate? Certificate { get; set; }

    /// <summary>The epoch that the ledger is in.</summary>
    public ulong Epoch { get; private set; }

    /// <summary>Certificates of the last heights of epochs.</summary>
    private readonly Dictionary<ulong, ExecutionCertificate> _ends = [];

    /// <summary>Whether the log ever was marked as this key's.</summary>
    public bool HadMarker { get; private set; }

    /// <summary>Height of the checkpoint in the log.</summary>
    public ulong Checkpoint { get; private set; }

    /// <summary>Where the ledger begins: genesis, or a snapshot.</summary>
    public ulong Base => _statements[0].Height;

    public ExecutionStatement Last => _statements[^1];

    /// <summary>Synced writes so far that had something to sync.</summary>
    public int Writes { get; private set; }

    /// <summary>One atomic write; synced when anything in it must be.</summary>
    public void Write(List<Ready> batch)
    {
        bool sync = false;
        foreach (Ready ready in batch) sync |= ready.MustSync;
        foreach (Ready ready in batch)
        {
            foreach (Block block in ready.SyncBodies) Bodies.Add(block.ComputeHash());
            foreach (LogRecord record in ready.Persist) Apply(record, sync);
        }
        if (!sync) return;
        Writes++;
        _unsynced.Clear();
    }

    /// <summary>The power went while this was written: only so many records of it are there.</summary>
    public void WriteTorn(List<Ready> batch, int records)
    {
        foreach (Ready ready in batch)
        {
            foreach (Block block in ready.SyncBodies) Bodies.Add(block.ComputeHash());
            foreach (LogRecord record in ready.Persist)
            {
                if (records-- <= 0) return;
                Apply(record, sync: true);
            }
        }
    }

    /// <summary>Records in a batch.</summary>
    public static int RecordsOf(List<Ready> batch)
    {
        int count = 0;
        foreach (Ready ready in batch) count += ready.Persist.Count;
        return count;
    }

    /// <summary>A crash: the newest of what was never synced is gone. Returns how many records were.</summary>
    public int LoseUnsynced(SimRandom random)
    {
        if (_unsynced.Count == 0) return 0;
        int lost = random.Between(0, _unsynced.Count);
        for (int i = _unsynced.Count - 1; i >= _unsynced.Count - lost; i--)
        {
            (LogKey key, byte[]? before) = _unsynced[i];
            if (before is null) Log.Remove(key);
            else Log[key] = before;
        }
        _unsynced.Clear();
        return lost;
    }

    private void Apply(LogRecord record, bool sync)
    {
        if (!sync) _unsynced.Add((record.Key, Log.GetValueOrDefault(record.Key)));
        if (record.Value is null)
        {
            Log.Remove(record.Key);
            return;
        }
        Log[record.Key] = record.Value;
        if (record.Key.Kind == LogKind.Checkpoint) Checkpoint = Math.Max(Checkpoint, record.Key.Height);
        HadMarker |= record.Key.Kind == LogKind.Marker;
    }

    /// <summary>The certificate that ends an epoch is stored, and with it the next one begins.</summary>
    public void EndEpoch(ExecutionCertificate end)
    {
        _ends[end.Statement.Epoch] = end;
        Epoch = end.Statement.Epoch + 1;
        Certificate = end;
    }

    /// <summary>The certificate that ended an epoch, if it is here.</summary>
    public ExecutionCertificate? EndOf(ulong epoch) => _ends.GetValueOrDefault(epoch);

    /// <summary>An executed height, synced with its certificate.</summary>
    public void Execute(ExecutionStatement statement, CertifiedBlock block)
    {
        _statements.Add(statement);
        _blocks.Add(block);
        Bodies.Add(block.Certificate.Statement.BlockHash);
    }

    /// <summary>The ledger begins here: genesis, or a snapshot with its certificate.</summary>
    public void Begin(ExecutionStatement statement, ExecutionCertificate? certificate)
    {
        _statements.Clear();
        _blocks.Clear();
        _statements.Add(statement);
        Certificate = certificate;
        Epoch = statement.Epoch;
    }

    /// <summary>All that was executed is gone; the consensus log, with the bodies of what it voted for, is not.</summary>
    public void LoseLedger(ExecutionStatement genesis)
    {
        _ends.Clear();
        Begin(genesis, null);
    }

    /// <summary>Set while the ledger is to catch up with the log before this node votes; also when it is set, the node may crash.</summary>
    public bool FollowsLog { get; set; }

    public ExecutionStatement? StatementAt(ulong height) => height >= Base && height <= Last.Height ? _statements[(int)(height - Base)] : null;

    /// <summary>Decided blocks from a height on; empty when they are not kept (any more).</summary>
    public IReadOnlyList<CertifiedBlock> BlocksFrom(ulong from, ulong to, int kept)
    {
        ulong first = kept == 0 || Last.Height < Base + (ulong)kept ? Base + 1 : Last.Height - (ulong)kept + 1;
        to = Math.Min(to, Last.Height);
        return from < first || from > to ? [] : _blocks.GetRange((int)(from - Base - 1), (int)(to - from + 1));
    }

    public LedgerState Ledger(int remembered) => new(_statements.GetRange(Math.Max(0, _statements.Count - remembered), Math.Min(remembered, _statements.Count)), Certificate);

    public List<LogRecord> Records()
    {
        var records = new List<LogRecord>(Log.Count);
        foreach ((LogKey key, byte[] value) in Log) records.Add(new LogRecord(key, value));
        return records;
    }

    /// <summary>A copy of the log, as a backup would hold it.</summary>
    public Dictionary<LogKey, byte[]> Copy() => new(Log);

    /// <summary>Puts another log in the place of this one.</summary>
    public void Replace(Dictionary<LogKey, byte[]> log)
    {
        Log = log;
        _unsynced.Clear();
        Checkpoint = 0;
        foreach (LogKey key in log.Keys)
        {
            if (key.Kind == LogKind.Checkpoint) Checkpoint = Math.Max(Checkpoint, key.Height);
        }
    }

    /// <summary>Cuts the last bytes off a record above a height; false when there is none. (Those of earlier epochs are deleted unread.)</summary>
    public bool Damage(SimRandom random, ulong above)
    {
        LogKey[] keys = [.. Log.Keys.Where(k => k.Height > above && k.Kind is LogKind.Prepare or LogKind.Commit or LogKind.Block or LogKind.Prepared or LogKind.Checkpoint)];
        if (keys.Length == 0) return false;
        LogKey key = keys[random.Between(0, keys.Length - 1)];
        Log[key] = Log[key][..^random.Between(1, 4)];
        return true;
    }
}
