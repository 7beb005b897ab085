using MessagePack;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Wire;

namespace Ptoy.Protocol.Records;

/// <summary>One sealed record in a manifest.</summary>
/// <param name="RecordId">Random name of the record, also in its header.</param>
/// <param name="Tag">Compartment tag (see <see cref="Compartments"/>).</param>
/// <param name="Length">Bytes of the sealed record.</param>
/// <param name="SealedHash">Hash of the sealed bytes (<see cref="HashOf"/>).</param>
/// <param name="Epoch">Vault epoch of the owner.</param>
/// <param name="WrapCommitment">Salted commitment to the wraps made with it (<see cref="WrapSet"/>).</param>
[MessagePackObject]
public sealed record ManifestEntry(
    [property: Key(0)] Hash RecordId,
    [property: Key(1)] Hash Tag,
    [property: Key(2)] ulong Length,
    [property: Key(3)] Hash SealedHash,
    [property: Key(4)] byte Epoch,
    [property: Key(5)] Hash WrapCommitment) : IWire
{
    /// <summary>Domain of the hash of sealed bytes.</summary>
    public const string SealedDomain = "ptoy/sealed/v1";

    /// <summary>Domain of entry hashes.</summary>
    public const string Domain = "ptoy/manifest/entry/v1";

    /// <summary>Vault epochs run from 0 to 63.</summary>
    public const int MaxEpoch = 63;

    /// <inheritdoc/>
    public string? Problem() =>
        RecordId.IsZero ? "record id is missing"
        : Tag.IsZero ? "tag is missing"
        : Length < SealedHeader.Size + SealedHeader.TagSize ? $"length {Length} is shorter than an empty sealed record"
        : Length > UploadPackage.MaxBytes ? $"length {Length} is more than {UploadPackage.MaxBytes}"
        : Epoch > MaxEpoch ? $"epoch {Epoch} is more than {MaxEpoch}"
        : null;

    /// <summary>
    /// The leaf of this entry in its manifest's root. The owner is part of it: another account that lists the same entry
    /// gets another root, so it cannot register somebody else's records as its own.
    /// </summary>
    public Hash ComputeHash(Address owner) => Digest.Of(Domain, owner.Value.ToArray(), Codec.Encode(this));

    /// <summary>The hash of sealed bytes, as <see cref="SealedHash"/> has it.</summary>
    public static Hash HashOf(ReadOnlySpan<byte> sealedBytes) => Digest.Of(SealedDomain, sealedBytes);
}

/// <summary>Up to 1,000 sealed records of one owner, uploaded together. Its <see cref="Root"/> is what the chain registers.</summary>
[MessagePackObject]
public sealed record Manifest(
    [property: Key(0)] Address Owner,
    [property: Key(1)] ManifestEntry[] Entries) : IWire
{
    /// <summary>Most entries.</summary>
    public const int MaxEntries = 1000;

    /// <summary>Largest encoded manifest in bytes.</summary>
    public const int MaxBytes = (MaxEntries * 160) + 64;

    /// <inheritdoc/>
    public string? Problem() =>
        (Owner.IsNone ? "owner is missing" : null)
        ?? Check.Each("entries", Entries, MaxEntries)
        ?? (Entries.Length == 0 ? "entries is empty" : null)
        ?? (Entries.Select(e => e.RecordId).Distinct().Count() == Entries.Length ? null : "a record id is listed twice");

    /// <summary>The Merkle root over the entries' hashes.</summary>
    public Hash Root() => MerkleTree.Root(Leaves());

    /// <summary>Root and proofs of all entries for the price of one root: for serving records one by one.</summary>
    public MerkleProver Prover() => new(Leaves());

    /// <summary>Proof that the entry at that index is in the manifest.</summary>
    public MerkleProof Prove(int index) => MerkleTree.Prove(Leaves(), index);

    /// <summary>Bytes of all sealed records: what storage is charged for.</summary>
    [IgnoreMember]
    public ulong TotalBytes => Entries.Aggregate(0UL, (sum, e) => sum + e.Length);

    /// <summary>The index of a record, or −1.</summary>
    public int IndexOf(Hash recordId) => Array.FindIndex(Entries, e => e.RecordId == recordId);

    /// <inheritdoc/>
    public bool Equals(Manifest? other) => other is not null && Owner == other.Owner && Entries.AsSpan().SequenceEqual(other.Entries);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Owner, Entries.Length);

    private Hash[] Leaves() => Array.ConvertAll(Entries, e => e.ComputeHash(Owner));
}
