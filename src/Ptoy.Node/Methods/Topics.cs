using System.Text.Json;
using Ptoy.Node.Diagnostics;
using Ptoy.Node.Execution;
using Ptoy.Node.Rpc;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Node.Methods;

/// <summary>What can be subscribed to. Everything is published when its execution certificate exists, never before.</summary>
public sealed class Topics
{
    private readonly RpcTopic<BlockNotice> _blocks = new(
        "blocks", "Certified blocks.", [], (_, _) => _ => true);

    private readonly RpcTopic<ReceiptNotice> _receipts = new(
        "receipts", "Certified receipts, of one sender where named.",
        [new RpcParam("sender", RpcType.Address, false, "only receipts of this account's transactions")],
        (_, filter) => Equal(filter, "sender", (ReceiptNotice n) => n.Sender));

    private readonly RpcTopic<EventNotice> _events = new(
        "events", "Events of certified blocks, of one contract or name where given.",
        [
            new RpcParam("contract", RpcType.String, false, "only events of this contract instance"),
            new RpcParam("name", RpcType.String, false, "only events of this name"),
        ],
        (_, filter) =>
        {
            Predicate<EventNotice> contract = Equal(filter, "contract", (EventNotice n) => n.Contract), name = Equal(filter, "name", (EventNotice n) => n.Name);
            return n => contract(n) && name(n);
        });

    /// <summary>Publishes what <paramref name="certified"/> raises.</summary>
    public Topics(CertifiedBlocks certified) => certified.Certified += Publish;

    /// <summary>The topics.</summary>
    public IReadOnlyList<RpcTopic> All => [_blocks, _receipts, _events];

    /// <summary>A certified block, as subscribers get it.</summary>
    public sealed record BlockNotice(ulong Height, string Hash, ulong TimeMs, string StateRoot, string[] Transactions);

    /// <summary>A certified receipt, as subscribers get it.</summary>
    public sealed record ReceiptNotice(ulong Height, uint Index, string Hash, string Sender, string Status, ulong GasUsed, string Error);

    /// <summary>An event, as subscribers get it.</summary>
    public sealed record EventNotice(ulong Height, string Tx, string Contract, string Name, JsonElement Data);

    private static Predicate<T> Equal<T>(JsonElement filter, string member, Func<T, string> of) =>
        filter.ValueKind == JsonValueKind.Object && filter.TryGetProperty(member, out JsonElement value) && value.GetString() is { } wanted
            ? n => of(n) == wanted
            : _ => true;

    private void Publish(CertifiedBlockResult certified)
    {
        using CpuParts.Section section = CpuParts.Measure(CpuPart.Rpc);
        BlockResult result = certified.Result;
        ulong height = result.Block.Header.Height;
        if (_blocks.Subscribers > 0)
        {
            _blocks.Publish(new BlockNotice(
                height, result.BlockHash.ToString(), result.TimeMs, result.Statement.StateRoot.ToString(), [.. result.Block.TransactionHashes.Select(h => h.ToString())]));
        }
        if (_receipts.Subscribers == 0 && _events.Subscribers == 0) return;
        for (int i = 0; i < result.Receipts.Count; i++) Publish(result.Receipts[i], result.Transactions[i]);
    }

    private void Publish(Receipt receipt, Transaction transaction)
    {
        string status = receipt.Status switch { ReceiptStatus.Ok => "ok", ReceiptStatus.Failed => "failed", _ => "skipped" };
        if (_receipts.Subscribers > 0)
            _receipts.Publish(new ReceiptNotice(receipt.Height, receipt.Index, receipt.Transaction.ToString(), transaction.Sender.ToString(), status, receipt.GasUsed, receipt.Error));
        if (_events.Subscribers == 0) return;
        foreach (ContractEvent raised in receipt.Events)
        {
            using JsonDocument data = JsonDocument.Parse(raised.Data);
            _events.Publish(new EventNotice(receipt.Height, receipt.Transaction.ToString(), raised.Contract.ToString(), raised.Name, data.RootElement.Clone()));
        }
    }
}
