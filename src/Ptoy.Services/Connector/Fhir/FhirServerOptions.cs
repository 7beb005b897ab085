using System.Text.Json.Serialization;
using Ptoy.Services.Hosting;

namespace Ptoy.Services.Connector.Fhir;

/// <summary>How to prove oneself to a FHIR server.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<FhirAuthKind>))]
public enum FhirAuthKind
{
    /// <summary>Not at all.</summary>
    None,
    /// <summary>User and password (RFC 7617).</summary>
    Basic,
    /// <summary>A token that somebody issued (RFC 6750).</summary>
    Bearer,
    /// <summary>SMART backend services: a signed assertion for a short-lived token.</summary>
    Smart,
}

/// <summary>Credentials for a FHIR server. Secrets are in files of their own, never in the configuration.</summary>
public sealed record FhirAuthOptions
{
    /// <summary>Which way.</summary>
    public FhirAuthKind Kind { get; init; }

    /// <summary>User of basic authentication.</summary>
    public string? User { get; init; }

    /// <summary>File with the password or the bearer token, on one line.</summary>
    public string? SecretFile { get; init; }

    /// <summary>SMART: the client id that the server knows.</summary>
    public string? ClientId { get; init; }

    /// <summary>SMART: PEM file of the private key (RSA of 2,048 bits or more, or EC P-384).</summary>
    public string? KeyFile { get; init; }

    /// <summary>SMART: id of the key in the JWK set that the server knows; optional.</summary>
    public string? KeyId { get; init; }

    /// <summary>SMART: token endpoint; discovered from the server when absent.</summary>
    public string? TokenUrl { get; init; }

    /// <summary>SMART: scopes asked for.</summary>
    public string Scopes { get; init; } = "system/*.rs";

    /// <summary>What is wrong, field by field; empty when nothing is.</summary>
    public IReadOnlyList<string> Problems() => [.. Find()];

    /// <summary>The same with paths relative to a configuration's folder resolved. Throws <see cref="DaemonConfigException"/> when a file is not there.</summary>
    internal FhirAuthOptions Resolved(string section, DaemonConfig config)
    {
        string? Resolve(string name, string? path) =>
            path is null ? null : File.Exists(config.PathOf(path)) ? config.PathOf(path) : throw new DaemonConfigException($"{section}.auth.{name}: there is no file '{config.PathOf(path)}'");
        return this with { SecretFile = Resolve("secretFile", SecretFile), KeyFile = Resolve("keyFile", KeyFile) };
    }

    /// <summary>A relative path is looked at once the configuration's own folder is known.</summary>
    private static string? PathProblem(string? path) =>
        string.IsNullOrEmpty(path) ? "missing" : Path.IsPathRooted(path) && !File.Exists(path) ? "no such file" : null;

    private IEnumerable<string> Find()
    {
        if (Kind == FhirAuthKind.Basic && string.IsNullOrEmpty(User)) yield return "auth.user: missing";
        if (Kind is FhirAuthKind.Basic or FhirAuthKind.Bearer && PathProblem(SecretFile) is { } secret) yield return $"auth.secretFile: {secret}";
        if (Kind != FhirAuthKind.Smart) yield break;
        if (string.IsNullOrEmpty(ClientId)) yield return "auth.clientId: missing";
        if (PathProblem(KeyFile) is { } key) yield return $"auth.keyFile: {key}";
        if (TokenUrl is not null && FhirServerOptions.UrlProblem(TokenUrl) is { } problem) yield return $"auth.tokenUrl: {problem}";
    }
}

/// <summary>A FHIR R4 server, and how politely to talk to it.</summary>
public record FhirServerOptions : IPartOptions
{
    /// <summary>Base address, such as <c>https://ehr.example.org/fhir</c>.</summary>
    public string BaseUrl { get; init; } = "";

    /// <summary>Credentials.</summary>
    public FhirAuthOptions Auth { get; init; } = new();

    /// <summary>Most requests in a second.</summary>
    public double RequestsPerSecond { get; init; } = 10;

    /// <summary>Tries of one request before the work is put off to the next round.</summary>
    public int MaxAttempts { get; init; } = 8;

    /// <summary>Longest wait for one answer, in seconds.</summary>
    public int TimeoutSeconds { get; init; } = 100;

    /// <inheritdoc/>
    public IReadOnlyList<string> Problems() => [.. Find()];

    /// <summary>What is wrong, field by field.</summary>
    protected virtual IEnumerable<string> Find()
    {
        if (UrlProblem(BaseUrl) is { } problem) yield return $"baseUrl: {problem}";
        foreach (string auth in Auth.Problems()) yield return auth;
        if (RequestsPerSecond is not (> 0 and <= 1000)) yield return $"requestsPerSecond: {RequestsPerSecond} is not above 0 and up to 1,000";
        if (MaxAttempts is < 1 or > 100) yield return $"maxAttempts: {MaxAttempts} is not 1 to 100";
        if (TimeoutSeconds is < 1 or > 3600) yield return $"timeoutSeconds: {TimeoutSeconds} is not 1 to 3,600";
    }

    internal static string? UrlProblem(string url) =>
        !Uri.TryCreate(url, UriKind.Absolute, out Uri? parsed) || parsed.Scheme is not ("http" or "https") ? "not an http(s) address"
        : parsed.Scheme == "http" && !parsed.IsLoopback ? "plain http is for this machine only: use https" : null;
}

/// <summary>How resources are found at a server.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<RestMode>))]
public enum RestMode
{
    /// <summary>By search where the server offers it, else by <c>$everything</c>.</summary>
    Auto,
    /// <summary>Each type by <c>_lastUpdated</c>.</summary>
    Search,
    /// <summary>Each patient by <c>Patient/$everything</c>.</summary>
    Everything,
}

/// <summary>A FHIR server to take in: section <c>rest</c> of the connector's configuration.</summary>
public sealed record RestIntakeOptions : FhirServerOptions
{
    /// <summary>One line for help.</summary>
    public const string Summary = "a FHIR R4 server is read, round after round";

    /// <summary>What <c>init</c> writes.</summary>
    public static RestIntakeOptions Example { get; } = new() { BaseUrl = "https://ehr.example.org/fhir" };

    /// <summary>Name of the source; it stays the same when the server moves.</summary>
    public string Source { get; init; } = "ehr";

    /// <summary>How resources are found.</summary>
    public RestMode Mode { get; init; } = RestMode.Auto;

    /// <summary>Resource types to take; empty: all that the server says it lets search.</summary>
    public string[] Types { get; init; } = [];

    /// <summary>Resources asked for in a page.</summary>
    public int PageSize { get; init; } = 200;

    /// <summary>Seconds from one round to the next.</summary>
    public int IntervalSeconds { get; init; } = 60;

    /// <summary>Seconds before the newest known change from which a round looks again: what the server wrote late is not missed.</summary>
    public int OverlapSeconds { get; init; } = 300;

    /// <inheritdoc/>
    protected override IEnumerable<string> Find()
    {
        foreach (string problem in base.Find()) yield return problem;
        if (Source.Length == 0) yield return "source: missing";
        if (PageSize is < 1 or > 10_000) yield return $"pageSize: {PageSize} is not 1 to 10,000";
        if (IntervalSeconds is < 1 or > 86_400) yield return $"intervalSeconds: {IntervalSeconds} is not 1 to 86,400";
        if (OverlapSeconds is < 0 or > 86_400) yield return $"overlapSeconds: {OverlapSeconds} is not 0 to 86,400";
        foreach (string type in Types.Where(t => t.Length == 0 || !t.All(char.IsAsciiLetter))) yield return $"types: '{type}' is not a resource type";
    }
}
