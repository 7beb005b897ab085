using System.Security.Cryptography;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Matching;
using Ptoy.Services.Common;
using Ptoy.Services.Matching;

namespace Ptoy.Services.Authority;

/// <summary>
/// Gives hospitals tokens of their own people, and certified accounts a signed statement of their own tokens. The HMAC key never leaves,
/// so nobody can try names and numbers out without being counted here.
/// </summary>
public sealed class TokenService(
    KeyAuthorityOptions options, AuthorityDirectory directory, TokenMaker tokens, SigningKey authority, Hash chainId,
    Func<Address, CancellationToken, Task<bool>> isMember, TimeProvider time, RandomNumberGenerator random, ILogger<TokenService> log)
{
    /// <summary>Most people in one request.</summary>
    public const int MaxPeople = 500;

    private readonly RateLimiter _people = new(time, options.TokensPerOrganisation / MaxPeople + 1, TimeSpan.FromHours(1));
    private readonly RateLimiter _statements = new(time, options.StatementsPerAccount, TimeSpan.FromHours(1));

    /// <summary>
    /// Tokens for an organisation that was authenticated by its key. Throws <see cref="AuthorityException"/> for one that is no member,
    /// <see cref="FieldException"/>, <see cref="RateLimitException"/>.
    /// </summary>
    public async Task<TokenAnswer> TokensAsync(Address organisation, TokenRequest request, CancellationToken cancellation)
    {
        if (request.People is null || request.People.Length is 0 or > MaxPeople) throw new FieldException("people", $"not 1 to {MaxPeople}");
        if (!await isMember(organisation, cancellation)) throw new AuthorityException(AuthorityRefusal.NotEntitled, "tokens are for member organisations");
        if (!_people.TryTake(organisation.ToString())) throw new RateLimitException("tokens for this organisation");
        log.LogInformation("{Count} people's tokens for organisation {Organisation}", request.People.Length, organisation);
        return new TokenAnswer([.. request.People.Select(TokensOf)]);
    }

    /// <summary>
    /// A statement about the asking account, which was authenticated by its key: of the identity it was certified for, and no other.
    /// </summary>
    public MatchStatement StatementFor(Address account)
    {
        if (directory.Find(account) is not { } person)
            throw new AuthorityException(AuthorityRefusal.NotEntitled, "this account is not certified by this authority");
        if (!_statements.TryTake(account.ToString())) throw new RateLimitException("match statements for this account");
        var requestId = new byte[MatchClaim.RequestIdSize];
        random.GetBytes(requestId);
        IReadOnlyList<MatchToken> made = tokens.Make(new PersonIdentity([person.FullName], [person.Phone], person.BirthDate));
        long expiry = (time.GetUtcNow() + options.StatementLifetime).ToUnixTimeMilliseconds();
        log.LogInformation("match statement for account {Account}", account);
        return MatchStatement.Sign(new MatchClaim(chainId, account, requestId, [.. made], expiry, PublicKey.Parse(person.SealingKey)), authority);
    }

    private PersonTokens TokensOf(TokenPerson person, int index)
    {
        const int MaxReference = 64;
        if (person is null) throw new FieldException($"people[{index}]", "missing");
        if (person.Reference is not { Length: >= 1 and <= MaxReference }) throw new FieldException($"people[{index}].reference", $"not 1 to {MaxReference} characters");
        IReadOnlyList<MatchToken> made = tokens.Make(new PersonIdentity(person.FullNames ?? [], person.Phones ?? [], person.BirthDate));
        return new PersonTokens(person.Reference, [.. made.Select(t => new TokenText(t.Rule, t.Value.ToString()))]);
    }
}
