using System.Buffers.Binary;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Wire;

namespace Ptoy.Protocol.Records;

/// <summary>
/// What stands before the chunks of a sealed record, in a fixed layout of <see cref="Size"/> bytes, big-endian:
/// magic <c>PTSR</c>, version, suite, log2 of the chunk size, plaintext length (8), record id (32), nonce prefix (7),
/// key commitment (32). The whole header is associated data of every chunk.
/// </summary>
/// <param name="RecordId">Random name of the record.</param>
/// <param name="PlaintextLength">Bytes of the record when opened.</param>
/// <param name="NoncePrefix">Seven bytes in front of chunk index and last flag (STREAM).</param>
/// <param name="KeyCommitment">Derived from the record's key: a second key that also opens the chunks does not match it.</param>
public sealed record SealedHeader(Hash RecordId, ulong PlaintextLength, byte[] NoncePrefix, byte[] KeyCommitment)
{
    /// <summary>Bytes of a header.</summary>
    public const int Size = 4 + 1 + 1 + 1 + 8 + Hash.Size + PrefixSize + CommitmentSize;

    /// <summary>Bytes of the nonce prefix.</summary>
    public const int PrefixSize = 7;

    /// <summary>Bytes of the key commitment.</summary>
    public const int CommitmentSize = 32;

    /// <summary>Plaintext bytes of every chunk but the last.</summary>
    public const int ChunkSize = 1 << ChunkBits;

    /// <summary>Bytes a chunk grows by when sealed.</summary>
    public const int TagSize = 16;

    /// <summary>Longest record in plaintext bytes: 1 TiB, far below the 2^32 chunks of the counter.</summary>
    public const ulong MaxLength = 1UL << 40;

    private const byte Version = 1;
    private const int ChunkBits = 20;

    /// <summary>How many chunks a record of that length has; an empty record has one, empty chunk.</summary>
    public static ulong ChunkCount(ulong plaintextLength) => plaintextLength == 0 ? 1 : (plaintextLength + ChunkSize - 1) / ChunkSize;

    /// <summary>Bytes of a sealed record, header included.</summary>
    public static ulong SealedLength(ulong plaintextLength) => Size + plaintextLength + (ChunkCount(plaintextLength) * TagSize);

    /// <summary>Null when every field is within its bounds, else what is wrong.</summary>
    public string? Problem() =>
        (PlaintextLength <= MaxLength ? null : $"plaintext length {PlaintextLength} is more than {MaxLength}")
        ?? Check.Exactly("nonce prefix", NoncePrefix, PrefixSize)
        ?? Check.Exactly("key commitment", KeyCommitment, CommitmentSize);

    /// <summary>The <see cref="Size"/> bytes of this header.</summary>
    public byte[] Encode()
    {
        var bytes = new byte[Size];
        Span<byte> to = bytes;
        "PTSR"u8.CopyTo(to);
        to[4] = Version;
        to[5] = (byte)SuiteId.StreamAes256Gcm;
        to[6] = ChunkBits;
        BinaryPrimitives.WriteUInt64BigEndian(to[7..], PlaintextLength);
        RecordId.CopyTo(to[15..]);
        NoncePrefix.CopyTo(to[47..]);
        KeyCommitment.CopyTo(to[54..]);
        return bytes;
    }

    /// <summary>Reads a header from the start of a sealed record. Throws <see cref="SealException"/> with what is wrong.</summary>
    public static SealedHeader Decode(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < Size) throw new SealException(SealFault.Truncated, $"the sealed record is truncated: {bytes.Length} bytes, a header has {Size}");
        if (!bytes[..4].SequenceEqual("PTSR"u8)) throw new SealException(SealFault.Header, "not a sealed record: it does not begin with PTSR");
        if (bytes[4] != Version) throw new SealException(SealFault.Suite, $"sealed record version {bytes[4]} is not known; this program knows {Version}");
        if (bytes[5] != (byte)SuiteId.StreamAes256Gcm)
            throw new SealException(SealFault.Suite, $"sealed record suite {bytes[5]} is not known; this program knows {(byte)SuiteId.StreamAes256Gcm}");
        if (bytes[6] != ChunkBits) throw new SealException(SealFault.Suite, $"sealed record chunk size 2^{bytes[6]} is not known; this program knows 2^{ChunkBits}");
        var header = new SealedHeader(
            new Hash(bytes[15..47]), BinaryPrimitives.ReadUInt64BigEndian(bytes[7..]), bytes[47..54].ToArray(), bytes[54..Size].ToArray());
        return header.Problem() is { } problem ? throw new SealException(SealFault.Header, $"sealed record header: {problem}") : header;
    }

    /// <inheritdoc/>
    public bool Equals(SealedHeader? other) => other is not null && Encode().AsSpan().SequenceEqual(other.Encode());

    /// <inheritdoc/>
    public override int GetHashCode() => RecordId.GetHashCode();
}

/// <summary>What is wrong with a sealed record.</summary>
public enum SealFault
{
    /// <summary>Not a sealed record, or a header field out of bounds.</summary>
    Header,
    /// <summary>Version, suite or chunk size unknown to this program.</summary>
    Suite,
    /// <summary>The key is not the one the header commits to.</summary>
    Commitment,
    /// <summary>A chunk was changed.</summary>
    Corrupted,
    /// <summary>Chunks stand in another order than sealed.</summary>
    Reordered,
    /// <summary>The end is missing.</summary>
    Truncated,
    /// <summary>Bytes follow the end.</summary>
    Trailing,
    /// <summary>Not the bytes, entry or root that the manifest names.</summary>
    Manifest,
    /// <summary>No key at hand opens it.</summary>
    NoKey,
    /// <summary>A wrap was changed, or belongs to another record.</summary>
    Wrap,
}

/// <summary>A record that cannot be sealed or opened. The message says why and holds nothing of the record.</summary>
public sealed class SealException(SealFault fault, string message) : Exception(message)
{
    /// <summary>The kind of fault.</summary>
    public SealFault Fault { get; } = fault;
}
