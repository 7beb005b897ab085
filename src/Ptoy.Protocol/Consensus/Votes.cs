using MessagePack;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Wire;

namespace Ptoy.Protocol.Consensus;

/// <summary>
/// What replicas say to each other. Every message is signed by the sender's node key, or is a certificate that proves
/// itself. Chain, epoch and sender come from the <see cref="ConsensusEnvelope"/> and are part of what is signed.
/// </summary>
[Union(0, typeof(PrePrepare))]
[Union(1, typeof(Prepare))]
[Union(2, typeof(Commit))]
[Union(3, typeof(ViewChange))]
[Union(4, typeof(NewView))]
[Union(5, typeof(Status))]
[Union(6, typeof(BlockRequest))]
[Union(7, typeof(BlockReply))]
[Union(8, typeof(Decision))]
[Union(9, typeof(Checkpoint))]
public abstract record ConsensusMessage : IWire
{
    /// <inheritdoc/>
    public abstract string? Problem();
}

/// <summary>
/// The primary's proposal for a height. Its signature is the primary's own <em>prepare</em> vote, so a proposal and the
/// prepares of the others make a prepared certificate together.
/// </summary>
[MessagePackObject]
public sealed record PrePrepare(
    [property: Key(0)] ulong View,
    [property: Key(1)] Block Block,
    [property: Key(2)] Signature Signature) : ConsensusMessage
{
    /// <inheritdoc/>
    public override string? Problem() => Check.Nested("block", Block) ?? Check.Nested("signature", Signature);
}

/// <summary>"I hold this block and all its bodies, on disk, and accept it in this view." Signs a <see cref="VoteStatement"/>.</summary>
[MessagePackObject]
public sealed record Prepare(
    [property: Key(0)] ulong View,
    [property: Key(1)] ulong Height,
    [property: Key(2)] Hash BlockHash,
    [property: Key(3)] Signature Signature) : ConsensusMessage
{
    /// <inheritdoc/>
    public override string? Problem() => (Height == 0 ? "height is 0" : null) ?? Check.Nested("signature", Signature);
}

/// <summary>"I hold a prepared certificate for this block in this view." Signs a <see cref="VoteStatement"/>.</summary>
[MessagePackObject]
public sealed record Commit(
    [property: Key(0)] ulong View,
    [property: Key(1)] ulong Height,
    [property: Key(2)] Hash BlockHash,
    [property: Key(3)] Signature Signature) : ConsensusMessage
{
    /// <inheritdoc/>
    public override string? Problem() => (Height == 0 ? "height is 0" : null) ?? Check.Nested("signature", Signature);
}

/// <summary>One replica's signature under the <see cref="ExecutionStatement"/> of a height.</summary>
[MessagePackObject]
public sealed record ExecutionVote(
    [property: Key(0)] ulong Height,
    [property: Key(1)] Hash ChainHash,
    [property: Key(2)] Hash StateRoot,
    [property: Key(3)] Hash ReceiptsRoot,
    [property: Key(4)] Hash NextValidators,
    [property: Key(5)] ulong TimeMs,
    [property: Key(6)] Signature Signature) : IWire
{
    /// <inheritdoc/>
    public string? Problem() => (Height == 0 ? "height is 0" : null) ?? Check.Nested("signature", Signature);

    /// <summary>The statement that the signature is under.</summary>
    public ExecutionStatement Statement(Hash chainId, ulong epoch) =>
        new(chainId, epoch, Height, ChainHash, StateRoot, ReceiptsRoot, NextValidators, TimeMs);
}

/// <summary>Every message with its sender's place in the validator set, and execution votes that travel along.</summary>
[MessagePackObject]
public sealed record ConsensusEnvelope(
    [property: Key(0)] ulong Epoch,
    [property: Key(1)] byte Sender,
    [property: Key(2)] ConsensusMessage? Message,
    [property: Key(3)] ExecutionVote[] Votes) : IWire
{
    /// <summary>Most execution votes in one envelope.</summary>
    public const int MaxVotes = 4;

    /// <summary>Largest encoded envelope in bytes: a new view of 64 replicas with a full window.</summary>
    public const int MaxBytes = 24 * 1024 * 1024;

    /// <inheritdoc/>
    public string? Problem() =>
        (Sender < ValidatorSet.MaxMembers ? null : $"sender {Sender} is beyond the largest set")
        ?? (Message?.Problem() is { } problem ? $"message: {problem}" : null)
        ?? Check.Each("votes", Votes, MaxVotes)
        ?? (Message is null && Votes.Length == 0 ? "neither message nor votes" : null);
}
