using Microsoft.Extensions.Primitives;

namespace Ptoy.Node.Rpc;

/// <summary>
/// What browsers may do. No origin is let in that the options do not name. JSON calls must say <c>application/json</c>, which makes a
/// browser ask first (a preflight) before it sends anything across origins.
/// </summary>
internal sealed class HttpGate(RpcServerOptions options)
{
    private readonly HashSet<string> _origins = new(options.CorsOrigins, StringComparer.OrdinalIgnoreCase);

    /// <summary>True when the request comes from no browser page, from the server's own origin, or from one let in.</summary>
    public bool MayConnect(HttpContext http) => Origin(http) is not { } origin || _origins.Contains(origin) || IsOwn(http, origin);

    /// <summary>Adds the headers that let a listed origin read the answer.</summary>
    public void AddHeaders(HttpContext http)
    {
        if (Origin(http) is not { } origin || !_origins.Contains(origin)) return;
        http.Response.Headers.AccessControlAllowOrigin = origin;
        http.Response.Headers.Vary = "Origin";
    }

    /// <summary>Answers a preflight.</summary>
    public void AnswerPreflight(HttpContext http)
    {
        if (Origin(http) is not { } origin || !_origins.Contains(origin))
        {
            http.Response.StatusCode = StatusCodes.Status403Forbidden;
            return;
        }
        AddHeaders(http);
        http.Response.Headers.AccessControlAllowMethods = "POST";
        http.Response.Headers.AccessControlAllowHeaders = $"content-type, {Ptoy.Protocol.Rpc.RpcJson.AuthHeader.ToLowerInvariant()}";
        http.Response.Headers.AccessControlMaxAge = "600";
        http.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private static string? Origin(HttpContext http) =>
        http.Request.Headers.Origin is { } origin && !StringValues.IsNullOrEmpty(origin) ? origin.ToString() : null;

    private static bool IsOwn(HttpContext http, string origin) =>
        string.Equals(origin, $"{http.Request.Scheme}://{http.Request.Host}", StringComparison.OrdinalIgnoreCase);
}
