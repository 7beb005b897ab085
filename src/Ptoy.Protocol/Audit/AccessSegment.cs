using MessagePack;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Wire;

namespace Ptoy.Protocol.Audit;

/// <summary>
/// A run of one node's access entries, closed so that it can be anchored on chain: <see cref="Root"/> is the
/// <see cref="MerkleTree"/> root of the entry hashes, <see cref="Head"/> the hash of the last entry,
/// <see cref="PreviousHead"/> that of the last entry before the segment (zero for the first).
/// </summary>
[MessagePackObject]
public sealed record AccessSegment(
    [property: Key(0)] ulong Number,
    [property: Key(1)] ulong First,
    [property: Key(2)] uint Count,
    [property: Key(3)] Hash Root,
    [property: Key(4)] Hash PreviousHead,
    [property: Key(5)] Hash Head) : IWire
{
    /// <summary>Most entries of one segment.</summary>
    public const int MaxCount = 65_536;

    /// <summary>Largest encoded segment in bytes.</summary>
    public const int MaxBytes = 256;

    /// <inheritdoc/>
    public string? Problem() =>
        Count is >= 1 and <= MaxCount ? null : $"count is {Count}, not 1 to {MaxCount}";
}

/// <summary>An access entry and the proof that it is part of an anchored segment.</summary>
[MessagePackObject]
public sealed record AccessProof(
    [property: Key(0)] AccessEntry Entry,
    [property: Key(1)] ulong Segment,
    [property: Key(2)] MerkleProof Proof) : IWire
{
    /// <summary>Largest encoded proof in bytes.</summary>
    public const int MaxBytes = AccessEntry.MaxBytes + 2048;

    /// <inheritdoc/>
    public string? Problem() => Check.Nested("entry", Entry) ?? Check.Nested("proof", Proof);

    /// <summary>True when the entry is in the segment whose anchored root is <paramref name="segmentRoot"/>.</summary>
    public bool Verify(Hash segmentRoot) => Problem() is null && Proof.Verify(Entry.ComputeHash(), segmentRoot);
}
