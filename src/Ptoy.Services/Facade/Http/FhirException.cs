namespace Ptoy.Services.Facade.Http;

/// <summary>An error as FHIR answers it: HTTP status, issue code, and a text without names or medical facts.</summary>
internal sealed class FhirException(int status, string issue, string diagnostics) : Exception(diagnostics)
{
    public int Status { get; } = status;

    /// <summary>A code of the value set issue-type.</summary>
    public string Issue { get; } = issue;

    /// <summary>What <c>WWW-Authenticate</c> says, where it applies.</summary>
    public string? Challenge { get; init; }

    public static FhirException BadRequest(string diagnostics) => new(400, "invalid", diagnostics);

    public static FhirException NotSupported(string diagnostics) => new(400, "not-supported", diagnostics);

    public static FhirException NotFound(string diagnostics) => new(404, "not-found", diagnostics);

    public static FhirException Unauthorized(string diagnostics) => new(401, "login",
        diagnostics) { Challenge = "Bearer error=\"invalid_token\"" };

    public static FhirException NoScope(string needed) =>
        new(403, "forbidden", $"the token's scopes do not cover this: {needed} is needed")
            { Challenge = $"Bearer error=\"insufficient_scope\", scope=\"{needed}\"" };

    public static FhirException Denied(string reason) => new(403, "forbidden", reason);
}
