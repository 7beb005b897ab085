using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Services.Authority;

/// <summary>What is certified about an account.</summary>
/// <param name="SigningKey">The account's key.</param>
/// <param name="SealingKey">Where messages to it are sealed to.</param>
/// <param name="Roles">patient, practitioner, organisation…</param>
/// <param name="PersonCommitment">Salted commitment to the person; null for organisations.</param>
public sealed record IdentityFacts(PublicKey SigningKey, PublicKey SealingKey, IReadOnlyList<string> Roles, Hash? PersonCommitment);

/// <summary>The authority's hand on the chain's <c>Identity</c> contract.</summary>
public interface IIdentityRegistrar
{
    /// <summary>Certifies; returns when the chain has it. Throws <see cref="AuthorityException"/>.</summary>
    Task CertifyAsync(Address account, IdentityFacts facts, CancellationToken cancellation);

    /// <summary>Ends an account's certification.</summary>
    Task RevokeAsync(Address account, CancellationToken cancellation);

    /// <summary>True while the account is certified.</summary>
    Task<bool> IsActiveAsync(Address account, CancellationToken cancellation);
}

/// <summary>Makes a key pair and encrypts it for its owner.</summary>
public interface IKeystoreIssuer
{
    /// <summary>A new account: its public keys, and the keystore's text. Nothing of the private half is kept.</summary>
    IssuedKeys Issue(string passphrase);
}

/// <summary>A key pair that was made for somebody.</summary>
/// <param name="SigningKey">Public.</param>
/// <param name="SealingKey">Public.</param>
/// <param name="Keystore">The private half, encrypted.</param>
public sealed record IssuedKeys(PublicKey SigningKey, PublicKey SealingKey, string Keystore);
