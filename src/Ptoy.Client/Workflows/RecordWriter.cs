using System.Text.Json;
using System.Text.Json.Nodes;
using Ptoy.Client.Sealing;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Records;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Client.Workflows;

/// <summary>One record to write.</summary>
/// <param name="Content">Exact bytes.</param>
/// <param name="Tag">Compartment tag.</param>
public sealed record RecordToWrite(ReadOnlyMemory<byte> Content, Hash Tag);

/// <summary>A written manifest: its root, and the record ids in the order of the records given.</summary>
public sealed record WrittenManifest(Hash Root, IReadOnlyList<Hash> RecordIds, ulong Bytes);

/// <summary>A manifest that the members have stored and that the chain is about to be asked to register.</summary>
/// <param name="Root">Its root.</param>
/// <param name="RecordIds">In the order of the records given.</param>
/// <param name="Bytes">Sealed bytes.</param>
/// <param name="Arguments">Of <c>Records.register</c>: a JSON array.</param>
public sealed record RegisteringManifest(Hash Root, IReadOnlyList<Hash> RecordIds, ulong Bytes, string Arguments);

/// <summary>Seals records, stores them with the members, registers them on chain.</summary>
public sealed class RecordWriter(TransactionSender sender)
{
    /// <summary>
    /// Called between the two, so that a writer who remembers it can go on with <see cref="ResumeAsync"/> after a crash instead of writing
    /// the same records twice.
    /// </summary>
    public Action<RegisteringManifest>? Registering { get; init; }

    /// <summary>
    /// Ends a registration that was cut off. True: it is registered. False: the chain does not take it any more (the epoch or a recipient
    /// was replaced), so its records have to be written anew. Throws what sending a transaction throws.
    /// </summary>
    public async Task<bool> ResumeAsync(RegisteringManifest manifest, CancellationToken cancellation = default)
    {
        if (await IsRegisteredAsync(manifest.Root, cancellation)) return true;
        try
        {
            object?[] arguments = [.. JsonNode.Parse(manifest.Arguments)!.AsArray().Select(a => a?.DeepClone())];
            await sender.SendAsync(ContractId.Single("Records"), "register", arguments, cancellation);
            return true;
        }
        catch (TransactionFailedException)
        {
            // Perhaps because the transaction that was sent before the crash was executed meanwhile.
            return await IsRegisteredAsync(manifest.Root, cancellation);
        }
    }

    private const int MaxAttempts = 4;
    private const int MaxManifestBytes = 12 * 1024 * 1024;

    /// <summary>
    /// Writes records into a patient's vault, sealed to the vault and to everyone the patient's contract names now. When the epoch or a
    /// recipient changes meanwhile, seals anew. Throws <see cref="TransactionFailedException"/> when the patient's contract refuses.
    /// </summary>
    public async Task<IReadOnlyList<WrittenManifest>> WriteToPatientAsync(
        Address patient, IReadOnlyList<RecordToWrite> records, Address? onBehalfOf, CancellationToken cancellation = default)
    {
        var written = new List<WrittenManifest>();
        foreach (IReadOnlyList<RecordToWrite> part in Parts(records))
            written.Add(await WritePartAsync(patient, part, onBehalfOf, cancellation));
        return written;
    }

    /// <summary>Writes records of an owner to exactly these recipients: custody, letters.</summary>
    public async Task<IReadOnlyList<WrittenManifest>> WriteToAsync(
        Address owner, int epoch, IReadOnlyList<RecordToWrite> records, IReadOnlyList<PublicKey> recipients, Address? onBehalfOf = null,
        CancellationToken cancellation = default)
    {
        var written = new List<WrittenManifest>();
        foreach (IReadOnlyList<RecordToWrite> part in Parts(records))
        {
            var builder = new ManifestBuilder(owner, epoch, new Dictionary<Hash, PublicKey>());
            Hash[] ids = [.. part.Select(r => builder.Add(r.Content.Span, r.Tag, recipients))];
            written.Add(await UploadAsync(owner, builder.Build(), ids, onBehalfOf, cancellation));
        }
        return written;
    }

    private async Task<WrittenManifest> WritePartAsync(
        Address patient, IReadOnlyList<RecordToWrite> part, Address? onBehalfOf, CancellationToken cancellation)
    {
        for (int attempt = 1; ; attempt++)
        {
            SealTo to = await SealTo.AskAsync(sender.Node, patient, [.. part.Select(r => r.Tag).Distinct()], cancellation);
            var builder = new ManifestBuilder(patient, to.Epoch, to.VaultKeys);
            Hash[] ids = [.. part.Select(r => builder.Add(r.Content.Span, r.Tag, to.Recipients[r.Tag]))];
            try
            {
                return await UploadAsync(patient, builder.Build(), ids, onBehalfOf, cancellation);
            }
            catch (TransactionFailedException) when (attempt < MaxAttempts)
            {
                // Refused for good, or because what we sealed to was replaced meanwhile? Only the latter is worth another sealing.
                SealTo now = await SealTo.AskAsync(sender.Node, patient, [.. to.Recipients.Keys], cancellation);
                if (now.IsSameAs(to)) throw;
            }
        }
    }

    private async Task<WrittenManifest> UploadAsync(Address owner, UploadPackage package, Hash[] ids, Address? onBehalfOf, CancellationToken cancellation)
    {
        RecordUploadResult stored = await sender.Node.UploadAsync(package, onBehalfOf, cancellation);
        Registration registration = Registration.Of(package.Manifest, package.Wraps);
        JsonNode manifest = JsonNode.Parse(registration.ToJson())!;
        if (stored.UnderReplicated) manifest["underReplicated"] = true;
        object?[] arguments = onBehalfOf is { } organisation
            ? [owner.ToString(), manifest, stored.Receipts, organisation.ToString()]
            : [owner.ToString(), manifest, stored.Receipts];
        Registering?.Invoke(new RegisteringManifest(registration.Root, ids, registration.Bytes, JsonSerializer.Serialize(arguments, RpcJson.Options)));
        await sender.SendAsync(ContractId.Single("Records"), "register", arguments, cancellation);
        return new WrittenManifest(registration.Root, ids, registration.Bytes);
    }

    private async Task<bool> IsRegisteredAsync(Hash root, CancellationToken cancellation)
    {
        JsonElement entry = await sender.Node.ViewAsync(ContractId.Single("Records"), "manifest", [root.ToString()], cancellation);
        return entry.ValueKind == JsonValueKind.Object;
    }

    private static IEnumerable<IReadOnlyList<RecordToWrite>> Parts(IReadOnlyList<RecordToWrite> records)
    {
        var part = new List<RecordToWrite>();
        long bytes = 0;
        foreach (RecordToWrite record in records)
        {
            if (part.Count > 0 && (part.Count >= Manifest.MaxEntries || bytes + record.Content.Length > MaxManifestBytes))
            {
                yield return part;
                (part, bytes) = ([], 0);
            }
            part.Add(record);
            bytes += record.Content.Length;
        }
        if (part.Count > 0) yield return part;
    }
}

/// <summary>What <c>sealTo</c> answered.</summary>
internal sealed record SealTo(int Epoch, IReadOnlyDictionary<Hash, PublicKey> VaultKeys, IReadOnlyDictionary<Hash, PublicKey[]> Recipients)
{
    public static async Task<SealTo> AskAsync(NodeConnection node, Address patient, Hash[] tags, CancellationToken cancellation)
    {
        JsonElement answer = await node.ViewAsync(new ContractId("Patient", patient), "sealTo", [tags], cancellation);
        var vault = new Dictionary<Hash, PublicKey>();
        var recipients = new Dictionary<Hash, PublicKey[]>();
        foreach (JsonElement entry in answer.GetProperty("tags").EnumerateArray())
        {
            Hash tag = Hash.Parse(entry.GetProperty("tag").GetString()!);
            JsonElement key = entry.GetProperty("vault");
            if (key.ValueKind == JsonValueKind.Object) vault[tag] = PublicKey.Parse(key.GetProperty("publicKey").GetString()!);
            recipients[tag] = [.. entry.GetProperty("recipients").EnumerateArray().Select(r => PublicKey.Parse(r.GetProperty("publicKey").GetString()!))];
        }
        return new SealTo(answer.GetProperty("epoch").GetInt32(), vault, recipients);
    }

    public bool IsSameAs(SealTo other) =>
        Epoch == other.Epoch && Recipients.Count == other.Recipients.Count
        && Recipients.All(r => other.Recipients.TryGetValue(r.Key, out PublicKey[]? keys) && keys.ToHashSet().SetEquals(r.Value));
}
