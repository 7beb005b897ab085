using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using NUnit.Framework;
using Ptoy.Protocol.Crypto;
using Ptoy.Services.Facade;
using Ptoy.Services.Facade.Smart;

namespace Ptoy.Services.Tests.Facade;

/// <summary>SMART App Launch 2: codes, tokens, approval by signature, backend services, and how it all ends.</summary>
[TestFixture]
internal sealed class SmartTests
{
    private const string Verifier = "a-verifier-of-sufficient-length-0123456789-abcdef";
    private FacadeHarness _facade = null!;

    [SetUp]
    public void Start() => _facade = new FacadeHarness();

    [TearDown]
    public void Stop() => _facade.Dispose();

    [Test]
    public async Task An_app_gets_what_a_patient_approves_with_a_signature()
    {
        JsonElement tokens = await LoginAsync("patient/Observation.rs patient/Nonsense.rs offline_access");
        Assert.That(tokens.GetProperty("scope").GetString(), Is.EqualTo("patient/Observation.rs offline_access"));
        Assert.That(tokens.GetProperty("patient").GetString(), Is.EqualTo("anna"));
        string access = tokens.GetProperty("access_token").GetString()!;
        Assert.That((await _facade.GetAsync("Observation/glu-1", access)).Status, Is.EqualTo(200));
        Assert.That((await _facade.GetAsync("Condition/dm", access)).Status, Is.EqualTo(403), "not in the scopes");
    }

    [Test]
    public async Task A_signature_by_somebody_else_or_over_something_else_approves_nothing()
    {
        JsonElement request = await RequestAsync("patient/*.rs");
        using var stranger = new SigningKey([.. Enumerable.Repeat((byte)99, SigningKey.SeedSize)]);
        Answer refused = await _facade.ApproveAsync(request, stranger);
        Assert.That((refused.Status, refused.Json.GetProperty("error").GetString()), Is.EqualTo((403, "access_denied")));
        JsonElement other = await RequestAsync("patient/*.cruds");
        var answer = Ptoy.Client.Workflows.AppApproval.Sign(FacadeHarness.Patient, request.GetProperty("session").GetString()!, other.GetProperty("challenge").GetString()!, true);
        refused = await _facade.SendAsync(
            "POST", $"auth/approve/{answer.Session}", null, JsonSerializer.Serialize(answer, JsonSerializerOptions.Web), "application/json");
        Assert.That((refused.Status, refused.Json.GetProperty("error_description").GetString()), Is.EqualTo((400, "signature: not by that key over this challenge and decision")));
    }

    [Test]
    public async Task An_app_without_a_grant_of_its_own_cannot_be_approved()
    {
        _facade.Gate.Grants.Clear();
        Answer refused = await _facade.ApproveAsync(await RequestAsync("patient/*.rs"), FacadeHarness.Patient);
        Assert.That(refused.Status, Is.EqualTo(403));
        Assert.That(refused.Json.GetProperty("error_description").GetString(), Does.StartWith("you have not granted anything to this app's account"));
    }

    [Test]
    public async Task A_person_may_decline()
    {
        JsonElement request = await RequestAsync("patient/*.rs");
        await _facade.ApproveAsync(request, FacadeHarness.Patient, approve: false);
        JsonElement state = (await _facade.GetAsync($"auth/session/{request.GetProperty("session").GetString()}")).Json;
        Assert.That(state.GetProperty("redirect").GetString(), Is.EqualTo(FacadeHarness.Redirect + "?error=access_denied&state=s1"));
        Assert.That((await _facade.ApproveAsync(request, FacadeHarness.Patient)).Status, Is.EqualTo(400), "answered before");
    }

    [Test]
    public async Task An_employee_signs_for_the_hospitals_own_apps()
    {
        using var clinician = new SigningKey([.. Enumerable.Repeat((byte)72, SigningKey.SeedSize)]);
        _facade.Gate.Employees.Add(clinician.Address);
        _facade.Gate.Grants[(FacadeHarness.Patient.Address, clinician.Address)] = ["*"];
        JsonElement tokens = await LoginAsync("user/Patient.rs", clinician);
        string access = tokens.GetProperty("access_token").GetString()!;
        Answer found = await _facade.GetAsync("Patient?family=smith", access);
        Assert.That(found.Json.GetProperty("total").GetInt32(), Is.EqualTo(1));
        Assert.That((await _facade.GetAsync("Patient", access)).Json.GetProperty("total").GetInt32(), Is.EqualTo(1), "Ben and Cara let the app see, not the clinician");
        Assert.That(_facade.Gate.Log.Last().Actor, Is.EqualTo(clinician.Address), "the person stands in the log");
    }

    [Test]
    public async Task A_code_is_good_once_and_its_second_use_ends_the_tokens()
    {
        (JsonElement tokens, Dictionary<string, string> exchange) = await ExchangedAsync("patient/*.rs offline_access");
        string access = tokens.GetProperty("access_token").GetString()!;
        Assert.That((await _facade.PostFormAsync("auth/token", exchange)).Json.GetProperty("error").GetString(), Is.EqualTo("invalid_grant"));
        Assert.That((await _facade.GetAsync("Observation/glu-1", access)).Status, Is.EqualTo(401));
    }

    [Test]
    public async Task A_wrong_verifier_gets_nothing()
    {
        JsonElement request = await RequestAsync("patient/*.rs");
        await _facade.ApproveAsync(request, FacadeHarness.Patient);
        Dictionary<string, string> exchange = await ExchangeFormAsync(request);
        exchange["code_verifier"] = "another";
        Assert.That((await _facade.PostFormAsync("auth/token", exchange)).Json.GetProperty("error_description").GetString(), Does.StartWith("code_verifier: "));
    }

    [Test]
    public async Task A_refresh_token_is_replaced_and_using_the_old_one_ends_everything()
    {
        JsonElement first = await LoginAsync("patient/*.rs offline_access");
        string old = first.GetProperty("refresh_token").GetString()!;
        JsonElement second = (await RefreshAsync(old)).Json;
        string access = second.GetProperty("access_token").GetString()!;
        Assert.That((await _facade.GetAsync("Observation/glu-1", access)).Status, Is.EqualTo(200));
        Assert.That((await RefreshAsync(old)).Status, Is.EqualTo(400));
        Assert.That((await _facade.GetAsync("Observation/glu-1", access)).Status, Is.EqualTo(401));
        Assert.That((await RefreshAsync(second.GetProperty("refresh_token").GetString()!)).Status, Is.EqualTo(400));
    }

    [Test]
    public async Task Revoking_on_chain_ends_refresh_and_introspection_at_once()
    {
        JsonElement tokens = await LoginAsync("patient/*.rs offline_access");
        string access = tokens.GetProperty("access_token").GetString()!;
        Assert.That((await IntrospectAsync(access)).GetProperty("active").GetBoolean(), Is.True);
        _facade.Gate.Grants.Clear();
        Assert.That((await IntrospectAsync(access)).GetProperty("active").GetBoolean(), Is.False);
        Assert.That((await RefreshAsync(tokens.GetProperty("refresh_token").GetString()!)).Status, Is.EqualTo(400));
    }

    [Test]
    public async Task An_app_may_revoke_its_own_token()
    {
        string access = (await LoginAsync("patient/*.rs")).GetProperty("access_token").GetString()!;
        Answer revoked = await _facade.PostFormAsync("auth/revoke", new() { ["client_id"] = FacadeHarness.AppKey.Address.ToString(), ["token"] = access });
        Assert.That(revoked.Status, Is.EqualTo(200));
        Assert.That((await _facade.GetAsync("Observation/glu-1", access)).Status, Is.EqualTo(401));
    }

    [Test]
    public async Task Tokens_outlive_a_restart_and_are_not_in_the_store_as_they_are()
    {
        string access = (await LoginAsync("patient/*.rs")).GetProperty("access_token").GetString()!;
        Assert.That(new SmartState(_facade.Store, _facade.Time).Find(access), Is.Not.Null);
        Assert.That(_facade.Store.Table("facade/tokens").Keys(), Has.No.Member(access));
        _facade.Time.Advance(TimeSpan.FromSeconds(601));
        Assert.That((await _facade.GetAsync("Observation/glu-1", access)).Status, Is.EqualTo(401));
    }

    [TestCase("client_id", "ptoy1nobody", "client_id: ")]
    [TestCase("redirect_uri", "https://evil.test/", "redirect_uri: ")]
    public async Task Nothing_is_sent_to_an_address_that_is_not_the_apps(string field, string value, string message)
    {
        Answer refused = await _facade.AuthorizeAsync("patient/*.rs", Verifier, f => f[field] = value);
        Assert.That((refused.Status, refused.Headers.Location.ToString()), Is.EqualTo((400, "")));
        Assert.That(refused.Json.GetProperty("error_description").GetString(), Does.StartWith(message));
    }

    [TestCase("aud", "https://other.test/fhir", "invalid_request")]
    [TestCase("response_type", "token", "unsupported_response_type")]
    [TestCase("code_challenge_method", "plain", "invalid_request")]
    [TestCase("scope", "patient/Nonsense.rs", "invalid_scope")]
    [TestCase("purpose_of_use", "HMARKT", "invalid_request")]
    public async Task Other_mistakes_go_back_to_the_app(string field, string value, string error)
    {
        Answer refused = await _facade.AuthorizeAsync("patient/*.rs", Verifier, f => f[field] = value);
        Assert.That((refused.Status, refused.Headers.Location.ToString()), Is.EqualTo((302, refused.Headers.Location.ToString())));
        Assert.That(refused.Headers.Location.ToString(), Does.StartWith($"{FacadeHarness.Redirect}?error={error}&").And.EndWith("&state=s1"));
    }

    [Test]
    public async Task A_backend_service_proves_itself_with_its_key()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        using FacadeHarness facade = Backend(key);
        Answer answer = await facade.PostFormAsync("auth/token", Credentials(key, "j1"));
        Assert.That(answer.Status, Is.EqualTo(200), answer.Text);
        string access = answer.Json.GetProperty("access_token").GetString()!;
        Assert.That((await facade.GetAsync("Patient", access)).Json.GetProperty("total").GetInt32(), Is.EqualTo(3));
        Assert.That((await facade.PostFormAsync("auth/token", Credentials(key, "j1"))).Json.GetProperty("error_description").GetString(), Does.Contain("used before"));
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        Assert.That((await facade.PostFormAsync("auth/token", Credentials(other, "j2"))).Status, Is.EqualTo(401));
        Assert.That((await facade.PostFormAsync("auth/token", Credentials(key, "j3", audience: "https://other.test"))).Json.GetProperty("error_description").GetString(), Does.Contain("aud"));
        Assert.That((await facade.PostFormAsync("auth/token", Credentials(key, "j4", minutes: 60))).Json.GetProperty("error_description").GetString(), Does.Contain("exp"));
    }

    [Test]
    public async Task An_export_is_asked_for_polled_fetched_and_deleted()
    {
        string token = _facade.Token("system/*.rs");
        Assert.That((await _facade.GetAsync("Patient/$export", token)).Diagnostics, Does.StartWith("Prefer: respond-async"));
        Answer asked = await _facade.GetAsync("Patient/$export?_type=Observation,Patient", token, ("Prefer", "respond-async"));
        Assert.That(asked.Status, Is.EqualTo(202));
        string job = asked.Headers.ContentLocation.ToString()[(FacadeHarness.Base.Length + 1)..];
        Answer status = await DoneAsync(job, token);
        JsonElement[] output = [.. status.Json.GetProperty("output").EnumerateArray()];
        Assert.That(output.Select(o => o.GetProperty("type").GetString()), Is.EquivalentTo(new[] { "Observation", "Patient" }));
        foreach (JsonElement file in output)
        {
            Answer lines = await _facade.GetAsync(file.GetProperty("url").GetString()![(FacadeHarness.Base.Length + 1)..], token, ("Accept", "application/fhir+ndjson"));
            string[] resources = lines.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
            Assert.That(resources, Has.Length.EqualTo(file.GetProperty("count").GetInt32()));
            Assert.That(resources.Select(r => JsonDocument.Parse(r).RootElement.GetProperty("resourceType").GetString()), Is.All.EqualTo(file.GetProperty("type").GetString()));
        }
        Assert.That((await _facade.SendAsync("DELETE", job, token, null, null)).Status, Is.EqualTo(202));
        Assert.That((await _facade.GetAsync(job, token)).Status, Is.EqualTo(404));
    }

    [Test]
    public async Task An_exports_file_gives_out_nothing_that_was_revoked_since()
    {
        string token = _facade.Token("system/*.rs");
        Answer asked = await _facade.GetAsync("$export?_type=Patient", token, ("Prefer", "respond-async"));
        Answer status = await DoneAsync(asked.Headers.ContentLocation.ToString()[(FacadeHarness.Base.Length + 1)..], token);
        string url = status.Json.GetProperty("output")[0].GetProperty("url").GetString()![(FacadeHarness.Base.Length + 1)..];
        _facade.Library.Forget(FacadeHarness.Patient.Address);
        _facade.Gate.Grants.TryRemove((SampleRecords.Ben, FacadeHarness.AppKey.Address), out _);
        Assert.That((await _facade.GetAsync(url, token)).Text.Split('\n', StringSplitOptions.RemoveEmptyEntries), Has.Length.EqualTo(1));
    }

    private async Task<Answer> DoneAsync(string job, string token)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (await timer.WaitForNextTickAsync(limit.Token))
        {
            Answer status = await _facade.GetAsync(job, token);
            if (status.Status != 202) return status;
        }
        throw new TimeoutException();
    }

    private static FacadeHarness Backend(ECDsa key)
    {
        JsonWebKey jwk = JsonWebKeyConverter.ConvertFromECDsaSecurityKey(new ECDsaSecurityKey(ECDsa.Create(key.ExportParameters(false))));
        string keys = JsonSerializer.Serialize(new { keys = new[] { new { kty = "EC", crv = "P-384", x = jwk.X, y = jwk.Y, alg = "ES384", use = "sig", kid = "k1" } } });
        return new FacadeHarness(new FacadeOptions
        {
            BaseUrl = FacadeHarness.Base, Apps = [FacadeHarness.App(FacadeHarness.AppKey, "system/*.rs") with { Jwks = JsonDocument.Parse(keys).RootElement }],
        });
    }

    private Dictionary<string, string> Credentials(ECDsa key, string jti, string? audience = null, int minutes = 4)
    {
        string client = FacadeHarness.AppKey.Address.ToString();
        string assertion = new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
        {
            Issuer = client, Audience = audience ?? FacadeHarness.Base + "/auth/token", Expires = _facade.Time.GetUtcNow().UtcDateTime.AddMinutes(minutes),
            NotBefore = _facade.Time.GetUtcNow().UtcDateTime, IssuedAt = _facade.Time.GetUtcNow().UtcDateTime,
            Claims = new Dictionary<string, object> { ["sub"] = client, ["jti"] = jti },
            SigningCredentials = new SigningCredentials(new ECDsaSecurityKey(key) { KeyId = "k1" }, SecurityAlgorithms.EcdsaSha384),
        });
        return new()
        {
            ["grant_type"] = "client_credentials", ["scope"] = "system/*.rs", ["client_assertion_type"] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ["client_assertion"] = assertion,
        };
    }

    private async Task<JsonElement> RequestAsync(string scope)
    {
        Answer asked = await _facade.AuthorizeAsync(scope, Verifier);
        Assert.That(asked.Status, Is.EqualTo(200), asked.Text);
        return asked.Json.GetProperty("request");
    }

    private async Task<Dictionary<string, string>> ExchangeFormAsync(JsonElement request)
    {
        string redirect = (await _facade.GetAsync($"auth/session/{request.GetProperty("session").GetString()}")).Json.GetProperty("redirect").GetString()!;
        string code = redirect.Split("code=")[1].Split('&')[0];
        return new()
        {
            ["grant_type"] = "authorization_code", ["code"] = code, ["redirect_uri"] = FacadeHarness.Redirect, ["code_verifier"] = Verifier,
            ["client_id"] = FacadeHarness.AppKey.Address.ToString(),
        };
    }

    private async Task<(JsonElement Tokens, Dictionary<string, string> Exchange)> ExchangedAsync(string scope, SigningKey? signer = null)
    {
        JsonElement request = await RequestAsync(scope);
        Answer approved = await _facade.ApproveAsync(request, signer ?? FacadeHarness.Patient);
        Assert.That(approved.Status, Is.EqualTo(200), approved.Text);
        Dictionary<string, string> exchange = await ExchangeFormAsync(request);
        Answer tokens = await _facade.PostFormAsync("auth/token", exchange);
        Assert.That(tokens.Status, Is.EqualTo(200), tokens.Text);
        return (tokens.Json, exchange);
    }

    private async Task<JsonElement> LoginAsync(string scope, SigningKey? signer = null) => (await ExchangedAsync(scope, signer)).Tokens;

    private Task<Answer> RefreshAsync(string token) => _facade.PostFormAsync(
        "auth/token", new() { ["grant_type"] = "refresh_token", ["refresh_token"] = token, ["client_id"] = FacadeHarness.AppKey.Address.ToString() });

    private async Task<JsonElement> IntrospectAsync(string token) =>
        (await _facade.PostFormAsync("auth/introspect", new() { ["client_id"] = FacadeHarness.AppKey.Address.ToString(), ["token"] = token })).Json;
}
