using MessagePack;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Wire;

namespace Ptoy.Protocol.Audit;

/// <summary>What somebody asked to do with somebody's records (FHIR AuditEvent.action and subtype).</summary>
public enum AccessAction : byte
{
    /// <summary>To fetch sealed bytes or wraps.</summary>
    Read = 1,
    /// <summary>To list records or look for them.</summary>
    Search = 2,
    /// <summary>To store records.</summary>
    Write = 3,
    /// <summary>To break the glass: emergency access against the provisions.</summary>
    Override = 4,
}

/// <summary>How it ended.</summary>
public enum AccessOutcome : byte
{
    /// <summary>Permitted and answered.</summary>
    Permit = 1,
    /// <summary>Denied: nothing was given out.</summary>
    Deny = 2,
}

/// <summary>
/// One access to a person's records, in the shape of a FHIR AuditEvent under IHE BALP: who (requester, on behalf of), what
/// (owner, records, tags), why (purpose of use, an HL7 v3 code), where (node, height), when, and how it ended. It names nobody
/// and states no medical fact: keys, addresses, identifiers and tags only. <see cref="Request"/> and
/// <see cref="RequestSignature"/> are the exact text that the requester signed, so nobody can forge a read in somebody's name.
/// <see cref="Salt"/> keeps the hash from being guessed; <see cref="Previous"/> chains each node's entries.
/// </summary>
[MessagePackObject]
public sealed record AccessEntry(
    [property: Key(0)] ulong TimeMs,
    [property: Key(1)] PublicKey Node,
    [property: Key(2)] ulong Height,
    [property: Key(3)] PublicKey Requester,
    [property: Key(4)] Address OnBehalfOf,
    [property: Key(5)] Address Owner,
    [property: Key(6)] AccessAction Action,
    [property: Key(7)] string Purpose,
    [property: Key(8)] Hash[] Records,
    [property: Key(9)] Hash[] Tags,
    [property: Key(10)] AccessOutcome Outcome,
    [property: Key(11)] string Reason,
    [property: Key(12)] string Request,
    [property: Key(13)] Signature RequestSignature,
    [property: Key(14)] byte[] Salt,
    [property: Key(15)] Hash Previous) : IWire
{
    /// <summary>Domain of an entry's hash.</summary>
    public const string Domain = "ptoy/access-entry/v1";

    /// <summary>Length of the salt in bytes.</summary>
    public const int SaltSize = 16;

    /// <summary>Most record ids or manifest roots of one entry: a whole manifest.</summary>
    public const int MaxRecords = 1000;

    /// <summary>Most tags of one entry.</summary>
    public const int MaxTags = 256;

    /// <summary>Longest reason in characters: what the contract's decision said.</summary>
    public const int MaxReason = 128;

    /// <summary>Longest signed request text in characters.</summary>
    public const int MaxRequest = 1024;

    /// <summary>Largest encoded entry in bytes.</summary>
    public const int MaxBytes = ((MaxRecords + MaxTags) * 34) + (MaxRequest * 4) + 2048;

    /// <inheritdoc/>
    public string? Problem() =>
        Check.Nested("node", Node)
        ?? Check.Nested("requester", Requester)
        ?? (Action is >= AccessAction.Read and <= AccessAction.Override ? null : "action is not known")
        ?? Check.Text("purpose", Purpose, 0, 64)
        ?? (Purpose.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.') ? null : "purpose is not a code of letters, digits, '-', '_' and '.'")
        ?? Check.Count("records", Records, MaxRecords)
        ?? Check.Count("tags", Tags, MaxTags)
        ?? (Outcome is AccessOutcome.Permit or AccessOutcome.Deny ? null : "outcome is not known")
        ?? Check.Text("reason", Reason, 0, MaxReason)
        ?? (Reason.All(c => c is >= ' ' and <= '~') ? null : "reason has a character outside printable ASCII")
        ?? Check.Text("request", Request, 0, MaxRequest)
        ?? Check.Nested("request signature", RequestSignature)
        ?? Check.Exactly("salt", Salt, SaltSize);

    /// <summary>Identity of the entry: the leaf of its segment and what the next entry names as <see cref="Previous"/>.</summary>
    public Hash ComputeHash() => Digest.Of(Domain, Codec.Encode(this));
}
