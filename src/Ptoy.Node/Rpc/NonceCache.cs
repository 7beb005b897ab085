using Ptoy.Protocol;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Node.Rpc;

/// <summary>
/// Nonces seen, each remembered until its request expires. When it is full of live nonces it refuses new ones rather than
/// forget one, since a forgotten nonce is a request that can be replayed.
/// </summary>
internal sealed class NonceCache(int capacity)
{
    private readonly Lock _lock = new();
    private readonly HashSet<(Address Signer, string Nonce)> _seen = [];
    private readonly PriorityQueue<(Address Signer, string Nonce), long> _byExpiry = new();

    public int Count
    {
        get
        {
            lock (_lock) return _seen.Count;
        }
    }

    /// <summary>Throws <see cref="RpcException"/>: Replayed for a nonce seen before, Busy when there is no room.</summary>
    public void Add(Address signer, string nonce, long expiryMs, long nowMs)
    {
        lock (_lock)
        {
            while (_byExpiry.TryPeek(out (Address Signer, string Nonce) oldest, out long expiry) && expiry < nowMs)
            {
                _byExpiry.Dequeue();
                _seen.Remove(oldest);
            }
            if (_seen.Contains((signer, nonce))) throw new RpcException(RpcErrors.Replayed, "auth.nonce: used before");
            if (_seen.Count >= capacity) throw new RpcException(RpcErrors.Busy, "the node remembers as many nonces as it can; try again later");
            _seen.Add((signer, nonce));
            _byExpiry.Enqueue((signer, nonce), expiryMs);
        }
    }
}
