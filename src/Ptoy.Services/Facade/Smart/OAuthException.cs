namespace Ptoy.Services.Facade.Smart;

/// <summary>An error as OAuth 2 answers it (RFC 6749, 5.2).</summary>
internal sealed class OAuthException(int status, string error, string description) : Exception(description)
{
    public int Status { get; } = status;

    public string Error { get; } = error;

    public static OAuthException InvalidRequest(string description) => new(400, "invalid_request", description);

    public static OAuthException InvalidGrant(string description) => new(400, "invalid_grant", description);

    public static OAuthException InvalidClient(string description) => new(401, "invalid_client", description);

    public static OAuthException InvalidScope(string description) => new(400, "invalid_scope", description);
}
