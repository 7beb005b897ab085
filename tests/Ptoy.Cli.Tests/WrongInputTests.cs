using Ptoy.Cli.Shell;
using Ptoy.Cli.Wallet;

namespace Ptoy.Cli.Tests;

/// <summary>What a person may mistype: refused before anything is sent, naming what is wrong.</summary>
public sealed class WrongInputTests : ShellTests
{
    private const string Good = "ptoy1qktfxpaujc65hjpea9urd2x6lk9qvlj2pmvkf7gtdz7n993nejdql8tck0";

    [TestCase("wallet", "transfer", "ptoy1nonsense", "5")]
    [TestCase("wallet", "balance", "ptoy1nonsense")]
    [TestCase("provider", "hire", "ptoy1nonsense")]
    [TestCase("patient", "accept", "ptoy1nonsense")]
    [TestCase("consent", "grant", "--to", "ptoy1nonsense", "--compartment", "medications")]
    [TestCase("record", "list", "--owner", "ptoy1nonsense")]
    public async Task ABadAddressIsNamed(params string[] args) => AssertRefused(await Shell.RunAsync(args), ExitCode.Usage, "ptoy1nonsense");

    [Test]
    public async Task AnAddressWithOneWrongLetterIsRefused() =>
        AssertRefused(await Shell.RunAsync("wallet", "balance", Good[..^1] + "1"), ExitCode.Usage, "checksum");

    [TestCase("-1")]
    [TestCase("0")]
    [TestCase("1e3")]
    [TestCase("1.1234567")]
    [TestCase("1,5")]
    [TestCase("")]
    [TestCase(".5")]
    [TestCase("9007199255")]
    public async Task AnAmountThatIsNoneIsRefused(string amount) => Assert.That((await Shell.RunAsync("wallet", "transfer", "--", Good, amount)).Code, Is.EqualTo(ExitCode.Usage));

    [TestCase("12", 12_000_000)]
    [TestCase("12.5", 12_500_000)]
    [TestCase("0.000001", 1)]
    [TestCase("9007199254.740991", 9_007_199_254_740_991)]
    public void AnAmountIsReadExactlyAndWrittenTheSame(string text, long micro)
    {
        Assert.That(Amount.Parse("amount", text), Is.EqualTo(micro));
        Assert.That(Amount.Text(micro), Is.EqualTo(text));
    }

    [Test]
    public async Task ACompartmentThatIsNoneIsRefusedWithTheKnownOnes() => AssertRefused(
        await Shell.RunAsync("consent", "grant", "--to", Good, "--compartment", "medicines"), ExitCode.Usage, "medicines", "medications", "encounters");

    [Test]
    public async Task AnEndThatIsNoTimeIsRefused() => AssertRefused(
        await Shell.RunAsync("consent", "grant", "--to", Good, "--compartment", "medications", "--until", "soon"), ExitCode.Usage, "--until", "soon");

    [Test]
    public async Task AMissingFileToUploadIsNamed() =>
        AssertRefused(await Shell.RunAsync("record", "upload", Shell.In("none.json")), ExitCode.Usage, Shell.In("none.json"));

    [Test]
    public async Task AFileThatIsNoResourceNeedsACompartment()
    {
        File.WriteAllText(Shell.In("x.txt"), "hello");
        AssertRefused(await Shell.RunAsync("record", "upload", Shell.In("x.txt")), ExitCode.Usage, "--compartment");
    }

    [Test]
    public async Task SeveralRecordsNeedADirectory() => AssertRefused(await Shell.RunAsync("record", "get"), ExitCode.Usage, "--out");

    [TestCase("ftp://x")]
    [TestCase("localhost")]
    public async Task ANodeThatIsNoHttpAddressIsRefused(string node) => AssertRefused(await Shell.RunAsync("chain", "info", "--node", node), ExitCode.Usage, "--node", node);

    [Test]
    public async Task AMissingEhrFolderIsNamed() => AssertRefused(
        await Shell.RunAsync("ehr", "sync", Shell.In("none"), "--data", Shell.In("d"), "--name", "Hospital A"), ExitCode.Usage, Shell.In("none"));

    [Test]
    public async Task AnUnknownWayToSendCodesIsRefusedWithTheKnownOnes() => AssertRefused(
        await Shell.RunAsync("authority", "run", "--data", Shell.In("d"), "--codes", "pigeon"), ExitCode.Usage, "pigeon", "webhook", "console");

    [Test]
    public async Task AHalfGivenProofOfAMatchIsRefused() =>
        AssertRefused(await Shell.RunAsync("patient", "match", "--code", "123456"), ExitCode.Usage, "--birth-date");

    [Test]
    public async Task GeneratedBundlesAreTheSameForTheSameSeed()
    {
        foreach (string folder in (string[])["a", "b"])
            Assert.That((await Shell.RunAsync("ehr", "generate", Shell.In(folder), "--patients", "2", "--seed", "9", "--json")).Json.GetProperty("bundles").GetInt32(), Is.EqualTo(2));
        string[] files = [.. Directory.GetFiles(Shell.In("a")).Select(f => Path.GetFileName(f))];
        Assert.That(files, Has.Length.EqualTo(2));
        foreach (string file in files)
            Assert.That(File.ReadAllBytes(Path.Combine(Shell.In("a"), file)), Is.EqualTo(File.ReadAllBytes(Path.Combine(Shell.In("b"), file))));
    }
}
