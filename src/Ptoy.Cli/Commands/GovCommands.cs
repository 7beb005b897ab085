using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Ptoy.Cli.Shell;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Cli.Commands;

/// <summary><c>ptoy gov</c>: the members of the network decide who is one, and by which parameters it runs.</summary>
internal static class GovCommands
{
    private static readonly ContractId Governance = ContractId.Single("Governance");

    public static Command Build(SharedOptions shared) => new PtoyCommand("gov", "Members and parameters: propose, vote, look.")
        .With(Add(shared), Remove(shared), Rotate(shared), Parameter(shared), Vote(shared), List(shared), Show(shared), Members(shared));

    private static Option<string?> Reason() => new("--reason") { Description = "why, for those who vote", HelpName = "TEXT" };

    private static PtoyCommand Add(SharedOptions shared)
    {
        var node = new Option<string>("--node-key") { Description = "key of the new node (ptoy node init prints it)", HelpName = "KEY", Required = true };
        var organisation = new Option<string>("--organisation") { Description = "account that runs it, certified as an organisation", HelpName = "ACCOUNT", Required = true };
        var name = new Option<string>("--name") { Description = "what people call it", HelpName = "NAME", Required = true };
        EndpointOptions endpoint = new(required: true);
        Option<string?> reason = Reason();
        return new PtoyCommand("propose-add", "Proposes a new member. It follows as a learner first, and votes once the members saw it follow.",
                "ptoy gov propose-add --node-key 1:… --organisation ptoy1… --name 'Hospital E' --host e.example --vote-port 28600 --bulk-port 28601 --rpc https://e.example --keystore hospital1.keystore")
            .With([node, organisation, name, .. endpoint.All, reason, .. shared.Signed])
            .Does(call => ProposeAsync(call, shared, new
            {
                add = new
                {
                    nodeKey = KeyOf(node, call.Get(node)!), organisation = Call.AddressOf(organisation, call.Get(organisation)!).ToString(), name = call.Get(name),
                    endpoint = endpoint.Of(call),
                },
                reason = call.Get(reason) ?? "",
            }));
    }

    private static PtoyCommand Remove(SharedOptions shared)
    {
        var node = new Argument<string>("node-key") { Description = "whose membership ends" };
        var suspend = new Option<bool>("--suspend") { Description = "suspends: the record of it stays, for a node that contradicted itself" };
        Option<string?> reason = Reason();
        return new PtoyCommand("propose-remove", "Proposes that a node is a member no more. At least four have to stay.", "ptoy gov propose-remove 1:… --keystore hospital1.keystore")
            .With([node, suspend, reason, .. shared.Signed])
            .Does(call =>
            {
                string key = KeyOf(node, call.Get(node)), why = call.Get(reason) ?? "";
                return ProposeAsync(call, shared, call.Get(suspend) ? new { suspend = key, reason = why } : new { remove = key, reason = why });
            });
    }

    private static PtoyCommand Rotate(SharedOptions shared)
    {
        var old = new Argument<string>("node-key") { Description = "the key that is replaced" };
        var next = new Argument<string>("new-key") { Description = "the key that takes its place" };
        EndpointOptions endpoint = new(required: false);
        Option<string?> reason = Reason();
        return new PtoyCommand("rotate-key", "Proposes a new key for a member's node: the way back of a node that lost its votes.", "ptoy gov rotate-key 1:old… 1:new… --keystore hospital1.keystore")
            .With([old, next, .. endpoint.All, reason, .. shared.Signed])
            .Does(call => ProposeAsync(call, shared, new
            {
                rotate = new { nodeKey = KeyOf(old, call.Get(old)), newKey = KeyOf(next, call.Get(next)), endpoint = endpoint.Of(call) }, reason = call.Get(reason) ?? "",
            }));
    }

    private static PtoyCommand Parameter(SharedOptions shared)
    {
        var name = new Argument<string>("parameter") { Description = "maxBlockInterval, tenure, storagePricePerMbMonth…" };
        var value = new Argument<long>("value") { Description = "a whole number" };
        Option<string?> reason = Reason();
        return new PtoyCommand("propose-parameter", "Proposes another value of a parameter.", "ptoy gov propose-parameter maxBlockInterval 2000 --keystore hospital1.keystore")
            .With([name, value, reason, .. shared.Signed])
            .Does(call => ProposeAsync(call, shared, new { parameter = call.Get(name), value = call.Get(value), reason = call.Get(reason) ?? "" }));
    }

    private static PtoyCommand Vote(SharedOptions shared)
    {
        var id = new Argument<long>("proposal") { Description = "its number" };
        var against = new Option<bool>("--against") { Description = "votes against it" };
        return new PtoyCommand("vote", "Votes for a proposal, or against it.", "ptoy gov vote 3 --keystore hospital2.keystore", "ptoy gov vote 3 --against --keystore hospital2.keystore")
            .With([id, against, .. shared.Signed])
            .Does(async call =>
            {
                await using Session session = await call.ConnectAsync(shared);
                using var sender = new TransactionSender(session.Node);
                Receipt receipt = await sender.SendAsync(Governance, "vote", [call.Get(id), !call.Get(against)], call.Cancellation);
                string outcome = JsonSerializer.Deserialize<string>(receipt.Result)!;
                call.Output.Result(new { proposal = call.Get(id), outcome, height = receipt.Height }, $"proposal {call.Get(id)} is {outcome}");
            });
    }

    private static PtoyCommand List(SharedOptions shared)
    {
        var limit = new Option<int>("--limit") { Description = "how many, newest first", DefaultValueFactory = _ => 20, HelpName = "N" };
        return new PtoyCommand("list", "Lists proposals, proven from genesis.", "ptoy gov list --genesis genesis.json", "ptoy gov list --json")
            .With([limit, .. shared.Chain])
            .Does(async call =>
            {
                await using NodeConnection node = await call.ConnectAnonymouslyAsync(shared);
                var all = new List<JsonElement>();
                long newest = (await ProvenAsync(node, "proposals", call.Cancellation)).GetInt64() - 1;
                for (long id = newest; id >= 1 && all.Count < call.Get(limit); id--) all.Add(await ProvenAsync(node, $"proposal/{id}", call.Cancellation));
                call.Output.Table(
                    all, ["id", "what", "for", "against", "closes", "outcome"],
                    all.Select(p => new[] { $"{p.GetProperty("id")}", Change(p), Count(p, "for"), Count(p, "against"), Closes(p), $"{p.GetProperty("outcome")}" }), "no proposals");
            });
    }

    private static PtoyCommand Show(SharedOptions shared)
    {
        var id = new Argument<long>("proposal") { Description = "its number" };
        return new PtoyCommand("show", "Shows a proposal, proven from genesis.", "ptoy gov show 3 --genesis genesis.json")
            .With([id, .. shared.Chain])
            .Does(async call =>
            {
                await using NodeConnection node = await call.ConnectAnonymouslyAsync(shared);
                JsonElement p = await ProvenAsync(node, $"proposal/{call.Get(id)}", call.Cancellation);
                if (p.ValueKind == JsonValueKind.Null) throw CliException.Failed($"there is no proposal {call.Get(id)}");
                call.Output.Result(
                    p,
                    [$"proposal  {p.GetProperty("id")}: {Change(p)}", $"outcome   {p.GetProperty("outcome")} {p.GetProperty("note")}", $"by        {p.GetProperty("by")}",
                        $"reason    {p.GetProperty("reason")}", $"closes    {Closes(p)}",
                        .. p.GetProperty("for").EnumerateArray().Select(o => $"for       {o}"), .. p.GetProperty("against").EnumerateArray().Select(o => $"against   {o}")]);
            });
    }

    private static PtoyCommand Members(SharedOptions shared) =>
        new PtoyCommand("members", "Lists members, candidates and what is planned, proven from genesis.", "ptoy gov members --genesis genesis.json")
            .With(shared.Chain)
            .Does(async call =>
            {
                await using NodeConnection node = await call.ConnectAnonymouslyAsync(shared);
                JsonElement members = await ProvenAsync(node, "members", call.Cancellation), candidates = await ProvenAsync(node, "candidates", call.Cancellation);
                JsonElement epoch = await ProvenAsync(node, "epoch", call.Cancellation), next = await ProvenAsync(node, "next", call.Cancellation);
                string[] Row(JsonElement m, string state) => [$"{m.GetProperty("name")}", $"{m.GetProperty("nodeKey")}", $"{m.GetProperty("organisation")}", state];
                call.Output.Table(
                    new { epoch, members, candidates, next }, ["name", "node key", "organisation", "is"],
                    [.. members.EnumerateArray().Select(m => Row(m, "member")), .. candidates.EnumerateArray().Select(c => Row(c, c.GetProperty("seen").GetBoolean() ? "seen" : "candidate"))],
                    "no members");
                if (next.ValueKind == JsonValueKind.Object) call.Output.Say($"the epoch ends at height {next.GetProperty("barrier")}; {next.GetProperty("members").GetArrayLength()} members then");
            });

    private static async Task ProposeAsync(Call call, SharedOptions shared, object proposal)
    {
        await using Session session = await call.ConnectAsync(shared);
        using var sender = new TransactionSender(session.Node);
        Receipt receipt = await sender.SendAsync(Governance, "propose", [proposal], call.Cancellation);
        long id = long.Parse(receipt.Result, CultureInfo.InvariantCulture);
        call.Output.Result(new { proposal = id, height = receipt.Height }, $"proposal {id}; your organisation has voted for it. The others: ptoy gov vote {id}");
    }

    private static async Task<JsonElement> ProvenAsync(NodeConnection node, string key, CancellationToken cancellation) =>
        JsonSerializer.Deserialize<JsonElement>(await node.ProvenAsync(Governance, key, cancellation) ?? "null");

    private static string Change(JsonElement p) => p.GetProperty("kind").GetString() switch
    {
        "parameter" => $"{p.GetProperty("parameter")} = {p.GetProperty("value")}",
        "add" => $"add {p.GetProperty("add").GetProperty("name")}",
        "rotate" => $"new key for {Short(p.GetProperty("rotate").GetProperty("nodeKey"))}",
        { } kind => $"{kind} {Short(p.GetProperty(kind))}",
        null => "",
    };

    private static string Short(JsonElement key) => key.GetString() is { Length: > 12 } text ? text[..12] + "…" : "";

    private static string Count(JsonElement p, string side) => $"{p.GetProperty(side).GetArrayLength()}";

    private static string Closes(JsonElement p) =>
        DateTimeOffset.FromUnixTimeMilliseconds(p.GetProperty("closes").GetInt64()).UtcDateTime.ToString("yyyy-MM-dd HH:mm:ssZ", CultureInfo.InvariantCulture);

    private static string KeyOf(Symbol what, string text)
    {
        try
        {
            PublicKey key = PublicKey.Parse(text);
            return key.Suite == SuiteId.Ed25519 ? key.ToString() : throw CliException.Usage($"{what.Name}: '{text}' is not a node's signing key");
        }
        catch (FormatException e)
        {
            throw CliException.Usage($"{what.Name}: {e.Message}");
        }
    }
}

/// <summary>Where a node is reached, as options.</summary>
internal sealed class EndpointOptions(bool required)
{
    private readonly Option<string?> _host = new("--host") { Description = "host name or IP address that the other members reach it by", HelpName = "HOST", Required = required };
    private readonly Option<int?> _vote = new("--vote-port") { Description = "UDP port of votes", HelpName = "PORT", Required = required };
    private readonly Option<int?> _bulk = new("--bulk-port") { Description = "TCP port of bulk streams", HelpName = "PORT", Required = required };
    private readonly Option<string?> _rpc = new("--rpc") { Description = "address of its JSON-RPC, for clients", HelpName = "URL" };

    public Symbol[] All => [_host, _vote, _bulk, _rpc];

    /// <summary>The endpoint as governance takes it; null when none of it was given.</summary>
    public object? Of(Call call)
    {
        string? host = call.Get(_host), rpc = call.Get(_rpc);
        int? vote = call.Get(_vote), bulk = call.Get(_bulk);
        if (host is null && vote is null && bulk is null && rpc is null) return null;
        if (host is null || vote is null || bulk is null) throw CliException.Usage("an endpoint needs --host, --vote-port and --bulk-port");
        return new { host, votePort = Port(_vote, vote.Value), bulkPort = Port(_bulk, bulk.Value), rpc = rpc is null ? null : Call.UrlOf(_rpc.Name, rpc).ToString() };
    }

    private static int Port(Symbol what, int port) => port is >= 1 and <= 65_535 ? port : throw CliException.Usage($"{what.Name}: {port} is not a port from 1 to 65535");
}
