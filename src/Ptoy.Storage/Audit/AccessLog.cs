using System.Security.Cryptography;
using System.Threading.Channels;
using Ptoy.Protocol;
using Ptoy.Protocol.Audit;
using Ptoy.Protocol.Wire;
using Ptoy.Storage.Engine;

namespace Ptoy.Storage.Audit;

/// <summary>An entry as it stands in the log: its number, its hash, and itself with salt and previous hash filled in.</summary>
public sealed record LoggedAccess(ulong Sequence, Hash Hash, AccessEntry Entry);

/// <summary>
/// Who accessed what, hash-chained, durable before the answer leaves. Waiting entries are written together: one flush thread
/// gives them their places in the chain and completes them after the sync. Reading and sealing may happen on any thread.
/// </summary>
public sealed class AccessLog : IDisposable
{
    private const int MaxBatch = 1024, MaxWaiting = 16_384;

    private readonly Database _database;
    private readonly Channel<Waiting> _waiting = Channel.CreateBounded<Waiting>(new BoundedChannelOptions(MaxWaiting) { SingleReader = true });
    private readonly Task _flusher;
    private readonly AccessSegments _segments;
    private ulong _next;
    private Hash _head;

    internal AccessLog(Database database)
    {
        _database = database;
        if (database.Last(Tables.Access) is { } last)
        {
            _next = Keys.Number(last.Key) + 1;
            _head = Decode(last.Value).ComputeHash();
        }
        _segments = new AccessSegments(database);
        _flusher = Task.Factory.StartNew(FlushAsync, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap();
    }

    /// <summary>How many entries are durable.</summary>
    public ulong Count => Volatile.Read(ref _next);

    /// <summary>
    /// Appends an entry; completes after it was synced. Salt and previous hash are filled in here, whatever the draft says.
    /// Fails with <see cref="WireException"/> for an ill-formed entry and <see cref="StoreException"/> when it could not be made
    /// durable: then no answer may leave.
    /// </summary>
    public async Task<LoggedAccess> AppendAsync(AccessEntry draft)
    {
        AccessEntry entry = draft with { Salt = RandomNumberGenerator.GetBytes(AccessEntry.SaltSize) };
        if (entry.Problem() is { } problem) throw new WireException($"AccessEntry: {problem}");
        var waiting = new Waiting(entry);
        try { await _waiting.Writer.WriteAsync(waiting).ConfigureAwait(false); }
        catch (ChannelClosedException) { throw new StoreException(StoreProblem.Unavailable, "the access log is closed: the node is stopping"); }
        return await waiting.Done.Task.ConfigureAwait(false);
    }

    /// <summary>The entry with a number, or null.</summary>
    public LoggedAccess? Entry(ulong sequence) =>
        _database.Get(Tables.Access, Keys.Of(sequence)) is { } bytes ? Logged(sequence, bytes) : null;

    /// <summary>Entries about an owner's records from a number on, in order.</summary>
    public IEnumerable<LoggedAccess> OfOwner(Address owner, ulong from = 0)
    {
        byte[] start = Keys.Of(owner.Value, from);
        foreach (byte[] key in _database.ScanKeys(Tables.AccessByOwner, Keys.Of(owner.Value), start))
        {
            ulong sequence = Keys.Number(key, Hash.Size);
            yield return Entry(sequence) ?? throw StoreErrors.Damaged(_database.Directory, $"access entry {sequence} is missing");
        }
    }

    /// <summary>All entries from a number on, in order: the accounting of disclosures.</summary>
    public IEnumerable<LoggedAccess> Export(ulong from = 0) =>
        _database.Scan(Tables.Access, from: Keys.Of(from)).Select(e => Logged(Keys.Number(e.Key), e.Value));

    /// <summary>
    /// Closes the entries since the last segment (at most <see cref="AccessSegment.MaxCount"/>) into a new one, durably; null when
    /// there are none. What it returns is what gets anchored on chain.
    /// </summary>
    public AccessSegment? Seal() => _segments.Seal(Count, Export);

    /// <summary>A sealed segment, or null.</summary>
    public AccessSegment? Segment(ulong number) => _segments.Get(number);

    /// <summary>All sealed segments from a number on, in order.</summary>
    public IEnumerable<AccessSegment> Segments(ulong from = 0) => _segments.From(from);

    /// <summary>The proof that an entry is in its segment; null while the entry is not in a sealed segment.</summary>
    public AccessProof? Prove(ulong sequence) => _segments.Prove(sequence, Export);

    /// <summary>
    /// Recomputes the whole chain and every segment. Null when all of it agrees, else what does not: entries changed, missing or
    /// out of order.
    /// </summary>
    public string? VerifyChain()
    {
        Hash previous = Hash.Zero;
        ulong expected = 0;
        foreach (LoggedAccess logged in Export())
        {
            if (logged.Sequence != expected) return $"access entry {expected} is missing";
            if (logged.Entry.Previous != previous) return $"access entry {expected} does not follow the one before it";
            previous = logged.Hash;
            expected++;
        }
        return _segments.Verify(Export);
    }

    /// <summary>Writes what is waiting, then stops.</summary>
    public void Dispose()
    {
        if (!_waiting.Writer.TryComplete()) return;
        _flusher.GetAwaiter().GetResult();
    }

    private async Task FlushAsync()
    {
        ChannelReader<Waiting> reader = _waiting.Reader;
        var taken = new List<Waiting>(MaxBatch);
        while (await reader.WaitToReadAsync().ConfigureAwait(false))
        {
            taken.Clear();
            while (taken.Count < MaxBatch && reader.TryRead(out Waiting? waiting)) taken.Add(waiting);
            Flush(taken);
        }
    }

    private void Flush(List<Waiting> taken)
    {
        var logged = new List<LoggedAccess>(taken.Count);
        try
        {
            Hash head = _head;
            ulong next = _next;
            using var batch = new Batch(_database);
            foreach (Waiting waiting in taken)
            {
                AccessEntry entry = waiting.Entry with { Previous = head };
                batch.Put(Tables.Access, Keys.Of(next), Codec.Encode(entry));
                batch.Put(Tables.AccessByOwner, Keys.Of(entry.Owner.Value, next), []);
                head = entry.ComputeHash();
                logged.Add(new LoggedAccess(next++, head, entry));
            }
            _database.Write(batch, sync: true);
            _head = head;
            Volatile.Write(ref _next, next);
        }
        catch (Exception e)
        {
            // Whoever waits must not answer; what failed is told to each of them, and the chain stands where it stood.
            foreach (Waiting waiting in taken) waiting.Done.TrySetException(e);
            return;
        }
        for (int i = 0; i < taken.Count; i++) taken[i].Done.TrySetResult(logged[i]);
    }

    private LoggedAccess Logged(ulong sequence, byte[] bytes)
    {
        AccessEntry entry = Decode(bytes);
        return new LoggedAccess(sequence, entry.ComputeHash(), entry);
    }

    private AccessEntry Decode(byte[] bytes) => Codec.TryDecode(bytes, AccessEntry.MaxBytes, out AccessEntry? entry, out string error)
        ? entry!
        : throw StoreErrors.Damaged(_database.Directory, error);

    private sealed record Waiting(AccessEntry Entry)
    {
        // Continuations of a waiter must not run on the flush thread.
        public TaskCompletionSource<LoggedAccess> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
