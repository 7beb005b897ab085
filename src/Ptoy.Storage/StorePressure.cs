namespace Ptoy.Storage;

/// <summary>How far the store is behind with its writing, from RocksDB's own properties.</summary>
/// <param name="Stopped">Writes stand still until files were flushed or merged.</param>
/// <param name="DelayedBytesPerSecond">The rate that writes are slowed down to; 0 when they are not.</param>
/// <param name="PendingMergeBytes">Bytes that wait to be merged, in the table that has most.</param>
/// <param name="Table">That table.</param>
public readonly record struct StorePressure(bool Stopped, ulong DelayedBytesPerSecond, ulong PendingMergeBytes, string Table)
{
    /// <summary>Half of what RocksDB begins to slow down at by itself.</summary>
    public const ulong MostPending = 32UL << 30;

    /// <summary>Null when the store keeps up, else what to tell a client.</summary>
    public string? Problem() =>
        Stopped ? "this node's store cannot write for the moment; try again, or ask another node"
        : DelayedBytesPerSecond > 0 ? $"this node's store is slowed down to {DelayedBytesPerSecond / 1024} KiB/s; try again, or ask another node"
        : PendingMergeBytes > MostPending ? $"this node's store is behind with {PendingMergeBytes >> 30} GiB of merging; try again, or ask another node"
        : null;
}
