using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Ptoy.Protocol;
using Ptoy.Services.Common;

namespace Ptoy.Services.Facade.Smart;

/// <summary>Tokens just made: the only time they are seen.</summary>
internal sealed record IssuedTokens(string Access, int Seconds, string? Refresh);

/// <summary>
/// Grants and their tokens. Tokens are 256 random bits, kept as SHA-256 only, in the sealed store, so that they outlive a restart and a
/// stolen
/// file gives none away. A refresh token is used once; using one again ends the whole grant, since one of the two users is a thief.
/// </summary>
internal sealed class SmartState
{
    private const int MaxGrants = 100_000;
    private const int MaxTokens = 500_000;
    private readonly SealedStore _store;
    private readonly SealedTable _grantTable;
    private readonly SealedTable _tokenTable;
    private readonly TimeProvider _time;
    private readonly ConcurrentDictionary<string, SmartGrant> _grants = new();
    private readonly ConcurrentDictionary<string, TokenLine> _tokens = new();
    private readonly Lock _lock = new();

    public SmartState(SealedStore store, TimeProvider time)
    {
        (_store, _time) = (store, time);
        _grantTable = store.Table("facade/grants");
        _tokenTable = store.Table("facade/tokens");
        foreach ((string id, byte[] value) in _grantTable.Scan())
        {
            if (JsonSerializer.Deserialize<GrantLine>(value)?.ToGrant(id) is { } grant) _grants[id] = grant;
        }
        foreach ((string hash, byte[] value) in _tokenTable.Scan())
        {
            if (JsonSerializer.Deserialize<TokenLine>(value) is { } token) _tokens[hash] = token;
        }
        Sweep();
    }

    /// <summary>A token as it is kept.</summary>
    internal sealed record TokenLine(string Grant, bool IsRefresh, bool IsUsed, long UntilMs);

    private sealed record GrantLine(string Client, string? Patient, string? User, string[] Scopes, string[] Plain, string Purpose,
        long EndsMs)
    {
        public SmartGrant? ToGrant(string id)
        {
            SmartScope?[] scopes = [.. Scopes.Select(SmartScope.Parse)];
            return scopes.Any(s => s is null) ? null : new SmartGrant(
                id, Address.Parse(Client), Patient is null ? null : Address.Parse(Patient), User is null ? null : Address.Parse(User),
                    scopes!, Plain, Purpose,
                DateTimeOffset.FromUnixTimeMilliseconds(EndsMs));
        }
    }

    /// <summary>Live grants.</summary>
    public int Count => _grants.Count;

    /// <summary>Makes a grant with its first tokens. Throws <see cref="OAuthException"/> when there is no room.</summary>
    public IssuedTokens Begin(SmartGrant grant, int accessSeconds, bool withRefresh)
    {
        lock (_lock)
        {
            if (_grants.Count >= MaxGrants || _tokens.Count >= MaxTokens - 2) Sweep();
            if (_grants.Count >= MaxGrants || _tokens.Count >= MaxTokens - 2) throw new OAuthException(503, "temporarily_unavailable",
                "too many grants are in force");
            _grants[grant.Id] = grant;
            return Issue(grant, accessSeconds, withRefresh, null);
        }
    }

    /// <summary>New tokens for a refresh token.</summary>
    public (SmartGrant Grant, IssuedTokens Tokens) Refresh(string refreshToken, Address client, int accessSeconds)
    {
        lock (_lock)
        {
            string hash = Digest(refreshToken);
            if (!_tokens.TryGetValue(hash, out TokenLine? line) || !line.IsRefresh
                || !_grants.TryGetValue(line.Grant, out SmartGrant? grant) || grant.Client != client)
                throw OAuthException.InvalidGrant("the refresh token is not known or has ended");
            if (line.IsUsed)
            {
                End(grant.Id);
                throw OAuthException.InvalidGrant("the refresh token was used before: the grant has ended");
            }
            if (Now >= line.UntilMs) throw OAuthException.InvalidGrant("the refresh token is not known or has ended");
            return (grant, Issue(grant, accessSeconds, true, hash));
        }
    }

    /// <summary>The grant of an access token in force, or null.</summary>
    public SmartGrant? Find(string accessToken) =>
        _tokens.TryGetValue(Digest(accessToken), out TokenLine? line) && !line.IsRefresh && Now < line.UntilMs
            ? _grants.GetValueOrDefault(line.Grant) : null;

    /// <summary>Grant, kind and end of any token in force, for introspection.</summary>
    public (SmartGrant Grant, bool IsRefresh, long UntilMs)? Look(string token) =>
        _tokens.TryGetValue(Digest(token), out TokenLine? line) && !line.IsUsed && Now < line.UntilMs
            && _grants.TryGetValue(line.Grant, out SmartGrant? grant)
            ? (grant, line.IsRefresh, line.UntilMs) : null;

    /// <summary>Revokes by a token of it: an access token alone, a refresh token with the whole grant.</summary>
    public void Revoke(string token, Address client)
    {
        string hash = Digest(token);
        if (!_tokens.TryGetValue(hash, out TokenLine? line) || !_grants.TryGetValue(line.Grant, out SmartGrant? grant)
            || grant.Client != client) return;
        if (line.IsRefresh)
        {
            End(grant.Id);
            return;
        }
        lock (_lock)
        {
            _store.Write(b => b.Delete(_tokenTable, hash));
            _tokens.TryRemove(hash, out _);
        }
    }

    /// <summary>Ends a grant and all its tokens.</summary>
    public void End(string grant)
    {
        lock (_lock)
        {
            string[] tokens = [.. _tokens.Where(t => t.Value.Grant == grant).Select(t => t.Key)];
            _store.Write(b =>
            {
                b.Delete(_grantTable, grant);
                foreach (string token in tokens) b.Delete(_tokenTable, token);
            });
            _grants.TryRemove(grant, out _);
            foreach (string token in tokens) _tokens.TryRemove(token, out _);
        }
    }

    /// <summary>Ends every grant about a patient.</summary>
    public void EndOf(Address patient)
    {
        foreach (SmartGrant grant in _grants.Values.Where(g => g.Patient == patient).ToArray()) End(grant.Id);
    }

    /// <summary>Forgets what has ended.</summary>
    public void Sweep()
    {
        lock (_lock)
        {
            string[] tokens = [.. _tokens.Where(t => Now >= t.Value.UntilMs).Select(t => t.Key)];
            string[] grants = [.. _grants.Values.Where(g => g.Ends.ToUnixTimeMilliseconds() <= Now).Select(g => g.Id)];
            if (tokens.Length + grants.Length == 0) return;
            _store.Write(b =>
            {
                foreach (string token in tokens) b.Delete(_tokenTable, token);
                foreach (string grant in grants) b.Delete(_grantTable, grant);
            });
            foreach (string token in tokens) _tokens.TryRemove(token, out _);
            foreach (string grant in grants) _grants.TryRemove(grant, out _);
        }
    }

    /// <summary>256 random bits as text.</summary>
    public static string NewSecret() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));

    private long Now => _time.GetUtcNow().ToUnixTimeMilliseconds();

    private IssuedTokens Issue(SmartGrant grant, int accessSeconds, bool withRefresh, string? usedRefresh)
    {
        string access = NewSecret();
        string? refresh = withRefresh ? NewSecret() : null;
        var lines = new Dictionary<string,
            TokenLine> { [Digest(access)] = new(grant.Id, false, false,
            Math.Min(Now + (accessSeconds * 1000L), grant.Ends.ToUnixTimeMilliseconds())) };
        if (refresh is not null) lines[Digest(refresh)] = new(grant.Id, true, false, grant.Ends.ToUnixTimeMilliseconds());
        if (usedRefresh is not null) lines[usedRefresh] = _tokens[usedRefresh] with { IsUsed = true };
        var kept = new GrantLine(
            grant.Client.ToString(), grant.Patient?.ToString(), grant.User?.ToString(), [.. grant.Scopes.Select(s => s.Text)],
                [.. grant.PlainScopes], grant.Purpose,
            grant.Ends.ToUnixTimeMilliseconds());
        _store.Write(b =>
        {
            if (usedRefresh is null) b.Put(_grantTable, grant.Id, JsonSerializer.SerializeToUtf8Bytes(kept));
            foreach ((string hash, TokenLine line) in lines) b.Put(_tokenTable, hash, JsonSerializer.SerializeToUtf8Bytes(line));
        });
        foreach ((string hash, TokenLine line) in lines) _tokens[hash] = line;
        return new IssuedTokens(access, accessSeconds, refresh);
    }

    private static string Digest(string token) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(token)));
}
