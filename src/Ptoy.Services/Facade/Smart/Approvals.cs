using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Services.Facade.Smart;

/// <summary>An app's request for access that waits for a person.</summary>
internal sealed record PendingApproval(
    string Id, FacadeApp App, string RedirectUri, string State, string CodeChallenge, IReadOnlyList<SmartScope> Scopes,
        IReadOnlyList<string> PlainScopes,
    string Purpose, DateTimeOffset Until, string Challenge)
{
    /// <summary>Where the browser goes once it is decided.</summary>
    public string? Redirect { get; set; }
}

/// <summary>A code that is exchanged once.</summary>
internal sealed record AuthorizationCode(PendingApproval Request, SmartGrant Grant, DateTimeOffset Until)
{
    private int _uses;

    /// <summary>True the first time.</summary>
    public bool Use() => Interlocked.Increment(ref _uses) == 1;
}

/// <summary>Requests that wait and codes that were given, in memory: they last minutes. Bounded; when full, new ones are refused.</summary>
internal sealed class Approvals(TimeProvider time)
{
    private const int MaxPending = 10_000;
    private static readonly TimeSpan Waiting = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan CodeLife = TimeSpan.FromSeconds(60);
    private readonly ConcurrentDictionary<string, PendingApproval> _pending = new();
    private readonly ConcurrentDictionary<string, AuthorizationCode> _codes = new();

    public PendingApproval Add(Func<string, DateTimeOffset, PendingApproval> make)
    {
        Sweep();
        if (_pending.Count >= MaxPending) throw new OAuthException(503, "temporarily_unavailable",
            "too many requests wait for approval; try again later");
        PendingApproval made = make(SmartState.NewSecret(), time.GetUtcNow() + Waiting);
        return _pending[made.Id] = made;
    }

    public PendingApproval? Find(string id) => _pending.TryGetValue(id, out PendingApproval? found) && time.GetUtcNow() < found.Until
        ? found : null;

    /// <summary>Gives a code for an approved request. False when it was decided before.</summary>
    public bool Approve(PendingApproval request, SmartGrant grant)
    {
        string code = SmartState.NewSecret();
        lock (request)
        {
            if (request.Redirect is not null) return false;
            _codes[code] = new AuthorizationCode(request, grant, time.GetUtcNow() + CodeLife);
            request.Redirect = Redirect(request, $"code={code}");
            return true;
        }
    }

    /// <summary>Tells the app that the person declined. False when it was decided before.</summary>
    public static bool Decline(PendingApproval request)
    {
        lock (request)
        {
            if (request.Redirect is not null) return false;
            request.Redirect = Redirect(request, "error=access_denied");
            return true;
        }
    }

    /// <summary>The code, whether used before or not; null when there is none such.</summary>
    public AuthorizationCode? Code(string code) => _codes.TryGetValue(code, out AuthorizationCode? found) && time.GetUtcNow() < found.Until
        ? found : null;

    /// <summary>The app's address with an answer and its state.</summary>
    public static string Redirect(string uri, string answer, string state) =>
        $"{uri}{(uri.Contains('?', StringComparison.Ordinal) ? '&' : '?')}{answer}&state={Uri.EscapeDataString(state)}";

    private static string Redirect(PendingApproval request, string answer) => Redirect(request.RedirectUri, answer, request.State);

    private void Sweep()
    {
        DateTimeOffset now = time.GetUtcNow();
        foreach ((string id, PendingApproval pending) in _pending.ToArray()) if (now >= pending.Until) _pending.TryRemove(id, out _);
        foreach ((string id, AuthorizationCode code) in _codes.ToArray()) if (now >= code.Until + Waiting) _codes.TryRemove(id, out _);
    }
}
