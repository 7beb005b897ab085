using Ptoy.Protocol;
using Ptoy.Services.Facade.Smart;
using Ptoy.Services.Grants;
using Ptoy.Services.Hosting;

namespace Ptoy.Services.Facade;

/// <summary>The façade's section of a connector's configuration.</summary>
public sealed record FacadeOptions : IPartOptions
{
    /// <summary>One line for help.</summary>
    public const string Summary = "FHIR R4 with SMART App Launch for the hospital's apps and those that patients authorise";

    /// <summary>Works as it is with one app to fill in.</summary>
    public static FacadeOptions Example => new() { BaseUrl = "https://fhir.hospital.example/fhir", Name = "Hospital" };

    /// <summary>The hospital's name, as patients see it where it was not set up on chain yet.</summary>
    public string Name { get; init; } = "Hospital";

    /// <summary>HL7 v3 purpose of use that the copies are read for; patients grant for it.</summary>
    public string Purpose { get; init; } = "TREAT";

    /// <summary>Role whose team key records are sealed to.</summary>
    public string Role { get; init; } = "connector";

    /// <summary>How grants are followed.</summary>
    public FeedOptions Feed { get; init; } = new();

    /// <summary>Where clients reach the façade, such as <c>https://fhir.hospital.example/fhir</c>; the path is where it is
    /// served.</summary>
    public string BaseUrl { get; init; } = "";

    /// <summary>The apps that may ask for access.</summary>
    public IReadOnlyList<FacadeApp> Apps { get; init; } = [];

    /// <summary>Seconds that an access token lasts: 60 to 3,600.</summary>
    public int AccessTokenSeconds { get; init; } = 600;

    /// <summary>Days that a refresh token lasts: 1 to 365.</summary>
    public int RefreshTokenDays { get; init; } = 90;

    /// <summary>Seconds that one request may take: 1 to 120.</summary>
    public int RequestSeconds { get; init; } = 30;

    /// <summary>Exports that may run or be kept at one time: 1 to 1,000.</summary>
    public int MaxExports { get; init; } = 32;

    /// <summary>Hours that an export's files are kept: 1 to 168.</summary>
    public int ExportHours { get; init; } = 24;

    /// <summary>Everything that is wrong, one line each, naming the field.</summary>
    public IReadOnlyList<string> Problems()
    {
        var problems = new List<string>();
        if (!Uri.TryCreate(BaseUrl, UriKind.Absolute, out Uri? url) || url.Scheme is not ("http" or "https") || url.Query.Length > 0
            || url.AbsolutePath.Trim('/').Length == 0)
            problems.Add("baseUrl: not an http or https address with a path, such as https://fhir.hospital.example/fhir");
        else if (url.Scheme == "http" && !url.IsLoopback) problems.Add("baseUrl: http is for this machine only; use https");
        problems.AddRange(Feed.Problems().Select(p => $"feed.{p}"));
        Bound(problems, "accessTokenSeconds", AccessTokenSeconds, 60, 3600);
        Bound(problems, "refreshTokenDays", RefreshTokenDays, 1, 365);
        Bound(problems, "requestSeconds", RequestSeconds, 1, 120);
        Bound(problems, "maxExports", MaxExports, 1, 1000);
        Bound(problems, "exportHours", ExportHours, 1, 168);
        for (int i = 0; i < Apps.Count; i++) problems.AddRange(Apps[i].Problems().Select(p => $"apps[{i}].{p}"));
        problems.AddRange(Apps.GroupBy(a => a.ClientId).Where(g => g.Count() > 1).Select(g =>
            $"apps: the clientId {g.Key} stands there {g.Count()} times"));
        return problems;
    }

    private static void Bound(List<string> problems, string name, int value, int least, int most)
    {
        if (value < least || value > most) problems.Add($"{name}: {value} is not {least} to {most}");
    }
}

/// <summary>An app: an account of its own, and how it proves itself.</summary>
public sealed record FacadeApp
{
    /// <summary>The app's account, <c>ptoy1…</c>: its client id.</summary>
    public string ClientId { get; init; } = "";

    /// <summary>What people are shown.</summary>
    public string Name { get; init; } = "";

    /// <summary>Where authorization codes may be sent, to the letter; https, or http on this machine.</summary>
    public IReadOnlyList<string> RedirectUris { get; init; } = [];

    /// <summary>The most that the app may ask for, as SMART scopes.</summary>
    public string Scopes { get; init; } = "";

    /// <summary>HL7 v3 purposes of use; the first one where a request for a token names none (<c>purpose_of_use</c>).</summary>
    public IReadOnlyList<string> Purposes { get; init; } = ["TREAT"];

    /// <summary>SHA-256 of the client secret, hexadecimal; absent for public apps and for those with keys.</summary>
    public string? SecretSha256 { get; init; }

    /// <summary>A JSON Web Key Set with the app's public keys, for private_key_jwt; needed for backend services.</summary>
    public System.Text.Json.JsonElement? Jwks { get; init; }

    /// <summary>Everything that is wrong.</summary>
    public IReadOnlyList<string> Problems()
    {
        var problems = new List<string>();
        if (!Address.TryParse(ClientId, out _)) problems.Add("clientId: not a ptoy1… account");
        if (Name.Length is 0 or > 100) problems.Add("name: not 1 to 100 characters");
        for (int i = 0; i < RedirectUris.Count; i++)
        {
            if (!Uri.TryCreate(RedirectUris[i], UriKind.Absolute, out Uri? uri) || uri.Fragment.Length > 0
                || !(uri.Scheme == "https" || (uri.Scheme == "http" && uri.IsLoopback)))
                problems.Add($"redirectUris[{i}]: not an https address (http on this machine), without fragment");
        }
        foreach (string scope in Scopes.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (SmartScope.Parse(scope) is null
                && !SmartScope.Plain.Contains(scope)) problems.Add($"scopes: '{scope}' is not a SMART scope that is supported");
        }
        if (Scopes.Trim().Length == 0) problems.Add("scopes: none");
        if (Purposes.Count == 0 || Purposes.Any(p => p.Length is 0 or > 20
            || !p.All(char.IsAsciiLetterUpper))) problems.Add("purposes: one or more HL7 v3 codes such as TREAT");
        if (SecretSha256 is { } secret && (secret.Length != 64
            || !secret.All(char.IsAsciiHexDigitLower))) problems.Add("secretSha256: not 64 hexadecimal digits");
        if (Jwks is { } keys && ClientKeys.Problem(keys) is { } problem) problems.Add($"jwks: {problem}");
        if (Scopes.Contains("system/", StringComparison.Ordinal) && Jwks is null) problems.Add("jwks: needed for system scopes");
        return problems;
    }
}
