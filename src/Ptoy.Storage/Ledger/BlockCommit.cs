using MessagePack;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Wire;
using Ptoy.Storage.State;

namespace Ptoy.Storage.Ledger;

/// <summary>One executed block, with everything that becomes durable together.</summary>
public sealed record BlockCommit
{
    /// <summary>The block.</summary>
    public required Block Block { get; init; }

    /// <summary>What decided it.</summary>
    public required CommitCertificate Certificate { get; init; }

    /// <summary>The envelope bytes of the block's transactions, in order.</summary>
    public required IReadOnlyList<byte[]> Bodies { get; init; }

    /// <summary>One receipt a transaction, in order.</summary>
    public required IReadOnlyList<Receipt> Receipts { get; init; }

    /// <summary>The receipts encoded, in order, where the caller has them at hand; null: they are encoded again.</summary>
    public IReadOnlyList<byte[]>? EncodedReceipts { get; init; }

    /// <summary>What the block did to the state, from <see cref="StateStore.Prepare"/>.</summary>
    public required StateUpdate State { get; init; }

    /// <summary>The running chain hash after the block.</summary>
    public required Hash ChainHash { get; init; }

    /// <summary>The Merkle root of the receipts' hashes.</summary>
    public required Hash ReceiptsRoot { get; init; }

    /// <summary>Block time after it was made monotone, in milliseconds since 1970 UTC.</summary>
    public required ulong EffectiveTimeMs { get; init; }

    /// <summary>Roots of record manifests that this block registered.</summary>
    public IReadOnlyList<Hash> RegisteredManifests { get; init; } = [];
}

/// <summary>Where execution stands: what the next block builds on. Height 0 is genesis.</summary>
[MessagePackObject]
public sealed record ExecutedBlock(
    [property: Key(0)] ulong Height,
    [property: Key(1)] Hash BlockHash,
    [property: Key(2)] Hash ChainHash,
    [property: Key(3)] Hash StateRoot,
    [property: Key(4)] Hash ReceiptsRoot,
    [property: Key(5)] ulong EffectiveTimeMs) : IWire
{
    internal const int MaxBytes = 256;

    /// <inheritdoc/>
    public string? Problem() => null;
}

/// <summary>Where a transaction took its place: block height and index in it.</summary>
public readonly record struct TransactionLocation(ulong Height, uint Index);
