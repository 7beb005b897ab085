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
/// <param name="Voted">True when there is a vote for a height in it.</param>
public readonly record struct LogReach(ulong Checkpoint, ulong Epoch, bool Voted)
{
    /// <summary>Reads the records. What cannot be decoded says nothing here: the replica finds it damaged when it starts.</summary>
    public static LogReach Of(IReadOnlyCollection<LogRecord> log)
    {
        ulong checkpoint = 0, newest = 0;
        bool voted = false;
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
            voted |= record.Key.Kind is LogKind.Prepare or LogKind.Commit;
            if (record.Key.Kind == LogKind.Checkpoint && epoch is not null) checkpoint = Math.Max(checkpoint, record.Key.Height);
        }
        return new LogReach(checkpoint, newest, voted);
    }

    /// <summary>True when a ledger that ends at this height, with this epoch in force, is not as far as the log.</summary>
    public bool IsAheadOf(ulong height, ulong epoch) => Checkpoint > height || Epoch > epoch;

    /// <summary>
    /// True when the ledger may have been lost: it is not as far as the log, or it is at genesis and votes were cast. (Before the first block
    /// that is so after any crash. It costs a question to the others.)
    /// </summary>
    public bool MayMissLedger(ulong height, ulong epoch) => IsAheadOf(height, epoch) || (height == 0 && Voted);

    private static T? Read<T>(LogRecord record) where T : class, IWire =>
        Codec.TryDecode(record.Value, ConsensusEnvelope.MaxBytes, out T? value, out _) ? value : null;
}
