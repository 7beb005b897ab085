using System.CommandLine;
using System.Text.Json;
using Ptoy.Cli.Devnet;
using Ptoy.Cli.Shell;
using Ptoy.Client.Keys;
using Ptoy.Client.Rpc;
using Ptoy.Node.Devnet;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Cli.Commands;

/// <summary><c>ptoy devnet</c>: a whole network on this machine.</summary>
internal static class DevnetCommands
{
    private static Option<string> DirOption() => new("--dir", "-d") { Description = "directory of the network", HelpName = "DIR", Required = true };

    public static Command Build(SharedOptions shared) => new PtoyCommand("devnet", "A network of several nodes on this machine.")
        .With(Init(shared), Up(), Status());

    private static PtoyCommand Init(SharedOptions shared)
    {
        Option<string> dir = DirOption();
        var nodes = new Option<int>("--nodes") { Description = $"hospitals, {ValidatorSet.MinMembers} to {ValidatorSet.MaxMembers}", DefaultValueFactory = _ => 4, HelpName = "N" };
        var basePort = new Option<int>("--base-port") { Description = "first of three ports a node", DefaultValueFactory = _ => 28_500, HelpName = "PORT" };
        return new PtoyCommand("init", "Writes genesis, keys and configurations. The keystores of hospitals and key authority get one passphrase.",
                "ptoy devnet init --dir ./net", "ptoy devnet init --dir ./net --nodes 7 --base-port 40000 --json")
            .With(dir, nodes, basePort, shared.PassphraseFile)
            .Does(async call =>
            {
                string directory = Path.GetFullPath(call.Get(dir)!);
                int count = call.Get(nodes), port = call.Get(basePort);
                Check(directory, count, port);
                string passphrase = call.Secrets.NewPassphrase(call.Get(shared.PassphraseFile));
                DevnetFile made = await call.Output.ProgressAsync("making keys", count + 1, progress =>
                    Task.Run(() => DevnetMaker.Make(directory, count, port, passphrase, call.Terminal.KeystoreCost, progress)));
                call.Output.Result(made, [$"network  {directory}", $"chain    {made.ChainId}", .. made.Nodes.Select(n => $"{n.Name}  {n.Rpc}  {n.Keystore}")]);
                call.Output.Say($"Start it with: ptoy devnet up --dir {call.Get(dir)}");
            });
    }

    private static PtoyCommand Up()
    {
        Option<string> dir = DirOption();
        return new PtoyCommand("up", "Starts every node and waits; Ctrl-C stops them all.", "ptoy devnet up --dir ./net")
            .With(dir)
            .Does(async call =>
            {
                string directory = Path.GetFullPath(call.Get(dir)!);
                DevnetFile file = DevnetFile.Read(directory);
                await using var supervisor = new Supervisor(directory, file);
                supervisor.Start();
                await call.Output.WaitAsync("starting the nodes", () => supervisor.ReadyAsync(call.Cancellation));
                call.Output.Result(new { ready = true, nodes = file.Nodes.Select(n => n.Rpc) }, [.. file.Nodes.Select(n => $"{n.Name}  {n.Rpc}  log: {Path.Combine(directory, n.Directory, "node.log")}")]);
                call.Output.Say("All nodes answer. Ctrl-C stops them.");
                await supervisor.WaitAsync(call.Cancellation);
                call.Output.Say("All nodes have stopped.");
            });
    }

    private static PtoyCommand Status()
    {
        Option<string> dir = DirOption();
        return new PtoyCommand("status", "Asks every node of the network how it is. Ends with 3 when none answers.", "ptoy devnet status --dir ./net --json")
            .With(dir)
            .Does(async call =>
            {
                DevnetFile file = DevnetFile.Read(Path.GetFullPath(call.Get(dir)!));
                NodeStatus[] all = await Task.WhenAll(file.Nodes.Select(n => AskAsync(n, call.Cancellation)));
                call.Output.Table(all, ["node", "address", "height", "state"], all.Select(s => new[] { s.Name, s.Rpc, s.Height?.ToString() ?? "-", s.Problem ?? "answers" }), "no nodes");
                call.ExitCode = all.All(s => s.Height is null) ? ExitCode.Unreachable : ExitCode.Ok;
            });
    }

    private static void Check(string directory, int nodes, int port)
    {
        if (nodes is < ValidatorSet.MinMembers or > ValidatorSet.MaxMembers) throw CliException.Usage($"--nodes: {nodes} is not {ValidatorSet.MinMembers} to {ValidatorSet.MaxMembers}");
        if (port < 1024 || port + (nodes * 3) > 65_536) throw CliException.Usage($"--base-port: {port} leaves no room for {nodes * 3} ports from 1024 to 65535");
        if (File.Exists(Path.Combine(directory, "genesis.json")))
            throw CliException.Usage($"--dir: '{directory}' holds a network already; remove it or choose another directory");
    }

    private static async Task<NodeStatus> AskAsync(DevnetFileNode node, CancellationToken cancellation)
    {
        try
        {
            await using RpcHttpClient rpc = RpcClient.Http(new Uri(node.Rpc), new RpcClientOptions { CallTimeout = TimeSpan.FromSeconds(5), ConnectTimeout = TimeSpan.FromSeconds(2) });
            ChainInfoResult info = await rpc.CallAsync<ChainInfoResult>("chain_info", new NoParams(), null, cancellation);
            return new NodeStatus(node.Name, node.Rpc, info.Height, null);
        }
        catch (Exception e) when (e is RpcConnectionException or TimeoutException or RpcException)
        {
            return new NodeStatus(node.Name, node.Rpc, null, "does not answer");
        }
    }

    private sealed record NodeStatus(string Name, string Rpc, ulong? Height, string? Problem);
}
