using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Ptoy.Cli.Shell;

namespace Ptoy.Cli.Tests;

/// <summary>Devnets on disk, their configurations, and what happens when nobody answers.</summary>
[NonParallelizable]
public sealed class NetworkTests : ShellTests
{
    private const int BasePort = 29_560;

    [Test]
    public async Task ADevnetIsMadeOnceAndItsConfigurationsCanBeUsed()
    {
        string net = await Shell.DevnetAsync(BasePort);
        Ran check = await Shell.RunAsync("node", "check", "--config", Path.Combine(net, "node4", "config.json"), "--json");
        Assert.That(check.Code, Is.Zero, check.Error);
        Assert.That(check.Json.GetProperty("replica").GetInt32(), Is.EqualTo(3));

        byte[] genesis = File.ReadAllBytes(Path.Combine(net, "genesis.json"));
        AssertRefused(await Shell.RunAsync("devnet", "init", "--dir", net), ExitCode.Usage, net, "holds a network already");
        Assert.That(File.ReadAllBytes(Path.Combine(net, "genesis.json")), Is.EqualTo(genesis));
    }

    [Test]
    public async Task ADevnetOfThreeIsRefused() => AssertRefused(await Shell.RunAsync("devnet", "init", "--dir", Shell.In("net"), "--nodes", "3"), ExitCode.Usage, "--nodes", "3");

    [Test]
    public async Task PortsThatDoNotExistAreRefused() =>
        AssertRefused(await Shell.RunAsync("devnet", "init", "--dir", Shell.In("net"), "--base-port", "65530"), ExitCode.Usage, "--base-port");

    [Test]
    public async Task StatusOfANetworkThatIsDownSaysSoForEachNode()
    {
        string net = await Shell.DevnetAsync(BasePort);
        Ran status = await Shell.RunAsync("devnet", "status", "--dir", net, "--json");
        Assert.That(status.Code, Is.EqualTo(ExitCode.Unreachable));
        Assert.That(status.Json.EnumerateArray().Select(n => n.GetProperty("problem").GetString()), Is.All.EqualTo("does not answer").And.Exactly(4).Items);
    }

    [Test]
    public async Task ADirectoryWithoutANetworkIsRefusedWithWhatToDo() =>
        AssertRefused(await Shell.RunAsync("devnet", "up", "--dir", Shell.Folder), ExitCode.Usage, "ptoy devnet init");

    [TestCase("rpc:port")]
    [TestCase("votePort")]
    [TestCase("nodeKeyFile")]
    [TestCase("genesis")]
    public async Task AMissingConfigurationKeyIsNamed(string key)
    {
        string config = await EditAsync(node => Parent(node, key).Remove(key.Split(':')[^1]));
        AssertRefused(await Shell.RunAsync("node", "check", "--config", config), ExitCode.Usage, $"'{key}' is missing");
        AssertRefused(await Shell.RunAsync("node", "check", "--config", config, "--json"), ExitCode.Usage, $"'{key}' is missing");
    }

    [Test]
    public async Task AnUnknownConfigurationKeyIsNamed()
    {
        string config = await EditAsync(node => node["votePrt"] = 1);
        AssertRefused(await Shell.RunAsync("node", "check", "--config", config), ExitCode.Usage, "'votePrt' is not known");
    }

    [Test]
    public async Task AFlagWinsOverTheFileAndAWrongOneIsNamed()
    {
        string config = await EditAsync(_ => { });
        Ran ran = await Shell.RunAsync("node", "check", "--config", config, "--rpc:port", "29599", "--json");
        Assert.That(ran.Json.GetProperty("rpc").GetString(), Does.EndWith(":29599"));
        AssertRefused(await Shell.RunAsync("node", "check", "--config", config, "--rpc:port", "many"), ExitCode.Usage, "'rpc:port'", "many");
    }

    [Test]
    public async Task AnOccupiedPortIsNamedWithItsKey()
    {
        string config = await EditAsync(_ => { });
        using var listener = new TcpListener(IPAddress.Loopback, BasePort + 2);
        listener.Start();
        AssertRefused(await Shell.RunAsync("node", "check", "--config", config), ExitCode.Usage, "'rpc:port'", $"{BasePort + 2}", "in use");
    }

    [Test]
    public async Task BackupAndVerifyOfANodeThatNeverRanSaySo()
    {
        string config = await EditAsync(_ => { });
        AssertRefused(await Shell.RunAsync("node", "backup", "--config", config, "--out", Shell.In("copy")), ExitCode.Usage, "'dataDir'", "holds no store");
        AssertRefused(await Shell.RunAsync("node", "verify", "--config", config), ExitCode.Usage, "'dataDir'", "holds no store");
    }

    [Test]
    public async Task AMissingConfigurationFileIsNamed() =>
        AssertRefused(await Shell.RunAsync("node", "check", "--config", Shell.In("none.json")), ExitCode.Usage, Shell.In("none.json"));

    [Test]
    public async Task AnUnreachableNodeHasAnExitCodeOfItsOwn()
    {
        string net = await Shell.DevnetAsync(BasePort);
        string nobody = $"http://127.0.0.1:{BasePort + 2}", genesis = Path.Combine(net, "genesis.json"), keystore = Path.Combine(net, "keys", "hospital1.keystore");
        AssertRefused(await Shell.RunAsync("chain", "info", "--node", nobody), ExitCode.Unreachable, nobody, "cannot be reached");
        AssertRefused(await Shell.RunAsync("wallet", "balance", "--node", nobody, "--genesis", genesis, "-k", keystore), ExitCode.Unreachable, "cannot be reached");
        AssertRefused(
            await Shell.RunAsync("patient", "sign-up", "--authority", nobody, "--name", "Ana Example", "--phone", "+16175550123"), ExitCode.Unreachable, "key authority");
    }

    [Test]
    public async Task AGenesisThatIsNotOneIsRefused()
    {
        File.WriteAllText(Shell.In("g.json"), "{}");
        AssertRefused(await Shell.RunAsync("chain", "proof", "Token", "x", "--genesis", Shell.In("g.json")), ExitCode.Usage, "--genesis", "validators: missing");
    }

    private async Task<string> EditAsync(Action<JsonObject> edit)
    {
        string config = Path.Combine(await Shell.DevnetAsync(BasePort), "node1", "config.json");
        JsonObject root = JsonNode.Parse(File.ReadAllText(config))!.AsObject();
        edit(root);
        File.WriteAllText(config, root.ToJsonString());
        return config;
    }

    private static JsonObject Parent(JsonObject root, string key) => key.Contains(':', StringComparison.Ordinal) ? root[key.Split(':')[0]]!.AsObject() : root;
}
