using System.Security.Cryptography;
using System.Text;

namespace Ptoy.Services.Common;

/// <summary>
/// The keys of a store's partitions: one file of fixed slots, each sealed under the store's key. Erasing a key overwrites its slot in
/// place and syncs: a row in RocksDB would live on in its log and older files. The first slot checks the store's key.
/// </summary>
internal sealed class PartitionKeys : IDisposable
{
    /// <summary>Most bytes of an owner's name.</summary>
    public const int MaxOwner = 160;

    private const int SlotSize = 256;
    private const int KeySize = 32;
    private const int PlainSize = SlotSize - 28;
    private static readonly byte[] CheckText = Encoding.UTF8.GetBytes("ptoy/store/check/v1".PadRight(PlainSize, '.'));

    private readonly FileStream _file;
    private readonly SealedScope _root;
    private readonly Dictionary<string, (int Slot, SealedScope Scope)> _partitions = [];
    private readonly Stack<int> _free = new();
    private int _slots = 1;

    private PartitionKeys(FileStream file, SealedScope root) => (_file, _root) = (file, root);

    public IReadOnlyCollection<string> Owners => _partitions.Keys;

    public IEnumerable<SealedScope> Scopes => _partitions.Values.Select(p => p.Scope);

    /// <summary>Opens or creates; throws <see cref="InvalidDataException"/> when the key does not fit or a slot is damaged.</summary>
    public static PartitionKeys Open(string path, SealedScope root, bool create)
    {
        if (!create && !File.Exists(path)) throw new InvalidDataException($"{path} is missing: the store is damaged. Restore all of its files from the same backup");
        var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        var keys = new PartitionKeys(file, root);
        try
        {
            keys.Load(path, create);
            return keys;
        }
        catch
        {
            keys.Dispose();
            throw;
        }
    }

    public SealedScope? Find(string owner) => _partitions.TryGetValue(owner, out var found) ? found.Scope : null;

    /// <summary>Makes the key of a new partition; it is on the device when this returns.</summary>
    public SealedScope Add(string owner)
    {
        byte[] name = Encoding.UTF8.GetBytes(owner);
        if (name.Length is 0 or > MaxOwner) throw new ArgumentException($"a partition's owner has 1 to {MaxOwner} bytes, not {name.Length}", nameof(owner));
        var plain = new byte[PlainSize];
        RandomNumberGenerator.Fill(plain.AsSpan(0, SealedScope.IdSize + KeySize));
        plain[SealedScope.IdSize + KeySize] = (byte)name.Length;
        name.CopyTo(plain, SealedScope.IdSize + KeySize + 1);
        int slot = _free.TryPop(out int reused) ? reused : _slots++;
        Put(slot, _root.SealSmall(plain, Context(slot)));
        SealedScope scope = Scope(plain);
        CryptographicOperations.ZeroMemory(plain);
        _partitions[owner] = (slot, scope);
        return scope;
    }

    /// <summary>Overwrites the owner's key on the device and forgets it; returns its scope, null when there is none.</summary>
    public SealedScope? Erase(string owner)
    {
        if (!_partitions.TryGetValue(owner, out var found)) return null;
        Put(found.Slot, new byte[SlotSize]);
        _partitions.Remove(owner);
        _free.Push(found.Slot);
        found.Scope.Dispose();
        return found.Scope;
    }

    public void Dispose()
    {
        foreach (SealedScope scope in Scopes) scope.Dispose();
        _file.Dispose();
    }

    private void Load(string path, bool create)
    {
        if (_file.Length < SlotSize)
        {
            if (!create) throw new InvalidDataException($"{path} is cut short: the store is damaged. Restore all of its files from the same backup");
            Put(0, _root.SealSmall(CheckText, Context(0)));
        }
        var box = new byte[SlotSize];
        _file.Position = 0;
        // A slot cut short at the end was never acknowledged.
        _slots = (int)(_file.Length / SlotSize);
        for (int slot = 0; slot < _slots; slot++)
        {
            _file.ReadExactly(box);
            if (slot > 0 && !box.AsSpan().ContainsAnyExcept((byte)0))
            {
                _free.Push(slot);
                continue;
            }
            byte[] plain = _root.OpenSmall(box, Context(slot)) ?? throw new InvalidDataException(slot == 0
                ? $"{path} does not open: the key file belongs to another store, or the store is damaged. Restore both from the same backup"
                : $"{path}: slot {slot} is damaged. Restore the store from a backup");
            if (slot > 0) _partitions[Owner(plain)] = (slot, Scope(plain));
            CryptographicOperations.ZeroMemory(plain);
        }
    }

    private void Put(int slot, byte[] box)
    {
        _file.Position = (long)slot * SlotSize;
        _file.Write(box);
        _file.Flush(flushToDisk: true);
    }

    private static string Owner(byte[] plain)
    {
        int at = SealedScope.IdSize + KeySize;
        return Encoding.UTF8.GetString(plain, at + 1, plain[at]);
    }

    private SealedScope Scope(byte[] plain) => new(plain[..SealedScope.IdSize], plain.AsSpan(SealedScope.IdSize, KeySize), _root);

    private static byte[] Context(int slot) => [.. "slot"u8, .. BitConverter.GetBytes(slot)];
}
