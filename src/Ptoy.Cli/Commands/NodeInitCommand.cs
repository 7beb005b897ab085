using System.CommandLine;
using System.Security.Cryptography;
using System.Text.Json;
using Ptoy.Cli.Shell;
using Ptoy.Client.Workflows;
using Ptoy.Node.Config;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Cli.Commands;

/// <summary><c>ptoy node init</c>: the folder of a node that is to join a running network.</summary>
internal static class NodeInitCommand
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public static PtoyCommand Build(SharedOptions shared)
    {
        var directory = new Option<string>("--dir") { Description = "folder to make", HelpName = "DIR", Required = true };
        var listen = new Option<string>("--listen") { Description = "IP address that votes and bulk listen on", HelpName = "IP", DefaultValueFactory = _ => "127.0.0.1" };
        EndpointOptions endpoint = new(required: true);
        var rpcPort = new Option<int>("--rpc-port") { Description = "TCP port of JSON-RPC", HelpName = "PORT", Required = true };
        return new PtoyCommand("init", "Makes keys and configuration of a node that is to join a running network, whose members it asks --node for.",
                "ptoy node init --dir ./hospital-e --genesis genesis.json --node https://a.example --listen 0.0.0.0 --host e.example --vote-port 28600 --bulk-port 28601 --rpc-port 28602")
            .With([directory, listen, .. endpoint.All, rpcPort, .. shared.Chain])
            .Does(async call =>
            {
                string target = Call.NewFile(directory.Name, call.Get(directory)!);
                Genesis genesis = call.Genesis(shared);
                JsonElement where = JsonSerializer.SerializeToElement(endpoint.Of(call));
                await using NodeConnection node = await call.ConnectAnonymouslyAsync(shared);
                string members = await node.ProvenAsync(ContractId.Single("Governance"), "members", call.Cancellation)
                    ?? throw CliException.Failed("the network's state has no members: it runs an older version");
                PublicKey key = Write(target, genesis, members, where, call.Get(listen)!, call.Get(rpcPort));
                call.Output.Result(
                    new { directory = target, config = Path.Combine(target, "config.json"), nodeKey = key.ToString(), account = key.Address.ToString(), endpoint = where },
                    $"configuration  {Path.Combine(target, "config.json")}", $"node key       {key}", $"account        {key.Address}");
                call.Output.Say($"A member proposes it: ptoy gov propose-add --node-key {key} --organisation ptoy1… --name … --host {where.GetProperty("host")} "
                    + $"--vote-port {where.GetProperty("votePort")} --bulk-port {where.GetProperty("bulkPort")}");
            });
    }

    private static PublicKey Write(string target, Genesis genesis, string members, JsonElement where, string listen, int rpcPort)
    {
        Directory.CreateDirectory(target);
        byte[] seed = RandomNumberGenerator.GetBytes(SigningKey.SeedSize);
        KeyFile.Write(Path.Combine(target, "node.key"), seed);
        KeyFile.Write(Path.Combine(target, "storage.key"), RandomNumberGenerator.GetBytes(32));
        File.WriteAllText(Path.Combine(target, "genesis.json"), GenesisFile.Write(genesis));
        File.WriteAllText(Path.Combine(target, "config.json"), JsonSerializer.Serialize(
            new
            {
                dataDir = "data",
                genesis = "genesis.json",
                nodeKeyFile = "node.key",
                storageKeyFile = "storage.key",
                listen,
                votePort = where.GetProperty("votePort").GetInt32(),
                bulkPort = where.GetProperty("bulkPort").GetInt32(),
                rpc = new { listen = "127.0.0.1", port = rpcPort },
                peers = Peers(members),
            },
            Indented));
        using var key = new SigningKey(seed);
        CryptographicOperations.ZeroMemory(seed);
        return key.Public;
    }

    private static object[] Peers(string members)
    {
        using JsonDocument list = JsonDocument.Parse(members);
        var peers = new List<object>();
        foreach (JsonElement member in list.RootElement.EnumerateArray())
        {
            JsonElement at = member.GetProperty("endpoint");
            if (at.ValueKind != JsonValueKind.Object) continue;
            peers.Add(new
            {
                nodeKey = member.GetProperty("nodeKey").GetString(), host = at.GetProperty("host").GetString(),
                votePort = at.GetProperty("votePort").GetInt32(), bulkPort = at.GetProperty("bulkPort").GetInt32(),
            });
        }
        return [.. peers];
    }
}
