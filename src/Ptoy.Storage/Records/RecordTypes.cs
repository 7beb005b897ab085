using MessagePack;
using Ptoy.Protocol;
using Ptoy.Protocol.Wire;

namespace Ptoy.Storage.Records;

/// <summary>The sealed bytes of one record, with the tag of its compartment.</summary>
public sealed record SealedRecord(Hash RecordId, Hash Tag, byte[] Bytes);

/// <summary>A record's key, wrapped to one recipient key.</summary>
public sealed record StoredWrap(Hash RecordId, Hash KeyId, byte[] Bytes);

/// <summary>One manifest as it is uploaded or repaired: everything becomes durable together.</summary>
public sealed record ManifestUpload
{
    /// <summary>The manifest's Merkle root: its name everywhere.</summary>
    public required Hash Root { get; init; }

    /// <summary>Whose records these are.</summary>
    public required Address Owner { get; init; }

    /// <summary>The encoded manifest.</summary>
    public required byte[] Manifest { get; init; }

    /// <summary>Its records. The caller has checked them against the manifest.</summary>
    public required IReadOnlyList<SealedRecord> Records { get; init; }

    /// <summary>Their wraps.</summary>
    public required IReadOnlyList<StoredWrap> Wraps { get; init; }

    /// <summary>When it arrived, in milliseconds since 1970 UTC: the age of an upload that is never registered.</summary>
    public required ulong ReceivedMs { get; init; }

    /// <summary>The height at which the chain registered it; 0 while it is not registered.</summary>
    public ulong RegisteredHeight { get; init; }
}

/// <summary>What is known about a stored manifest.</summary>
[MessagePackObject]
public sealed record ManifestInfo(
    [property: Key(0)] Address Owner,
    [property: Key(1)] ulong ReceivedMs,
    [property: Key(2)] ulong RegisteredHeight,
    [property: Key(3)] ulong Bytes,
    [property: Key(4)] Hash[] RecordIds,
    [property: Key(5)] Hash[] Tags) : IWire
{
    /// <summary>Most records of one manifest.</summary>
    public const int MaxRecords = 1000;

    internal const int MaxBytes = (MaxRecords * 2 * 34) + 256;

    /// <summary>True once the chain registered the manifest.</summary>
    [IgnoreMember]
    public bool Registered => RegisteredHeight != 0;

    /// <inheritdoc/>
    public string? Problem() =>
        Check.Count("records", RecordIds, MaxRecords)
        ?? Check.Count("tags", Tags, MaxRecords)
        ?? (Tags.Length == RecordIds.Length ? null : "a record has one tag");
}

/// <summary>One record in its owner's index.</summary>
public readonly record struct OwnedRecord(Hash Tag, Hash RecordId, Hash ManifestRoot);

/// <summary>A manifest stored but not registered on chain.</summary>
public readonly record struct PendingManifest(Hash Root, ulong ReceivedMs);

/// <summary>A manifest that the chain registered and this node does not hold: to be fetched from other members.</summary>
public readonly record struct MissingManifest(Hash Root, ulong RegisteredHeight);
