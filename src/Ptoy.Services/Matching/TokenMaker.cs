using System.Security.Cryptography;
using System.Text;
using Ptoy.Protocol;
using Ptoy.Protocol.Matching;

namespace Ptoy.Services.Matching;

/// <summary>A person as far as matching knows them. Nothing here is normalised yet.</summary>
/// <param name="FullNames">Full names.</param>
/// <param name="Phones">Phone numbers.</param>
/// <param name="BirthDate">yyyy-MM-dd, where known.</param>
public sealed record PersonIdentity(IReadOnlyList<string> FullNames, IReadOnlyList<string> Phones, string? BirthDate);

/// <summary>
/// Makes the tokens that find candidates: HMAC-SHA256, under the key authority's key, of several normalised views of a person, so that a
/// misspelling, swapped names or a new number each leave some token equal (exact name and phone alone misses over half on dirty data).
/// </summary>
public sealed class TokenMaker : IDisposable
{
    /// <summary>Length of the key in bytes.</summary>
    public const int KeySize = 32;

    /// <summary>Full name as written, and phone.</summary>
    public const string NamePhone = "name+phone";

    /// <summary>Name parts sorted, and phone.</summary>
    public const string SortedPhone = "sorted+phone";

    /// <summary>Sound of the sorted name parts, and phone.</summary>
    public const string SoundPhone = "sound+phone";

    /// <summary>Name parts sorted, and birth date.</summary>
    public const string SortedBirth = "sorted+birth";

    /// <summary>Sound of the sorted name parts, and birth date.</summary>
    public const string SoundBirth = "sound+birth";

    /// <summary>Phone and birth date.</summary>
    public const string PhoneBirth = "phone+birth";

    private const int MaxNames = 3;
    private const int MaxPhones = 3;
    private readonly byte[] _key;
    private readonly string _region;

    /// <summary>Takes a copy of the key.</summary>
    public TokenMaker(ReadOnlySpan<byte> key, string region = "US")
    {
        if (key.Length != KeySize) throw new ArgumentException($"the token key has {KeySize} bytes", nameof(key));
        _key = key.ToArray();
        _region = region;
    }

    /// <summary>At most <see cref="MatchClaim.MaxTokens"/> tokens, none twice. Unusable names and numbers are passed over.</summary>
    public IReadOnlyList<MatchToken> Make(PersonIdentity person)
    {
        IReadOnlyList<string>[] names = [.. person.FullNames.Select(PartsOrNone).Where(p => p.Count > 0).Take(MaxNames)];
        string[] phones = [.. person.Phones.Select(p => PhoneText.TryNormalise(p, _region)).OfType<string>().Distinct().Take(MaxPhones)];
        string? born = person.BirthDate is { Length: 10 } date ? date : null;
        var tokens = new List<MatchToken>();
        foreach (IReadOnlyList<string> parts in names)
        {
            string name = string.Join(' ', parts);
            string sorted = string.Join(' ', parts.Order(StringComparer.Ordinal));
            string sound = string.Join(' ', parts.Select(PersonNames.Sound).Order(StringComparer.Ordinal));
            foreach (string phone in phones)
            {
                tokens.Add(Token(NamePhone, name, phone));
                tokens.Add(Token(SortedPhone, sorted, phone));
                tokens.Add(Token(SoundPhone, sound, phone));
            }
            if (born is null) continue;
            tokens.Add(Token(SortedBirth, sorted, born));
            tokens.Add(Token(SoundBirth, sound, born));
        }
        if (born is not null) tokens.AddRange(phones.Select(phone => Token(PhoneBirth, phone, born)));
        return [.. tokens.Distinct().Take(MatchClaim.MaxTokens)];
    }

    /// <summary>
    /// Who a person is to the authority, without being readable: the same for two spellings that sound alike with the same phone number.
    /// </summary>
    public Hash PersonTag(string fullName, string e164) =>
        Token("person", string.Join(' ', PersonNames.Parts(fullName).Select(PersonNames.Sound).Order(StringComparer.Ordinal)), e164).Value;

    /// <summary>A short stand-in for something personal in logs: needs the key to be tried out.</summary>
    public string Pseudonym(string text) => Token("log", text, "").Value.Short;

    /// <inheritdoc/>
    public void Dispose() => CryptographicOperations.ZeroMemory(_key);

    private static IReadOnlyList<string> PartsOrNone(string fullName)
    {
        try { return PersonNames.Parts(fullName); }
        catch (Common.FieldException) { return []; }
    }

    private MatchToken Token(string rule, string first, string second)
    {
        // Parts hold no newline, so the three cannot run into one another.
        byte[] text = Encoding.UTF8.GetBytes($"ptoy/match-token/v1\n{rule}\n{first}\n{second}");
        return new MatchToken(rule, new Hash(HMACSHA256.HashData(_key, text)));
    }
}
