using MessagePack;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Wire;

namespace Ptoy.Protocol.Sync;

/// <summary>What a bulk message between nodes is. Part of the wire: numbers are never used again.</summary>
public enum BulkKind : ushort
{
    /// <summary>One way: <see cref="TransactionBatch"/>, newly admitted transactions.</summary>
    Transactions = 1,
    /// <summary>Request: <see cref="BodiesRequest"/>; answer: <see cref="TransactionBatch"/> with those that are held.</summary>
    Bodies = 2,
    /// <summary>Request: <see cref="BlockRangeRequest"/>; answer: <see cref="BlockBatch"/>.</summary>
    Blocks = 3,
    /// <summary>Request: an encoded upload package; answer: an encoded storage receipt, after the bytes are synced.</summary>
    StoreRecords = 4,
    /// <summary>Request: <see cref="RecordRequest"/>; answer: an encoded upload package with what is held of it.</summary>
    FetchRecords = 5,
    /// <summary>One way: <see cref="MailItem"/>.</summary>
    Mail = 6,
    // 7 was reserved for consensus envelopes; large votes take the bulk carrier inside the transport.
    /// <summary>Request: <see cref="BlockRangeRequest"/>; answer: <see cref="CertificateBatch"/>, the execution certificates held of these heights.</summary>
    Certificates = 8,
    /// <summary>Request: <see cref="EpochsRequest"/>; answer: <see cref="EpochBatch"/>.</summary>
    Epochs = 9,
    /// <summary>Request without content; answer: <see cref="SnapshotHead"/>.</summary>
    SnapshotHead = 10,
    /// <summary>Request: <see cref="SnapshotChunkRequest"/>; answer: a <see cref="State.StateRange"/> that begins where the request does.</summary>
    SnapshotChunk = 11,
    /// <summary>Request: <see cref="TransactionBatch"/>, transactions that have waited for long; answer: empty, once all of them are in the pool.</summary>
    Forward = 12,
}

/// <summary>Encoded <see cref="SignedTransaction"/>s.</summary>
[MessagePackObject]
public sealed record TransactionBatch([property: Key(0)] byte[][] Transactions) : IWire
{
    /// <summary>Most transactions in a batch.</summary>
    public const int MaxCount = Block.MaxTransactions;

    /// <summary>Largest encoded batch in bytes.</summary>
    public const int MaxBytes = 32 * 1024 * 1024;

    /// <inheritdoc/>
    public string? Problem() =>
        Check.Count("transactions", Transactions, MaxCount)
        ?? Transactions.Select(t => Check.Between("transaction", t, 1, SignedTransaction.MaxBytes)).FirstOrDefault(p => p is not null);
}

/// <summary>Asks for transaction bodies by hash.</summary>
[MessagePackObject]
public sealed record BodiesRequest([property: Key(0)] Hash[] Hashes) : IWire
{
    /// <inheritdoc/>
    public string? Problem() => Check.Count("hashes", Hashes, Block.MaxTransactions);
}

/// <summary>Asks for decided blocks from a height on.</summary>
[MessagePackObject]
public sealed record BlockRangeRequest([property: Key(0)] ulong From, [property: Key(1)] ushort Count) : IWire
{
    /// <summary>Most blocks in one answer.</summary>
    public const ushort MaxCount = 64;

    /// <inheritdoc/>
    public string? Problem() => From == 0 ? "from is 0" : Count is 0 or > MaxCount ? $"count is not 1 to {MaxCount}" : null;
}

/// <summary>A decided block with its certificate and the bodies of its transactions, in order.</summary>
[MessagePackObject]
public sealed record FullBlock(
    [property: Key(0)] Block Block,
    [property: Key(1)] CommitCertificate Certificate,
    [property: Key(2)] byte[][] Bodies) : IWire
{
    /// <inheritdoc/>
    public string? Problem() =>
        Check.Nested("block", Block)
        ?? Check.Nested("certificate", Certificate)
        ?? Check.Count("bodies", Bodies, Block.MaxTransactions)
        ?? (Bodies.Length == Block.TransactionHashes.Length ? null : "a body is missing")
        ?? Bodies.Select(t => Check.Between("body", t, 1, SignedTransaction.MaxBytes)).FirstOrDefault(p => p is not null);
}

/// <summary>Decided blocks of successive heights.</summary>
[MessagePackObject]
public sealed record BlockBatch([property: Key(0)] FullBlock[] Blocks) : IWire
{
    /// <summary>Largest encoded batch in bytes.</summary>
    public const int MaxBytes = 48 * 1024 * 1024;

    /// <inheritdoc/>
    public string? Problem() => Check.Each("blocks", Blocks, BlockRangeRequest.MaxCount);
}

/// <summary>Execution certificates in ascending order of heights; heights without one are left out.</summary>
[MessagePackObject]
public sealed record CertificateBatch([property: Key(0)] ExecutionCertificate[] Certificates) : IWire
{
    /// <summary>Largest encoded batch in bytes.</summary>
    public const int MaxBytes = BlockRangeRequest.MaxCount * ExecutionCertificate.MaxBytes;

    /// <inheritdoc/>
    public string? Problem() => Check.Each("certificates", Certificates, BlockRangeRequest.MaxCount);
}

/// <summary>Asks how the epochs from a number on began.</summary>
[MessagePackObject]
public sealed record EpochsRequest([property: Key(0)] ulong From) : IWire
{
    /// <inheritdoc/>
    public string? Problem() => From == 0 ? "from is 0: how epoch 0 began is in genesis" : null;
}

/// <summary>How successive epochs began.</summary>
[MessagePackObject]
public sealed record EpochBatch([property: Key(0)] EpochStart[] Epochs) : IWire
{
    /// <summary>Most epochs in one answer.</summary>
    public const int MaxCount = 32;

    /// <summary>Largest encoded batch in bytes.</summary>
    public const int MaxBytes = MaxCount * EpochStart.MaxBytes;

    /// <inheritdoc/>
    public string? Problem() => Check.Each("epochs", Epochs, MaxCount);
}

/// <summary>Asks another member for sealed records of one manifest that this node lacks. No ids: the whole manifest.</summary>
[MessagePackObject]
public sealed record RecordRequest([property: Key(0)] Hash ManifestRoot, [property: Key(1)] Hash[] Records) : IWire
{
    /// <inheritdoc/>
    public string? Problem() => Check.Count("records", Records, 1000);
}

/// <summary>A sealed message for an account. <see cref="ExpiryMs"/> is milliseconds since 1970 UTC.</summary>
[MessagePackObject]
public sealed record MailItem(
    [property: Key(0)] Hash Id,
    [property: Key(1)] Address From,
    [property: Key(2)] Address To,
    [property: Key(3)] string Kind,
    [property: Key(4)] byte[] Content,
    [property: Key(5)] ulong ExpiryMs) : IWire
{
    /// <summary>Largest content in bytes.</summary>
    public const int MaxContent = 64 * 1024;

    /// <inheritdoc/>
    public string? Problem() => Check.Text("kind", Kind, 1, 32) ?? Check.Between("content", Content, 0, MaxContent);
}
