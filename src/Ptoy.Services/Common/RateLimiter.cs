namespace Ptoy.Services.Common;

/// <summary>So many in a sliding window for each key; the number of keys remembered is bounded. Safe for concurrent use.</summary>
public sealed class RateLimiter(TimeProvider time, int limit, TimeSpan window)
{
    /// <summary>Most keys remembered. When they are all in use, new keys are refused: a flood must not make the limiter forget.</summary>
    public const int MaxKeys = 100_000;

    private readonly Dictionary<string, Queue<DateTimeOffset>> _recent = [];
    private readonly Lock _lock = new();

    /// <summary>Counts one use; false when the key has used up its share.</summary>
    public bool TryTake(string key)
    {
        lock (_lock)
        {
            DateTimeOffset now = time.GetUtcNow();
            if (!_recent.TryGetValue(key, out Queue<DateTimeOffset>? uses))
            {
                if (_recent.Count >= MaxKeys) Sweep(now);
                if (_recent.Count >= MaxKeys) return false;
                _recent[key] = uses = new Queue<DateTimeOffset>();
            }
            while (uses.TryPeek(out DateTimeOffset oldest) && now - oldest >= window) uses.Dequeue();
            if (uses.Count >= limit) return false;
            uses.Enqueue(now);
            return true;
        }
    }

    private void Sweep(DateTimeOffset now)
    {
        foreach ((string key, Queue<DateTimeOffset> uses) in _recent.ToArray())
        {
            if (uses.Count == 0 || now - uses.Last() >= window) _recent.Remove(key);
        }
    }
}

/// <summary>Somebody asked too often. The message names which limit, not who.</summary>
public sealed class RateLimitException(string what) : Exception($"too many requests: {what}; try again later");
