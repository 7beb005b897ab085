using System.Text.Json;
using MessagePack;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Wire;

namespace Ptoy.Protocol.Consensus;

/// <summary>
/// Two votes of one replica in the same phase, view and height for different blocks, each under its signature: no correct replica makes
/// them. Proves itself to anyone who knows the replica's key. A pre-prepare counts as its primary's prepare vote.
/// </summary>
[MessagePackObject]
public sealed record ContradictoryVotes(
    [property: Key(0)] PublicKey NodeKey,
    [property: Key(1)] bool IsCommit,
    [property: Key(2)] VoteStatement First,
    [property: Key(3)] Signature FirstSignature,
    [property: Key(4)] VoteStatement Second,
    [property: Key(5)] Signature SecondSignature) : IWire
{
    /// <summary>Domain of both signatures.</summary>
    [IgnoreMember]
    public string Domain => IsCommit ? VoteStatement.CommitDomain : VoteStatement.PrepareDomain;

    /// <inheritdoc/>
    public string? Problem() =>
        Check.Nested("node key", NodeKey)
        ?? Check.Nested("first", First) ?? Check.Nested("first signature", FirstSignature)
        ?? Check.Nested("second", Second) ?? Check.Nested("second signature", SecondSignature)
        ?? (First.BlockHash != Second.BlockHash ? null : "both votes are for the same block")
        ?? (First with { BlockHash = Second.BlockHash } == Second ? null : "the votes are not for the same chain, epoch, view and height");

    /// <summary>Null when a member of the set signed both on this chain, else what is wrong.</summary>
    public string? Verify(Hash chainId, ValidatorSet set) =>
        Problem()
        ?? (First.ChainId == chainId ? null : "the votes are of another chain")
        ?? (First.Epoch == set.Epoch ? null : $"the votes are of epoch {First.Epoch}, not {set.Epoch}")
        ?? (set.IndexOf(NodeKey) >= 0 ? null : "the node key is not in the set")
        ?? (Signing.Verify(NodeKey, Domain, Codec.Encode(First), FirstSignature) ? null : "the first signature is wrong")
        ?? (Signing.Verify(NodeKey, Domain, Codec.Encode(Second), SecondSignature) ? null : "the second signature is wrong");

    /// <summary>The argument of <c>Conduct.accuse</c>: a JSON object whose hashes and signatures are hexadecimal text.</summary>
    public string ToProof() => JsonSerializer.Serialize(new
    {
        nodeKey = NodeKey.ToString(),
        phase = IsCommit ? "commit" : "prepare",
        epoch = First.Epoch,
        view = First.View,
        height = First.Height,
        first = new { blockHash = First.BlockHash.ToString(), signature = Convert.ToHexStringLower(FirstSignature.Bytes) },
        second = new { blockHash = Second.BlockHash.ToString(), signature = Convert.ToHexStringLower(SecondSignature.Bytes) },
    });
}
