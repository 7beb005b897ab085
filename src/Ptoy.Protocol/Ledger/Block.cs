using MessagePack;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Wire;

namespace Ptoy.Protocol.Ledger;

/// <summary>
/// What consensus decides about one height. It names neither the view nor an uncommitted parent, so a new view can propose
/// the same bytes again. <see cref="TimeMs"/> is milliseconds since 1970 UTC; the executor takes the maximum of it and the
/// time of the block before, so block time never goes back.
/// </summary>
[MessagePackObject]
public sealed record BlockHeader(
    [property: Key(0)] Hash ChainId,
    [property: Key(1)] ulong Epoch,
    [property: Key(2)] ulong Height,
    [property: Key(3)] Hash TransactionRoot,
    [property: Key(4)] ulong TimeMs,
    [property: Key(5)] ulong ExecutedHeight,
    [property: Key(6)] Hash ExecutedChainHash,
    [property: Key(7)] Hash ExecutedStateRoot) : IWire
{
    /// <inheritdoc/>
    public string? Problem() =>
        Height == 0 ? "height is 0, which is genesis" : ExecutedHeight >= Height ? "executed height is not below height" : null;

    /// <summary>Identity of the block.</summary>
    public Hash ComputeHash() => Digest.Of(Domains.Header, Codec.Encode(this));
}

/// <summary>A header and the hashes of its transactions, in the order of execution.</summary>
[MessagePackObject]
public sealed record Block(
    [property: Key(0)] BlockHeader Header,
    [property: Key(1)] Hash[] TransactionHashes) : IWire
{
    /// <summary>Most transactions in a block.</summary>
    public const int MaxTransactions = 4096;

    /// <summary>Largest encoded block in bytes.</summary>
    public const int MaxBytes = (MaxTransactions * 36) + 1024;

    /// <inheritdoc/>
    public string? Problem() =>
        Check.Nested("header", Header)
        ?? Check.Count("transactions", TransactionHashes, MaxTransactions)
        ?? (MerkleTree.Root(TransactionHashes) == Header.TransactionRoot ? null : "transaction root does not match the transactions")
        ?? (TransactionHashes.Distinct().Count() == TransactionHashes.Length ? null : "a transaction is listed twice");

    /// <summary>
    /// The block that fills a gap in a new view: no transactions, time 0, nothing executed. Every replica makes the same
    /// bytes for a (chain, epoch, height).
    /// </summary>
    public static Block Null(Hash chainId, ulong epoch, ulong height) =>
        new(new BlockHeader(chainId, epoch, height, MerkleTree.Root([]), 0, 0, Hash.Zero, Hash.Zero), []);

    /// <summary>True for <see cref="Null"/> blocks.</summary>
    [IgnoreMember]
    public bool IsNull => Header.TimeMs == 0 && Header.ExecutedHeight == 0 && Header.ExecutedChainHash.IsZero && TransactionHashes.Length == 0;

    /// <summary>Identity of the block.</summary>
    public Hash ComputeHash() => Header.ComputeHash();

    /// <inheritdoc/>
    public bool Equals(Block? other) => other is not null && Header == other.Header && TransactionHashes.AsSpan().SequenceEqual(other.TransactionHashes);

    /// <inheritdoc/>
    public override int GetHashCode() => Header.GetHashCode();
}
