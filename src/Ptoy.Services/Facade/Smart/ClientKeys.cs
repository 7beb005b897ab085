using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Ptoy.Services.Facade.Smart;

/// <summary>How apps prove themselves: a secret, a signed assertion (RFC 7523, as SMART backend services ask for it), or not at all
/// (public).</summary>
internal sealed class ClientKeys(FacadeOptions options, TimeProvider time, string tokenUrl)
{
    private const string AssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    private const int MaxRemembered = 100_000;
    private static readonly TimeSpan MostAhead = TimeSpan.FromMinutes(5);
    private readonly ConcurrentDictionary<string, long> _used = new();
    private readonly JsonWebTokenHandler _handler = new();

    /// <summary>What is wrong with a key set, or null.</summary>
    public static string? Problem(JsonElement keys)
    {
        try
        {
            var set = new JsonWebKeySet(keys.GetRawText());
            if (set.Keys.Count == 0) return "no key";
            return set.Keys.Any(k => k.HasPrivateKey) ? "a private key: only public ones belong here" : null;
        }
        catch (Exception e) when (e is ArgumentException or JsonException)
        {
            return "not a JSON Web Key Set";
        }
    }

    public FacadeApp? Find(string? clientId) => options.Apps.FirstOrDefault(a => a.ClientId == clientId);

    /// <summary>The app that makes the request. Throws <see cref="OAuthException"/>.</summary>
    public async Task<FacadeApp> AuthenticateAsync(HttpContext http, IReadOnlyDictionary<string, string> form)
    {
        if (form.TryGetValue("client_assertion", out string? assertion)) return await AssertedAsync(form, assertion);
        (string? id, string? secret) = (form.GetValueOrDefault("client_id"), form.GetValueOrDefault("client_secret"));
        if (http.Request.Headers.Authorization.ToString() is { } header
            && header.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase)) (id, secret) = Basic(header[6..]);
        FacadeApp app = Find(id) ?? throw OAuthException.InvalidClient("client_id: not an app that is registered here");
        if (app.SecretSha256 is { } expected)
        {
            byte[] given = SHA256.HashData(Encoding.UTF8.GetBytes(secret ?? ""));
            return CryptographicOperations.FixedTimeEquals(given, Convert.FromHexString(expected)) ? app
                : throw OAuthException.InvalidClient("the client secret is wrong or missing");
        }
        return app.Jwks is null ? app : throw OAuthException.InvalidClient("the app signs its requests: client_assertion is missing");
    }

    private static (string? Id, string? Secret) Basic(string text)
    {
        try
        {
            string[] parts = Encoding.UTF8.GetString(Convert.FromBase64String(text)).Split(':', 2);
            return parts.Length == 2 ? (Uri.UnescapeDataString(parts[0]), Uri.UnescapeDataString(parts[1])) : (null, null);
        }
        catch (FormatException)
        {
            return (null, null);
        }
    }

    private async Task<FacadeApp> AssertedAsync(IReadOnlyDictionary<string, string> form, string assertion)
    {
        if (form.GetValueOrDefault("client_assertion_type") != AssertionType)
            throw OAuthException.InvalidClient($"client_assertion_type: not {AssertionType}");
        JsonWebToken token;
        try { token = _handler.ReadJsonWebToken(assertion); }
        catch (Exception e) when (e is ArgumentException or SecurityTokenException)
            { throw OAuthException.InvalidClient("client_assertion: not a JSON Web Token"); }
        FacadeApp app = Find(token.Issuer)
            ?? throw OAuthException.InvalidClient("client_assertion: iss is not an app that is registered here");
        if (app.Jwks is not { } keys) throw OAuthException.InvalidClient("client_assertion: the app has no keys registered");
        DateTime now = time.GetUtcNow().UtcDateTime;
        TokenValidationResult result = await _handler.ValidateTokenAsync(assertion, new TokenValidationParameters
        {
            ValidIssuer = app.ClientId,
            ValidAudience = tokenUrl,
            IssuerSigningKeys = new JsonWebKeySet(keys.GetRawText()).GetSigningKeys(),
            ValidAlgorithms = ["RS384", "ES384"],
            RequireExpirationTime = true,
            LifetimeValidator = (_, expires, _, _) => expires is { } end && end > now && end <= now + MostAhead,
        });
        if (!result.IsValid) throw OAuthException.InvalidClient($"client_assertion: {Reason(result.Exception)}");
        if (token.Subject != app.ClientId) throw OAuthException.InvalidClient("client_assertion: sub is not iss");
        RememberOnce(app, token, now);
        return app;
    }

    private void RememberOnce(FacadeApp app, JsonWebToken token, DateTime now)
    {
        if (string.IsNullOrEmpty(token.Id)) throw OAuthException.InvalidClient("client_assertion: jti is missing");
        if (_used.Count >= MaxRemembered)
        {
            foreach ((string key, long until) in _used.ToArray()) if (until < now.Ticks) _used.TryRemove(key, out _);
            // Forgetting one still valid would let it be used again.
            if (_used.Count >= MaxRemembered) throw new OAuthException(503, "temporarily_unavailable",
                "too many assertions; try again in a few minutes");
        }
        if (!_used.TryAdd($"{app.ClientId}/{token.Id}",
            token.ValidTo.Ticks)) throw OAuthException.InvalidClient("client_assertion: this jti was used before");
    }

    private static string Reason(Exception? e) => e switch
    {
        SecurityTokenInvalidAudienceException => "aud is not this server's token endpoint",
        SecurityTokenInvalidLifetimeException => "exp is missing, past, or more than five minutes ahead",
        SecurityTokenInvalidAlgorithmException => "the algorithm is not RS384 or ES384",
        _ => "the signature is not by a key of the app's",
    };
}
