using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Diagnostics;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Rpc;
using Ptoy.Protocol.Wire;
using Ptoy.Services.Common;

namespace Ptoy.Services.Authority;

/// <summary>The key authority over HTTP: JSON on loopback, or TLS as configured.</summary>
public static class AuthorityHost
{
    private const int MaxBody = 1024 * 1024;

    /// <summary>
    /// Builds the web application; the caller starts and stops it. Plain HTTP is refused except on loopback, since names, numbers and codes
    /// travel here: throws <see cref="ArgumentException"/>.
    /// </summary>
    /// <param name="url">Where to listen.</param>
    /// <param name="authority">The core.</param>
    /// <param name="tokens">The token service.</param>
    /// <param name="requests">Checks signed requests.</param>
    /// <param name="info">Answer of <c>/v1/info</c>.</param>
    /// <param name="configureLogging">Where logs go.</param>
    /// <param name="devices">The accounts' devices; null: none are kept.</param>
    public static WebApplication Build(
        Uri url, KeyAuthority authority, TokenService tokens, AuthorityRequests requests, AuthorityInfo info,
        Action<ILoggingBuilder>? configureLogging = null, DeviceBook? devices = null)
    {
        if (url.Scheme != Uri.UriSchemeHttps && !url.IsLoopback)
            throw new ArgumentException($"url: plain http is for this machine only; give an https address", nameof(url));
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        configureLogging?.Invoke(builder.Logging);
        // The framework's own request logs would name addresses and paths for each request.
        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
        if (url.Scheme == Uri.UriSchemeHttps) builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(k => k.Limits.MaxRequestBodySize = MaxBody);
        builder.Services.Configure<RouteHandlerOptions>(o => o.ThrowOnBadRequest = true);
        builder.Services.ConfigureHttpJsonOptions(o => Configure(o.SerializerOptions));
        WebApplication app = builder.Build();
        app.Urls.Add(url.GetLeftPart(UriPartial.Authority));
        app.UseExceptionHandler(e => e.Run(AnswerErrorAsync));
        Map(app, authority, tokens, requests, info);
        MapAccount(app, authority, requests);
        if (devices is not null) MapDevices(app, authority, devices, requests);
        return app;
    }

    private static void Map(WebApplication app, KeyAuthority authority, TokenService tokens, AuthorityRequests requests, AuthorityInfo info)
    {
        app.MapGet("/v1/info", () => info);
        app.MapPost("/v1/sign-up/start", (SignUpStart request, HttpContext http) => authority.StartAsync(Source(http), request, http.RequestAborted));
        app.MapPost("/v1/sign-up/confirm", (SignUpConfirm request, HttpContext http) => authority.ConfirmAsync(Source(http), request, http.RequestAborted));
        app.MapPost("/v1/sign-up/issue", (SignUpIssue request, HttpContext http) => authority.IssueAsync(Source(http), request, http.RequestAborted));
        app.MapPost("/v1/tokens", async (HttpContext http) =>
        {
            (Address organisation, byte[] body) = await SignerAsync(http, requests, AuthorityClient.TokensMethod);
            TokenRequest request = JsonSerializer.Deserialize<TokenRequest>(body, RpcJson.Options) ?? throw new FieldException("people", "missing");
            return await tokens.TokensAsync(organisation, request, http.RequestAborted);
        });
        app.MapPost("/v1/match-statement", async (HttpContext http) =>
        {
            (Address account, _) = await SignerAsync(http, requests, AuthorityClient.StatementMethod);
            return new StatementAnswer(Codec.Encode(tokens.StatementFor(account)));
        });
    }

    private static void MapAccount(WebApplication app, KeyAuthority authority, AuthorityRequests requests)
    {
        // With a block and a return: the value of a bare call would be dropped.
        app.MapPost("/v1/account", async (HttpContext http) =>
        {
            (Address account, _) = await SignerAsync(http, requests, AuthorityClient.AccountMethod);
            return authority.FactsOf(account);
        });
        app.MapPost("/v1/account/change/start", async (HttpContext http) =>
        {
            (Address account, ChangeStart asked) = await AskedAsync<ChangeStart>(http, requests, AuthorityClient.ChangeMethod);
            return await authority.StartChangeAsync(account, asked, http.RequestAborted);
        });
        app.MapPost("/v1/account/change/confirm", async (HttpContext http) =>
        {
            (Address account, ChangeConfirm asked) = await AskedAsync<ChangeConfirm>(http, requests, AuthorityClient.ConfirmChangeMethod);
            return await authority.ConfirmChangeAsync(account, asked, http.RequestAborted);
        });
    }

    private static void MapDevices(WebApplication app, KeyAuthority authority, DeviceBook devices, AuthorityRequests requests)
    {
        // Only accounts that are certified here: a stranger's devices would fill the book.
        Address Known(Address account) => Address.Parse(authority.FactsOf(account).Account);
        app.MapPost("/v1/account/devices", async (HttpContext http) =>
        {
            (Address account, _) = await SignerAsync(http, requests, AuthorityClient.DevicesMethod);
            return devices.Of(Known(account));
        });
        app.MapPost("/v1/account/devices/announce", async (HttpContext http) =>
        {
            (Address account, AnnounceDevice asked) = await AskedAsync<AnnounceDevice>(http, requests, AuthorityClient.AnnounceMethod);
            return devices.Announce(Known(account), asked);
        });
        app.MapPost("/v1/account/devices/forget", async (HttpContext http) =>
        {
            (Address account, ForgetDevice asked) = await AskedAsync<ForgetDevice>(http, requests, AuthorityClient.ForgetMethod);
            return devices.Forget(Known(account), asked);
        });
    }

    private static async Task<(Address Account, T Asked)> AskedAsync<T>(HttpContext http, AuthorityRequests requests, string method) where T : class
    {
        (Address account, byte[] body) = await SignerAsync(http, requests, method);
        return (account, JsonSerializer.Deserialize<T>(body, RpcJson.Options) ?? throw new FieldException("request", "empty"));
    }

    private static async Task<(Address Account, byte[] Body)> SignerAsync(HttpContext http, AuthorityRequests requests, string method)
    {
        using var body = new MemoryStream();
        await http.Request.Body.CopyToAsync(body, http.RequestAborted);
        byte[] bytes = body.ToArray();
        (Address? account, string problem) = requests.Check(http.Request.Headers[RpcJson.AuthHeader], method, bytes);
        return account is { } signer ? (signer, bytes) : throw new AuthorityException(AuthorityRefusal.NotEntitled, problem);
    }

    private static string Source(HttpContext http) => (http.Connection.RemoteIpAddress ?? IPAddress.None).ToString();

    private static void Configure(JsonSerializerOptions options)
    {
        options.PropertyNamingPolicy = RpcJson.Options.PropertyNamingPolicy;
        options.TypeInfoResolver = new DefaultJsonTypeInfoResolver();
        options.RespectRequiredConstructorParameters = true;
        options.MaxDepth = 16;
    }

    private static Task AnswerErrorAsync(HttpContext http)
    {
        Exception? error = http.Features.Get<IExceptionHandlerFeature>()?.Error;
        (http.Response.StatusCode, string message) = error switch
        {
            FieldException e => (StatusCodes.Status400BadRequest, e.Message),
            BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } => (StatusCodes.Status413PayloadTooLarge, $"the request is larger than {MaxBody} bytes"),
            BadHttpRequestException or JsonException => (StatusCodes.Status400BadRequest, "the request is not the JSON that is expected here"),
            RateLimitException e => (StatusCodes.Status429TooManyRequests, e.Message),
            AuthorityException { Refusal: AuthorityRefusal.SecondKey } e => (StatusCodes.Status409Conflict, e.Message),
            AuthorityException { Refusal: AuthorityRefusal.Unavailable } e => (StatusCodes.Status503ServiceUnavailable, e.Message),
            AuthorityException e => (StatusCodes.Status403Forbidden, e.Message),
            _ => (StatusCodes.Status500InternalServerError, "a fault of the key authority"),
        };
        return http.Response.WriteAsJsonAsync(new AuthorityError(message), RpcJson.Options);
    }
}
