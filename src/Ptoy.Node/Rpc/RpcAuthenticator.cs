using System.Text.Json;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Node.Rpc;

/// <summary>The chain and node that requests are signed for.</summary>
public sealed record RpcIdentity(Hash ChainId, PublicKey NodeKey);

/// <summary>
/// Verifies signed requests: for this node, not expired nor valid for longer than <see cref="SignedRequest.MaxAheadMs"/>, rightly
/// signed, and never seen before. The nonce is remembered only once the signature is right, so nobody fills the memory with others' names.
/// </summary>
internal sealed class RpcAuthenticator(RpcIdentity identity, NonceCache nonces, TimeProvider time)
{
    /// <summary>The parts that need no params: form, node and expiry. Throws <see cref="RpcException"/>.</summary>
    public RpcAuth Precheck(JsonElement json)
    {
        RpcAuth auth = RpcAuth.Parse(json, out string problem) ?? throw new RpcException(RpcErrors.InvalidRequest, problem);
        if (auth.Node != identity.NodeKey)
            throw new RpcException(RpcErrors.WrongNode, $"auth.node: the request is for another node; this is {identity.NodeKey}");
        long now = time.GetUtcNow().ToUnixTimeMilliseconds();
        if (auth.ExpiryMs < now) throw new RpcException(RpcErrors.Expired, $"auth.expiry: passed {now - auth.ExpiryMs} ms ago by this node's clock");
        if (auth.ExpiryMs > now + SignedRequest.MaxAheadMs)
            throw new RpcException(RpcErrors.Expired, $"auth.expiry: more than {SignedRequest.MaxAheadMs / 60_000} minutes ahead of this node's clock");
        return auth;
    }

    /// <summary>Verifies the rest and uses up the nonce. Throws <see cref="RpcException"/>.</summary>
    public Caller Verify(RpcAuth auth, string method, ReadOnlySpan<byte> parameters)
    {
        RequestProof proof = SignedRequest.Verify(auth, identity.ChainId, method, parameters)
            ?? throw new RpcException(RpcErrors.BadSignature, "auth.signature: does not fit this chain, method, params, nonce and expiry");
        Address address = auth.Key.Address;
        nonces.Add(address, auth.Nonce, auth.ExpiryMs, time.GetUtcNow().ToUnixTimeMilliseconds());
        return new Caller(auth.Key, address, auth.OnBehalfOf, proof);
    }
}
