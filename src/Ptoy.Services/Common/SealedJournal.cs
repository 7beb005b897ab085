using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Ptoy.Services.Common;

/// <summary>
/// An append-only file, each entry sealed with AES-256-GCM. An entry's place, the file's purpose and the tag of the entry before are
/// authenticated, so entries cannot be dropped from the middle, moved or taken from another file. An entry cut short at the end was never
/// acknowledged and is dropped; anything else that does not open stops the start with a message.
/// </summary>
public sealed class SealedJournal : IDisposable
{
    /// <summary>Length of the key in bytes.</summary>
    public const int KeySize = 32;

    /// <summary>Largest entry in bytes.</summary>
    public const int MaxEntry = 16 * 1024 * 1024;

    private const int NonceSize = 12;
    private const int TagSize = 16;
    private const int Overhead = 4 + NonceSize + TagSize;

    private readonly FileStream _file;
    private readonly AesGcm _cipher;
    private readonly byte[] _purpose;
    private readonly string _name;
    private readonly Lock _lock = new();
    private byte[] _previousTag = new byte[TagSize];
    private ulong _count;

    private SealedJournal(FileStream file, ReadOnlySpan<byte> key, string purpose)
    {
        _file = file;
        _cipher = new AesGcm(key, TagSize);
        _purpose = Encoding.UTF8.GetBytes(purpose);
        _name = purpose;
    }

    /// <summary>
    /// Opens or creates a journal and gives back its entries. Throws <see cref="InvalidDataException"/> naming the purpose when the key is
    /// wrong or the file is damaged.
    /// </summary>
    public static SealedJournal Open(string path, ReadOnlySpan<byte> key, string purpose, out IReadOnlyList<byte[]> entries)
    {
        if (key.Length != KeySize) throw new ArgumentException($"{purpose}: the key has {key.Length} bytes, not {KeySize}", nameof(key));
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        var journal = new SealedJournal(file, key, purpose);
        try
        {
            entries = journal.ReadAll();
            return journal;
        }
        catch
        {
            journal.Dispose();
            throw;
        }
    }

    /// <summary>Appends one entry; it is on disk when this returns.</summary>
    public void Append(ReadOnlySpan<byte> entry)
    {
        if (entry.Length > MaxEntry) throw new ArgumentException($"{_name}: an entry of {entry.Length} bytes, more than {MaxEntry}", nameof(entry));
        lock (_lock)
        {
            var sealedEntry = new byte[Overhead + entry.Length];
            BinaryPrimitives.WriteInt32BigEndian(sealedEntry, entry.Length);
            Span<byte> nonce = sealedEntry.AsSpan(4, NonceSize), tag = sealedEntry.AsSpan(4 + NonceSize, TagSize);
            RandomNumberGenerator.Fill(nonce);
            _cipher.Encrypt(nonce, entry, sealedEntry.AsSpan(Overhead), tag, Context());
            long before = _file.Position;
            try
            {
                _file.Write(sealedEntry);
                _file.Flush(flushToDisk: true);
            }
            catch (IOException)
            {
                _file.SetLength(before);
                _file.Position = before;
                throw;
            }
            _previousTag = tag.ToArray();
            _count++;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _file.Dispose();
        _cipher.Dispose();
    }

    private List<byte[]> ReadAll()
    {
        var entries = new List<byte[]>();
        var head = new byte[Overhead];
        while (true)
        {
            long start = _file.Position;
            long left = _file.Length - start;
            if (left >= 4) _file.ReadExactly(head.AsSpan(0, 4));
            int length = left >= 4 ? BinaryPrimitives.ReadInt32BigEndian(head) : 0;
            if (left >= 4 && length is < 0 or > MaxEntry) throw Damaged();
            if (left < Overhead + (long)length)
            {
                _file.SetLength(start);
                _file.Position = start;
                return entries;
            }
            _file.ReadExactly(head.AsSpan(4));
            entries.Add(Read(head, length));
        }
    }

    private byte[] Read(byte[] head, int length)
    {
        var cipherText = new byte[length];
        var entry = new byte[length];
        _file.ReadExactly(cipherText);
        ReadOnlySpan<byte> tag = head.AsSpan(4 + NonceSize, TagSize);
        try
        {
            _cipher.Decrypt(head.AsSpan(4, NonceSize), cipherText, tag, entry, Context());
        }
        catch (AuthenticationTagMismatchException)
        {
            throw Damaged();
        }
        _previousTag = tag.ToArray();
        _count++;
        return entry;
    }

    private InvalidDataException Damaged() => new(
        $"{_name}: entry {_count} does not open: the key file belongs to another store, or the store is damaged. Restore both from the same backup");

    private byte[] Context()
    {
        var context = new byte[_purpose.Length + 8 + TagSize];
        _purpose.CopyTo(context, 0);
        BinaryPrimitives.WriteUInt64BigEndian(context.AsSpan(_purpose.Length), _count);
        _previousTag.CopyTo(context, _purpose.Length + 8);
        return context;
    }
}
