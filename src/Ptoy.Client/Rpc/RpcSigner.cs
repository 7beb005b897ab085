using System.Security.Cryptography;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Client.Rpc;

/// <summary>
/// Signs requests of one key for one node. Each request gets a random nonce and expires after <see cref="Lifetime"/>
/// (a minute, at most five), so it can be neither replayed nor used at another node.
/// </summary>
public sealed class RpcSigner(SigningKey key, Hash chainId, PublicKey node, Address? onBehalfOf = null, TimeProvider? time = null)
{
    private readonly TimeProvider _time = time ?? TimeProvider.System;

    /// <summary>How long a request stays valid.</summary>
    public TimeSpan Lifetime { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>The node whose requests these are.</summary>
    public PublicKey Node => node;

    /// <summary>The account that signs.</summary>
    public Address Address => key.Address;

    /// <summary>The same key for another node.</summary>
    public RpcSigner For(PublicKey otherNode) => new(key, chainId, otherNode, onBehalfOf, _time) { Lifetime = Lifetime };

    /// <summary>The same key acting for an organisation.</summary>
    public RpcSigner ActingFor(Address organisation) => new(key, chainId, node, organisation, _time) { Lifetime = Lifetime };

    /// <summary>Signs a call whose params (or body) are exactly these bytes.</summary>
    public RpcAuth Sign(string method, ReadOnlySpan<byte> parameters)
    {
        const int NonceBytes = 16;
        string nonce = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(NonceBytes));
        long expiry = _time.GetUtcNow().Add(Lifetime).ToUnixTimeMilliseconds();
        return SignedRequest.Sign(key, chainId, node, method, parameters, nonce, expiry, onBehalfOf);
    }
}
