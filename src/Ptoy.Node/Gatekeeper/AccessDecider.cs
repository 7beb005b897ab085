using System.Collections.Concurrent;
using System.Text.Json;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Node.Gatekeeper;

/// <summary>What the owner's contract said.</summary>
public sealed record Decision(bool Permit, string Reason, ulong Height);

/// <summary>What is asked: may this requester, for this organisation, do this with records of that tag, for that purpose?</summary>
public readonly record struct AccessQuestion(Address Owner, Address Requester, Address OnBehalfOf, string Action, string Purpose, Hash Tag);

/// <summary>
/// Asks the owner's contract (<c>Patient</c> or <c>Provider</c>, whichever the owner has) to decide. An answer is kept until the
/// instant at which a provision begins or ends, and while the state that it rests on is unchanged.
/// </summary>
public sealed class AccessDecider(ContractViews views, TimeProvider clock)
{
    private const int MaxKept = 100_000;

    private readonly ConcurrentDictionary<AccessQuestion, Kept> _kept = new();

    private sealed record Kept(Decision Decision, ulong UntilMs, ulong Version);

    /// <summary>The instance that decides about an owner's records; null when the owner has none.</summary>
    public ContractId? ContractOf(Address owner)
    {
        var patient = new ContractId("Patient", owner);
        if (views.State(patient, "meta") is not null) return patient;
        var provider = new ContractId("Provider", owner);
        return views.State(provider, "provider") is not null ? provider : null;
    }

    /// <summary>The decision. Denies when the owner has no contract, or when the contract fails.</summary>
    public async Task<Decision> DecideAsync(AccessQuestion question)
    {
        ulong now = (ulong)clock.GetUtcNow().ToUnixTimeMilliseconds();
        ulong version = Version(question);
        if (_kept.TryGetValue(question, out Kept? kept) && kept.Version == version && (kept.UntilMs == 0 || now < kept.UntilMs)) return kept.Decision;
        if (ContractOf(question.Owner) is not { } contract) return new Decision(false, "no-such-owner", 0);
        string arguments = ContractViews.Arguments(new
        {
            requester = question.Requester.ToString(),
            onBehalfOf = question.OnBehalfOf.IsNone ? null : question.OnBehalfOf.ToString(),
            action = question.Action,
            purpose = question.Purpose,
            tag = question.Tag.ToString(),
            time = now,
        });
        ViewResult result = await views.AskAsync(contract, "decide", arguments, question.Requester.ToString()).ConfigureAwait(false);
        if (!result.Ok) return new Decision(false, "contract-failed", result.Height);
        Kept answer = Parse(result, version);
        if (_kept.Count >= MaxKept) _kept.Clear();
        // A version that changed while the contract was asked makes the next question ask again.
        _kept[question] = answer;
        return answer.Decision;
    }

    private static Kept Parse(ViewResult result, ulong version)
    {
        using JsonDocument json = JsonDocument.Parse(result.Json!);
        JsonElement root = json.RootElement;
        ulong until = root.TryGetProperty("until", out JsonElement u) && u.ValueKind == JsonValueKind.Number ? (ulong)u.GetDouble() : 0;
        string reason = root.TryGetProperty("reason", out JsonElement r) && r.ValueKind == JsonValueKind.String ? r.GetString()! : "";
        return new Kept(new Decision(root.GetProperty("permit").GetBoolean(), Code(reason), result.Height), until, version);
    }

    /// <summary>A reason as a code: what the access log takes.</summary>
    private static string Code(string reason)
    {
        string code = string.Concat(reason.Select(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' ? c : '-'));
        return code.Length <= 64 ? code : code[..64];
    }

    private ulong Version(AccessQuestion question)
    {
        ulong version = Math.Max(views.ChangedAt(new ContractId("Patient", question.Owner)), views.ChangedAt(new ContractId("Provider", question.Owner)));
        version = Math.Max(version, views.ChangedAt(ContractId.Single("Identity")));
        return question.OnBehalfOf.IsNone ? version : Math.Max(version, views.ChangedAt(new ContractId("Provider", question.OnBehalfOf)));
    }
}

/// <summary>Refuses to decide on old state.</summary>
public sealed class Freshness(Func<(ulong Height, ulong TimeMs)> newest, Func<long> maxBlockIntervalMs, TimeProvider clock)
{
    /// <summary>Throws <see cref="RpcException"/> (NodeBehind) when the newest block is older than three block intervals, or below the height asked for.</summary>
    public void Require(ulong? minHeight)
    {
        (ulong height, ulong timeMs) = newest();
        if (minHeight > height) throw new RpcException(RpcErrors.NodeBehind, $"the node is at height {height}, below the {minHeight} asked for");
        long age = clock.GetUtcNow().ToUnixTimeMilliseconds() - (long)timeMs;
        if (age > 3 * maxBlockIntervalMs())
            throw new RpcException(RpcErrors.NodeBehind, $"the node is behind: its newest block is {age / 1000} s old; ask another node");
    }
}
