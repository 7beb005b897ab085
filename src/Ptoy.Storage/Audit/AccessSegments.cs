using Ptoy.Protocol;
using Ptoy.Protocol.Audit;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Wire;
using Ptoy.Storage.Engine;

namespace Ptoy.Storage.Audit;

/// <summary>The sealed runs of the access log and the proofs within them.</summary>
internal sealed class AccessSegments
{
    private readonly Database _database;
    private readonly Lock _gate = new();
    private AccessSegment? _last;
    // Proofs are asked for in runs (a patient's list): the leaves of the segment asked for last are kept.
    private (ulong Segment, Hash[] Leaves)? _leaves;

    public AccessSegments(Database database)
    {
        _database = database;
        if (database.Last(Tables.Segments) is { } last) _last = Decode(last.Value);
    }

    public AccessSegment? Seal(ulong count, Func<ulong, IEnumerable<LoggedAccess>> export)
    {
        lock (_gate)
        {
            ulong first = _last is null ? 0 : _last.First + _last.Count;
            if (first >= count) return null;
            int take = (int)Math.Min(count - first, AccessSegment.MaxCount);
            Hash[] leaves = [.. export(first).Take(take).Select(e => e.Hash)];
            var segment = new AccessSegment(_last is null ? 0 : _last.Number + 1, first, (uint)take,
                MerkleTree.Root(leaves), _last?.Head ?? Hash.Zero, leaves[^1]);
            using var batch = new Batch(_database);
            batch.Put(Tables.Segments, Keys.Of(segment.Number), Codec.Encode(segment));
            _database.Write(batch, sync: true);
            _leaves = (segment.Number, leaves);
            return _last = segment;
        }
    }

    public AccessSegment? Get(ulong number) => _database.Get(Tables.Segments, Keys.Of(number)) is { } bytes ? Decode(bytes) : null;

    public IEnumerable<AccessSegment> From(ulong number) => _database.Scan(Tables.Segments, from: Keys.Of(number)).Select(e => Decode(e.Value));

    public AccessProof? Prove(ulong sequence, Func<ulong, IEnumerable<LoggedAccess>> export)
    {
        lock (_gate)
        {
            if (Containing(sequence) is not { } segment) return null;
            Hash[] leaves = _leaves is { } kept && kept.Segment == segment.Number
                ? kept.Leaves
                : [.. export(segment.First).Take((int)segment.Count).Select(e => e.Hash)];
            _leaves = (segment.Number, leaves);
            LoggedAccess logged = export(sequence).First();
            return new AccessProof(logged.Entry, segment.Number, MerkleTree.Prove(leaves, (int)(sequence - segment.First)));
        }
    }

    public string? Verify(Func<ulong, IEnumerable<LoggedAccess>> export)
    {
        Hash head = Hash.Zero;
        ulong next = 0;
        foreach (AccessSegment segment in From(0))
        {
            if (segment.First != next || segment.PreviousHead != head) return $"segment {segment.Number} does not follow the one before it";
            Hash[] leaves = [.. export(segment.First).Take((int)segment.Count).Select(e => e.Hash)];
            if (MerkleTree.Root(leaves) != segment.Root || leaves[^1] != segment.Head) return $"segment {segment.Number} does not match its entries";
            head = segment.Head;
            next += segment.Count;
        }
        return null;
    }

    private AccessSegment? Containing(ulong sequence)
    {
        if (_last is null || sequence >= _last.First + _last.Count) return null;
        ulong low = 0, high = _last.Number;
        while (low < high)
        {
            ulong middle = (low + high + 1) / 2;
            if (Get(middle)!.First <= sequence) low = middle; else high = middle - 1;
        }
        return Get(low);
    }

    private AccessSegment Decode(byte[] bytes) => Codec.TryDecode(bytes, AccessSegment.MaxBytes, out AccessSegment? segment, out string error)
        ? segment!
        : throw StoreErrors.Damaged(_database.Directory, error);
}
