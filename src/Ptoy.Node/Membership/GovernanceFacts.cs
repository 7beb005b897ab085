using System.Text.Json;
using Ptoy.Node.Execution;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Node.Membership;

/// <summary>Where a member's node is reached, as governance knows it.</summary>
/// <param name="Host">Host name or IP address.</param>
/// <param name="VotePort">UDP port of its votes.</param>
/// <param name="BulkPort">TCP port of its bulk streams.</param>
/// <param name="Rpc">Address of its JSON-RPC, where it told.</param>
public sealed record NodeEndpoint(string Host, int VotePort, int BulkPort, string? Rpc);

/// <summary>A member, or who is to become one.</summary>
public sealed record MemberEntry(PublicKey NodeKey, Address Organisation, string Name, NodeEndpoint? Endpoint);

/// <summary>A node that follows and is not a member yet. <see cref="Claim"/> is the height and chain hash that it says it executed.</summary>
public sealed record CandidateEntry(MemberEntry Node, PublicKey? Replaces, bool Seen, (ulong Height, Hash ChainHash)? Claim, IReadOnlyList<PublicKey> Confirmed);

/// <summary>
/// What the chain's state says about its members, read by path: the shapes are those of <c>docs/contracts.md</c>, and part of the protocol.
/// </summary>
public sealed record GovernanceFacts
{
    /// <summary>The contract.</summary>
    public static readonly ContractId Contract = ContractId.Single("Governance");

    /// <summary>State path of the planned change.</summary>
    public static readonly string NextPath = StatePath.Of(Contract, "next");

    /// <summary>Beginning of every path that these facts come from.</summary>
    public const string Prefix = "Governance//";

    /// <summary>The members, in the order of the validator set.</summary>
    public required IReadOnlyList<MemberEntry> Members { get; init; }

    /// <summary>The epoch in force for the next height.</summary>
    public required ulong Epoch { get; init; }

    /// <summary>The first height of that epoch.</summary>
    public required ulong First { get; init; }

    /// <summary>Indices of the members that take turns as primary.</summary>
    public required byte[] Order { get; init; }

    /// <summary>The last height of this epoch, once a change is planned.</summary>
    public required ulong? Barrier { get; init; }

    /// <summary>The members after that; empty when no change is planned.</summary>
    public required IReadOnlyList<MemberEntry> NextMembers { get; init; }

    /// <summary>Who follows in order to join.</summary>
    public required IReadOnlyList<CandidateEntry> Candidates { get; init; }

    /// <summary>The parameters in force.</summary>
    public required IReadOnlyDictionary<string, long> Parameters { get; init; }

    /// <summary>The validators of <see cref="Epoch"/>.</summary>
    public ValidatorSet Validators => new(Epoch, [.. Members.Select(m => new Validator(m.NodeKey, m.Organisation))], Order);

    /// <summary>Reads from state; <paramref name="get"/> gives the JSON of a key of the contract.</summary>
    public static GovernanceFacts Read(Func<string, string?> get)
    {
        using JsonDocument epoch = Json(get, "epoch");
        using JsonDocument members = Json(get, "members");
        using JsonDocument candidates = Json(get, "candidates");
        using JsonDocument parameters = Json(get, "params");
        using JsonDocument next = Json(get, "next");
        bool planned = next.RootElement.ValueKind == JsonValueKind.Object;
        return new GovernanceFacts
        {
            Members = Entries(members.RootElement),
            Epoch = epoch.RootElement.GetProperty("epoch").GetUInt64(),
            First = epoch.RootElement.GetProperty("first").GetUInt64(),
            Order = [.. epoch.RootElement.GetProperty("order").EnumerateArray().Select(i => i.GetByte())],
            Barrier = BarrierOf(next.RootElement),
            NextMembers = planned ? Entries(next.RootElement.GetProperty("members")) : [],
            Candidates = [.. candidates.RootElement.EnumerateArray().Select(Candidate)],
            Parameters = parameters.RootElement.EnumerateObject().ToDictionary(p => p.Name, p => p.Value.GetInt64(), StringComparer.Ordinal),
        };
    }

    /// <summary>The barrier in the JSON of the planned change, or null.</summary>
    public static ulong? BarrierOf(string? next)
    {
        if (next is null) return null;
        using JsonDocument json = JsonDocument.Parse(next);
        return BarrierOf(json.RootElement);
    }

    private static ulong? BarrierOf(JsonElement next) => next.ValueKind == JsonValueKind.Object ? next.GetProperty("barrier").GetUInt64() : null;

    private static JsonDocument Json(Func<string, string?> get, string key) =>
        JsonDocument.Parse(get(key) ?? throw new InvalidOperationException($"the state has no {Prefix}{key}: the genesis is of an older version"));

    private static MemberEntry[] Entries(JsonElement list) => [.. list.EnumerateArray().Select(Entry)];

    private static MemberEntry Entry(JsonElement entry) => new(
        PublicKey.Parse(entry.GetProperty("nodeKey").GetString()!), Address.Parse(entry.GetProperty("organisation").GetString()!),
        entry.GetProperty("name").GetString()!, Endpoint(entry.GetProperty("endpoint")));

    private static NodeEndpoint? Endpoint(JsonElement endpoint) => endpoint.ValueKind == JsonValueKind.Object
        ? new NodeEndpoint(
            endpoint.GetProperty("host").GetString()!, endpoint.GetProperty("votePort").GetInt32(), endpoint.GetProperty("bulkPort").GetInt32(),
            endpoint.GetProperty("rpc").GetString())
        : null;

    private static CandidateEntry Candidate(JsonElement entry)
    {
        JsonElement claim = entry.GetProperty("claim");
        return new CandidateEntry(
            Entry(entry),
            entry.GetProperty("replaces").GetString() is { } replaced ? PublicKey.Parse(replaced) : null,
            entry.GetProperty("seen").GetBoolean(),
            claim.ValueKind == JsonValueKind.Object ? (claim.GetProperty("height").GetUInt64(), Hash.Parse(claim.GetProperty("chainHash").GetString()!)) : null,
            [.. entry.GetProperty("confirmed").EnumerateArray().Select(k => PublicKey.Parse(k.GetString()!))]);
    }
}

/// <summary>The facts of the newest executed height, read again when a block changed them. Thread-safe.</summary>
public sealed class MemberBook
{
    private readonly Func<string, string?> _stateGet;
    private GovernanceFacts _now;

    /// <summary>Reads what the state says now; <paramref name="stateGet"/> gives the newest JSON at a path.</summary>
    public MemberBook(Func<string, string?> stateGet)
    {
        _stateGet = stateGet;
        _now = Read();
    }

    /// <summary>As of the newest executed height.</summary>
    public GovernanceFacts Now => Volatile.Read(ref _now);

    /// <summary>Raised on the executor's thread after the facts changed.</summary>
    public event Action<GovernanceFacts>? Changed;

    /// <summary>A parameter's value. A chain of an older version may lack it: then <paramref name="otherwise"/>.</summary>
    public long Parameter(string name, long otherwise) => Now.Parameters.GetValueOrDefault(name, otherwise);

    /// <summary>Looks whether a block changed the facts; called after it is on disk.</summary>
    public void OnExecuted(IReadOnlyList<KeyValuePair<string, string?>> writes)
    {
        if (writes.Any(w => w.Key.StartsWith(GovernanceFacts.Prefix, StringComparison.Ordinal))) Refresh();
    }

    /// <summary>Reads again: the state came from elsewhere (a snapshot).</summary>
    public void Refresh()
    {
        Volatile.Write(ref _now, Read());
        Changed?.Invoke(Now);
    }

    private GovernanceFacts Read() => GovernanceFacts.Read(key => _stateGet(StatePath.Of(GovernanceFacts.Contract, key)));
}
