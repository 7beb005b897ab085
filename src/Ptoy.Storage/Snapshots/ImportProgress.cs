using System.Buffers.Binary;
using MessagePack;
using Ptoy.Protocol;
using Ptoy.Protocol.State;
using Ptoy.Protocol.Sync;
using Ptoy.Protocol.Wire;

namespace Ptoy.Storage.Snapshots;

/// <summary>A part of the key space that is still to come.</summary>
/// <param name="Index">Which segment it belongs to.</param>
/// <param name="From">First key that is wanted.</param>
/// <param name="To">Last key of the segment.</param>
public readonly record struct OpenSegment(int Index, Hash From, Hash To);

/// <summary>How far an import has come: kept in the store, in the same batch as the entries that it speaks of.</summary>
/// <param name="Facts">What is imported.</param>
/// <param name="Next">The first key wanted of each segment.</param>
/// <param name="Done">Which segments are complete.</param>
/// <param name="Root">The root of what is imported so far; <see cref="Hash.Zero"/> while there is nothing.</param>
/// <param name="Entries">How many entries are imported.</param>
[MessagePackObject]
public sealed record ImportProgress(
    [property: Key(0)] SnapshotFacts Facts,
    [property: Key(1)] Hash[] Next,
    [property: Key(2)] bool[] Done,
    [property: Key(3)] Hash Root,
    [property: Key(4)] ulong Entries) : IWire
{
    /// <summary>Most segments of an import.</summary>
    public const int MaxSegments = 64;

    internal const int MaxBytes = 64 * 1024;

    /// <inheritdoc/>
    public string? Problem() =>
        Check.Nested("facts", Facts)
        ?? Check.Count("next", Next, MaxSegments)
        ?? Check.Count("done", Done, MaxSegments)
        ?? (Next.Length > 0 && Next.Length == Done.Length ? null : "a segment has one cursor");

    internal static ImportProgress Begin(SnapshotFacts facts, int segments) =>
        new(facts, [.. Enumerable.Range(0, segments).Select(i => First(i, segments))], new bool[segments], Hash.Zero, 0);

    internal IReadOnlyList<OpenSegment> Open() =>
        [.. Enumerable.Range(0, Next.Length).Where(i => !Done[i]).Select(i => new OpenSegment(i, Next[i], Last(i, Next.Length)))];

    /// <summary>After a range that begins where the segment stands.</summary>
    internal ImportProgress After(int segment, StateRange range, Hash root)
    {
        bool done = range.To.CompareTo(Last(segment, Next.Length)) >= 0;
        return this with
        {
            Next = [.. Next.Select((n, i) => i == segment && !done ? Successor(range.To) : n)],
            Done = [.. Done.Select((d, i) => d || (i == segment && done))],
            Root = root,
            Entries = Entries + (ulong)range.Items.Length,
        };
    }

    private static Hash First(int index, int segments) => Bound((ulong)(((UInt128)index << 64) / (UInt128)segments), 0);

    private static Hash Last(int index, int segments) =>
        index == segments - 1 ? StateRange.LastKey : Bound((ulong)(((UInt128)(index + 1) << 64) / (UInt128)segments) - 1, 0xff);

    private static Hash Bound(ulong top, byte rest)
    {
        Span<byte> bytes = stackalloc byte[Hash.Size];
        bytes.Fill(rest);
        BinaryPrimitives.WriteUInt64BigEndian(bytes, top);
        return new Hash(bytes);
    }

    private static Hash Successor(Hash key)
    {
        byte[] bytes = key.ToArray();
        for (int i = bytes.Length - 1; i >= 0 && ++bytes[i] == 0; i--)
        {
        }
        return new Hash(bytes);
    }
}
