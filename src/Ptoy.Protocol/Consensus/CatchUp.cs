using MessagePack;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Wire;

namespace Ptoy.Protocol.Consensus;

/// <summary>A prepare or commit vote that a peer holds: shown back to its signer, it proves what the signer once signed.</summary>
[MessagePackObject]
public sealed record HeldVote(
    [property: Key(0)] bool IsCommit,
    [property: Key(1)] ulong View,
    [property: Key(2)] ulong Height,
    [property: Key(3)] Hash BlockHash,
    [property: Key(4)] Signature Signature) : IWire
{
    /// <inheritdoc/>
    public string? Problem() => (Height == 0 ? "height is 0" : null) ?? Check.Nested("signature", Signature);
}

/// <summary>
/// Where a replica stands, for one peer. <see cref="Yours"/> are votes held from that peer: the newest, or when <see cref="Complete"/>
/// all that are held; <see cref="YourResult"/> is its newest execution vote. One that the peer's own log does not know means that the
/// peer forgot what it signed. <see cref="Suspects"/> says that the replica gives up on the primary of its view.
/// </summary>
[MessagePackObject]
public sealed record StatusStatement(
    [property: Key(0)] Hash ChainId,
    [property: Key(1)] ulong Epoch,
    [property: Key(2)] byte Replica,
    [property: Key(3)] ulong View,
    [property: Key(4)] bool ViewActive,
    [property: Key(5)] ulong Committed,
    [property: Key(6)] ulong Executed,
    [property: Key(7)] ulong Certified,
    [property: Key(8)] ulong Stable,
    [property: Key(9)] bool Asks,
    [property: Key(10)] bool Suspects,
    [property: Key(11)] bool Complete,
    [property: Key(12)] HeldVote[] Yours,
    [property: Key(13)] ExecutionVote? YourResult) : IWire
{
    /// <summary>Most held votes: a prepare and a commit for each height of the largest window, and the newest.</summary>
    public const int MaxHeld = (2 * ViewChangeStatement.MaxPrepared) + 1;

    /// <summary>Domain of the signature.</summary>
    public const string Domain = "ptoy/status/v1";

    /// <inheritdoc/>
    public string? Problem() =>
        (Replica < ValidatorSet.MaxMembers ? null : $"replica {Replica} is beyond the largest set")
        ?? (Executed <= Committed ? null : "executed is above committed")
        ?? (Stable <= Executed ? null : "stable is above executed")
        ?? Check.Each("your votes", Yours, MaxHeld)
        ?? (YourResult?.Problem() is { } problem ? $"your execution vote: {problem}" : null);
}

/// <summary>A signed <see cref="StatusStatement"/>, sent to one peer from time to time and when asked.</summary>
[MessagePackObject]
public sealed record Status(
    [property: Key(0)] StatusStatement Statement,
    [property: Key(1)] Signature Signature) : ConsensusMessage
{
    /// <inheritdoc/>
    public override string? Problem() => Check.Nested("statement", Statement) ?? Check.Nested("signature", Signature);
}

/// <summary>What a replica signs when it asks for one block by hash.</summary>
[MessagePackObject]
public sealed record BlockRequestStatement(
    [property: Key(0)] Hash ChainId,
    [property: Key(1)] ulong Epoch,
    [property: Key(2)] byte Replica,
    [property: Key(3)] ulong Height,
    [property: Key(4)] Hash BlockHash) : IWire
{
    /// <summary>Domain of the signature.</summary>
    public const string Domain = "ptoy/block-request/v1";

    /// <inheritdoc/>
    public string? Problem() =>
        (Height == 0 ? "height is 0" : null)
        ?? (Replica < ValidatorSet.MaxMembers ? null : $"replica {Replica} is beyond the largest set");
}

/// <summary>A replica asks for a block that a new view or a quorum of votes names and that it lacks.</summary>
[MessagePackObject]
public sealed record BlockRequest(
    [property: Key(0)] BlockRequestStatement Statement,
    [property: Key(1)] Signature Signature) : ConsensusMessage
{
    /// <inheritdoc/>
    public override string? Problem() => Check.Nested("statement", Statement) ?? Check.Nested("signature", Signature);
}

/// <summary>A block asked for. Needs no signature: it is taken only when its hash is the one wanted.</summary>
[MessagePackObject]
public sealed record BlockReply([property: Key(0)] Block Block) : ConsensusMessage
{
    /// <inheritdoc/>
    public override string? Problem() => Check.Nested("block", Block);
}

/// <summary>A commit certificate for a peer that is behind. Proves itself.</summary>
[MessagePackObject]
public sealed record Decision([property: Key(0)] CommitCertificate Certificate) : ConsensusMessage
{
    /// <inheritdoc/>
    public override string? Problem() => Check.Nested("certificate", Certificate);
}

/// <summary>An execution certificate for a peer that lacks it. Proves itself.</summary>
[MessagePackObject]
public sealed record Checkpoint([property: Key(0)] ExecutionCertificate Certificate) : ConsensusMessage
{
    /// <inheritdoc/>
    public override string? Problem() => Check.Nested("certificate", Certificate);
}

/// <summary>A decided block with its proof: what the driver fetches from peers when a replica is far behind.</summary>
[MessagePackObject]
public sealed record CertifiedBlock(
    [property: Key(0)] Block Block,
    [property: Key(1)] CommitCertificate Certificate) : IWire
{
    /// <summary>Largest encoded certified block in bytes.</summary>
    public const int MaxBytes = Block.MaxBytes + (16 * 1024);

    /// <inheritdoc/>
    public string? Problem() =>
        Check.Nested("block", Block)
        ?? Check.Nested("certificate", Certificate)
        ?? (Certificate.Statement.Height == Block.Header.Height && Certificate.Statement.BlockHash == Block.ComputeHash()
            ? null
            : "the certificate is for another block");
}
