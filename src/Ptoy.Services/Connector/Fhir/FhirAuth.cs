using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Ptoy.Services.Connector.Fhir;

/// <summary>Credentials for requests to a FHIR server.</summary>
internal interface IFhirAuth
{
    /// <summary>The header for a request; null for none. Throws <see cref="FhirServerException"/> when there is no getting one.</summary>
    Task<AuthenticationHeaderValue?> HeaderAsync(CancellationToken cancellation);

    /// <summary>The server did not accept the last one. True when it is worth another try with a new one.</summary>
    bool Refused();
}

/// <summary>A header that stays the same.</summary>
internal sealed class FixedAuth(AuthenticationHeaderValue? header) : IFhirAuth
{
    public static IFhirAuth Of(FhirAuthOptions options, HttpClient http, Uri baseUrl, TimeProvider time) => options.Kind switch
    {
        FhirAuthKind.Basic => new FixedAuth(new AuthenticationHeaderValue(
            "Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{options.User}:{Secret(options)}")))),
        FhirAuthKind.Bearer => new FixedAuth(new AuthenticationHeaderValue("Bearer", Secret(options))),
        FhirAuthKind.Smart => new SmartBackendAuth(options, http, baseUrl, time),
        _ => new FixedAuth(null),
    };

    public Task<AuthenticationHeaderValue?> HeaderAsync(CancellationToken cancellation) => Task.FromResult(header);

    public bool Refused() => false;

    private static string Secret(FhirAuthOptions options) => File.ReadAllText(options.SecretFile!).Trim();
}

/// <summary>
/// SMART backend services (HL7 SMART App Launch 2, section on backend services): a JWT signed with the client's own key is exchanged for a
/// short-lived token (RFC 7523), which is used until shortly before it ends. Not safe for concurrent use, as the client that it serves.
/// </summary>
internal sealed class SmartBackendAuth(FhirAuthOptions options, HttpClient http, Uri baseUrl, TimeProvider time) : IFhirAuth
{
    private static readonly TimeSpan AssertionLife = TimeSpan.FromMinutes(4);
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(30);
    private AuthenticationHeaderValue? _header;
    private DateTimeOffset _until;
    private Uri? _tokenUrl;

    public async Task<AuthenticationHeaderValue?> HeaderAsync(CancellationToken cancellation)
    {
        if (_header is not null && time.GetUtcNow() < _until) return _header;
        _tokenUrl ??= options.TokenUrl is { } url ? new Uri(url) : await DiscoverAsync(cancellation);
        return await AskAsync(_tokenUrl, cancellation);
    }

    public bool Refused()
    {
        bool had = _header is not null;
        _header = null;
        return had;
    }

    private async Task<Uri> DiscoverAsync(CancellationToken cancellation)
    {
        var address = new Uri(FhirClient.Folder(baseUrl), ".well-known/smart-configuration");
        using HttpResponseMessage answer = await http.GetAsync(address, cancellation);
        if (!answer.IsSuccessStatusCode) throw new FhirServerException((int)answer.StatusCode, "the server has no SMART configuration; set auth.tokenUrl");
        using JsonDocument document = await ReadAsync(answer, cancellation);
        string? endpoint = Text(document.RootElement, "token_endpoint");
        if (endpoint is null || FhirServerOptions.UrlProblem(endpoint) is not null) throw new FhirServerException(0, "the server's SMART configuration names no usable token endpoint");
        return new Uri(endpoint);
    }

    private async Task<AuthenticationHeaderValue> AskAsync(Uri tokenUrl, CancellationToken cancellation)
    {
        using var form = new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["grant_type"] = "client_credentials",
            ["scope"] = options.Scopes,
            ["client_assertion_type"] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ["client_assertion"] = Assertion(tokenUrl),
        });
        using HttpResponseMessage answer = await http.PostAsync(tokenUrl, form, cancellation);
        if (!answer.IsSuccessStatusCode) throw new FhirServerException((int)answer.StatusCode, "the token endpoint refused the client's assertion");
        using JsonDocument document = await ReadAsync(answer, cancellation);
        string token = Text(document.RootElement, "access_token") ?? throw new FhirServerException(0, "the token endpoint's answer has no access_token");
        int seconds = document.RootElement.TryGetProperty("expires_in", out JsonElement life) && life.TryGetInt32(out int given) ? given : 300;
        _until = time.GetUtcNow() + TimeSpan.FromSeconds(seconds) - Margin;
        return _header = new AuthenticationHeaderValue("Bearer", token);
    }

    private string Assertion(Uri tokenUrl)
    {
        string pem = File.ReadAllText(options.KeyFile!);
        (SecurityKey key, string algorithm, IDisposable owned) = KeyOf(pem);
        using (owned)
        {
            key.KeyId = options.KeyId;
            // The key is gone when this returns, so a signer for it must not be kept.
            key.CryptoProviderFactory = new CryptoProviderFactory { CacheSignatureProviders = false };
            DateTime now = time.GetUtcNow().UtcDateTime;
            var descriptor = new SecurityTokenDescriptor
            {
                Issuer = options.ClientId, Audience = tokenUrl.ToString(), IssuedAt = now, NotBefore = now, Expires = now + AssertionLife,
                Claims = new Dictionary<string, object> { ["sub"] = options.ClientId!, ["jti"] = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)) },
                SigningCredentials = new SigningCredentials(key, algorithm),
            };
            return new JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = false }.CreateToken(descriptor);
        }
    }

    private static (SecurityKey Key, string Algorithm, IDisposable Owned) KeyOf(string pem)
    {
        if (!pem.Contains("EC PRIVATE KEY", StringComparison.Ordinal))
        {
            var rsa = RSA.Create();
            try
            {
                rsa.ImportFromPem(pem);
                return (new RsaSecurityKey(rsa), SecurityAlgorithms.RsaSha384, rsa);
            }
            catch (Exception e) when (e is CryptographicException or ArgumentException)
            {
                // "BEGIN PRIVATE KEY" does not say of which kind it is.
                rsa.Dispose();
            }
        }
        var ec = ECDsa.Create();
        try
        {
            ec.ImportFromPem(pem);
            return (new ECDsaSecurityKey(ec), SecurityAlgorithms.EcdsaSha384, ec);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            ec.Dispose();
            throw new FhirServerException(0, "auth.keyFile: not an RSA or EC private key in PEM");
        }
    }

    private static async Task<JsonDocument> ReadAsync(HttpResponseMessage answer, CancellationToken cancellation)
    {
        try { return JsonDocument.Parse(await answer.Content.ReadAsByteArrayAsync(cancellation)); }
        catch (JsonException) { throw new FhirServerException((int)answer.StatusCode, "the authorisation server's answer is not JSON"); }
    }

    private static string? Text(JsonElement parent, string name) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
