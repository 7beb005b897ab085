using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Ptoy.Cli.Shell;
using Ptoy.Node;
using Ptoy.Node.Config;

namespace Ptoy.Cli.Tests;

/// <summary><c>ptoy gov</c> and <c>ptoy node init</c> against four real nodes in this process.</summary>
[NonParallelizable]
public sealed class GovernanceTests
{
    private const int BasePort = 29_640;

    private readonly Shell _shell = new();
    private readonly List<NodeHost> _nodes = [];
    private string _net = "";

    private string Genesis => Path.Combine(_net, "genesis.json");

    private static string Rpc => $"http://127.0.0.1:{BasePort + 2}";

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _net = await _shell.DevnetAsync(BasePort);
        for (int i = 1; i <= 4; i++)
            _nodes.Add(await NodeHost.StartAsync(NodeConfig.Load(Path.Combine(_net, $"node{i}", "config.json"), []), NullLoggerFactory.Instance));
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        foreach (NodeHost node in _nodes) await node.DisposeAsync();
        _shell.Dispose();
    }

    private Task<Ran> AskAsync(params string[] words) => _shell.RunAsync([.. words, "--node", Rpc, "--genesis", Genesis]);

    private Task<Ran> AsHospitalAsync(int hospital, params string[] words) =>
        AskAsync([.. words, "--keystore", Path.Combine(_net, "keys", $"hospital{hospital}.keystore")]);

    private async Task<long> ProposeAsync(params string[] words)
    {
        Ran ran = await AsHospitalAsync(1, [.. words, "--json"]);
        Assert.That(ran.Code, Is.Zero, ran.Error);
        return ran.Json.GetProperty("proposal").GetInt64();
    }

    private async Task<string> VoteAsync(int hospital, long proposal, params string[] more)
    {
        Ran ran = await AsHospitalAsync(hospital, ["gov", "vote", $"{proposal}", .. more, "--json"]);
        Assert.That(ran.Code, Is.Zero, ran.Error);
        return ran.Json.GetProperty("outcome").GetString()!;
    }

    private async Task<JsonElement> ShowAsync(long proposal)
    {
        Ran ran = await AskAsync("gov", "show", $"{proposal}", "--json");
        Assert.That(ran.Code, Is.Zero, ran.Error);
        return ran.Json;
    }

    private static void AssertRefused(Ran ran, int code, params string[] words)
    {
        Assert.That(ran.Code, Is.EqualTo(code), ran.Error);
        foreach (string word in words) Assert.That(ran.Error, Does.Contain(word));
        Assert.That(ran.Error, Does.Not.Contain("   at "), "a stack trace was shown");
    }

    private async Task<(string Key, string Account)> NewcomerAsync(string name)
    {
        Ran made = await _shell.RunAsync("keys", "node", "--out", _shell.In(name), "--json");
        Assert.That(made.Code, Is.Zero, made.Error);
        return (made.Json.GetProperty("nodeKey").GetString()!, made.Json.GetProperty("account").GetString()!);
    }

    [Test]
    public async Task MembersAreListedAndProvenFromGenesis()
    {
        Ran ran = await AskAsync("gov", "members", "--json");
        Assert.That(ran.Code, Is.Zero, ran.Error);
        Assert.That(ran.Json.GetProperty("members").GetArrayLength(), Is.EqualTo(4));
        Ran text = await AskAsync("gov", "members");
        Assert.That(text.Out, Does.Contain(ran.Json.GetProperty("members")[3].GetProperty("nodeKey").GetString()));
    }

    [Test]
    public async Task AParameterIsChangedOnceAQuorumOfHospitalsVotedForIt()
    {
        long id = await ProposeAsync("gov", "propose-parameter", "auditAnchorInterval", "20000", "--reason", "fewer anchors");
        Assert.That((await ShowAsync(id)).GetProperty("outcome").GetString(), Is.EqualTo("open"));
        Assert.That(await VoteAsync(2, id), Is.EqualTo("open"));
        Assert.That(await VoteAsync(3, id), Is.EqualTo("passed"));

        JsonElement shown = await ShowAsync(id);
        Assert.That(shown.GetProperty("for").GetArrayLength(), Is.EqualTo(3));
        Assert.That(shown.GetProperty("reason").GetString(), Is.EqualTo("fewer anchors"));
        Ran list = await AskAsync("gov", "list", "--limit", "50");
        Assert.That(list.Out, Does.Contain("auditAnchorInterval = 20000").And.Contain("passed"));
        AssertRefused(await AsHospitalAsync(4, "gov", "vote", $"{id}"), ExitCode.Failed, $"proposal {id} is passed");
    }

    [Test]
    public async Task AProposalThatMostAreAgainstIsRejectedAndNobodyVotesTwice()
    {
        long id = await ProposeAsync("gov", "propose-parameter", "tenure", "500");
        AssertRefused(await AsHospitalAsync(1, "gov", "vote", $"{id}"), ExitCode.Failed, "this organisation has voted already");
        Assert.That(await VoteAsync(2, id, "--against"), Is.EqualTo("open"));
        Assert.That(await VoteAsync(3, id, "--against"), Is.EqualTo("rejected"));
    }

    [Test]
    public async Task ANewMemberIsProposedWithItsEndpointAndIsACandidateOnceItPassed()
    {
        (string key, _) = await NewcomerAsync("fifth.key");
        string organisation = (await AskAsync("gov", "members", "--json")).Json.GetProperty("members")[0].GetProperty("organisation").GetString()!;
        string[] propose = ["gov", "propose-add", "--node-key", key, "--organisation", organisation, "--name", "Hospital A, second house"];
        AssertRefused(await AsHospitalAsync(1, [.. propose, "--host", "e.example", "--vote-port", "0", "--bulk-port", "2"]), ExitCode.Usage, "--vote-port", "0");
        AssertRefused(await AsHospitalAsync(1, [.. propose, "--host", "e.example", "--vote-port", "1", "--bulk-port", "2", "--rpc", "e"]), ExitCode.Usage, "--rpc", "'e'");
        long id = await ProposeAsync([.. propose, "--host", "e.example", "--vote-port", "1", "--bulk-port", "2", "--rpc", "https://e.example"]);
        await VoteAsync(2, id);
        Assert.That(await VoteAsync(3, id), Is.EqualTo("passed"));
        Ran members = await AskAsync("gov", "members", "--json");
        Assert.That(members.Json.GetProperty("candidates").EnumerateArray().Select(c => c.GetProperty("nodeKey").GetString()), Has.Member(key));
    }

    [Test]
    public async Task NobodyIsRemovedWhenFewerThanFourWouldBeLeft()
    {
        string key = (await AskAsync("gov", "members", "--json")).Json.GetProperty("members")[3].GetProperty("nodeKey").GetString()!;
        AssertRefused(await AsHospitalAsync(1, "gov", "propose-remove", key), ExitCode.Failed, "fewer than 4 members would be left");
        AssertRefused(await AsHospitalAsync(1, "gov", "propose-remove", key, "--suspend"), ExitCode.Failed);
        AssertRefused(await AsHospitalAsync(1, "gov", "propose-remove", "1:77"), ExitCode.Usage, "node-key");
    }

    [Test]
    public async Task AKeyIsRotatedForAMemberAlone()
    {
        (string next, _) = await NewcomerAsync("next.key");
        (string stranger, _) = await NewcomerAsync("stranger.key");
        AssertRefused(await AsHospitalAsync(1, "gov", "rotate-key", stranger, next), ExitCode.Failed);
        AssertRefused(await AsHospitalAsync(1, "gov", "rotate-key", stranger, next, "--host", "e.example"), ExitCode.Usage, "an endpoint needs --host, --vote-port and --bulk-port");
        string key = (await AskAsync("gov", "members", "--json")).Json.GetProperty("members")[3].GetProperty("nodeKey").GetString()!;
        long id = await ProposeAsync("gov", "rotate-key", key, next);
        Assert.That((await ShowAsync(id)).GetProperty("rotate").GetProperty("newKey").GetString(), Is.EqualTo(next));
    }

    [Test]
    public async Task WhatDoesNotExistIsSaidSo()
    {
        AssertRefused(await AskAsync("gov", "show", "9999"), ExitCode.Failed, "there is no proposal 9999");
        AssertRefused(await AsHospitalAsync(2, "gov", "vote", "9999"), ExitCode.Failed, "there is no proposal 9999");
        AssertRefused(await AsHospitalAsync(1, "gov", "propose-parameter", "colour", "7"), ExitCode.Failed, "there is no parameter of that name");
        await _shell.KeystoreAsync("nobody.keystore");
        AssertRefused(await AskAsync("gov", "propose-parameter", "tenure", "7", "--keystore", _shell.In("nobody.keystore")), ExitCode.Failed, "only a member organisation may propose");
    }

    [Test]
    public async Task NodeInitMakesAFolderThatANodeStartsFromWithAllMembersAsPeers()
    {
        string folder = _shell.In("hospital-e");
        string[] init = ["node", "init", "--dir", folder, "--host", "e.example", "--vote-port", $"{BasePort + 20}", "--bulk-port", $"{BasePort + 21}", "--rpc-port", $"{BasePort + 22}"];
        Ran made = await AskAsync([.. init, "--json"]);
        Assert.That(made.Code, Is.Zero, made.Error);
        string config = made.Json.GetProperty("config").GetString()!;
        NodeConfig read = NodeConfig.Load(config, []);
        Ran members = await AskAsync("gov", "members", "--json");
        Assert.That(read.Peers.Select(p => p.NodeKey.ToString()), Is.EquivalentTo(members.Json.GetProperty("members").EnumerateArray().Select(m => m.GetProperty("nodeKey").GetString())));
        Assert.That((read.VotePort, read.BulkPort, read.RpcPort), Is.EqualTo((BasePort + 20, BasePort + 21, BasePort + 22)));
        Ran check = await _shell.RunAsync("node", "check", "--config", config, "--json");
        Assert.That(check.Code, Is.Zero, check.Error);
        if (!OperatingSystem.IsWindows()) Assert.That(File.GetUnixFileMode(Path.Combine(folder, "node.key")), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));

        byte[] key = File.ReadAllBytes(Path.Combine(folder, "node.key"));
        AssertRefused(await AskAsync(init), ExitCode.Usage, folder, "is not overwritten");
        Assert.That(File.ReadAllBytes(Path.Combine(folder, "node.key")), Is.EqualTo(key));
        AssertRefused(
            await _shell.RunAsync([.. init[..3], _shell.In("other"), .. init[4..], "--node", $"http://127.0.0.1:{BasePort + 40}", "--genesis", Genesis]), ExitCode.Unreachable, "cannot be reached");
        Assert.That(Directory.Exists(_shell.In("other")), Is.False, "nothing is left of a node that could not be made");
    }
}
