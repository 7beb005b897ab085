using System.Text;

namespace Ptoy.Storage.Engine;

/// <summary>One RocksDB column family. Tables of <see cref="Sealed"/> values hold what authors already encrypted: stored as it is.</summary>
internal sealed class Table(string name, bool isSealed = false)
{
    public string Name { get; } = name;

    public bool Sealed { get; } = isSealed;

    /// <summary>The name with a terminating zero: the first part of each value's associated data.</summary>
    public byte[] Tag { get; } = Encoding.ASCII.GetBytes(name + "\0");
}

/// <summary>The tables of the two databases. Names are on disk: renaming one is a format change.</summary>
internal static class Tables
{
    public static readonly Table Meta = new("meta");

    public static readonly Table Blocks = new("blocks");
    public static readonly Table BlockHeights = new("block-heights");
    public static readonly Table Commits = new("commits");
    public static readonly Table Executions = new("executions");
    public static readonly Table Executed = new("executed");
    public static readonly Table Bodies = new("bodies");
    public static readonly Table Receipts = new("receipts");
    public static readonly Table Transactions = new("transactions");
    public static readonly Table Epochs = new("epochs");

    public static readonly Table StateNodes = new("state-nodes");
    public static readonly Table StateValues = new("state-values");
    public static readonly Table StateRoots = new("state-roots");
    public static readonly Table StateStale = new("state-stale");

    public static readonly Table Manifests = new("manifests");
    public static readonly Table ManifestInfo = new("manifest-info");
    public static readonly Table SealedRecords = new("sealed-records", isSealed: true);
    public static readonly Table Wraps = new("wraps");
    public static readonly Table Owners = new("owners");
    public static readonly Table Pending = new("pending");
    public static readonly Table Missing = new("missing");

    public static readonly Table Access = new("access");
    public static readonly Table AccessByOwner = new("access-by-owner");
    public static readonly Table Segments = new("segments");

    public static readonly Table Mail = new("mail");
    public static readonly Table MailExpiry = new("mail-expiry");

    public static readonly Table Votes = new("votes");
    public static readonly Table PendingBodies = new("pending-bodies");

    public static IReadOnlyList<Table> Store { get; } =
    [
        Meta, Blocks, BlockHeights, Commits, Executions, Executed, Bodies, Receipts, Transactions, Epochs,
        StateNodes, StateValues, StateRoots, StateStale,
        Manifests, ManifestInfo, SealedRecords, Wraps, Owners, Pending, Missing,
        Access, AccessByOwner, Segments, Mail, MailExpiry,
    ];

    /// <summary>What a state snapshot replaces. Epochs, records, the access log and mail stay.</summary>
    public static IReadOnlyList<Table> Chain { get; } =
        [Blocks, BlockHeights, Commits, Executions, Executed, Bodies, Receipts, Transactions, StateNodes, StateValues, StateRoots, StateStale];

    public static IReadOnlyList<Table> Consensus { get; } = [Meta, Votes, PendingBodies];
}
