using System.Text.Json;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Services.Common;

namespace Ptoy.Services.Authority;

/// <summary>One entry of the journal: an account's devices as they are now.</summary>
internal sealed record DeviceEntry(string Account, DeviceInfo[] Devices);

/// <summary>
/// The devices that announced themselves for an account: for the person to see which they are, and to notice one that is not theirs. A sealed
/// journal; an announcement is written when it says something new, which is at most once a day for a device. Safe for concurrent use.
/// </summary>
public sealed class DeviceBook : IDisposable
{
    /// <summary>Authenticated with every entry of the file.</summary>
    public const string Purpose = "key authority devices";

    /// <summary>Devices of one account.</summary>
    public const int MaxDevices = 20;

    private readonly SealedJournal _journal;
    private readonly TimeProvider _time;
    private readonly Dictionary<string, DeviceInfo[]> _devices = [];
    private readonly Lock _lock = new();

    private DeviceBook(SealedJournal journal, IReadOnlyList<byte[]> entries, TimeProvider time)
    {
        (_journal, _time) = (journal, time);
        foreach (byte[] bytes in entries)
        {
            DeviceEntry entry = JsonSerializer.Deserialize<DeviceEntry>(bytes) ?? throw new InvalidDataException($"{Purpose}: an entry is empty");
            _devices[entry.Account] = entry.Devices;
        }
    }

    /// <summary>Opens or creates the book. Throws <see cref="InvalidDataException"/> when the key does not open it.</summary>
    public static DeviceBook Open(string path, ReadOnlySpan<byte> key, TimeProvider time)
    {
        SealedJournal journal = SealedJournal.Open(path, key, Purpose, out IReadOnlyList<byte[]> entries);
        return new DeviceBook(journal, entries, time);
    }

    /// <summary>The devices of an account.</summary>
    public DeviceList Of(Address account)
    {
        lock (_lock) return new DeviceList(_devices.GetValueOrDefault(account.ToString(), []));
    }

    /// <summary>A device says that it uses the account. Throws <see cref="FieldException"/>.</summary>
    public DeviceList Announce(Address account, AnnounceDevice device)
    {
        if (device.Id is not { Length: 32 } || !device.Id.All(char.IsAsciiHexDigitLower)) throw new FieldException("id", "not 32 lower-case hexadecimal digits");
        if (device.Label is not { Length: >= 1 and <= 64 } || device.Label.Any(char.IsControl)) throw new FieldException("label", "not 1 to 64 characters");
        DateTimeOffset day = new(_time.GetUtcNow().UtcDateTime.Date, TimeSpan.Zero);
        lock (_lock)
        {
            DeviceInfo[] known = _devices.GetValueOrDefault(account.ToString(), []);
            DeviceInfo? before = known.FirstOrDefault(d => d.Id == device.Id);
            var after = new DeviceInfo(device.Id, device.Label, before?.FirstSeen ?? day, day);
            if (before == after) return new DeviceList(known);
            if (before is null && known.Length >= MaxDevices) throw new FieldException("id", $"the account has {MaxDevices} devices: take one off first");
            return Put(account, [.. known.Where(d => d.Id != device.Id), after]);
        }
    }

    /// <summary>Takes a device off. Throws <see cref="FieldException"/> when it is not on the list.</summary>
    public DeviceList Forget(Address account, ForgetDevice device)
    {
        lock (_lock)
        {
            DeviceInfo[] known = _devices.GetValueOrDefault(account.ToString(), []);
            return known.Any(d => d.Id == device.Id) ? Put(account, [.. known.Where(d => d.Id != device.Id)]) : throw new FieldException("id", "not a device of this account");
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _journal.Dispose();

    private DeviceList Put(Address account, DeviceInfo[] devices)
    {
        DeviceInfo[] ordered = [.. devices.OrderBy(d => d.FirstSeen).ThenBy(d => d.Id, StringComparer.Ordinal)];
        _journal.Append(JsonSerializer.SerializeToUtf8Bytes(new DeviceEntry(account.ToString(), ordered)));
        _devices[account.ToString()] = ordered;
        return new DeviceList(ordered);
    }
}
