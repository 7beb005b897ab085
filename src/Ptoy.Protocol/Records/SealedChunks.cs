using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Ptoy.Protocol.Records;

/// <summary>
/// Seals and opens the chunks of one record: STREAM (Hoang, Reyhanitabar, Rogaway, Vizár 2015) over AES-256-GCM, nonce = prefix (7) ‖
/// chunk index (4) ‖ last flag (1). The AEAD key and the commitment are derived from the record's random data key (DEK) and id.
/// Pure: no randomness, no I/O. Not for use by several threads at once.
/// </summary>
public sealed class SealedChunks : IDisposable
{
    /// <summary>Bytes of a data key.</summary>
    public const int KeySize = 32;

    private readonly AesGcm _cipher;
    private readonly byte[] _aad;
    private readonly SealedHeader _header;

    private SealedChunks(SealedHeader header, byte[] key)
    {
        _header = header;
        _aad = header.Encode();
        _cipher = new AesGcm(key, SealedHeader.TagSize);
        CryptographicOperations.ZeroMemory(key);
    }

    /// <summary>The encoded header, which goes first.</summary>
    public ReadOnlySpan<byte> HeaderBytes => _aad;

    /// <summary>How many chunks there are.</summary>
    public ulong Count => SealedHeader.ChunkCount(_header.PlaintextLength);

    /// <summary>Begins a record. The data key must be random and used for this record only.</summary>
    public static SealedChunks ForSealing(ReadOnlySpan<byte> dataKey, Hash recordId, ulong plaintextLength, ReadOnlySpan<byte> noncePrefix)
    {
        (byte[] key, byte[] commitment) = Derive(dataKey, recordId);
        var header = new SealedHeader(recordId, plaintextLength, noncePrefix.ToArray(), commitment);
        return header.Problem() is { } problem
            ? throw new SealException(SealFault.Header, $"sealed record header: {problem}")
            : new SealedChunks(header, key);
    }

    /// <summary>Begins to open a record. Throws <see cref="SealException"/> when the header does not commit to this data key.</summary>
    public static SealedChunks ForOpening(ReadOnlySpan<byte> dataKey, SealedHeader header)
    {
        (byte[] key, byte[] commitment) = Derive(dataKey, header.RecordId);
        if (!CryptographicOperations.FixedTimeEquals(commitment, header.KeyCommitment))
            throw new SealException(SealFault.Commitment, "the key commitment is wrong: this key is not the one the record was sealed with");
        return new SealedChunks(header, key);
    }

    /// <summary>Plaintext bytes of a chunk.</summary>
    public int PlaintextSize(ulong index) =>
        index + 1 < Count ? SealedHeader.ChunkSize : (int)(_header.PlaintextLength - (index * SealedHeader.ChunkSize));

    /// <summary>Seals a chunk into <paramref name="target"/>, which is <see cref="SealedHeader.TagSize"/> longer.</summary>
    public void Seal(ulong index, ReadOnlySpan<byte> plaintext, Span<byte> target)
    {
        if (index >= Count || plaintext.Length != PlaintextSize(index))
            throw new ArgumentException($"chunk {index} of {Count} does not have {plaintext.Length} bytes", nameof(plaintext));
        Span<byte> nonce = stackalloc byte[12];
        Nonce(index, index + 1 == Count, nonce);
        _cipher.Encrypt(nonce, plaintext, target[..plaintext.Length], target.Slice(plaintext.Length, SealedHeader.TagSize), _aad);
    }

    /// <summary>Opens a chunk; false when it is not this chunk of this record, unchanged.</summary>
    public bool TryOpen(ulong index, ReadOnlySpan<byte> chunk, Span<byte> plaintext) => TryOpen(index, index + 1 == Count, chunk, plaintext);

    private bool TryOpen(ulong index, bool last, ReadOnlySpan<byte> chunk, Span<byte> plaintext)
    {
        int length = chunk.Length - SealedHeader.TagSize;
        if (length < 0) return false;
        Span<byte> nonce = stackalloc byte[12];
        Nonce(index, last, nonce);
        try
        {
            _cipher.Decrypt(nonce, chunk[..length], chunk[length..], plaintext[..length], _aad);
            return true;
        }
        catch (AuthenticationTagMismatchException)
        {
            return false;
        }
    }

    /// <summary>Why a chunk did not open: it is another chunk of this record, or it was changed.</summary>
    public SealException Explain(ulong index, ReadOnlySpan<byte> chunk)
    {
        const ulong MaxTries = 1024; // A diagnosis, not a search: 1 GiB of record is enough to tell a swap from damage.
        var scratch = new byte[Math.Max(0, chunk.Length - SealedHeader.TagSize)];
        for (ulong other = 0; other < Math.Min(Count, MaxTries); other++)
        {
            if (other != index && chunk.Length == PlaintextSize(other) + SealedHeader.TagSize && TryOpen(other, chunk, scratch))
                return new SealException(SealFault.Reordered, $"the chunks are out of order: chunk {other} stands in the place of chunk {index}");
        }
        return new SealException(SealFault.Corrupted, $"chunk {index} of {Count} is corrupted");
    }

    /// <inheritdoc/>
    public void Dispose() => _cipher.Dispose();

    private void Nonce(ulong index, bool last, Span<byte> nonce)
    {
        _header.NoncePrefix.CopyTo(nonce);
        BinaryPrimitives.WriteUInt32BigEndian(nonce[7..], checked((uint)index));
        nonce[11] = last ? (byte)1 : (byte)0;
    }

    private static (byte[] Key, byte[] Commitment) Derive(ReadOnlySpan<byte> dataKey, Hash recordId)
    {
        if (dataKey.Length != KeySize) throw new ArgumentException($"a data key has {KeySize} bytes, not {dataKey.Length}", nameof(dataKey));
        var key = new byte[KeySize];
        var commitment = new byte[SealedHeader.CommitmentSize];
        HKDF.Expand(HashAlgorithmName.SHA256, dataKey, key, [.. "ptoy/record/key/v1"u8, .. recordId.ToArray()]);
        HKDF.Expand(HashAlgorithmName.SHA256, dataKey, commitment, [.. "ptoy/record/commitment/v1"u8, .. recordId.ToArray()]);
        return (key, commitment);
    }
}
