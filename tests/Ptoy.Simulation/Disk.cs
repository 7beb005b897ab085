using Ptoy.Consensus;
using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Wire;

namespace Ptoy.Simulation;

/// <summary>What a node has synced: all that is left of it after a crash.</summary>
internal sealed class Disk
{
    public Dictionary<LogKey, byte[]> Log { get; } = [];

    public List<CertifiedBlock> Blocks { get; } = [];

    public List<ExecutionStatement> Statements { get; } = [];

    public HashSet<Hash> Bodies { get; } = [];

    /// <summary>Logged blocks that have bodies, which must be here too.</summary>
    public Dictionary<LogKey, Hash> BodiesFor { get; } = [];

    public ExecutionCertificate? Certificate { get; set; }

    /// <summary>One atomic synced write.</summary>
    public void Write(IEnumerable<Ready> batch)
    {
        foreach (Ready ready in batch)
        {
            foreach (LogRecord record in ready.Persist)
            {
                if (record.Value is null) Log.Remove(record.Key);
                else Log[record.Key] = record.Value;
                if (record.Key.Kind == LogKind.Block) NoteBodies(record);
            }
            foreach (Block block in ready.SyncBodies) Bodies.Add(block.ComputeHash());
        }
    }

    private void NoteBodies(LogRecord record)
    {
        BodiesFor.Remove(record.Key);
        if (record.Value is null) return;
        Block block = Codec.Decode<Block>(record.Value, Block.MaxBytes);
        if (block.TransactionHashes.Length > 0) BodiesFor[record.Key] = block.ComputeHash();
    }

    public LedgerState Ledger(int remembered) => new([.. Statements.TakeLast(remembered)], Certificate);

    public List<LogRecord> Records() => [.. Log.Select(p => new LogRecord(p.Key, p.Value))];
}
