namespace Ptoy.Services.Common;

/// <summary>Delays that double up to a bound, each less a random tenth so that many clients do not come back together.</summary>
public sealed class Retry(TimeSpan first, TimeSpan most)
{
    private int _failures;

    /// <summary>Failures in a row.</summary>
    public int Failures => _failures;

    /// <summary>The delay after one more failure.</summary>
    public TimeSpan Next() => After(first, most, _failures++);

    /// <summary>It worked: the next delay is the first again.</summary>
    public void Reset() => _failures = 0;

    /// <summary>The delay after so many failures before this one.</summary>
    public static TimeSpan After(TimeSpan first, TimeSpan most, int failuresBefore)
    {
        double whole = Math.Min(most.TotalMilliseconds, first.TotalMilliseconds * Math.Pow(2, Math.Min(failuresBefore, 30)));
        return TimeSpan.FromMilliseconds(whole * (1 - (Random.Shared.NextDouble() / 10)));
    }
}
