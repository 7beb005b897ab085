using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using Ptoy.Protocol;

namespace Ptoy.Services.Fhir;

/// <summary>
/// A bundle without its resources: the bytes between them, and the SHA-256 of each resource in order, so that a reader who holds the
/// resources (in any order, as records of their own) puts the bundle together again byte for byte.
/// Form: magic, u32 count of resources, their digests, count+1 times u32 gap length and the gap's bytes; big-endian.
/// </summary>
public static class BundleSkeleton
{
    /// <summary>Largest number of resources in one bundle.</summary>
    public const int MaxResources = 100_000;

    private static ReadOnlySpan<byte> Magic => "PTOYSK1\n"u8;

    /// <summary>True when these bytes are a skeleton and not a resource.</summary>
    public static bool IsSkeleton(ReadOnlySpan<byte> bytes) => bytes.StartsWith(Magic);

    internal static byte[] Of(SlicedBundle bundle)
    {
        using var stream = new MemoryStream();
        stream.Write(Magic);
        WriteCount(stream, bundle.Slices.Count);
        foreach (BundleSlice slice in bundle.Slices) stream.Write(SHA256.HashData(bundle.BytesOf(slice).Span));
        int at = 0;
        foreach (BundleSlice slice in bundle.Slices)
        {
            WriteGap(stream, bundle.Bytes.Span[at..slice.Offset]);
            at = slice.Offset + slice.Length;
        }
        WriteGap(stream, bundle.Bytes.Span[at..]);
        return stream.ToArray();
    }

    /// <summary>SHA-256 of each resource that the bundle is made of. Throws <see cref="FormatException"/>.</summary>
    public static IReadOnlyList<Hash> Digests(ReadOnlyMemory<byte> skeleton)
    {
        var reader = new Reader(skeleton);
        return reader.Digests();
    }

    /// <summary>
    /// The bundle's original bytes, from its skeleton and a look-up of resources by SHA-256. Throws <see cref="FormatException"/> when
    /// the skeleton is damaged, a resource is missing, or one has other bytes than its digest says.
    /// </summary>
    public static byte[] Join(ReadOnlyMemory<byte> skeleton, Func<Hash, ReadOnlyMemory<byte>?> resource)
    {
        var reader = new Reader(skeleton);
        IReadOnlyList<Hash> digests = reader.Digests();
        using var stream = new MemoryStream();
        for (int i = 0; i < digests.Count; i++)
        {
            stream.Write(reader.Gap().Span);
            if (resource(digests[i]) is not { } bytes) throw new FormatException($"bundle: resource {i} ({digests[i].Short}) is missing");
            if (new Hash(SHA256.HashData(bytes.Span)) != digests[i]) throw new FormatException($"bundle: resource {i} has other bytes than its digest says");
            stream.Write(bytes.Span);
        }
        stream.Write(reader.Gap().Span);
        reader.End();
        return stream.ToArray();
    }

    private static void WriteCount(MemoryStream stream, int count)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, count);
        stream.Write(bytes);
    }

    private static void WriteGap(MemoryStream stream, ReadOnlySpan<byte> gap)
    {
        WriteCount(stream, gap.Length);
        stream.Write(gap);
    }

    private sealed class Reader(ReadOnlyMemory<byte> skeleton)
    {
        private int _at;

        public IReadOnlyList<Hash> Digests()
        {
            if (!IsSkeleton(skeleton.Span)) Fail("not a skeleton");
            _at = Magic.Length;
            int count = Count();
            if (count > MaxResources) Fail("too many resources");
            var digests = new List<Hash>();
            for (int i = 0; i < count; i++) digests.Add(new Hash(Take(Hash.Size).Span));
            return digests;
        }

        public ReadOnlyMemory<byte> Gap() => Take(Count());

        public void End()
        {
            if (_at != skeleton.Length) Fail("bytes after the end");
        }

        private int Count()
        {
            int count = BinaryPrimitives.ReadInt32BigEndian(Take(4).Span);
            if (count < 0) Fail("a length is negative");
            return count;
        }

        private ReadOnlyMemory<byte> Take(int count)
        {
            if (count > skeleton.Length - _at) Fail("cut short");
            ReadOnlyMemory<byte> taken = skeleton.Slice(_at, count);
            _at += count;
            return taken;
        }

        [DoesNotReturn]
        private void Fail(string problem) => throw new FormatException($"bundle skeleton: byte {_at}: {problem}");
    }
}
