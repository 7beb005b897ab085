using System.Text.Json;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Services.Facade.Http;
using Ptoy.Services.Facade.Index;

namespace Ptoy.Services.Facade.Smart;

/// <summary>The authorization server of SMART App Launch 2: authorize, approve, token, revoke, introspect. Errors are OAuth's.</summary>
internal sealed class SmartEndpoints
{
    private const int MaxForm = 32 * 1024;
    private readonly FacadeCore _core;
    private readonly Address _organisation;
    private readonly Approvals _approvals;
    private readonly ClientKeys _clients;

    public SmartEndpoints(FacadeCore core, Address organisation)
    {
        (_core, _organisation) = (core, organisation);
        _approvals = new Approvals(core.Time);
        _clients = new ClientKeys(core.Options, core.Time, core.Base + "/auth/token");
    }

    /// <summary>Answers a request below <c>auth/</c>.</summary>
    public async Task AnswerAsync(HttpContext http, string path, CancellationToken cancellation)
    {
        try
        {
            http.Response.Headers.CacheControl = "no-store";
            string method = http.Request.Method;
            string[] parts = path.Split('/');
            if (path == "authorize" && (HttpMethods.IsGet(method) || HttpMethods.IsPost(method))) await AuthorizeAsync(http, cancellation);
            else if (path == "token" && HttpMethods.IsPost(method)) await TokenAsync(http, cancellation);
            else if (path == "revoke" && HttpMethods.IsPost(method)) await RevokeAsync(http, cancellation);
            else if (path == "introspect" && HttpMethods.IsPost(method)) await IntrospectAsync(http, cancellation);
            else if (parts is ["approve", var id] && HttpMethods.IsGet(method)) await JsonAsync(http, Describe(Pending(id)));
            else if (parts is ["approve", var answered] && HttpMethods.IsPost(method)) await ApproveAsync(http, Pending(answered),
                cancellation);
            else if (parts is ["session", var session] && HttpMethods.IsGet(method)) await JsonAsync(http, State(Pending(session)));
            else throw new OAuthException(404, "invalid_request", "there is no such endpoint");
        }
        catch (OAuthException e)
        {
            http.Response.StatusCode = e.Status;
            if (e.Status == 401) http.Response.Headers.WWWAuthenticate = "Basic";
            await JsonAsync(http, new { error = e.Error, error_description = e.Message });
        }
        catch (FhirException e)
        {
            http.Response.StatusCode = e.Status;
            await JsonAsync(http, new { error = e.Status >= 500 ? "temporarily_unavailable" : "invalid_request",
                error_description = e.Message });
        }
    }

    private async Task AuthorizeAsync(HttpContext http, CancellationToken cancellation)
    {
        Dictionary<string, string> asked = HttpMethods.IsGet(http.Request.Method)
            ? Form(http.Request.QueryString.Value?.TrimStart('?') ?? "") : await FormAsync(http, cancellation);
        FacadeApp app = _clients.Find(asked.GetValueOrDefault("client_id"))
            ?? throw OAuthException.InvalidRequest("client_id: not an app that is registered here");
        string redirect = asked.GetValueOrDefault("redirect_uri") ?? (app.RedirectUris.Count == 1 ? app.RedirectUris[0] : "");
        // Nothing is sent to an address that is not the app's, an error neither.
        if (!app.RedirectUris.Contains(redirect)) throw OAuthException.InvalidRequest("redirect_uri: not one that the app has registered");
        string state = asked.GetValueOrDefault("state") ?? "";
        try
        {
            PendingApproval pending = Begin(app, redirect, state, asked);
            http.Response.Headers["Referrer-Policy"] = "no-referrer";
            bool isPage = http.Request.Headers.Accept.ToString().Contains("text/html", StringComparison.OrdinalIgnoreCase);
            if (isPage) await ApprovalPage.SendAsync(http, _core.Base, Describe(pending));
            else await JsonAsync(http, new { request = Describe(pending), approve = $"{_core.Base}/auth/approve/{pending.Id}",
                session = $"{_core.Base}/auth/session/{pending.Id}" });
        }
        catch (OAuthException e)
        {
            string answer = $"error={e.Error}&error_description={Uri.EscapeDataString(e.Message)}";
            http.Response.Redirect(Approvals.Redirect(redirect, answer, state));
        }
    }

    private PendingApproval Begin(FacadeApp app, string redirect, string state, Dictionary<string, string> asked)
    {
        if (asked.GetValueOrDefault("response_type") != "code") throw new OAuthException(400, "unsupported_response_type",
            "response_type: not code");
        if (asked.GetValueOrDefault("aud")?.TrimEnd('/') != _core.Base) throw OAuthException.InvalidRequest($"aud: not {_core.Base}");
        if (state.Length is 0 or > 2048) throw OAuthException.InvalidRequest("state: missing, or longer than 2,048 characters");
        if (asked.GetValueOrDefault("code_challenge_method") != "S256"
            || asked.GetValueOrDefault("code_challenge") is not { Length: 43 } challenge)
            throw OAuthException.InvalidRequest("code_challenge: PKCE with S256 is needed");
        (IReadOnlyList<SmartScope> scopes, IReadOnlyList<string> plain) = Scopes(app, asked.GetValueOrDefault("scope"));
        scopes = [.. scopes.Where(s => s.Level != ScopeLevel.System)];
        if (scopes.Count == 0) throw OAuthException.InvalidScope("scope: none of patient/ or user/ that the app may ask for");
        string purpose = Purpose(app, asked);
        return _approvals.Add((id, until) => new PendingApproval(id, app, redirect, state, challenge, scopes, plain, purpose, until,
            AppApproval.Challenge(
            _organisation.ToString(), app.ClientId, id, Text(scopes, plain), purpose, redirect, Whole(until))) { });
    }

    /// <summary>To the millisecond, as the challenge carries it.</summary>
    private static DateTimeOffset Whole(DateTimeOffset time) => DateTimeOffset.FromUnixTimeMilliseconds(time.ToUnixTimeMilliseconds());

    private async Task ApproveAsync(HttpContext http, PendingApproval pending, CancellationToken cancellation)
    {
        AppAnswer answer = await ReadAnswerAsync(http, cancellation);
        if (answer.Session != pending.Id
            || answer.Decision is not ("approve" or "decline")) throw OAuthException.InvalidRequest("not an answer to this request");
        if (AppApproval.Verify(answer, pending.Challenge) is not { } account)
            throw OAuthException.InvalidRequest("signature: not by that key over this challenge and decision");
        SmartGrant grant = await GrantAsync(pending, account, cancellation);
        bool decided = answer.Decision == "approve" ? _approvals.Approve(pending, grant) : Approvals.Decline(pending);
        if (!decided) throw OAuthException.InvalidRequest("this request has been answered before");
        await JsonAsync(http, new { state = answer.Decision == "approve" ? "approved" : "declined" });
    }

    /// <summary>What the signer may give: a patient of this hospital its own record, an employee what the hospital's employees may
    /// see.</summary>
    private async Task<SmartGrant> GrantAsync(PendingApproval pending, Address account, CancellationToken cancellation)
    {
        Address client = Address.Parse(pending.App.ClientId);
        DateTimeOffset ends = _core.Time.GetUtcNow().AddDays(_core.Options.RefreshTokenDays);
        SmartScope[] own = [.. pending.Scopes.Where(s => s.Level == ScopeLevel.Patient)],
            user = [.. pending.Scopes.Where(s => s.Level == ScopeLevel.User)];
        if (own.Length > 0 && _core.Index.Of(account) is { } shelf)
        {
            var grant = new SmartGrant(Guid.NewGuid().ToString("N"), client, account, null, own, pending.PlainScopes, pending.Purpose,
                ends);
            GatePermits permits = await _core.Gate.PermitsAsync(grant.Asker, shelf.Patient, [], "read", [], cancellation);
            return permits.Any ? grant : throw new OAuthException(403, "access_denied",
                "you have not granted anything to this app's account, or not to this hospital: do that first (ptoy consent grant)");
        }
        if (user.Length > 0 && await _core.Gate.IsEmployeeAsync(account, cancellation))
            return new SmartGrant(Guid.NewGuid().ToString("N"), client, null, account, user,
                [.. pending.PlainScopes.Where(p => p != "launch/patient")], pending.Purpose, ends);
        throw new OAuthException(403, "access_denied",
            "the signer is neither a patient who lets this hospital read, nor one of its employees, as the scopes need");
    }

    private async Task TokenAsync(HttpContext http, CancellationToken cancellation)
    {
        Dictionary<string, string> form = await FormAsync(http, cancellation);
        FacadeApp app = await _clients.AuthenticateAsync(http, form);
        switch (form.GetValueOrDefault("grant_type"))
        {
            case "authorization_code": await ExchangeAsync(http, app, form); break;
            case "refresh_token": await RefreshAsync(http, app, form, cancellation); break;
            case "client_credentials": await BackendAsync(http, app, form); break;
            default: throw new OAuthException(400, "unsupported_grant_type",
                "grant_type: not authorization_code, refresh_token or client_credentials");
        }
    }

    private Task ExchangeAsync(HttpContext http, FacadeApp app, Dictionary<string, string> form)
    {
        AuthorizationCode? code = _approvals.Code(form.GetValueOrDefault("code") ?? "");
        if (code is null || code.Request.App.ClientId != app.ClientId) throw OAuthException.InvalidGrant("code: not known, or expired");
        if (!code.Use())
        {
            // Two exchanges of one code: one of them is a thief's.
            _core.Smart.End(code.Grant.Id);
            throw OAuthException.InvalidGrant("code: used before");
        }
        if (form.GetValueOrDefault("redirect_uri") is { } redirect
            && redirect != code.Request.RedirectUri) throw OAuthException.InvalidGrant("redirect_uri: not the one of the request");
        string verifier = form.GetValueOrDefault("code_verifier") ?? "";
        byte[] digest = System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.ASCII.GetBytes(verifier));
        if (System.Buffers.Text.Base64Url.EncodeToString(digest) != code.Request.CodeChallenge)
            throw OAuthException.InvalidGrant("code_verifier: does not fit the code_challenge");
        bool refresh = code.Grant.PlainScopes.Any(p => p is "offline_access" or "online_access");
        IssuedTokens tokens = _core.Smart.Begin(code.Grant, _core.Options.AccessTokenSeconds, refresh);
        return AnswerTokensAsync(http, code.Grant, tokens);
    }

    private async Task RefreshAsync(HttpContext http, FacadeApp app, Dictionary<string, string> form, CancellationToken cancellation)
    {
        (SmartGrant grant, IssuedTokens tokens) = _core.Smart.Refresh(form.GetValueOrDefault("refresh_token") ?? "",
            Address.Parse(app.ClientId), _core.Options.AccessTokenSeconds);
        if (grant.Patient is { } patient && (_core.Index.Of(patient) is null
            || await _core.EndIfRevokedAsync(grant, patient, cancellation)))
        {
            _core.Smart.End(grant.Id);
            throw OAuthException.InvalidGrant("the patient has ended what this rests on");
        }
        await AnswerTokensAsync(http, grant, tokens);
    }

    private Task BackendAsync(HttpContext http, FacadeApp app, Dictionary<string, string> form)
    {
        if (app.Jwks is null) throw new OAuthException(400, "unauthorized_client",
            "backend services prove themselves by a signed assertion");
        (IReadOnlyList<SmartScope> scopes, _) = Scopes(app, form.GetValueOrDefault("scope"));
        scopes = [.. scopes.Where(s => s.Level == ScopeLevel.System)];
        if (scopes.Count == 0) throw OAuthException.InvalidScope("scope: none of system/ that the app may ask for");
        DateTimeOffset ends = _core.Time.GetUtcNow().AddSeconds(_core.Options.AccessTokenSeconds);
        var grant = new SmartGrant(Guid.NewGuid().ToString("N"), Address.Parse(app.ClientId), null, null, scopes, [], Purpose(app, form),
            ends);
        return AnswerTokensAsync(http, grant, _core.Smart.Begin(grant, _core.Options.AccessTokenSeconds, false));
    }

    private async Task RevokeAsync(HttpContext http, CancellationToken cancellation)
    {
        Dictionary<string, string> form = await FormAsync(http, cancellation);
        FacadeApp app = await _clients.AuthenticateAsync(http, form);
        // An unknown token is no error (RFC 7009, 2.2).
        _core.Smart.Revoke(form.GetValueOrDefault("token") ?? throw OAuthException.InvalidRequest("token: missing"),
            Address.Parse(app.ClientId));
        await JsonAsync(http, new { });
    }

    private async Task IntrospectAsync(HttpContext http, CancellationToken cancellation)
    {
        Dictionary<string, string> form = await FormAsync(http, cancellation);
        FacadeApp app = await _clients.AuthenticateAsync(http, form);
        if (_core.Smart.Look(form.GetValueOrDefault("token") ?? "") is not var (grant, _, untilMs)
            || grant.Client.ToString() != app.ClientId
            || (grant.Patient is { } patient && (_core.Index.Of(patient) is null
                || await _core.EndIfRevokedAsync(grant, patient, cancellation))))
        {
            await JsonAsync(http, new { active = false });
            return;
        }
        var answer = new Dictionary<string, object>
        {
            ["active"] = true, ["scope"] = grant.ScopeText, ["client_id"] = app.ClientId, ["exp"] = untilMs / 1000,
                ["token_type"] = "Bearer",
        };
        if (PatientOf(grant) is { } id) answer["patient"] = id;
        await JsonAsync(http, answer);
    }

    private Task AnswerTokensAsync(HttpContext http, SmartGrant grant, IssuedTokens tokens)
    {
        var answer = new Dictionary<string, object>
        {
            ["access_token"] = tokens.Access, ["token_type"] = "Bearer", ["expires_in"] = tokens.Seconds, ["scope"] = grant.ScopeText,
        };
        if (tokens.Refresh is not null) answer["refresh_token"] = tokens.Refresh;
        if (PatientOf(grant) is { } id) answer["patient"] = id;
        return JsonAsync(http, answer);
    }

    private string? PatientOf(SmartGrant grant) => grant.Patient is { } patient ? _core.Index.Of(patient)?.PatientResourceId : null;

    /// <summary>Of what is asked, what the app may ask for. What is not understood or not allowed is left out; the answer says what was
    /// granted.</summary>
    private static (IReadOnlyList<SmartScope> Scopes, IReadOnlyList<string> Plain) Scopes(FacadeApp app, string? asked)
    {
        SmartScope[] allowed = [.. app.Scopes.Split(' ',
            StringSplitOptions.RemoveEmptyEntries).Select(SmartScope.Parse).OfType<SmartScope>()];
        string[] plainAllowed = [.. app.Scopes.Split(' ', StringSplitOptions.RemoveEmptyEntries).Where(SmartScope.Plain.Contains)];
        string[] texts = [.. (asked ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries).Distinct()];
        if (texts.Length is 0 or > 100) throw OAuthException.InvalidScope("scope: missing, or more than 100");
        SmartScope[] scopes = [.. texts.Select(SmartScope.Parse).OfType<SmartScope>().Where(s => allowed.Any(a => a.Includes(s)))];
        return (scopes, [.. texts.Where(plainAllowed.Contains)]);
    }

    private static string Purpose(FacadeApp app, Dictionary<string, string> form)
    {
        if (form.GetValueOrDefault("purpose_of_use") is not { } purpose) return app.Purposes[0];
        return app.Purposes.Contains(purpose) ? purpose
            : throw OAuthException.InvalidRequest("purpose_of_use: not one that the app is registered for");
    }

    private static string Text(IReadOnlyList<SmartScope> scopes, IReadOnlyList<string> plain) =>
        string.Join(' ', scopes.Select(s => s.Text).Concat(plain));

    private PendingApproval Pending(string id) => _approvals.Find(id) ?? throw new OAuthException(404, "invalid_request",
        "the request is not known, or has expired");

    private AppRequest Describe(PendingApproval p) => new(
        p.Id, _organisation.ToString(), p.App.ClientId, p.App.Name, Text(p.Scopes, p.PlainScopes), p.Purpose, p.RedirectUri,
            Whole(p.Until), p.Challenge);

    private static object State(PendingApproval pending) =>
        pending.Redirect is { } redirect ? new { state = "decided", redirect } : new { state = "waiting", redirect = "" };

    private static async Task<AppAnswer> ReadAnswerAsync(HttpContext http, CancellationToken cancellation)
    {
        byte[] body = await RequestContext.BodyAsync(http, MaxForm, cancellation);
        try
        {
            AppAnswer? answer = JsonSerializer.Deserialize<AppAnswer>(body, JsonSerializerOptions.Web);
            if (answer is { Session: not null, Key: not null, Decision: not null, Signature: not null }) return answer;
        }
        catch (JsonException)
        {
            // Answered below, like an answer that lacks a member.
        }
        throw OAuthException.InvalidRequest("not JSON with session, key, decision and signature");
    }

    private static async Task<Dictionary<string, string>> FormAsync(HttpContext http, CancellationToken cancellation)
    {
        if (http.Request.ContentType?.StartsWith("application/x-www-form-urlencoded", StringComparison.OrdinalIgnoreCase) != true)
            throw OAuthException.InvalidRequest("the content type is not application/x-www-form-urlencoded");
        return Form(System.Text.Encoding.UTF8.GetString(await RequestContext.BodyAsync(http, MaxForm, cancellation)));
    }

    private static Dictionary<string, string> Form(string text)
    {
        var form = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach ((string name, string value) in RequestContext.Pairs(text))
        {
            if (!form.TryAdd(name, value)) throw OAuthException.InvalidRequest($"{RequestContext.Printable(name)}: given twice");
        }
        return form;
    }

    private static Task JsonAsync(HttpContext http, object answer) => http.Response.WriteAsJsonAsync(answer, answer.GetType(),
        JsonSerializerOptions.Web);
}
