using System.Globalization;
using System.Net.Http.Headers;

namespace Ptoy.Services.Connector.Fhir;

/// <summary>
/// When to ask again. A server that names a time is obeyed; otherwise pauses double from half a second to a minute, each between half and all
/// of it by chance, so that many clients do not come back at once.
/// </summary>
/// <param name="jitter">A number from 0 up to 1.</param>
internal sealed class Backoff(Func<double> jitter)
{
    public static readonly TimeSpan First = TimeSpan.FromSeconds(0.5);
    public static readonly TimeSpan Longest = TimeSpan.FromMinutes(1);

    /// <summary>A server that asks for more patience than this is asked again in the next round.</summary>
    public static readonly TimeSpan MostPatience = TimeSpan.FromMinutes(15);

    /// <summary>The pause after so many failures in a row (from 1).</summary>
    public TimeSpan After(int failures, TimeSpan? asked = null)
    {
        if (asked is { } wanted) return wanted > MostPatience ? MostPatience : wanted;
        double whole = Math.Min(Longest.TotalSeconds, First.TotalSeconds * Math.Pow(2, Math.Min(failures - 1, 20)));
        return TimeSpan.FromSeconds(whole * (0.5 + (jitter() / 2)));
    }

    /// <summary>What <c>Retry-After</c> asks for: seconds or a date (RFC 9110, section 10.2.3). Null without one.</summary>
    public static TimeSpan? Asked(HttpResponseHeaders headers, DateTimeOffset now)
    {
        if (headers.RetryAfter is not { } after) return null;
        TimeSpan wanted = after.Delta ?? (after.Date is { } date ? date - now : TimeSpan.Zero);
        return wanted < TimeSpan.Zero ? TimeSpan.Zero : wanted;
    }
}

/// <summary>Keeps requests apart: so many in a second, one after another.</summary>
/// <param name="perSecond">Most requests in a second.</param>
/// <param name="time">Clock.</param>
/// <param name="pause">Waits; a test's comes back at once.</param>
internal sealed class Pacer(double perSecond, TimeProvider time, Func<TimeSpan, CancellationToken, Task> pause)
{
    private DateTimeOffset _next = DateTimeOffset.MinValue;

    /// <summary>Waits for this request's turn.</summary>
    public async Task TurnAsync(CancellationToken cancellation)
    {
        DateTimeOffset now = time.GetUtcNow();
        DateTimeOffset turn = _next > now ? _next : now;
        _next = turn + TimeSpan.FromSeconds(1 / perSecond);
        if (turn > now) await pause(turn - now, cancellation);
    }
}

/// <summary>A FHIR server that did not do what was asked, also after several tries. The message is without content.</summary>
internal sealed class FhirServerException(int status, string problem)
    : Exception(status == 0 ? problem : string.Create(CultureInfo.InvariantCulture, $"{problem} (HTTP {status})"))
{
    /// <summary>HTTP status; 0 when there was none.</summary>
    public int Status { get; } = status;
}
