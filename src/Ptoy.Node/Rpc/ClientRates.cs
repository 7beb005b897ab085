using Ptoy.Protocol.Rpc;

namespace Ptoy.Node.Rpc;

/// <summary>
/// A token bucket for each client (remote address, or signing key): <paramref name="perSecond"/> calls refill up to
/// <paramref name="burst"/>. At most <paramref name="capacity"/> buckets: full ones are forgotten first, which loses nothing.
/// </summary>
internal sealed class ClientRates(double perSecond, double burst, int capacity, TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Bucket> _buckets = [];

    /// <summary>Takes tokens for that many calls. Throws <see cref="RpcException"/> (RateLimited) when there are not enough.</summary>
    public void Take(string client, int calls)
    {
        long now = time.GetTimestamp();
        lock (_lock)
        {
            if (!_buckets.TryGetValue(client, out Bucket bucket))
            {
                if (_buckets.Count >= capacity) MakeRoom(now);
                bucket = new Bucket(burst, now);
            }
            double tokens = Refilled(bucket, now);
            bool enough = tokens >= calls;
            _buckets[client] = new Bucket(enough ? tokens - calls : tokens, now);
            if (!enough)
            {
                double wait = Math.Ceiling((calls - tokens) / perSecond * 1000);
                throw new RpcException(RpcErrors.RateLimited, $"more than {perSecond} calls a second; try again in {wait} ms", new { retryAfterMs = wait });
            }
        }
    }

    private double Refilled(Bucket bucket, long now) =>
        Math.Min(burst, bucket.Tokens + (time.GetElapsedTime(bucket.At, now).TotalSeconds * perSecond));

    private void MakeRoom(long now)
    {
        foreach (string idle in _buckets.Where(b => Refilled(b.Value, now) >= burst).Select(b => b.Key).ToList()) _buckets.Remove(idle);
        if (_buckets.Count >= capacity) throw new RpcException(RpcErrors.Busy, "the node serves as many clients as it can; try again later");
    }

    private readonly record struct Bucket(double Tokens, long At);
}
