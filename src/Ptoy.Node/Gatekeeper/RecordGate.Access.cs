using Ptoy.Node.Rpc;
using Ptoy.Protocol;
using Ptoy.Protocol.Audit;
using Ptoy.Protocol.Records;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Node.Gatekeeper;

/// <summary>
/// Access to copies that an organisation keeps of what it was granted (its FHIR façade): the same decision and the same entry in the log as
/// for fetching sealed bytes, for the organisation and for everyone it acts for, without the bytes.
/// </summary>
public sealed partial class RecordGate
{
    private const int MaxActors = 4;
    private const int MaxProbed = 64;

    /// <summary><c>record_access</c>: decides for the caller and all actors, and logs; throws Denied when nothing is permitted.</summary>
    public async Task<RecordAccessResult> AccessAsync(Caller caller, RecordAccessParams asked, CancellationToken cancellation)
    {
        if (asked.RecordIds.Length > AccessEntry.MaxRecords)
            throw RpcException.Parameter("recordIds", $"{asked.RecordIds.Length} records, more than {AccessEntry.MaxRecords}");
        AccessAction action = asked.Action switch
        {
            "read" => AccessAction.Read,
            "search" => AccessAction.Search,
            _ => throw RpcException.Parameter("action", "not read or search"),
        };
        Judged judged = await JudgeAsync(caller, asked.Owner, asked.Purpose, asked.Actors, "read", asked.RecordIds,
            cancellation).ConfigureAwait(false);
        if (judged.Denied.Count > 0 || !judged.Any.Permit)
        {
            string reason = judged.Denied.Count > 0 ? judged.Denied[^1].Reason : judged.Any.Reason;
            Hash[] ids = [.. judged.Denied.Select(d => Hash.Parse(d.RecordId))];
            await LogAsync(caller, judged.Owner, action, asked.Purpose, ids, [], false,
                judged.Any with { Permit = false, Reason = reason }).ConfigureAwait(false);
            if (judged.Permitted.Count == 0) throw new RpcException(RpcErrors.Denied, $"the owner's contract does not permit it: {reason}");
        }
        Hash[] tags = [.. judged.Permitted.Select(p => p.Tag).Distinct()];
        await LogAsync(
            caller, judged.Owner, action, asked.Purpose, [.. judged.Permitted.Select(p => p.Id)], tags, true,
                judged.Any with { Permit = true, Reason = "permitted" })
            .ConfigureAwait(false);
        return new RecordAccessResult(judged.Any.Height, [.. judged.Permitted.Select(p => p.Id.ToString())], [.. judged.Denied]);
    }

    /// <summary>
    /// <c>record_permits</c>: what would be decided. Nothing is given out, so nothing is logged; it says no more than the contract's own
    /// <c>decide</c>, which anybody may ask.
    /// </summary>
    public async Task<RecordPermitsResult> PermitsAsync(Caller caller, RecordPermitsParams asked, CancellationToken cancellation)
    {
        if (asked.RecordIds.Length > MaxProbed) throw RpcException.Parameter("recordIds",
            $"{asked.RecordIds.Length} records, more than {MaxProbed}");
        if (asked.Action is not ("read" or "write")) throw RpcException.Parameter("action", "not read or write");
        Judged judged = await JudgeAsync(caller, asked.Owner, asked.Purpose, asked.Actors, asked.Action, asked.RecordIds,
            cancellation).ConfigureAwait(false);
        if (asked.Tags?.Length > MaxProbed) throw RpcException.Parameter("tags", $"{asked.Tags.Length} tags, more than {MaxProbed}");
        Address[] actors = [.. asked.Actors.Select(Address.Parse)];
        var tags = new List<string>();
        foreach (string tag in asked.Tags ?? [])
        {
            Decision decision = await AllAsync(caller, actors, judged.Owner, asked.Action, asked.Purpose,
                ParseHash("tags", tag)).ConfigureAwait(false);
            if (decision.Permit) tags.Add(tag);
        }
        return new RecordPermitsResult(judged.Any.Height, judged.Any.Permit, [.. judged.Permitted.Select(p => p.Id.ToString())], [.. tags]);
    }

    private async Task<Judged> JudgeAsync(
        Caller caller, string ownerText, string purpose, string[] actorTexts, string action, string[] recordIds,
            CancellationToken cancellation)
    {
        freshness.Require(null);
        Address owner = Parse(ownerText);
        RequirePurpose(purpose);
        if (actorTexts.Length is 0 or > MaxActors) throw RpcException.Parameter("actors",
            $"{actorTexts.Length} accounts, not 1 to {MaxActors}");
        Address[] actors = [.. actorTexts.Select(a => Address.TryParse(a, out Address address) ? address
            : throw RpcException.Parameter("actors", "not a ptoy1… address"))];
        if (caller.OnBehalfOf is { } named && !actors.Contains(named))
            throw RpcException.Parameter("actors", "the request is signed on behalf of an account that is not among them");
        Hash[] ids = [.. recordIds.Select(r => ParseHash("recordIds", r)).Distinct()];
        // Whether anything at all is still granted: a letter may be read by whom any permit in force names.
        Decision any = await AllAsync(caller, actors, owner, "read", purpose, Compartments.LetterTag).ConfigureAwait(false);
        var permitted = new List<(Hash, Hash)>();
        var denied = new List<RecordDenialDto>();
        if (ids.Length == 0) return new Judged(owner, any, permitted, denied);
        OwnerRecords records = await catalog.OfAsync(owner, cancellation).ConfigureAwait(false);
        var known = new Dictionary<Hash, Decision>();
        foreach (Hash id in ids)
        {
            var found = records.Find(id);
            Hash tag = found is { } f ? f.Manifest.Manifest.Entries[f.Index].Tag : Compartments.LetterTag;
            if (!known.TryGetValue(tag, out Decision? decision))
                known[tag] = decision = await AllAsync(caller, actors, owner, action, purpose, tag).ConfigureAwait(false);
            if (decision.Permit && found is null) decision = decision with { Permit = false, Reason = "no-such-record" };
            if (decision.Permit) permitted.Add((id, tag));
            else denied.Add(new RecordDenialDto(id.ToString(), decision.Reason));
        }
        return new Judged(owner, any, permitted, denied);
    }

    /// <summary>Permitted only when the caller's organisation and every actor are.</summary>
    private async Task<Decision> AllAsync(Caller caller, Address[] actors, Address owner, string action, string purpose, Hash tag)
    {
        Decision decision = await OneAsync(caller.Address, caller.Address).ConfigureAwait(false);
        foreach (Address actor in actors)
        {
            if (!decision.Permit) return decision;
            if (actor == caller.Address) continue;
            decision = await OneAsync(actor, Address.None).ConfigureAwait(false);
            // Not by a grant of its own: as one who works for the organisation, then.
            if (!decision.Permit) decision = await OneAsync(actor, caller.Address).ConfigureAwait(false) is { Permit: true } employed
                ? employed : decision;
        }
        return decision;

        Task<Decision> OneAsync(Address requester, Address onBehalfOf) =>
            decider.DecideAsync(new AccessQuestion(owner, requester, onBehalfOf, action, purpose, tag));
    }

    private sealed record Judged(Address Owner, Decision Any, List<(Hash Id, Hash Tag)> Permitted, List<RecordDenialDto> Denied);
}
