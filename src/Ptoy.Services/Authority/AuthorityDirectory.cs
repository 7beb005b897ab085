using System.Text.Json;
using Ptoy.Protocol;
using Ptoy.Services.Common;

namespace Ptoy.Services.Authority;

/// <summary>How far a certification is.</summary>
public enum PersonState
{
    /// <summary>Written down, perhaps on chain.</summary>
    Pending,
    /// <summary>Certified.</summary>
    Live,
    /// <summary>Its key counts no more.</summary>
    Ended,
}

/// <summary>A person the authority has certified, and as what.</summary>
/// <param name="Tag">Keyed tag of the person.</param>
/// <param name="Salt">Makes the commitment on chain unguessable even for whoever knows the tag.</param>
/// <param name="FullName">As given.</param>
/// <param name="Phone">E.164.</param>
/// <param name="BirthDate">yyyy-MM-dd, where given.</param>
/// <param name="Account">The certified account.</param>
/// <param name="SealingKey"><c>2:hex</c>.</param>
/// <param name="State">How far it is.</param>
public sealed record PersonEntry(
    string Tag, string Salt, string FullName, string Phone, string? BirthDate, string Account, string SealingKey, PersonState State);

/// <summary>
/// The authority's own directory: the one place that ties names and numbers to accounts. A sealed journal; memory holds the newest
/// entry of each account. Safe for concurrent use.
/// </summary>
public sealed class AuthorityDirectory : IDisposable
{
    /// <summary>Authenticated with every entry of the file.</summary>
    public const string Purpose = "key authority directory";

    private readonly SealedJournal _journal;
    private readonly Dictionary<string, PersonEntry> _byAccount = [];
    private readonly Dictionary<string, string> _liveByTag = [];
    private readonly Lock _lock = new();

    private AuthorityDirectory(SealedJournal journal, IReadOnlyList<byte[]> entries)
    {
        _journal = journal;
        foreach (byte[] entry in entries)
            Apply(JsonSerializer.Deserialize<PersonEntry>(entry) ?? throw new InvalidDataException($"{Purpose}: an entry is empty"));
    }

    /// <summary>Opens or creates the directory. Throws <see cref="InvalidDataException"/> when the key does not open it.</summary>
    public static AuthorityDirectory Open(string path, ReadOnlySpan<byte> key)
    {
        SealedJournal journal = SealedJournal.Open(path, key, Purpose, out IReadOnlyList<byte[]> entries);
        return new AuthorityDirectory(journal, entries);
    }

    /// <summary>How many accounts are live.</summary>
    public int LiveCount
    {
        get { lock (_lock) return _byAccount.Values.Count(p => p.State == PersonState.Live); }
    }

    /// <summary>The account that holds, or is about to hold, the person's key.</summary>
    public PersonEntry? HolderOf(Hash tag)
    {
        lock (_lock) return _liveByTag.TryGetValue(tag.ToString(), out string? account) ? _byAccount[account] : null;
    }

    /// <summary>The person a live account was certified for.</summary>
    public PersonEntry? Find(Address account)
    {
        lock (_lock) return _byAccount.TryGetValue(account.ToString(), out PersonEntry? person) && person.State == PersonState.Live ? person : null;
    }

    /// <summary>Writes an entry; it is on disk when this returns.</summary>
    public void Put(PersonEntry person)
    {
        lock (_lock)
        {
            _journal.Append(JsonSerializer.SerializeToUtf8Bytes(person));
            Apply(person);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _journal.Dispose();

    private void Apply(PersonEntry person)
    {
        // A changed name or phone: nothing finds the account by the old ones any more.
        if (_byAccount.TryGetValue(person.Account, out PersonEntry? before) && before.Tag != person.Tag && _liveByTag.GetValueOrDefault(before.Tag) == person.Account)
            _liveByTag.Remove(before.Tag);
        _byAccount[person.Account] = person;
        if (person.State != PersonState.Ended) _liveByTag[person.Tag] = person.Account;
        else if (_liveByTag.GetValueOrDefault(person.Tag) == person.Account) _liveByTag.Remove(person.Tag);
    }
}
