using MessagePack;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Wire;

namespace Ptoy.Protocol.Matching;

/// <summary>
/// What the key authority says about a certified account: tokens of the identity that it was certified for. Tokens are keyed
/// hashes, comparable only with tokens that the same authority made; they find candidates and prove nothing.
/// </summary>
[MessagePackObject]
public sealed record MatchClaim(
    [property: Key(0)] Hash ChainId,
    [property: Key(1)] Address Account,
    [property: Key(2)] byte[] RequestId,
    [property: Key(3)] MatchToken[] Tokens,
    [property: Key(4)] long ExpiryMs,
    [property: Key(5)] PublicKey SealingKey) : IWire
{
    /// <summary>Most tokens of one person.</summary>
    public const int MaxTokens = 32;

    /// <summary>Length of a request id in bytes.</summary>
    public const int RequestIdSize = 16;

    /// <inheritdoc/>
    public string? Problem() =>
        Check.Exactly("request id", RequestId, RequestIdSize)
        ?? Check.Each("tokens", Tokens, MaxTokens)
        ?? (ExpiryMs > 0 ? null : "expiry is not positive")
        ?? Check.Nested("sealing key", SealingKey)
        ?? (SealingKey.Suite == SuiteId.HpkeX25519 ? null : "sealing key: not a sealing key");
}

/// <summary>One token: which rule made it, and its 32-byte HMAC.</summary>
[MessagePackObject]
public sealed record MatchToken([property: Key(0)] string Rule, [property: Key(1)] Hash Value) : IWire
{
    /// <inheritdoc/>
    public string? Problem() => Check.Text("rule", Rule, 1, 32);
}

/// <summary>A claim with the authority's signature over its exact bytes.</summary>
[MessagePackObject]
public sealed record MatchStatement(
    [property: Key(0)] byte[] ClaimBytes,
    [property: Key(1)] Signature Signature) : IWire
{
    /// <summary>Domain of the authority's signature.</summary>
    public const string Domain = "ptoy/match-statement/v1";

    /// <summary>Largest encoded statement in bytes.</summary>
    public const int MaxBytes = 8 * 1024;

    /// <inheritdoc/>
    public string? Problem() => Check.Between("claim", ClaimBytes, 1, MaxBytes - 128) ?? Check.Nested("signature", Signature);

    /// <summary>Signs a claim as the authority.</summary>
    public static MatchStatement Sign(MatchClaim claim, SigningKey authority)
    {
        if (claim.Problem() is { } problem) throw new WireException(problem);
        byte[] bytes = Codec.Encode(claim);
        return new MatchStatement(bytes, authority.Sign(Domain, bytes));
    }

    /// <summary>
    /// The claim when that authority signed it for that chain and it has not expired. Throws <see cref="WireException"/> saying
    /// what is wrong.
    /// </summary>
    public MatchClaim Open(PublicKey authority, Hash chainId, long nowMs)
    {
        if (!Signing.Verify(authority, Domain, ClaimBytes, Signature)) throw new WireException("match statement: not signed by the key authority");
        var claim = Codec.Decode<MatchClaim>(ClaimBytes, MaxBytes);
        if (claim.ChainId != chainId) throw new WireException("match statement: made for another chain");
        return claim.ExpiryMs > nowMs ? claim : throw new WireException("match statement: expired");
    }
}
