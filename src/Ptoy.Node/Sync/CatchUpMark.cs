using Ptoy.Consensus;
using Ptoy.Storage;

namespace Ptoy.Node.Sync;

/// <summary>
/// The note that this node's ledger was lost and its consensus log was not. What a validator must not forget is in the log alone, and the
/// ledger can be had again from the others: until it is as far as the log, and as the others, the node follows and signs nothing. A file beside
/// the store, so that a crash on the way does not make a node vote upon half of what it had executed: its peers would show it what it signed of
/// the rest, and it would give its key up for good.
/// </summary>
/// <param name="dataDir">The node's data directory.</param>
internal sealed class CatchUpMark(string dataDir)
{
    private readonly string _file = Path.Combine(dataDir, "catching-up");

    private bool _asked;

    /// <summary>What the log knows and the ledger of this epoch has to reach, while there is something to catch up with; else null.</summary>
    public LogReach? Look(NodeStore store, ulong epoch)
    {
        if (_asked) return null;
        LogReach reach = LogReach.Of([.. store.Consensus.LoadAll().Records.Select(r => new LogRecord(new LogKey((LogKind)r.Kind, r.Height, r.View), r.Bytes))]);
        if (File.Exists(_file)) return reach;
        if (!reach.MayMissLedger(store.Ledger.Last!.Height, epoch)) return null;
        File.WriteAllText(_file, "The ledger is not as far as the consensus log: this node follows until it is, then deletes this file.\n");
        return reach;
    }

    /// <summary>The ledger is there, or the others have none either: from here on, in this process, the node starts upon its log.</summary>
    public void Remove()
    {
        _asked = true;
        File.Delete(_file);
    }
}
