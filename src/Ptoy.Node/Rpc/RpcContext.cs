using System.Net;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Rpc;
using Ptoy.Protocol.Wire;

namespace Ptoy.Node.Rpc;

/// <summary>Who signed the request, verified: signature, node, expiry and nonce were right.</summary>
public sealed record Caller(PublicKey PublicKey, Address Address, Address? OnBehalfOf, RequestProof Proof)
{
    /// <summary>The encoded <see cref="RequestProof"/>, for the access log.</summary>
    public byte[] ProofBytes() => Codec.Encode(Proof);
}

/// <summary>What a handler knows about a call besides its parameters.</summary>
public sealed class RpcContext
{
    internal RpcContext(RpcMethod method, Caller? caller, IPAddress remoteAddress, RpcConnection? connection)
    {
        Method = method;
        Caller = caller;
        RemoteAddress = remoteAddress;
        Connection = connection;
    }

    /// <summary>The method called.</summary>
    public RpcMethod Method { get; }

    /// <summary>The verified signer, or null for an unsigned request. Never null where the method requires one.</summary>
    public Caller? Caller { get; }

    /// <summary>The verified signer. Throws <see cref="RpcException"/> (NotAuthorised) for an unsigned request.</summary>
    public Caller RequireCaller() =>
        Caller ?? throw new RpcException(RpcErrors.NotAuthorised, $"{Method.Name} needs a signed request");

    /// <summary>Where the request came from.</summary>
    public IPAddress RemoteAddress { get; }

    /// <summary>The WebSocket connection that subscriptions belong to; null over HTTP.</summary>
    public RpcConnection? Connection { get; }
}

internal readonly record struct RpcPeer(IPAddress Address, RpcConnection? Connection);
