namespace Ptoy.Services.Common;

/// <summary>A store was used whose partition was destroyed, or that was closed.</summary>
public sealed class StoreGoneException(string message) : InvalidOperationException(message);

/// <summary>
/// Durable tables, encrypted at rest: RocksDB below, every value sealed with AES-256-GCM and bound to its table and key, key names hidden
/// (see <see cref="SealedTable"/>). Writes are atomic and on the device when <see cref="Write"/> returns. A <em>partition</em> has a random
/// key of its own: <see cref="Destroy"/> erases that key in place, so that nothing of the partition can be read again, from the raw files
/// either, and then frees the rows. What is derived from one patient goes into that patient's partition. Safe for concurrent use; one
/// process at a time has a store open.
/// </summary>
public sealed class SealedStore : IDisposable
{
    /// <summary>Length of a store's key in bytes.</summary>
    public const int KeySize = 32;

    /// <summary>Largest value in bytes.</summary>
    public const int MaxValue = 64 * 1024 * 1024;

    /// <summary>Most bytes in one batch.</summary>
    public const long MaxBatch = 256L * 1024 * 1024;

    private readonly SealedEngine _engine;
    private readonly SealedScope _scope;

    private SealedStore(SealedEngine engine, SealedScope scope) => (_engine, _scope) = (engine, scope);

    /// <summary>
    /// Opens or creates a store. Throws <see cref="InvalidDataException"/> naming the folder when the key is another store's, the files are
    /// damaged, or another process has it open; <see cref="IOException"/> when the folder cannot be used.
    /// </summary>
    public static SealedStore Open(string folder, ReadOnlySpan<byte> key)
    {
        if (key.Length != KeySize) throw new ArgumentException($"store {folder}: the key has {key.Length} bytes, not {KeySize}", nameof(key));
        SealedEngine engine = SealedEngine.Open(folder, key);
        return new SealedStore(engine, engine.Root);
    }

    /// <summary>Owners of the partitions that exist, in ordinal order. A partition's own view lists the same.</summary>
    public IReadOnlyList<string> Owners => _engine.Owners();

    /// <summary>
    /// A table; it exists once something is in it. With <paramref name="ordered"/>, keys are on disk as they are (for sequence numbers and
    /// ids without personal data) and scans are ranges; otherwise keys are hidden and a scan reads a table's keys, or those of one first
    /// segment (up to the first <c>/</c>) when the prefix contains it.
    /// </summary>
    public SealedTable Table(string name, bool ordered = false)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        return new SealedTable(_engine, _scope, name, ordered);
    }

    /// <summary>
    /// Writes what the action puts into the batch: all or nothing, on the device when this returns. A batch may span tables of the store
    /// and of its partitions. Throws <see cref="StoreGoneException"/> when one of them was destroyed, <see cref="IOException"/> when the
    /// disk is full or fails: nothing is written then.
    /// </summary>
    public void Write(Action<SealedBatch> fill)
    {
        ArgumentNullException.ThrowIfNull(fill);
        _scope.ThrowIfGone();
        using var batch = new SealedBatch(_engine);
        fill(batch);
        _engine.Write(batch);
    }

    /// <summary>The partition of an owner (1 to 160 bytes of UTF-8); made when there is none. Of a partition's view too.</summary>
    public SealedStore Partition(string owner) => new(_engine, _engine.Partition(owner));

    /// <summary>True when the owner has a partition.</summary>
    public bool HasPartition(string owner) => _engine.HasPartition(owner);

    /// <summary>
    /// Destroys a partition: its key is overwritten on the device first, then its rows are deleted. Views of it throw from then on; a new
    /// <see cref="Partition"/> of that owner starts empty. False when there was none.
    /// </summary>
    public bool Destroy(string owner) => _engine.Destroy(owner);

    /// <summary>Closes the store; on a partition's view, nothing.</summary>
    public void Dispose()
    {
        if (_scope.IsRoot) _engine.Dispose();
    }
}
