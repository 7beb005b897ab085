using System.Security.Cryptography;
using Ptoy.Protocol;
using Ptoy.Protocol.Records;

namespace Ptoy.Client.Sealing;

/// <summary>
/// Seals bytes and streams into the record format and opens them. Every failure is a <see cref="SealException"/> that names
/// its kind. A record is opened chunk by chunk: what <see cref="Open(Stream, Stream, ReadOnlySpan{byte})"/> has written is
/// authentic, but only its return says that the record is whole.
/// </summary>
public static class Sealer
{
    /// <summary>A new random data key.</summary>
    public static byte[] NewDataKey() => RandomNumberGenerator.GetBytes(SealedChunks.KeySize);

    /// <summary>A new random record id.</summary>
    public static Hash NewRecordId() => new(RandomNumberGenerator.GetBytes(Hash.Size));

    /// <summary>Seals bytes under a data key that is used for nothing else.</summary>
    public static byte[] Seal(ReadOnlySpan<byte> plaintext, ReadOnlySpan<byte> dataKey, Hash recordId)
    {
        using SealedChunks chunks = Begin(dataKey, recordId, (ulong)plaintext.Length);
        var output = new byte[SealedHeader.SealedLength((ulong)plaintext.Length)];
        chunks.HeaderBytes.CopyTo(output);
        int from = 0, to = SealedHeader.Size;
        for (ulong i = 0; i < chunks.Count; i++)
        {
            int size = chunks.PlaintextSize(i);
            chunks.Seal(i, plaintext.Slice(from, size), output.AsSpan(to, size + SealedHeader.TagSize));
            from += size;
            to += size + SealedHeader.TagSize;
        }
        return output;
    }

    /// <summary>Seals exactly <paramref name="length"/> bytes of a stream, in memory of two chunks. Throws when the stream has fewer or more.</summary>
    public static void Seal(Stream input, long length, Stream output, ReadOnlySpan<byte> dataKey, Hash recordId)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        using SealedChunks chunks = Begin(dataKey, recordId, (ulong)length);
        output.Write(chunks.HeaderBytes);
        var plaintext = new byte[Math.Min(length, SealedHeader.ChunkSize)];
        var sealedChunk = new byte[plaintext.Length + SealedHeader.TagSize];
        for (ulong i = 0; i < chunks.Count; i++)
        {
            int size = chunks.PlaintextSize(i);
            if (input.ReadAtLeast(plaintext.AsSpan(0, size), size, throwOnEndOfStream: false) < size)
                throw new SealException(SealFault.Truncated, $"the input ended before its stated length of {length} bytes");
            chunks.Seal(i, plaintext.AsSpan(0, size), sealedChunk);
            output.Write(sealedChunk, 0, size + SealedHeader.TagSize);
        }
        CryptographicOperations.ZeroMemory(plaintext);
        if (input.ReadByte() >= 0) throw new SealException(SealFault.Trailing, $"the input goes on after its stated length of {length} bytes");
    }

    /// <summary>Opens a sealed record held in memory.</summary>
    public static byte[] Open(ReadOnlySpan<byte> sealedBytes, ReadOnlySpan<byte> dataKey)
    {
        SealedHeader header = SealedHeader.Decode(sealedBytes);
        using SealedChunks chunks = SealedChunks.ForOpening(dataKey, header);
        ulong expected = SealedHeader.SealedLength(header.PlaintextLength);
        if ((ulong)sealedBytes.Length > expected) throw Trailing(expected);
        if ((ulong)sealedBytes.Length < expected) throw Truncated((ulong)sealedBytes.Length, expected);
        var plaintext = new byte[header.PlaintextLength];
        int from = SealedHeader.Size, to = 0;
        for (ulong i = 0; i < chunks.Count; i++)
        {
            int size = chunks.PlaintextSize(i);
            ReadOnlySpan<byte> chunk = sealedBytes.Slice(from, size + SealedHeader.TagSize);
            if (!chunks.TryOpen(i, chunk, plaintext.AsSpan(to, size))) throw chunks.Explain(i, chunk);
            from += chunk.Length;
            to += size;
        }
        return plaintext;
    }

    /// <summary>Opens a sealed stream into another and returns its header, once the whole record has proved authentic.</summary>
    public static SealedHeader Open(Stream input, Stream output, ReadOnlySpan<byte> dataKey)
    {
        var head = new byte[SealedHeader.Size];
        int read = input.ReadAtLeast(head, head.Length, throwOnEndOfStream: false);
        SealedHeader header = SealedHeader.Decode(head.AsSpan(0, read));
        using SealedChunks chunks = SealedChunks.ForOpening(dataKey, header);
        ulong expected = SealedHeader.SealedLength(header.PlaintextLength), total = (ulong)read;
        var buffer = new byte[chunks.PlaintextSize(0) + SealedHeader.TagSize];
        var plaintext = new byte[chunks.PlaintextSize(0)];
        for (ulong i = 0; i < chunks.Count; i++)
        {
            int size = chunks.PlaintextSize(i) + SealedHeader.TagSize;
            read = input.ReadAtLeast(buffer.AsSpan(0, size), size, throwOnEndOfStream: false);
            total += (ulong)read;
            if (read < size) throw Truncated(total, expected);
            if (!chunks.TryOpen(i, buffer.AsSpan(0, size), plaintext)) throw chunks.Explain(i, buffer.AsSpan(0, size));
            output.Write(plaintext, 0, size - SealedHeader.TagSize);
        }
        CryptographicOperations.ZeroMemory(plaintext);
        return input.ReadByte() < 0 ? header : throw Trailing(expected);
    }

    private static SealedChunks Begin(ReadOnlySpan<byte> dataKey, Hash recordId, ulong length)
    {
        Span<byte> prefix = stackalloc byte[SealedHeader.PrefixSize];
        RandomNumberGenerator.Fill(prefix);
        return SealedChunks.ForSealing(dataKey, recordId, length, prefix);
    }

    private static SealException Truncated(ulong actual, ulong expected) =>
        new(SealFault.Truncated, $"the sealed record is truncated: {actual} of {expected} bytes");

    private static SealException Trailing(ulong expected) =>
        new(SealFault.Trailing, $"bytes follow the end of the sealed record, which has {expected}");
}
