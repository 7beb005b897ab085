using MessagePack;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Wire;

namespace Ptoy.Protocol.Sync;

/// <summary>
/// What a node can give: its newest height, the lowest height whose block it keeps, and its newest state snapshot, if it has one. The
/// first two are claims; the snapshot is vouched for by its certificates.
/// </summary>
[MessagePackObject]
public sealed record SnapshotHead(
    [property: Key(0)] ulong Newest,
    [property: Key(1)] ulong FirstBlock,
    [property: Key(2)] SnapshotFacts? Snapshot) : IWire
{
    /// <summary>Largest encoded head in bytes.</summary>
    public const int MaxBytes = (2 * ExecutionCertificate.MaxBytes) + 1024;

    /// <inheritdoc/>
    public string? Problem() => Snapshot is null ? null : Check.Nested("snapshot", Snapshot);
}

/// <summary>
/// A state snapshot: the execution certificate of its height (state root, chain hash, receipts root, time) and the commit certificate
/// (block hash). <see cref="Segments"/> is into how many equal parts of the key space the server suggests to divide the work.
/// </summary>
[MessagePackObject]
public sealed record SnapshotFacts(
    [property: Key(0)] ExecutionCertificate Certificate,
    [property: Key(1)] CommitCertificate Commit,
    [property: Key(2)] ushort Segments) : IWire
{
    /// <summary>Most segments.</summary>
    public const ushort MaxSegments = 4096;

    /// <inheritdoc/>
    public string? Problem() =>
        Check.Nested("certificate", Certificate)
        ?? Check.Nested("commit", Commit)
        ?? (Certificate.Statement.Height == Commit.Statement.Height ? null : "the certificates are of two heights")
        ?? (Segments is 0 or > MaxSegments ? $"segments is not 1 to {MaxSegments}" : null);

    /// <summary>Height of the snapshot.</summary>
    [IgnoreMember]
    public ulong Height => Certificate.Statement.Height;

    /// <summary>Null when quorums of the epoch that decides this height signed both certificates, else what is wrong.</summary>
    public string? Verify(EpochChain epochs) => Problem() ?? epochs.Verify(Certificate) ?? epochs.Verify(Commit);
}

/// <summary>Asks for the entries of a snapshot with keys from <see cref="From"/> on, up to <see cref="To"/>, as many as fit one answer.</summary>
[MessagePackObject]
public sealed record SnapshotChunkRequest([property: Key(0)] ulong Height, [property: Key(1)] Hash From, [property: Key(2)] Hash To) : IWire
{
    /// <summary>Largest encoded request in bytes.</summary>
    public const int MaxBytes = 128;

    /// <inheritdoc/>
    public string? Problem() => From.CompareTo(To) <= 0 ? null : "from is above to";
}
