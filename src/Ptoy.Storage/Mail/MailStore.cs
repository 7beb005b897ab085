using System.Buffers.Binary;
using Ptoy.Protocol;
using Ptoy.Storage.Engine;

namespace Ptoy.Storage.Mail;

/// <summary>A small sealed message to an account. The id is the sender's choice, the same on every node.</summary>
public sealed record StoredMail(Hash Id, ulong ExpiryMs, byte[] Bytes);

/// <summary>What became of a message.</summary>
public enum MailResult
{
    /// <summary>It is stored, durably.</summary>
    Stored,
    /// <summary>A message with that id is in the box already.</summary>
    Duplicate,
    /// <summary>The box holds as many messages or bytes as it may.</summary>
    Full,
    /// <summary>The message is empty or larger than <see cref="MailStore.MaxBytes"/>.</summary>
    WrongSize,
}

/// <summary>Accounts' inboxes: bounded, and everything in them expires.</summary>
public sealed class MailStore
{
    /// <summary>Largest message in bytes.</summary>
    public const int MaxBytes = 64 * 1024;

    /// <summary>Most messages in one box.</summary>
    public const int MaxCount = 256;

    /// <summary>Most bytes in one box.</summary>
    public const int MaxBoxBytes = 4 * 1024 * 1024;

    private readonly Database _database;
    private readonly Lock _writing = new();

    internal MailStore(Database database) => _database = database;

    /// <summary>Puts a message into an account's box. Synced when stored.</summary>
    public MailResult Put(Address account, StoredMail item)
    {
        if (item.Bytes.Length is 0 or > MaxBytes) return MailResult.WrongSize;
        lock (_writing)
        {
            if (_database.Has(Tables.Mail, Keys.Of(account.Value, item.Id))) return MailResult.Duplicate;
            int count = 0;
            long bytes = item.Bytes.Length;
            foreach (StoredMail present in All(account))
            {
                count++;
                bytes += present.Bytes.Length;
            }
            if (count >= MaxCount || bytes > MaxBoxBytes) return MailResult.Full;
            using var batch = new Batch(_database);
            batch.Put(Tables.Mail, Keys.Of(account.Value, item.Id), [.. Keys.Of(item.ExpiryMs), .. item.Bytes]);
            batch.Put(Tables.MailExpiry, ExpiryKey(item.ExpiryMs, account, item.Id), []);
            _database.Write(batch, sync: true);
            return MailResult.Stored;
        }
    }

    /// <summary>The messages of an account that have not expired, ordered by id.</summary>
    public IReadOnlyList<StoredMail> List(Address account, ulong nowMs) => [.. All(account).Where(m => m.ExpiryMs > nowMs)];

    /// <summary>Removes a message. False when it was not there.</summary>
    public bool Remove(Address account, Hash id)
    {
        lock (_writing)
        {
            byte[] key = Keys.Of(account.Value, id);
            if (_database.Get(Tables.Mail, key) is not { } value) return false;
            using var batch = new Batch(_database);
            batch.Delete(Tables.Mail, key);
            batch.Delete(Tables.MailExpiry, ExpiryKey(Keys.Number(value), account, id));
            _database.Write(batch, sync: true);
            return true;
        }
    }

    /// <summary>Removes everything whose time has come. Returns how many messages that were.</summary>
    public int Expire(ulong nowMs)
    {
        lock (_writing)
        {
            int count = 0;
            using var batch = new Batch(_database);
            foreach (byte[] key in _database.ScanKeys(Tables.MailExpiry).TakeWhile(k => Keys.Number(k) <= nowMs))
            {
                batch.Delete(Tables.MailExpiry, key);
                batch.Delete(Tables.Mail, key.AsSpan(8));
                count++;
            }
            if (count > 0) _database.Write(batch, sync: false);
            return count;
        }
    }

    private IEnumerable<StoredMail> All(Address account) => _database.Scan(Tables.Mail, Keys.Of(account.Value))
        .Select(e => new StoredMail(Keys.HashAt(e.Key, Hash.Size), Keys.Number(e.Value), e.Value[8..]));

    private static byte[] ExpiryKey(ulong expiryMs, Address account, Hash id)
    {
        var key = new byte[8 + (2 * Hash.Size)];
        BinaryPrimitives.WriteUInt64BigEndian(key, expiryMs);
        account.Value.CopyTo(key.AsSpan(8));
        id.CopyTo(key.AsSpan(8 + Hash.Size));
        return key;
    }
}
