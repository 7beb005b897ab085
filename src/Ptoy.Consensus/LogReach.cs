using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Wire;

namespace Ptoy.Consensus;

/// <summary>
/// How far a ledger must have come before a replica can start upon a consensus log: after the ledger was lost and the log was not, the node
/// follows until then.
/// </summary>
/// <param name="Checkpoint">Height of the newest stable checkpoint that the log has; 0 without one.</param>
/// <param name="Epoch">The newest epoch that the log speaks of.</param>
public readonly record struct LogReach(ulong Checkpoint, ulong Epoch)
{
    /// <summary>Reads the records. What cannot be decoded says nothing here: the replica finds it damaged when it starts.</summary>
    public static LogReach Of(IReadOnlyCollection<LogRecord> log)
    {
        ulong checkpoint = 0, newest = 0;
        foreach (LogRecord record in log)
        {
            ulong? epoch = record.Key.Kind switch
            {
                LogKind.Block => Read<Block>(record)?.Header.Epoch,
                LogKind.Prepared => Read<PreparedCertificate>(record)?.Statement.Epoch,
                LogKind.ViewChange => Read<ViewChange>(record)?.Statement.Epoch,
                LogKind.NewView => Read<NewView>(record)?.Statement.Epoch,
                LogKind.Checkpoint => Read<ExecutionCertificate>(record)?.Statement.Epoch,
                _ => null,
            };
            newest = Math.Max(newest, epoch ?? 0);
            if (record.Key.Kind == LogKind.Checkpoint && epoch is not null) checkpoint = Math.Max(checkpoint, record.Key.Height);
        }
        return new LogReach(checkpoint, newest);
    }

    /// <summary>True when a ledger that ends at this height, with this epoch in force, is not as far as the log.</summary>
    public bool IsAheadOf(ulong height, ulong epoch) => Checkpoint > height || Epoch > epoch;

    private static T? Read<T>(LogRecord record) where T : class, IWire =>
        Codec.TryDecode(record.Value, ConsensusEnvelope.MaxBytes, out T? value, out _) ? value : null;
}
