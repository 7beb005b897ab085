using System.Text.Json;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Services.Authority;

/// <summary>
/// Checks signed requests to the authority: as on nodes, but the node named is the authority's own key. A nonce is remembered until its
/// request expires, so nothing can be replayed.
/// </summary>
public sealed class AuthorityRequests(Hash chainId, PublicKey authority, TimeProvider time)
{
    private const int MaxNonces = 200_000;
    private readonly Dictionary<string, long> _nonces = [];
    private readonly Lock _lock = new();

    /// <summary>The account that signed, or why the request is refused.</summary>
    public (Address? Account, string Problem) Check(string? header, string method, ReadOnlySpan<byte> body)
    {
        if (string.IsNullOrEmpty(header)) return (null, "the request is not signed");
        RpcAuth? auth;
        try
        {
            using JsonDocument document = JsonDocument.Parse(header, RpcJson.Documents);
            auth = RpcAuth.Parse(document.RootElement, out string problem);
            if (auth is null) return (null, problem);
        }
        catch (JsonException)
        {
            return (null, "auth: not JSON");
        }
        long now = time.GetUtcNow().ToUnixTimeMilliseconds();
        if (auth.Node != authority) return (null, "auth.node: the request is signed for somebody else");
        if (auth.ExpiryMs <= now) return (null, "auth.expiry: the request has expired");
        if (auth.ExpiryMs > now + SignedRequest.MaxAheadMs) return (null, "auth.expiry: too far ahead");
        if (SignedRequest.Verify(auth, chainId, method, body) is null) return (null, "auth.signature: wrong");
        return TakeNonce($"{auth.Key}|{auth.Nonce}", auth.ExpiryMs, now) ? (auth.Key.Address, "") : (null, "auth.nonce: used before");
    }

    private bool TakeNonce(string nonce, long expiry, long now)
    {
        lock (_lock)
        {
            if (_nonces.Count >= MaxNonces)
            {
                foreach (string old in _nonces.Where(n => n.Value <= now).Select(n => n.Key).ToArray()) _nonces.Remove(old);
                if (_nonces.Count >= MaxNonces) return false;
            }
            return _nonces.TryAdd(nonce, expiry);
        }
    }
}
