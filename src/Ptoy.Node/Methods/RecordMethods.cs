using Ptoy.Node.Audit;
using Ptoy.Node.Gatekeeper;
using Ptoy.Node.Mail;
using Ptoy.Node.Rpc;
using Ptoy.Protocol;
using Ptoy.Protocol.Audit;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Matching;
using Ptoy.Protocol.Rpc;
using Ptoy.Protocol.Wire;
using Ptoy.Storage.Audit;
using static Ptoy.Node.Methods.Describe;

namespace Ptoy.Node.Methods;

/// <summary>What needs an identity: <c>record_*</c>, <c>audit_*</c>, <c>mail_*</c>, <c>match_*</c>.</summary>
public sealed class RecordMethods(RecordGate gate, AccessLog log, MailRoom mail, NodeFacts facts, Func<PublicKey?> authority, Func<string, bool> isAnchored, TimeProvider clock)
{
    private const int MaxWaitMs = 30_000;

    /// <summary>The table.</summary>
    public IEnumerable<RpcMethod> Table() =>
    [
        new()
        {
            Name = "record_upload", Summary = "Stores a manifest with its sealed records and wraps at the members.", Result = "RecordUploadResult as JSON bytes",
            RequiresAuth = true, Timeout = TimeSpan.FromSeconds(60),
            BinaryHandler = (c, body, ct) => gate.UploadAsync(c.RequireCaller(), body, ct),
        },
        new()
        {
            Name = "record_list", Summary = "Lists what the requester may read of an owner's records.", Result = "RecordListResult", RequiresAuth = true,
            Params =
            [
                Required("owner", RpcType.Address, "whose records"), Required("purpose", RpcType.String, "HL7 v3 purpose of use"),
                Optional("tags", RpcType.Strings, "only these compartments"), Optional("afterHeight", RpcType.Integer, "only records registered above"),
                Optional("cursor", RpcType.String, "where the page before ended"), Optional("limit", RpcType.Integer, "1 to 1,000"),
                Optional("minHeight", RpcType.Integer, "refuse to answer from an older state"),
            ],
            Handler = async (c, p, ct) => await gate.ListAsync(c.RequireCaller(), Read<RecordListParams>(p), ct).ConfigureAwait(false),
        },
        new()
        {
            Name = "record_get", Summary = "Sealed bytes, proofs and wraps of up to 256 records.", Result = "RecordGetResult", RequiresAuth = true,
            Params =
            [
                Required("owner", RpcType.Address, "whose records"), Required("recordIds", RpcType.Strings, "hexadecimal, at most 256"),
                Required("purpose", RpcType.String, "HL7 v3 purpose of use"), Optional("minHeight", RpcType.Integer, "refuse to answer from an older state"),
            ],
            Handler = async (c, p, ct) => await gate.GetAsync(c.RequireCaller(), Read<RecordGetParams>(p), ct).ConfigureAwait(false),
        },
        new()
        {
            Name = "record_access", Summary = "Decides and logs an access to copies that an organisation keeps of what it was granted; no bytes.",
            Result = "RecordAccessResult", RequiresAuth = true,
            Params =
            [
                Required("owner", RpcType.Address, "whose records"), Required("recordIds", RpcType.Strings, "hexadecimal, at most 1,000, or none"),
                Required("purpose", RpcType.String, "HL7 v3 purpose of use"), Required("actors", RpcType.Strings, "1 to 4 accounts that are acted for"),
                Required("action", RpcType.String, "read or search"),
            ],
            Handler = async (c, p, ct) => await gate.AccessAsync(c.RequireCaller(), Read<RecordAccessParams>(p), ct).ConfigureAwait(false),
        },
        new()
        {
            Name = "record_permits", Summary = "What would be decided for an organisation and those it acts for; not an access.",
            Result = "RecordPermitsResult", RequiresAuth = true,
            Params =
            [
                Required("owner", RpcType.Address, "whose records"), Required("recordIds", RpcType.Strings, "hexadecimal, at most 64, or none"),
                Required("purpose", RpcType.String, "HL7 v3 purpose of use"), Required("actors", RpcType.Strings, "1 to 4 accounts that are acted for"),
                Required("action", RpcType.String, "read or write"), Optional("tags", RpcType.Strings, "compartment tags, at most 64"),
            ],
            Handler = async (c, p, ct) => await gate.PermitsAsync(c.RequireCaller(), Read<RecordPermitsParams>(p), ct).ConfigureAwait(false),
        },
        new()
        {
            Name = "audit_list", Summary = "This node's entries about an owner's records, permits and denials: for the owner, and whom the owner lets see them.", Result = "AuditListResult", RequiresAuth = true,
            Params =
            [
                Required("owner", RpcType.Address, "whose records"), Optional("after", RpcType.String, "cursor of the page before"),
                Optional("limit", RpcType.Integer, "1 to 1,000"), Optional("purpose", RpcType.String, "HL7 v3 purpose of use of anybody but the owner; PATADMIN by default"),
            ],
            Handler = async (c, p, _) => await AuditAsync(c.RequireCaller(), Read<AuditListParams>(p)).ConfigureAwait(false),
        },
        new()
        {
            Name = "mail_send", Summary = "Puts a small sealed message into an account's inbox, for 24 hours.", Result = "MailSendResult", RequiresAuth = true,
            Params =
            [
                Required("to", RpcType.Address, "the account that may list it"), Required("kind", RpcType.String, "one of the kinds of mail"),
                Required("bytes", RpcType.Base64, "at most 62 KiB"),
            ],
            Handler = (c, p, _) => Done(Send(c.RequireCaller(), Read<MailSendParams>(p))),
        },
        new()
        {
            Name = "mail_list", Summary = "The requester's own inbox.", Result = "MailListResult", RequiresAuth = true, Timeout = TimeSpan.FromMilliseconds(MaxWaitMs + 5_000),
            Params =
            [
                Optional("after", RpcType.String, "cursor of this node"), Optional("limit", RpcType.Integer, "1 to 256"),
                Optional("waitMs", RpcType.Integer, "how long to wait for a first mail, at most 30,000"),
            ],
            Handler = ListMailAsync,
        },
        new()
        {
            Name = "match_request", Summary = "Asks the hospitals whether they know the person that the key authority certified. The answer is always the same.",
            Result = "MatchRequestResult", RequiresAuth = true,
            Params = [Required("statement", RpcType.Base64, "wire bytes of the authority's MatchStatement")],
            Handler = (c, p, _) => Done(Match(c.RequireCaller(), Read<MatchRequestParams>(p))),
        },
    ];

    private async Task<AuditListResult> AuditAsync(Caller caller, AuditListParams asked)
    {
        if (!Address.TryParse(asked.Owner, out Address owner)) throw RpcException.Parameter("owner", "not a ptoy1… address");
        await gate.RequireAccessLogAsync(caller, owner, asked.Purpose).ConfigureAwait(false);
        ulong from = 0;
        if (asked.After is not null) from = ulong.TryParse(asked.After, out ulong after) ? after + 1 : throw RpcException.Parameter("after", "not a cursor of this method");
        int limit = Math.Clamp(asked.Limit ?? 1000, 1, 1000);
        List<LoggedAccess> found = [.. log.OfOwner(owner, from).Take(limit + 1)];
        AuditEntryDto[] entries = [.. found.Take(limit).Select(Entry)];
        return new AuditListResult(facts.NodeKey.ToString(), entries, found.Count > limit ? entries[^1].Sequence.ToString() : null);
    }

    private AuditEntryDto Entry(LoggedAccess logged)
    {
        AccessEntry e = logged.Entry;
        AuditAnchorDto? anchor = null;
        // A sealed segment is an anchor only once the chain holds it and can prove it.
        if (log.Prove(logged.Sequence) is { } proof && log.Segment(proof.Segment) is { } segment && isAnchored(Anchoring.StateKey(facts.NodeKey, segment.Number)))
            anchor = new AuditAnchorDto(Anchoring.StateKey(facts.NodeKey, segment.Number), segment.Root.ToString(), Codec.Encode(proof.Proof));
        return new AuditEntryDto(
            logged.Sequence, (long)e.TimeMs, e.Requester.Address.ToString(), e.OnBehalfOf.IsNone ? null : e.OnBehalfOf.ToString(), MethodOf(e),
            e.Outcome == AccessOutcome.Permit ? "permit" : "deny", e.Reason, e.Purpose, [.. e.Records.Select(r => r.ToString())], Codec.Encode(e), e.Previous.ToString(), anchor);
    }

    /// <summary>The method stands third in the signed request text.</summary>
    private static string MethodOf(AccessEntry entry) => entry.Request.Split('|') is { Length: > 2 } parts ? parts[2] : "";

    private MailSendResult Send(Caller caller, MailSendParams asked)
    {
        if (asked.Kind == MailKinds.MatchRequest || !IsKnown(asked.Kind)) throw RpcException.Parameter("kind", "not a kind of mail that can be sent");
        if (asked.Bytes.Length > MailKinds.MaxBytes - 2048) throw RpcException.Parameter("bytes", $"{asked.Bytes.Length} bytes, more than {MailKinds.MaxBytes - 2048}");
        return new MailSendResult(mail.Send(caller.Address, Address.Parse(asked.To), asked.Kind, asked.Bytes).ToString());
    }

    private static bool IsKnown(string kind) => kind is MailKinds.MatchConfirm or MailKinds.MatchAnswer or MailKinds.WriterLetter;

    private async Task<object?> ListMailAsync(RpcContext context, System.Text.Json.JsonElement parameters, CancellationToken cancellation)
    {
        MailListParams asked = Read<MailListParams>(parameters);
        var wait = TimeSpan.FromMilliseconds(Math.Clamp(asked.WaitMs ?? 0, 0, MaxWaitMs));
        return await mail.ListAsync(context.RequireCaller().Address, asked.After, Math.Clamp(asked.Limit ?? 256, 1, 256), wait, cancellation).ConfigureAwait(false);
    }

    private MatchRequestResult Match(Caller caller, MatchRequestParams asked)
    {
        try
        {
            var statement = Codec.Decode<MatchStatement>(asked.Statement, MatchStatement.MaxBytes);
            PublicKey key = authority() ?? throw new RpcException(RpcErrors.NotFound, "the key authority has not published its key");
            MatchClaim claim = statement.Open(key, facts.ChainId, clock.GetUtcNow().ToUnixTimeMilliseconds());
            if (claim.Account != caller.Address) throw new RpcException(RpcErrors.NotAuthorised, "the statement is about another account");
        }
        catch (WireException e)
        {
            throw RpcException.Parameter("statement", e.Message);
        }
        // A hospital that does not empty its inbox misses the request; the asker is told the same in every case.
        foreach (Address organisation in facts.Organisations) mail.TrySend(caller.Address, organisation, MailKinds.MatchRequest, asked.Statement);
        return new MatchRequestResult(true);
    }
}
