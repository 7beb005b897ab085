using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Ptoy.Services.Connector.Imaging;

/// <summary>
/// An instance that is too large for one record, in parts: each but the file itself begins with magic, u32 number from 0, u8 1 in the last, and the
/// SHA-256 of the content of the part before (zero in the first), big-endian. A file that fits is kept as it is.
/// </summary>
public static class DicomParts
{
    /// <summary>Most bytes of a file in one record; the sealing format below divides it into chunks of 1 MiB.</summary>
    public const int PartBytes = 16 * 1024 * 1024;

    internal const int HeadBytes = 8 + 4 + 1 + 32;

    private static ReadOnlySpan<byte> Magic => "PTOYDCP1"u8;

    /// <summary>Id of a part of an instance: the instance's own UID when it is whole.</summary>
    public static string IdOf(string uid, int part, bool isOnly) => isOnly ? uid : $"{uid}#{part}";

    /// <summary>True for a part of a larger file.</summary>
    public static bool IsPart(ReadOnlySpan<byte> record) => record.Length >= HeadBytes && record.StartsWith(Magic);

    /// <summary>Divides a stream; nothing larger than a part is ever in memory.</summary>
    public static async IAsyncEnumerable<(byte[] Record, int Part, bool IsOnly)> DivideAsync(
        Stream stream, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation = default)
    {
        byte[] current = await ReadAsync(stream, cancellation);
        byte[] digest = new byte[32];
        for (int part = 0; ; part++)
        {
            byte[] next = current.Length == PartBytes ? await ReadAsync(stream, cancellation) : [];
            bool last = next.Length == 0;
            if (part == 0 && last)
            {
                yield return (current, 0, true);
                yield break;
            }
            yield return (Part(current, part, last, digest), part, false);
            if (last) yield break;
            digest = SHA256.HashData(current);
            current = next;
        }
    }

    /// <summary>A file from its records, in any order. Throws <see cref="FormatException"/> when a part is missing or belongs elsewhere.</summary>
    public static byte[] Join(IReadOnlyCollection<ReadOnlyMemory<byte>> records)
    {
        if (records.Count == 1 && !IsPart(records.First().Span)) return records.First().ToArray();
        using var whole = new MemoryStream();
        byte[] digest = new byte[32];
        ReadOnlyMemory<byte>[] parts = [.. records.OrderBy(r => IsPart(r.Span) ? BinaryPrimitives.ReadUInt32BigEndian(r.Span[8..]) : uint.MaxValue)];
        for (int i = 0; i < parts.Length; i++)
        {
            ReadOnlySpan<byte> part = parts[i].Span;
            bool fits = IsPart(part) && BinaryPrimitives.ReadUInt32BigEndian(part[8..]) == i && (part[12] == 1) == (i == parts.Length - 1)
                && part.Slice(13, 32).SequenceEqual(digest);
            if (!fits) throw new FormatException($"DICOM parts: part {i} is missing, or of another file");
            digest = SHA256.HashData(part[HeadBytes..]);
            whole.Write(part[HeadBytes..]);
        }
        return whole.ToArray();
    }

    private static byte[] Part(byte[] content, int number, bool last, byte[] before)
    {
        var part = new byte[HeadBytes + content.Length];
        Magic.CopyTo(part);
        BinaryPrimitives.WriteUInt32BigEndian(part.AsSpan(8), (uint)number);
        part[12] = last ? (byte)1 : (byte)0;
        before.CopyTo(part, 13);
        content.CopyTo(part, HeadBytes);
        return part;
    }

    private static async Task<byte[]> ReadAsync(Stream stream, CancellationToken cancellation)
    {
        var block = new byte[PartBytes];
        int read = await stream.ReadAtLeastAsync(block, PartBytes, throwOnEndOfStream: false, cancellation);
        return read == PartBytes ? block : block[..read];
    }
}
