using System.Globalization;
using System.Text.Json;
using Ptoy.Node.Rpc;
using Ptoy.Protocol;
using Ptoy.Protocol.Audit;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Records;
using Ptoy.Protocol.Rpc;
using Ptoy.Protocol.Wire;
using Ptoy.Storage.Audit;

namespace Ptoy.Node.Gatekeeper;

/// <summary>
/// Every read and write of sealed records passes here: who, what, why, when; the owner's contract decides; the access log has
/// the entry on disk before the answer leaves, permit or deny.
/// </summary>
public sealed partial class RecordGate(
    AccessDecider decider, OwnerCatalog catalog, RecordKeeper keeper, ContractViews views, AccessLog log, Freshness freshness, PublicKey node, TimeProvider clock)
{
    private const int MaxAnswerBytes = 16 * 1024 * 1024;
    private const int MaxAsked = 256;
    private const int MaxListed = 1000;

    /// <summary><c>record_list</c>: what the requester may read of an owner's records.</summary>
    public async Task<RecordListResult> ListAsync(Caller caller, RecordListParams asked, CancellationToken cancellation)
    {
        freshness.Require(asked.MinHeight);
        Address owner = Parse(asked.Owner);
        RequirePurpose(asked.Purpose);
        if (asked.Tags?.Length > AccessEntry.MaxTags) throw RpcException.Parameter("tags", $"{asked.Tags.Length} tags, more than {AccessEntry.MaxTags}");
        OwnerRecords records = await catalog.OfAsync(owner, cancellation).ConfigureAwait(false);
        Hash[] wanted = asked.Tags is null ? [.. records.Tags.Append(Compartments.LetterTag).Distinct()] : [.. asked.Tags.Select(t => ParseHash("tags", t))];
        var permitted = new HashSet<Hash>();
        var denied = new List<Hash>();
        Decision last = new(false, "nothing-asked", 0);
        foreach (Hash tag in wanted)
        {
            last = await AskAsync(caller, owner, "read", asked.Purpose, tag).ConfigureAwait(false);
            if (last.Permit) permitted.Add(tag);
            else denied.Add(tag);
        }
        bool permit = permitted.Count > 0;
        await LogAsync(caller, owner, AccessAction.Search, asked.Purpose, [], permit ? [.. permitted] : wanted, permit, last).ConfigureAwait(false);
        if (!permit) throw new RpcException(RpcErrors.Denied, $"the owner's contract does not permit it: {last.Reason}");
        if (asked.Tags is not null && denied.Count > 0)
            await LogAsync(caller, owner, AccessAction.Search, asked.Purpose, [], [.. denied], false, last with { Permit = false, Reason = "denied-in-part" }).ConfigureAwait(false);
        (RecordInfo[] page, string? next) = Page(records, permitted, asked);
        return new RecordListResult(last.Height, page, next, asked.Tags is null ? [] : [.. denied.Select(d => d.ToString())]);
    }

    /// <summary><c>record_get</c>: sealed bytes, proofs and wraps.</summary>
    public async Task<RecordGetResult> GetAsync(Caller caller, RecordGetParams asked, CancellationToken cancellation)
    {
        freshness.Require(asked.MinHeight);
        Address owner = Parse(asked.Owner);
        RequirePurpose(asked.Purpose);
        if (asked.RecordIds.Length is 0 or > MaxAsked) throw RpcException.Parameter("recordIds", $"{asked.RecordIds.Length} records, not 1 to {MaxAsked}");
        Hash[] ids = [.. asked.RecordIds.Select(r => ParseHash("recordIds", r)).Distinct()];
        OwnerRecords records = await catalog.OfAsync(owner, cancellation).ConfigureAwait(false);
        var permitted = new List<(Hash Id, CataloguedManifest Manifest, int Index)>();
        var denied = new List<RecordDenialDto>();
        Decision last = new(false, "no-such-record", 0);
        foreach (Hash id in ids)
        {
            // A record that does not exist and one that may not be read look alike to whoever may not read.
            var found = records.Find(id);
            Hash tag = found is { } f ? f.Manifest.Manifest.Entries[f.Index].Tag : Compartments.LetterTag;
            Decision decision = await AskAsync(caller, owner, "read", asked.Purpose, tag).ConfigureAwait(false);
            if (decision.Permit && found is null) decision = decision with { Permit = false, Reason = "no-such-record" };
            last = decision;
            if (decision.Permit) permitted.Add((id, found!.Value.Manifest, found.Value.Index));
            else denied.Add(new RecordDenialDto(id.ToString(), decision.Reason));
        }
        if (denied.Count > 0)
        {
            Hash[] deniedIds = [.. denied.Select(d => Hash.Parse(d.RecordId))];
            await LogAsync(caller, owner, AccessAction.Read, asked.Purpose, deniedIds, [], false, last with { Permit = false, Reason = denied[^1].Reason }).ConfigureAwait(false);
        }
        (List<RecordBytesDto> answer, List<string> remaining) = await CollectAsync(permitted, cancellation).ConfigureAwait(false);
        if (answer.Count > 0)
        {
            Hash[] given = [.. answer.Select(r => Hash.Parse(r.RecordId))];
            Hash[] tags = [.. permitted.Take(answer.Count).Select(p => p.Manifest.Manifest.Entries[p.Index].Tag).Distinct()];
            await LogAsync(caller, owner, AccessAction.Read, asked.Purpose, given, tags, true, last with { Reason = "permitted" }).ConfigureAwait(false);
        }
        if (permitted.Count == 0) throw new RpcException(RpcErrors.Denied, $"the owner's contract does not permit it: {denied[0].Reason}");
        return new RecordGetResult(last.Height, [.. answer], [.. denied], [.. remaining]);
    }

    /// <summary>
    /// Whether the caller may list who accessed an owner's records: the owner, or whom the owner's contract permits to search the access log. Refuses
    /// with an error; a refusal is in the log.
    /// </summary>
    public async Task RequireAccessLogAsync(Caller caller, Address owner, string? purpose = null)
    {
        if (caller.Address == owner) return;
        const string Notices = "PATADMIN";
        freshness.Require(null);
        purpose ??= Notices;
        RequirePurpose(purpose);
        Decision decision = await AskAsync(caller, owner, "search", purpose, Compartments.AccessLogTag).ConfigureAwait(false);
        // Notices to the owner ask all day long, and would fill the log with themselves; anybody else who lists it is in it.
        if (!decision.Permit || purpose != Notices)
            await LogAsync(caller, owner, AccessAction.Search, purpose, [], [Compartments.AccessLogTag], decision.Permit, decision).ConfigureAwait(false);
        if (decision.Permit) return;
        throw new RpcException(RpcErrors.NotAuthorised, "only the owner of the records, or whom the owner lets, may list who accessed them");
    }

    /// <summary><c>record_upload</c>: a package from a certified author, within the owner's quota.</summary>
    public async Task<byte[]> UploadAsync(Caller caller, ReadOnlyMemory<byte> body, CancellationToken cancellation)
    {
        freshness.Require(null);
        // Before the package is looked at: a stranger's 64 MiB are not worth decoding.
        if (!IsCertified(caller.Address)) throw new RpcException(RpcErrors.NotAuthorised, "the account is not certified by the key authority");
        if (!Codec.TryDecode(body, UploadPackage.MaxBytes, out UploadPackage? package, out string error)) throw new RpcException(RpcErrors.BadUpload, error);
        await RequireQuotaAsync(package!.Manifest).ConfigureAwait(false);
        IReadOnlyList<StorageReceipt> receipts = await keeper.UploadAsync(body, package, cancellation).ConfigureAwait(false);
        Manifest manifest = package.Manifest;
        await LogAsync(
            caller, manifest.Owner, AccessAction.Write, "", [manifest.Root()], [.. manifest.Entries.Select(e => e.Tag).Distinct()], true,
            new Decision(true, "stored", 0)).ConfigureAwait(false);
        var result = new RecordUploadResult(
            package.Manifest.Root().ToString(), [.. receipts.Select(r => new StorageReceiptDto(r.Node.ToString(), r.SignatureHex))], receipts.Count < keeper.Quorum);
        return JsonSerializer.SerializeToUtf8Bytes(result, RpcJson.Options);
    }

    private async Task RequireQuotaAsync(Manifest manifest)
    {
        string arguments = ContractViews.Arguments(manifest.Owner.ToString());
        ViewResult result = await views.AskAsync(ContractId.Single("Token"), "quota", arguments, "").ConfigureAwait(false);
        if (!result.Ok) throw new RpcException(RpcErrors.ContractFailed, result.Error);
        using JsonDocument quota = JsonDocument.Parse(result.Json!);
        double Number(string name) => quota.RootElement.GetProperty(name).GetDouble();
        double left = Number("freeBytes") - Number("freeUsed") + Number("paidBytes") - Number("paidUsed");
        bool member = await views.AskAsync(ContractId.Single("Governance"), "isMember", arguments, "").ConfigureAwait(false) is { Json: "true" };
        if (!member && manifest.TotalBytes > left)
        {
            throw new RpcException(RpcErrors.OverQuota,
                $"the records have {manifest.TotalBytes} bytes; the owner has {Math.Max(0, left).ToString(CultureInfo.InvariantCulture)} left. Buy storage: ptoy wallet buy-storage");
        }
    }

    private bool IsCertified(Address account)
    {
        if (views.State(ContractId.Single("Identity"), $"id/{account}") is not { } text) return false;
        using JsonDocument json = JsonDocument.Parse(text);
        return !json.RootElement.TryGetProperty("revokedAt", out JsonElement revoked) || revoked.ValueKind == JsonValueKind.Null
            || (revoked.ValueKind == JsonValueKind.Number && revoked.GetDouble() == 0);
    }

    private async Task<(List<RecordBytesDto> Answer, List<string> Remaining)> CollectAsync(
        List<(Hash Id, CataloguedManifest Manifest, int Index)> permitted, CancellationToken cancellation)
    {
        var answer = new List<RecordBytesDto>();
        var remaining = new List<string>();
        long bytes = 0;
        foreach ((Hash id, CataloguedManifest manifest, int index) in permitted)
        {
            ManifestEntry entry = manifest.Manifest.Entries[index];
            if (remaining.Count > 0 || (bytes > 0 && bytes + (long)entry.Length > MaxAnswerBytes))
            {
                remaining.Add(id.ToString());
                continue;
            }
            byte[] content = await keeper.SealedAsync(manifest.Root, id, cancellation).ConfigureAwait(false);
            bytes += content.Length;
            answer.Add(new RecordBytesDto(
                id.ToString(), manifest.Root.ToString(), Codec.Encode(entry), Codec.Encode(manifest.Prove(index)), content, [.. keeper.Wraps(manifest.Root, id)]));
        }
        return (answer, remaining);
    }

    private static (RecordInfo[] Page, string? Next) Page(OwnerRecords records, HashSet<Hash> permitted, RecordListParams asked)
    {
        int limit = Math.Clamp(asked.Limit ?? MaxListed, 1, MaxListed);
        (int manifest, int entry) = ParseCursor(asked.Cursor);
        var page = new List<RecordInfo>();
        for (; manifest < records.Manifests.Count; manifest++, entry = 0)
        {
            CataloguedManifest at = records.Manifests[manifest];
            if (at.Height <= (asked.AfterHeight ?? 0) && asked.AfterHeight is not null) continue;
            for (; entry < at.Manifest.Entries.Length; entry++)
            {
                ManifestEntry e = at.Manifest.Entries[entry];
                if (!permitted.Contains(e.Tag)) continue;
                if (page.Count == limit) return ([.. page], $"{manifest}:{entry}");
                page.Add(new RecordInfo(e.RecordId.ToString(), at.Root.ToString(), (uint)entry, e.Tag.ToString(), e.Epoch, e.Length, at.Author, at.Height));
            }
        }
        return ([.. page], null);
    }

    private static (int Manifest, int Entry) ParseCursor(string? cursor)
    {
        if (cursor is null) return (0, 0);
        string[] parts = cursor.Split(':');
        return parts.Length == 2
            && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int manifest)
            && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int entry)
            ? (manifest, entry)
            : throw RpcException.Parameter("cursor", "not a cursor of this method");
    }

    private Task<Decision> AskAsync(Caller caller, Address owner, string action, string purpose, Hash tag) =>
        decider.DecideAsync(new AccessQuestion(owner, caller.Address, caller.OnBehalfOf ?? Address.None, action, purpose, tag));

    private async Task LogAsync(
        Caller caller, Address owner, AccessAction action, string purpose, Hash[] records, Hash[] tags, bool permit, Decision decision)
    {
        await log.AppendAsync(new AccessEntry(
            (ulong)clock.GetUtcNow().ToUnixTimeMilliseconds(), node, decision.Height, caller.PublicKey, caller.OnBehalfOf ?? Address.None, owner, action, purpose,
            records, [.. tags.Take(AccessEntry.MaxTags)], permit ? AccessOutcome.Permit : AccessOutcome.Deny, decision.Reason,
            caller.Proof.Text, caller.Proof.Signature, new byte[AccessEntry.SaltSize], Hash.Zero)).ConfigureAwait(false);
    }

    private static Address Parse(string owner) => Address.TryParse(owner, out Address address) ? address : throw RpcException.Parameter("owner", "not a ptoy1… address");

    /// <summary>The purpose goes into the access log, which takes codes only, and into the memory of decisions.</summary>
    private static void RequirePurpose(string purpose)
    {
        const int MaxLength = 64;
        if (purpose.Length is 0 or > MaxLength || !purpose.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.'))
            throw RpcException.Parameter("purpose", "not an HL7 v3 purpose of use such as TREAT");
    }

    private static Hash ParseHash(string parameter, string text) =>
        Hash.TryParse(text, out Hash hash) ? hash : throw RpcException.Parameter(parameter, "not 64 hexadecimal characters");
}
