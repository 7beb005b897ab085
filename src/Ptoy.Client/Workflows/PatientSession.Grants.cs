using System.Text.Json;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Records;

namespace Ptoy.Client.Workflows;

/// <summary>What a patient lets somebody read.</summary>
/// <param name="Organisation">The organisation.</param>
/// <param name="Compartments">Names of compartments, each granted as a whole, old records too.</param>
/// <param name="Purposes">HL7 v3 purposes of use, such as TREAT.</param>
/// <param name="Role">Only employees in this role; null: every role.</param>
/// <param name="Until">When it ends; null: when it is revoked.</param>
public sealed record ReadGrant(
    Address Organisation, IReadOnlyList<string> Compartments, IReadOnlyList<string> Purposes, string? Role = null, DateTimeOffset? Until = null);

public sealed partial class PatientSession
{
    /// <summary>
    /// Grants reading. Closes the current epoch where it holds records, and gives the organisation's team the vault keys of the closed epochs
    /// for the granted compartments in a sealed letter. Returns the provision's number. Throws <see cref="ArgumentException"/> naming a
    /// compartment that does not exist, <see cref="TransactionFailedException"/>.
    /// </summary>
    public async Task<int> GrantAsync(ReadGrant grant, CancellationToken cancellation = default)
    {
        LetterCompartment[] granted = [.. grant.Compartments.Distinct().Select(name => new LetterCompartment(name, TagOf(name)))];
        if (granted.Length == 0) throw new ArgumentException("grant: no compartment is named", nameof(grant));
        int epoch = await CloseEpochAsync(cancellation);
        object actor = grant.Role is { } role
            ? new { organisation = grant.Organisation.ToString(), role } : new { organisation = grant.Organisation.ToString() };
        string[] tags = [.. granted.Select(c => c.Tag.ToString())];
        int provision = await PermitAsync(actor, ["read", "search"], grant.Purposes, tags, grant.Until, cancellation);
        await WriteLetterAsync(grant, granted, epoch, cancellation);
        return provision;
    }

    /// <summary>The purpose for which the access log may be seen.</summary>
    public const string AccessLogPurpose = "PATADMIN";

    /// <summary>
    /// Lets an organisation see who accessed the records (not the records): what a notification service needs to tell of reads. Returns the provision's
    /// number; revoking it ends that.
    /// </summary>
    public Task<int> GrantAccessLogAsync(Address organisation, DateTimeOffset? until = null, CancellationToken cancellation = default) => PermitAsync(
        new { organisation = organisation.ToString() }, ["search"], [AccessLogPurpose], new[] { Compartments.AccessLogTag.ToString() }, until, cancellation);

    /// <summary>As above, for another purpose, such as FRAUD; listing it for that purpose leaves an entry in it.</summary>
    public Task<int> GrantAccessLogForAsync(Address organisation, string purpose, CancellationToken cancellation = default) => PermitAsync(
        new { organisation = organisation.ToString() }, ["search"], [purpose], new[] { Compartments.AccessLogTag.ToString() }, null, cancellation);

    /// <summary>Ends a provision at once, for every node. Returns the epoch now in force.</summary>
    public async Task<int> RevokeAsync(int provision, CancellationToken cancellation = default)
    {
        Receipt receipt = await _sender.SendAsync(Contract, "revoke", [provision], cancellation);
        return int.Parse(receipt.Result, System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <summary>The provisions in force, as the contract answers them.</summary>
    public Task<JsonElement> ProvisionsAsync(CancellationToken cancellation = default) => _node.ViewAsync(Contract, "provisions", [], cancellation);

    private Hash TagOf(string compartment) => _vault.Tags.TryGetValue(compartment, out Hash tag)
        ? tag : throw new ArgumentException($"'{compartment}' is not a compartment; there are: {string.Join(", ", Compartments.Names)}", nameof(compartment));

    private async Task<int> PermitAsync(
        object actor, string[] actions, IReadOnlyList<string> purposes, object tags, DateTimeOffset? until, CancellationToken cancellation)
    {
        object provision = until is { } end
            ? new { type = "permit", actor, actions, purposes, tags, period = new { end = end.ToUnixTimeMilliseconds() } }
            : new { type = "permit", actor, actions, purposes, tags };
        Receipt receipt = await _sender.SendAsync(Contract, "grant", [provision], cancellation);
        return int.Parse(receipt.Result, System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <summary>The epoch in force, after closing the one that holds records: only closed epochs' keys are ever shared.</summary>
    private async Task<int> CloseEpochAsync(CancellationToken cancellation)
    {
        int epoch = (await _node.ViewAsync(Contract, "currentEpoch", [], cancellation)).GetInt32();
        if (!await HoldsRecordsAsync(epoch, cancellation)) return epoch;
        Receipt receipt = await _sender.SendAsync(Contract, "advanceEpoch", [], cancellation);
        return int.Parse(receipt.Result, System.Globalization.CultureInfo.InvariantCulture);
    }

    private async Task<bool> HoldsRecordsAsync(int epoch, CancellationToken cancellation)
    {
        const int Page = 200;
        for (int from = 0; ; from += Page)
        {
            JsonElement manifests = await _node.ViewAsync(ContractId.Single("Records"), "ofOwner", [Account.ToString(), from, Page], cancellation);
            if (manifests.EnumerateArray().Any(m => m.GetProperty("epoch").GetInt32() == epoch)) return true;
            if (manifests.GetArrayLength() < Page) return false;
        }
    }

    private async Task WriteLetterAsync(ReadGrant grant, LetterCompartment[] granted, int epoch, CancellationToken cancellation)
    {
        var vaultKeys = new List<LetterVaultKey>();
        foreach (LetterCompartment compartment in granted)
        {
            for (int closed = 0; closed < epoch; closed++)
            {
                using SealingKey key = _vault.VaultKey(compartment.Name, closed);
                vaultKeys.Add(new LetterVaultKey(compartment.Tag, closed, key.Export()));
            }
        }
        JsonElement recipients = await _node.ViewAsync(Contract, "recipients", [Compartments.LetterTag.ToString()], cancellation);
        PublicKey[] teams = [.. recipients.EnumerateArray().Where(r => IsFor(r.GetProperty("actor"), grant))
            .Select(r => PublicKey.Parse(r.GetProperty("publicKey").GetString()!))];
        if (teams.Length == 0) throw new InvalidOperationException("the organisation has published no team key for this role yet, so nothing could be sealed to it");
        byte[] letter = new GrantLetter(_vault.TagKey.ToArray(), granted, vaultKeys).ToJson();
        await new RecordWriter(_sender).WriteToAsync(Account, epoch, [new RecordToWrite(letter, Compartments.LetterTag)], teams, null, cancellation);
    }

    private static bool IsFor(JsonElement actor, ReadGrant grant) =>
        actor.TryGetProperty("organisation", out JsonElement organisation) && organisation.GetString() == grant.Organisation.ToString()
        && (grant.Role is null || actor.GetProperty("role").GetString() == grant.Role);
}
