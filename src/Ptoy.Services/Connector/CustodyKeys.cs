using System.Security.Cryptography;
using System.Text;
using Ptoy.Services.Common;

namespace Ptoy.Services.Connector;

/// <summary>
/// One random key for each patient in custody, each in a file of its own under the connector's key: destroying the file makes every copy of
/// the custody records unreadable, whoever holds the organisation's other keys or a node's disk. File names are keyed hashes of patient ids.
/// </summary>
public sealed class CustodyKeys
{
    private const int NonceSize = 12;
    private const int TagSize = 16;
    private readonly string _folder;
    private readonly byte[] _key;

    /// <summary>Keeps keys in a folder, under a key.</summary>
    public CustodyKeys(string folder, ReadOnlySpan<byte> key)
    {
        if (key.Length != KeyFile.KeySize) throw new ArgumentException($"the connector key has {key.Length} bytes, not {KeyFile.KeySize}", nameof(key));
        Directory.CreateDirectory(folder);
        _folder = folder;
        _key = key.ToArray();
    }

    /// <summary>True while the patient's key exists.</summary>
    public bool Exists(string patientId) => File.Exists(PathOf(patientId));

    /// <summary>Seals a slice for custody. Makes the patient's key when there is none.</summary>
    public byte[] Seal(string patientId, ReadOnlyMemory<byte> slice) => SealAll(patientId, [slice])[0];

    /// <summary>Seals slices for custody, the key being read once. Makes the patient's key when there is none.</summary>
    public IReadOnlyList<byte[]> SealAll(string patientId, IReadOnlyList<ReadOnlyMemory<byte>> slices)
    {
        byte[] key = Exists(patientId) ? Load(patientId) : Create(patientId);
        try { return [.. slices.Select(s => Encrypt(key, s.Span))]; }
        finally { CryptographicOperations.ZeroMemory(key); }
    }

    /// <summary>Opens a slice. Throws <see cref="InvalidDataException"/> when the key is destroyed or the bytes were changed.</summary>
    public byte[] Open(string patientId, ReadOnlySpan<byte> sealedSlice)
    {
        if (!Exists(patientId)) throw new InvalidDataException("custody: the key is destroyed");
        byte[] key = Load(patientId);
        try { return Decrypt(key, sealedSlice); }
        finally { CryptographicOperations.ZeroMemory(key); }
    }

    /// <summary>Destroys the patient's key: overwritten, synced, deleted. Nothing happens when it is gone already.</summary>
    public void Destroy(string patientId)
    {
        string path = PathOf(patientId);
        if (!File.Exists(path)) return;
        using (var file = new FileStream(path, FileMode.Open, FileAccess.Write))
        {
            file.Write(RandomNumberGenerator.GetBytes((int)file.Length));
            file.Flush(flushToDisk: true);
        }
        File.Delete(path);
    }

    private byte[] Create(string patientId)
    {
        byte[] key = RandomNumberGenerator.GetBytes(KeyFile.KeySize);
        string path = PathOf(patientId);
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using (var file = new FileStream(path + ".part", options))
        {
            file.Write(Encrypt(_key, key));
            file.Flush(flushToDisk: true);
        }
        File.Move(path + ".part", path, overwrite: false);
        return key;
    }

    private byte[] Load(string patientId) => Decrypt(_key, File.ReadAllBytes(PathOf(patientId)));

    private string PathOf(string patientId) =>
        Path.Combine(_folder, Convert.ToHexStringLower(HMACSHA256.HashData(_key, Encoding.UTF8.GetBytes("custody-file\n" + patientId))) + ".key");

    private static byte[] Encrypt(ReadOnlySpan<byte> key, ReadOnlySpan<byte> content)
    {
        var whole = new byte[NonceSize + TagSize + content.Length];
        RandomNumberGenerator.Fill(whole.AsSpan(0, NonceSize));
        using var cipher = new AesGcm(key, TagSize);
        cipher.Encrypt(whole.AsSpan(0, NonceSize), content, whole.AsSpan(NonceSize + TagSize), whole.AsSpan(NonceSize, TagSize));
        return whole;
    }

    private static byte[] Decrypt(ReadOnlySpan<byte> key, ReadOnlySpan<byte> whole)
    {
        if (whole.Length < NonceSize + TagSize) throw new InvalidDataException("custody: cut short");
        var content = new byte[whole.Length - NonceSize - TagSize];
        using var cipher = new AesGcm(key, TagSize);
        try { cipher.Decrypt(whole[..NonceSize], whole[(NonceSize + TagSize)..], whole.Slice(NonceSize, TagSize), content); }
        catch (AuthenticationTagMismatchException) { throw new InvalidDataException("custody: does not open with this connector's key, or was changed"); }
        return content;
    }
}
