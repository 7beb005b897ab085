using Ptoy.Cli.Shell;

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

    [Test]
    public async Task AHashThatIsNoneIsRefused() => AssertRefused(await Shell.RunAsync("chain", "skip-tx", "77", "--sign", "k"), ExitCode.Usage, "64 hexadecimal digits");

    [Test]
    public async Task SigningAndCombiningAtOnceIsRefused() =>
        AssertRefused(await Shell.RunAsync("chain", "skip-tx", Transaction, "--sign", "k", "--combine", "a"), ExitCode.Usage, "either");
}
