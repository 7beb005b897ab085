using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json;
using Ptoy.Client.Rpc;
using Ptoy.Client.Sealing;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Records;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Client.Workflows;

/// <summary>What an export came to.</summary>
/// <param name="Records">Records written.</param>
/// <param name="Unreadable">Records that no key at hand opens; listed in the index.</param>
/// <param name="Accesses">Entries of access logs.</param>
/// <param name="NodesAway">Members whose access log could not be had.</param>
/// <param name="WalletEvents">PTOY movements.</param>
public sealed record ExportResult(int Records, int Unreadable, int Accesses, int NodesAway, int WalletEvents);

/// <summary>How far an export is.</summary>
/// <param name="What">records, accesses, wallet.</param>
/// <param name="Done">So many.</param>
/// <param name="Of">Of so many.</param>
public sealed record ExportProgress(string What, int Done, int Of);

/// <summary>
/// Everything a person has, as a zip: records in the bytes that were sealed, who may do what, who looked, what was paid. Each file's SHA-256 is in
/// <c>contents.json</c>. It is written in the clear, on the person's own machine.
/// </summary>
public sealed class AccountExport(PatientSession patient, NodeConnection node)
{
    private static readonly JsonSerializerOptions Indented = new(RpcJson.Options) { WriteIndented = true };
    private readonly Dictionary<string, string> _digests = [];

    private sealed record BlockAnswer(ulong Height, string[] Transactions);

    private sealed record WalletEvent(ulong Height, string Transaction, string Name, JsonElement Data);

    private sealed record RecordLine(string RecordId, string? File, string Compartment, string Author, ulong Height, string Manifest, int Bytes, string? Problem);

    /// <summary>Writes the zip. Throws what reading throws; nothing that can be read is left out.</summary>
    /// <param name="zip">Where to.</param>
    /// <param name="nodes">Connections to the members whose access logs are wanted; null in place of one that is away.</param>
    /// <param name="walletFrom">Height from which PTOY movements are looked for; null: none are.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellation">Gives up.</param>
    public async Task<ExportResult> WriteAsync(
        Stream zip, IReadOnlyList<NodeConnection?> nodes, ulong? walletFrom, IProgress<ExportProgress>? progress = null, CancellationToken cancellation = default)
    {
        using var archive = new ZipArchive(zip, ZipArchiveMode.Create, leaveOpen: true);
        (int records, int unreadable) = await RecordsAsync(archive, progress, cancellation);
        ContractId contract = new("Patient", patient.Account);
        await JsonAsync(archive, "provisions.json", await patient.ProvisionsAsync(cancellation), cancellation);
        await JsonAsync(archive, "delegates.json", await node.ViewAsync(contract, "delegates", [], cancellation), cancellation);
        await JsonAsync(archive, "identity.json", await node.ViewAsync(ContractId.Single("Identity"), "of", [patient.Account.ToString()], cancellation), cancellation);
        int accesses = 0;
        for (int i = 0; i < nodes.Count; i++)
        {
            if (nodes[i] is { } one) accesses += await AccessesAsync(archive, one, cancellation);
            progress?.Report(new ExportProgress("accesses", i + 1, nodes.Count));
        }
        int wallet = await WalletAsync(archive, walletFrom, progress, cancellation);
        var result = new ExportResult(records, unreadable, accesses, nodes.Count(n => n is null), wallet);
        await JsonAsync(archive, "contents.json", new { account = patient.Account.ToString(), chain = node.Chain.ChainId.ToString(), result, sha256 = _digests }, cancellation);
        return result;
    }

    private async Task<(int Records, int Unreadable)> RecordsAsync(ZipArchive archive, IProgress<ExportProgress>? progress, CancellationToken cancellation)
    {
        RecordReader reader = await patient.ReaderAsync(node, cancellation);
        RecordInfo[] listed = [.. (await reader.ListAsync(null, null, cancellation)).Where(r => r.Tag != Compartments.LetterTag.ToString())];
        var lines = new List<RecordLine>();
        foreach (RecordInfo info in listed)
        {
            string compartment = patient.CompartmentOf(info.Tag) ?? "other";
            try
            {
                byte[] content = await reader.OpenAsync(info, cancellation);
                string file = $"records/{compartment}/{info.RecordId}{(LooksLikeJson(content) ? ".json" : ".bin")}";
                await FileAsync(archive, file, content, cancellation);
                lines.Add(new RecordLine(info.RecordId, file, compartment, info.Author, info.RegisteredHeight, info.Manifest, content.Length, null));
            }
            catch (SealException e)
            {
                lines.Add(new RecordLine(info.RecordId, null, compartment, info.Author, info.RegisteredHeight, info.Manifest, 0, e.Message));
            }
            progress?.Report(new ExportProgress("records", lines.Count, listed.Length));
        }
        await JsonAsync(archive, "records.json", lines, cancellation);
        return (lines.Count(l => l.File is not null), lines.Count(l => l.File is null));
    }

    private async Task<int> AccessesAsync(ZipArchive archive, NodeConnection of, CancellationToken cancellation)
    {
        var all = new List<AuditEntryDto>();
        string? cursor = null;
        do
        {
            var page = await of.CallAsync<AuditListResult>("audit_list", new AuditListParams(patient.Account.ToString(), cursor, 500), null, cancellation);
            all.AddRange(page.Entries);
            cursor = page.Next;
        }
        while (cursor is not null);
        await JsonAsync(archive, $"access-log/{of.Node.ToString()[2..]}.json", all, cancellation);
        return all.Count;
    }

    /// <summary>The chain keeps no index by account: its blocks are read, and each receipt is checked.</summary>
    private async Task<int> WalletAsync(ZipArchive archive, ulong? from, IProgress<ExportProgress>? progress, CancellationToken cancellation)
    {
        string account = patient.Account.ToString();
        var history = new List<WalletEvent>();
        if (from is { } first)
        {
            ulong last = (await node.Rpc.CallAsync<ChainInfoResult>("chain_info", new NoParams(), null, cancellation)).Height;
            for (ulong height = Math.Max(1, first); height <= last; height++)
            {
                var block = await node.Rpc.CallAsync<BlockAnswer>("chain_block", new { height }, null, cancellation);
                foreach (string hash in block.Transactions) history.AddRange((await EventsAsync(hash, cancellation)).Where(e => e.Data.GetRawText().Contains(account, StringComparison.Ordinal)));
                if (height % 100 == 0) progress?.Report(new ExportProgress("wallet", (int)height, (int)last));
            }
        }
        string balance = (await node.ViewAsync("Token", "balanceOf", account)).GetString()!;
        JsonElement quota = await node.ViewAsync("Token", "quota", account);
        await JsonAsync(archive, "wallet.json", new { balanceMicroPtoy = balance, quota, historyFromHeight = from, history }, cancellation);
        return history.Count;
    }

    private async Task<IEnumerable<WalletEvent>> EventsAsync(string hash, CancellationToken cancellation)
    {
        var answer = await node.Rpc.CallAsync<TxWaitResult>("chain_receipt", new { hash }, null, cancellation);
        if (!answer.Found) return [];
        Receipt receipt = await node.ReceiptAsync(Hash.Parse(hash), answer, cancellation);
        return receipt.Events.Where(e => e.Contract.Class == "Token").Select(e => new WalletEvent(receipt.Height, hash, e.Name, JsonDocument.Parse(e.Data).RootElement.Clone()));
    }

    private Task JsonAsync(ZipArchive archive, string name, object content, CancellationToken cancellation) =>
        FileAsync(archive, name, JsonSerializer.SerializeToUtf8Bytes(content, content.GetType(), Indented), cancellation);

    private async Task FileAsync(ZipArchive archive, string name, byte[] content, CancellationToken cancellation)
    {
        _digests[name] = Convert.ToHexStringLower(SHA256.HashData(content));
        await using Stream stream = archive.CreateEntry(name, CompressionLevel.Fastest).Open();
        await stream.WriteAsync(content, cancellation);
    }

    private static bool LooksLikeJson(byte[] content) => content.Length > 1 && content[0] is (byte)'{' or (byte)'[';
}
