using Ptoy.Protocol.Crypto;

namespace Ptoy.Consensus;

/// <summary>Signs with the node key. Must be deterministic: the same message gives the same signature, also after a restart.</summary>
public interface INodeSigner
{
    /// <summary>Signs a message in a domain.</summary>
    Signature Sign(string domain, ReadOnlySpan<byte> message);
}

/// <summary>Verifies node signatures. A seam: the simulator puts a cheap scheme here, everything else uses Ed25519.</summary>
public interface ISignatureVerifier
{
    /// <summary>True when that key signed that message in that domain. Never throws.</summary>
    bool Verify(PublicKey key, string domain, ReadOnlySpan<byte> message, Signature signature);
}

/// <summary>Ed25519 (RFC 8032), the scheme of every real network.</summary>
public sealed class Ed25519Verifier : ISignatureVerifier
{
    /// <summary>The one instance.</summary>
    public static Ed25519Verifier Instance { get; } = new();

    /// <inheritdoc/>
    public bool Verify(PublicKey key, string domain, ReadOnlySpan<byte> message, Signature signature) =>
        Signing.Verify(key, domain, message, signature);
}

/// <summary>Signs with an Ed25519 node key, which the caller keeps and disposes.</summary>
public sealed class Ed25519Signer(SigningKey key) : INodeSigner
{
    /// <inheritdoc/>
    public Signature Sign(string domain, ReadOnlySpan<byte> message) => key.Sign(domain, message);
}
