using System.Security.Cryptography;
using System.Text;
using MessagePack;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Wire;

namespace Ptoy.Protocol.Rpc;

/// <summary>
/// Signed requests. The signature is over
/// <c>{chain id}|{node key}|{method}|{SHA-256 of the params}|{nonce}|{expiry}|{onBehalfOf}</c> in the domain
/// <see cref="Domain"/>. The params hash is over the bytes as sent (the JSON text of <c>params</c>, nothing when it is absent; the
/// body of a binary call), so neither side ever re-serialises what was signed.
/// </summary>
public static class SignedRequest
{
    /// <summary>The signature domain.</summary>
    public const string Domain = "ptoy/rpc/v1";

    /// <summary>How far ahead an expiry may lie.</summary>
    public const long MaxAheadMs = 5 * 60 * 1000;

    /// <summary>The signed text. <paramref name="parameters"/> are the bytes exactly as sent.</summary>
    public static string Text(
        Hash chainId, PublicKey node, string method, ReadOnlySpan<byte> parameters, string nonce, long expiryMs, Address? onBehalfOf)
    {
        Span<byte> hash = stackalloc byte[Hash.Size];
        SHA256.HashData(parameters, hash);
        return $"{chainId}|{node}|{method}|{Convert.ToHexStringLower(hash)}|{nonce}|{expiryMs}|{onBehalfOf?.ToString() ?? ""}";
    }

    /// <summary>Signs a request. The nonce is lower-case hexadecimal, made by the caller from a random source.</summary>
    public static RpcAuth Sign(
        SigningKey key, Hash chainId, PublicKey node, string method, ReadOnlySpan<byte> parameters, string nonce, long expiryMs, Address? onBehalfOf)
    {
        string text = Text(chainId, node, method, parameters, nonce, expiryMs, onBehalfOf);
        return new RpcAuth(key.Public, node, nonce, expiryMs, onBehalfOf, key.Sign(Domain, Encoding.UTF8.GetBytes(text)));
    }

    /// <summary>The proof when the signature is right, else null. Node, expiry and nonce are for the caller to judge.</summary>
    public static RequestProof? Verify(RpcAuth auth, Hash chainId, string method, ReadOnlySpan<byte> parameters)
    {
        string text = Text(chainId, auth.Node, method, parameters, auth.Nonce, auth.ExpiryMs, auth.OnBehalfOf);
        var proof = new RequestProof(auth.Key, text, auth.Signature);
        return proof.Verify() ? proof : null;
    }
}

/// <summary>
/// What stays of a signed request in the access log: enough for anybody to check later that this key asked this node for this,
/// and that nobody forged it.
/// </summary>
[MessagePackObject]
public sealed record RequestProof(
    [property: Key(0)] PublicKey Key,
    [property: Key(1)] string Text,
    [property: Key(2)] Signature Signature) : IWire
{
    /// <summary>Largest encoded proof in bytes.</summary>
    public const int MaxBytes = 1024;

    /// <inheritdoc/>
    public string? Problem() =>
        Check.Nested("key", Key) ?? Check.Text("text", Text, 1, 640) ?? Check.Nested("signature", Signature);

    /// <summary>True when the key signed the text.</summary>
    public bool Verify() => Signing.Verify(Key, SignedRequest.Domain, Encoding.UTF8.GetBytes(Text), Signature);
}
