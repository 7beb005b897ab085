using System.CommandLine;
using System.Net;
using System.Net.Sockets;
using Ptoy.Cli.Shell;
using Ptoy.Node;
using Ptoy.Node.Config;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Cli.Commands;

/// <summary><c>ptoy node</c>: runs the daemon, or checks what it would be run with.</summary>
internal static class NodeCommands
{
    private static Option<string> ConfigOption() => new("--config", "-c") { Description = "configuration file (JSON)", HelpName = "FILE", Required = true };

    public static Command Build(SharedOptions shared) => new PtoyCommand("node", "Run a node.").With(Run(), Check(), Backup(), Verify(), NodeInitCommand.Build(shared));

    private static PtoyCommand Run()
    {
        Option<string> config = ConfigOption();
        var command = new PtoyCommand("run", "Runs the daemon until SIGTERM or Ctrl-C. Any key of the configuration can be given as a flag, and wins over the file.",
            "ptoy node run --config node1/config.json", "ptoy node run --config node1/config.json --rpc:port 9000 --log:level Debug");
        command.TreatUnmatchedTokensAsErrors = false;
        return command.With(config).Does(async call =>
        {
            ForgetOwnVariables();
            call.ExitCode = await NodeCommand.RunAsync(call.Get(config), call.Rest, call.Cancellation);
        });
    }

    private static PtoyCommand Check()
    {
        Option<string> config = ConfigOption();
        var command = new PtoyCommand("check", "Checks configuration, key files, genesis and ports without starting anything.",
            "ptoy node check --config node1/config.json", "ptoy node check --config node1/config.json --rpc:port 9000 --json");
        command.TreatUnmatchedTokensAsErrors = false;
        return command.With(config).Does(call =>
        {
            ForgetOwnVariables();
            NodeConfig read = NodeConfig.Load(call.Get(config), call.Rest);
            PublicKey node = NodeKeyOf(read);
            Genesis genesis = GenesisOf(read);
            int index = genesis.Validators.IndexOf(node);
            CheckPeers(read, node);
            CheckPorts(read);
            call.Output.Result(
                new
                {
                    config = call.Get(config), chainId = genesis.ComputeChainId().ToString(), nodeKey = node.ToString(), replica = index,
                    peers = read.Peers.Count, rpc = $"{read.RpcListen}:{read.RpcPort}", dataDir = read.DataDir,
                },
                $"configuration  {call.Get(config)} can be used", $"chain          {genesis.ComputeChainId()}", index < 0 ? "replica        none in genesis: it follows until governance admits it" : $"replica        {index} of {genesis.Validators.Count} in genesis",
                $"JSON-RPC       {read.RpcListen}:{read.RpcPort}", $"data           {read.DataDir}");
            return Task.CompletedTask;
        });
    }

    private static PtoyCommand Backup()
    {
        Option<string> config = ConfigOption();
        var to = new Option<string>("--out") { Description = "directory to create", HelpName = "DIRECTORY", Required = true };
        return new PtoyCommand("backup", "Copies the store of a stopped node: never its consensus log, never a key.",
            "ptoy node backup --config node1/config.json --out /backup/2026-11-22").With(config, to).Does(call =>
        {
            ForgetOwnVariables();
            StoreReport copied = StoreChores.Backup(NodeConfig.Load(call.Get(config), []), call.Get(to)!);
            call.Output.Result(
                new { to = copied.Directory, height = copied.Height, firstBlock = copied.FirstBlock, accessEntries = copied.AccessEntries },
                $"copied to      {copied.Directory}, and read again", $"height         {copied.Height}, blocks from {copied.FirstBlock} on",
                "not copied     the consensus log and the key files: a node started from this copy follows and signs nothing");
            return Task.CompletedTask;
        });
    }

    private static PtoyCommand Verify()
    {
        Option<string> config = ConfigOption();
        return new PtoyCommand("verify", "Reads and authenticates everything in the store of a stopped node, and checks the chain of its access log.",
            "ptoy node verify --config node1/config.json").With(config).Does(call =>
        {
            ForgetOwnVariables();
            StoreReport found = StoreChores.Verify(NodeConfig.Load(call.Get(config), []));
            call.Output.Result(
                new { dataDir = found.Directory, height = found.Height, firstBlock = found.FirstBlock, accessEntries = found.AccessEntries, maySign = found.Votes is null },
                $"store          {found.Directory} is whole", $"height         {found.Height}, blocks from {found.FirstBlock} on",
                $"access log     {found.AccessEntries} entries, chain unbroken", $"votes          {found.Votes ?? "known: this node may sign"}");
            return Task.CompletedTask;
        });
    }

    /// <summary>The daemon refuses variables that begin with PTOY_ and are no setting of its own; and it needs no passphrase.</summary>
    internal static void ForgetOwnVariables()
    {
        foreach (string name in SharedOptions.OwnVariables) Environment.SetEnvironmentVariable(name, null);
    }

    private static PublicKey NodeKeyOf(NodeConfig config)
    {
        using var key = new SigningKey(KeyFile.Read("nodeKeyFile", config.NodeKeyFile));
        KeyFile.Read("storageKeyFile", config.StorageKeyFile);
        return key.Public;
    }

    private static Genesis GenesisOf(NodeConfig config)
    {
        if (!File.Exists(config.GenesisFile)) throw CliException.Usage($"configuration key 'genesis': there is no file '{config.GenesisFile}'");
        try
        {
            return GenesisFile.Parse(File.ReadAllText(config.GenesisFile));
        }
        catch (FormatException e)
        {
            throw CliException.Usage($"configuration key 'genesis': '{config.GenesisFile}': {e.Message}");
        }
    }

    private static void CheckPeers(NodeConfig config, PublicKey self)
    {
        if (config.Peers.Any(p => p.NodeKey == self)) throw CliException.Usage("configuration key 'peers': the node names itself");
        if (config.Peers.Count == 0) throw CliException.Usage("configuration key 'peers': none is given; one member that is up is needed to find the others");
    }

    private static void CheckPorts(NodeConfig config)
    {
        CheckPort("votePort", config.Listen, config.VotePort, SocketType.Dgram, ProtocolType.Udp);
        CheckPort("bulkPort", config.Listen, config.BulkPort, SocketType.Stream, ProtocolType.Tcp);
        CheckPort("rpc:port", config.RpcListen, config.RpcPort, SocketType.Stream, ProtocolType.Tcp);
    }

    private static void CheckPort(string key, string listen, int port, SocketType type, ProtocolType protocol)
    {
        if (!IPAddress.TryParse(listen, out IPAddress? address)) return;
        try
        {
            using var socket = new Socket(address.AddressFamily, type, protocol);
            socket.Bind(new IPEndPoint(address, port));
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            throw CliException.Usage($"configuration key '{key}': port {port} is in use: stop what holds it (ss -lnp | grep {port}), or choose another");
        }
        catch (SocketException e)
        {
            throw CliException.Usage($"configuration key '{key}': cannot listen on {listen}:{port}: {e.Message}");
        }
    }
}
