using MessagePack;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Wire;

namespace Ptoy.Protocol.Ledger;

/// <summary>What became of a transaction.</summary>
public enum ReceiptStatus : byte
{
    /// <summary>It took effect.</summary>
    Ok = 0,
    /// <summary>It ran and failed: nonce used, no other effect.</summary>
    Failed = 1,
    /// <summary>It was stale, duplicate or expired when its turn came: no effect at all.</summary>
    Skipped = 2,
}

/// <summary>Something a contract announced: name and JSON data.</summary>
[MessagePackObject]
public sealed record ContractEvent(
    [property: Key(0)] ContractId Contract,
    [property: Key(1)] string Name,
    [property: Key(2)] string Data) : IWire
{
    /// <inheritdoc/>
    public string? Problem() => Check.Nested("contract", Contract) ?? Check.Text("name", Name, 1, 64) ?? Check.Text("data", Data, 0, 16 * 1024);
}

/// <summary>The outcome of one transaction at one place in the chain. Replicas sign the Merkle root of a block's receipts.</summary>
[MessagePackObject]
public sealed record Receipt(
    [property: Key(0)] Hash Transaction,
    [property: Key(1)] ulong Height,
    [property: Key(2)] uint Index,
    [property: Key(3)] ReceiptStatus Status,
    [property: Key(4)] ulong GasUsed,
    [property: Key(5)] string Result,
    [property: Key(6)] string Error,
    [property: Key(7)] ContractEvent[] Events) : IWire
{
    /// <summary>Longest error text in characters.</summary>
    public const int MaxError = 512;

    /// <summary>Most events of one transaction.</summary>
    public const int MaxEvents = 64;

    /// <summary>Largest encoded receipt in bytes.</summary>
    public const int MaxBytes = 2 * 1024 * 1024;

    /// <inheritdoc/>
    public string? Problem() =>
        (Status <= ReceiptStatus.Skipped ? null : "status is not known")
        ?? Check.Text("result", Result, 0, 64 * 1024)
        ?? Check.Text("error", Error, 0, MaxError)
        ?? Check.Each("events", Events, MaxEvents);

    /// <summary>Identity: the leaf in the block's receipts root.</summary>
    public Hash ComputeHash() => HashOf(Codec.Encode(this));

    /// <summary>As <see cref="ComputeHash"/>, for who has the encoded receipt at hand.</summary>
    public static Hash HashOf(ReadOnlySpan<byte> encoded) => Digest.Of(Domains.Receipt, encoded);
}
