using Microsoft.Extensions.Logging.Abstractions;
using Ptoy.Cli.Shell;
using Ptoy.Node;
using Ptoy.Node.Config;

namespace Ptoy.Cli.Tests;

[NonParallelizable]
public sealed class SkipTxTests : ShellTests
{
    private static readonly string Transaction = new('7', 64);

    [Test]
    public async Task AQuorumOfSignaturesMakesASkipRecordAndFewerDoNot()
    {
        string net = await Shell.DevnetAsync(29_560), genesis = Path.Combine(net, "genesis.json");
        for (int i = 1; i <= 3; i++)
        {
            Ran signed = await Shell.RunAsync(
                "chain", "skip-tx", Transaction, "--sign", Path.Combine(net, $"node{i}", "node.key"), "--genesis", genesis, "--out", Shell.In($"{i}.json"));
            Assert.That(signed.Code, Is.Zero, signed.Error);
        }
        string[] combine = ["chain", "skip-tx", Transaction, "--genesis", genesis, "--out", Shell.In("skip.json"), "--combine", Shell.In("1.json"), Shell.In("2.json")];
        AssertRefused(await Shell.RunAsync(combine), ExitCode.Failed, "2 members signed", "quorum of 3");
        Assert.That(File.Exists(Shell.In("skip.json")), Is.False);

        Ran combined = await Shell.RunAsync([.. combine, Shell.In("3.json"), "--json"]);
        Assert.That(combined.Code, Is.Zero, combined.Error);
        Assert.That(combined.Json.GetProperty("complete").GetBoolean(), Is.True);
        Assert.That(File.ReadAllText(Shell.In("skip.json")), Does.Contain(Transaction));
    }

    [Test]
    public async Task AKeyThatIsNoMembersIsRefused()
    {
        string net = await Shell.DevnetAsync(29_560);
        await Shell.RunAsync("keys", "node", "--out", Shell.In("other.key"));
        AssertRefused(
            await Shell.RunAsync("chain", "skip-tx", Transaction, "--sign", Shell.In("other.key"), "--genesis", Path.Combine(net, "genesis.json")), ExitCode.Usage, "not a member's");
    }

    /// <summary>A stopped node's store knows who the members are now; one that never ran knows no more than genesis, and has no store.</summary>
    [Test]
    public async Task TheMembersAreThoseOfTheNodesStore()
    {
        string net = await Shell.DevnetAsync(29_560), config = Path.Combine(net, "node1", "config.json");
        string[] sign = ["chain", "skip-tx", Transaction, "--sign", Path.Combine(net, "node1", "node.key"), "--config", config];
        AssertRefused(await Shell.RunAsync(sign), ExitCode.Usage, "'dataDir'", "holds no store");
        AssertRefused(await Shell.RunAsync([.. sign[..^1], Shell.In("none.json")]), ExitCode.Usage, "--config", "none.json");

        await using (await NodeHost.StartAsync(NodeConfig.Load(config, []), NullLoggerFactory.Instance))
        {
        }
        Ran signed = await Shell.RunAsync(sign);
        Assert.That(signed.Code, Is.Zero, signed.Error);
        Assert.That(signed.Json.GetProperty("transaction").GetString(), Is.EqualTo(Transaction));
        await Shell.RunAsync("keys", "node", "--out", Shell.In("other.key"));
        AssertRefused(await Shell.RunAsync("chain", "skip-tx", Transaction, "--sign", Shell.In("other.key"), "--config", config), ExitCode.Usage, "not a member's in epoch 0");
    }

    [Test]
    public async Task AHashThatIsNoneIsRefused() => AssertRefused(await Shell.RunAsync("chain", "skip-tx", "77", "--sign", "k"), ExitCode.Usage, "64 hexadecimal digits");

    [Test]
    public async Task SigningAndCombiningAtOnceIsRefused() =>
        AssertRefused(await Shell.RunAsync("chain", "skip-tx", Transaction, "--sign", "k", "--combine", "a"), ExitCode.Usage, "either");
}
