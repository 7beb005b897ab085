using System.Buffers.Binary;
using System.Collections.Concurrent;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Storage.Engine;

namespace Ptoy.Storage.Consensus;

/// <summary>
/// What this replica has promised: its votes, and the bodies they depend on, in one synced batch before a vote is sent.
/// <para>
/// It is a database of its own in the directory <c>consensus</c>, not a table of the ledger: a backup of the ledger then cannot
/// contain it by accident, a restored ledger is recognised (the log it names is not there), and its small synced writes do not
/// wait behind record uploads. The price is that a body is written twice: here before the vote, in the ledger when executed.
/// </para>
/// <para>
/// Votes forgotten means identity lost: when the log that the ledger names is missing, emptied, foreign, damaged or older than
/// the ledger saw it, <see cref="MaySign"/> is false, <see cref="Problem"/> says what to do, and <see cref="Append"/> refuses.
/// </para>
/// </summary>
public sealed class ConsensusLog : IDisposable
{
    internal static readonly byte[] SequenceKey = "sequence"u8.ToArray();

    private readonly Database? _database;
    private readonly byte[] _markKey;
    private readonly ConcurrentDictionary<Hash, BodyPlace> _bodies = new();
    private readonly Lock _writing = new();
    private ulong _sequence;
    private ulong _syncedSequence;
    private ulong _released;

    internal ConsensusLog(Database? database, byte[] markKey, ulong sequence, string? problem)
    {
        _database = database;
        _markKey = markKey;
        _sequence = _syncedSequence = sequence;
        Problem = problem;
        if (database is null) return;
        foreach ((byte[] key, byte[] sheaf) in database.Scan(Tables.PendingBodies))
        {
            for (int i = 0; i < Sheaf.Count(sheaf); i++) _bodies[HashOf(Sheaf.Item(sheaf, i))] = new BodyPlace(key, i);
        }
    }

    /// <summary>False when this node's own votes are unknown: it must follow as a learner and sign nothing.</summary>
    public bool MaySign => Problem is null;

    /// <summary>Null, or why the node must not sign and what the operator has to do.</summary>
    public string? Problem { get; }

    /// <summary>
    /// Adds records and the bodies they depend on in one batch. With <paramref name="synced"/> it returns only when they are on the
    /// device; a vote may be sent only then. Throws <see cref="StoreException"/> when <see cref="MaySign"/> is false.
    /// </summary>
    public void Append(IReadOnlyCollection<ConsensusRecord> records, IReadOnlyCollection<ConsensusBody> bodies, bool synced)
    {
        Database database = Writable();
        lock (_writing)
        {
            using var batch = new Batch(database);
            foreach (ConsensusRecord record in records)
            {
                if (record.Bytes is null) batch.Delete(Tables.Votes, Key(record)); else batch.Put(Tables.Votes, Key(record), record.Bytes);
            }
            List<KeyValuePair<Hash, BodyPlace>> places = StageBodies(batch, bodies);
            batch.Put(Tables.Meta, SequenceKey, Keys.Of(_sequence + 1));
            database.Write(batch, synced);
            _sequence++;
            // A synced write makes every write before it durable too.
            if (synced) Volatile.Write(ref _syncedSequence, _sequence);
            foreach ((Hash hash, BodyPlace place) in places)
            {
                _bodies[hash] = place;
                _released = Math.Min(_released, Keys.Number(place.Sheaf));
            }
        }
    }

    /// <summary>Everything in the log: what a replica starts from.</summary>
    public ConsensusLogContent LoadAll() => _database is null
        ? new ConsensusLogContent([], [])
        : new ConsensusLogContent(
            [.. _database.Scan(Tables.Votes).Select(e => new ConsensusRecord(e.Key[16], Keys.Number(e.Key), Keys.Number(e.Key, 8), e.Value))],
            [.. _database.Scan(Tables.PendingBodies).SelectMany(e => Bodies(e.Key, e.Value))]);

    /// <summary>A body that awaits execution, or null.</summary>
    public byte[]? Body(Hash hash) =>
        _database is not null && _bodies.TryGetValue(hash, out BodyPlace? place) && _database.Get(Tables.PendingBodies, place.Sheaf) is { } sheaf
            ? Sheaf.Item(sheaf, place.Index)[Hash.Size..].ToArray()
            : null;

    /// <summary>
    /// Forgets the bodies of heights up to <paramref name="executed"/>, which the ledger holds now. Call it after the ledger's commit.
    /// </summary>
    public void ReleaseBodies(ulong executed)
    {
        Database database = Writable();
        lock (_writing)
        {
            using var batch = new Batch(database);
            StageRelease(database, batch, executed);
            database.Write(batch, sync: false);
        }
    }

    /// <summary>
    /// Forgets records and bodies of heights 1 to <paramref name="height"/> − 1: below a stable checkpoint nobody asks for them.
    /// </summary>
    public void TruncateBelow(ulong height)
    {
        Database database = Writable();
        lock (_writing)
        {
            using var batch = new Batch(database);
            foreach (byte[] key in database.ScanKeys(Tables.Votes, from: Keys.Of(1)).TakeWhile(k => Keys.Number(k) < height))
                batch.Delete(Tables.Votes, key);
            if (height > 0) StageRelease(database, batch, height - 1);
            database.Write(batch, sync: false);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _database?.Dispose();

    internal IEnumerable<(string Table, byte[] Key, byte[] Value)> Scan() => _database is null ? [] : StoreScanner.Scan(_database);

    /// <summary>Notes in the ledger's next batch how far this log has come, so that an older copy of it is recognised later.</summary>
    internal void StageMark(Batch batch)
    {
        if (MaySign) batch.Put(Tables.Meta, _markKey, Keys.Of(Volatile.Read(ref _syncedSequence)));
    }

    // Deleted entries are skipped one by one by an iterator until they are compacted away: start behind those released before.
    private void StageRelease(Database database, Batch batch, ulong last)
    {
        foreach (byte[] key in database.ScanKeys(Tables.PendingBodies, from: Keys.Of(_released)).TakeWhile(k => Keys.Number(k) <= last))
            batch.Delete(Tables.PendingBodies, key);
        foreach ((Hash hash, BodyPlace place) in _bodies)
        {
            if (Keys.Number(place.Sheaf) <= last) _bodies.TryRemove(new(hash, place));
        }
        _released = Math.Max(_released, last + 1);
    }

    private Database Writable() => MaySign && _database is not null
        ? _database
        : throw new StoreException(StoreProblem.VotesForgotten, Problem ?? "the consensus log is not open");

    // A sheaf is named by what is in it: two proposals for a height may share bodies.
    private static List<KeyValuePair<Hash, BodyPlace>> StageBodies(Batch batch, IReadOnlyCollection<ConsensusBody> bodies)
    {
        var places = new List<KeyValuePair<Hash, BodyPlace>>(bodies.Count);
        foreach (ConsensusBody[] some in bodies.GroupBy(b => b.Height).SelectMany(g => g.Chunk(Sheaf.Size)))
        {
            byte[] key = Keys.Of(some[0].Height, Digest.Of("ptoy/store/bodies", Keys.Of([.. some.Select(b => b.Hash)])));
            batch.Put(Tables.PendingBodies, key, Sheaf.Pack([.. some.Select(b => (byte[])[.. b.Hash.ToArray(), .. b.Bytes])]));
            for (int i = 0; i < some.Length; i++) places.Add(new(some[i].Hash, new BodyPlace(key, i)));
        }
        return places;
    }

    private static IEnumerable<ConsensusBody> Bodies(byte[] key, byte[] sheaf)
    {
        for (int i = 0; i < Sheaf.Count(sheaf); i++)
        {
            byte[] item = Sheaf.Item(sheaf, i).ToArray();
            yield return new ConsensusBody(Keys.Number(key), HashOf(item), item[Hash.Size..]);
        }
    }

    private static Hash HashOf(ReadOnlySpan<byte> item) => Keys.HashAt(item, 0);

    // Where a body is: the key of its sheaf (height first) and its place there.
    private sealed record BodyPlace(byte[] Sheaf, int Index);

    private static byte[] Key(ConsensusRecord record)
    {
        var key = new byte[17];
        BinaryPrimitives.WriteUInt64BigEndian(key, record.Height);
        BinaryPrimitives.WriteUInt64BigEndian(key.AsSpan(8), record.View);
        key[16] = record.Kind;
        return key;
    }
}
