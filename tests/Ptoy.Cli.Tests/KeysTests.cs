using Ptoy.Cli.Shell;

namespace Ptoy.Cli.Tests;

public sealed class KeysTests : ShellTests
{
    [TestCase(12)]
    [TestCase(24)]
    public async Task NewShowAndRecoverAgreeOnTheAccount(int words)
    {
        Ran made = await Shell.RunAsync("keys", "new", "--out", Shell.In("a"), "--words", $"{words}", "--json");
        string phrase = made.Json.GetProperty("phrase").GetString()!, account = made.Json.GetProperty("account").GetString()!;
        Assert.That(phrase.Split(' '), Has.Length.EqualTo(words));

        Ran shown = await Shell.RunAsync("keys", "show", "--keystore", Shell.In("a"), "--json");
        Ran recovered = await Shell.RunWithInputAsync(phrase + "\n", "keys", "recover", "--out", Shell.In("b"), "--json");
        foreach (string name in (string[])["account", "signingKey", "sealingKey", "ether"])
        {
            Assert.That(shown.Json.GetProperty(name).GetString(), Is.EqualTo(made.Json.GetProperty(name).GetString()), name);
            Assert.That(recovered.Json.GetProperty(name).GetString(), Is.EqualTo(made.Json.GetProperty(name).GetString()), name);
        }
        Assert.That(account, Does.StartWith("ptoy1"));
        Assert.That(shown.Out, Does.Not.Contain("phrase"), "the phrase is shown on demand only");
    }

    [Test]
    public async Task AnotherAccountOfTheSamePhraseDiffers()
    {
        string first = await Shell.KeystoreAsync("a");
        Ran second = await Shell.RunAsync("keys", "show", "-k", Shell.In("a"), "--account", "1", "--json");
        Assert.That(second.Json.GetProperty("account").GetString(), Does.StartWith("ptoy1").And.Not.EqualTo(first));
    }

    [Test]
    public async Task KeyFilesAreReadableByTheirOwnerOnly()
    {
        Assume.That(OperatingSystem.IsWindows(), Is.False);
        await Shell.KeystoreAsync("a");
        await Shell.RunAsync("keys", "node", "--out", Shell.In("n"));
        const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite;
#pragma warning disable CA1416 // Not reached on Windows.
        Assert.That(File.GetUnixFileMode(Shell.In("a")), Is.EqualTo(Owner));
        Assert.That(File.GetUnixFileMode(Shell.In("n")), Is.EqualTo(Owner));
#pragma warning restore CA1416
    }

    [Test]
    public async Task AWrongPassphraseIsRefused()
    {
        await Shell.KeystoreAsync("a");
        Shell.Set("PTOY_PASSPHRASE", "another passphrase");
        AssertRefused(await Shell.RunAsync("keys", "show", "-k", Shell.In("a")), ExitCode.Failed, "wrong passphrase");
    }

    [Test]
    public async Task APassphraseComesFromAFile()
    {
        string account = await Shell.KeystoreAsync("a");
        Shell.Set("PTOY_PASSPHRASE", null);
        File.WriteAllText(Shell.In("p"), Shell.Passphrase + "\n");
        Ran shown = await Shell.RunAsync("keys", "show", "-k", Shell.In("a"), "--passphrase-file", Shell.In("p"), "--json");
        Assert.That(shown.Json.GetProperty("account").GetString(), Is.EqualTo(account));
    }

    [Test]
    public async Task WithoutAnyPassphraseTheMessageNamesTheWaysToGiveOne()
    {
        Shell.Set("PTOY_PASSPHRASE", null);
        AssertRefused(await Shell.RunAsync("keys", "new", "--out", Shell.In("a")), ExitCode.Usage, "PTOY_PASSPHRASE", "--passphrase-file");
        Assert.That(File.Exists(Shell.In("a")), Is.False);
    }

    [Test]
    public async Task AShortNewPassphraseIsRefused()
    {
        Shell.Set("PTOY_PASSPHRASE", "short");
        AssertRefused(await Shell.RunAsync("keys", "new", "--out", Shell.In("a")), ExitCode.Usage, "12");
    }

    [Test]
    public async Task AnExistingFileIsNotOverwritten()
    {
        await Shell.KeystoreAsync("a");
        byte[] before = File.ReadAllBytes(Shell.In("a"));
        AssertRefused(await Shell.RunAsync("keys", "new", "--out", Shell.In("a")), ExitCode.Usage, "exists");
        AssertRefused(await Shell.RunAsync("keys", "node", "--out", Shell.In("a")), ExitCode.Usage, "exists");
        Assert.That(File.ReadAllBytes(Shell.In("a")), Is.EqualTo(before));
    }

    [Test]
    public async Task AMissingKeystoreIsNamed() =>
        AssertRefused(await Shell.RunAsync("keys", "show", "-k", Shell.In("none")), ExitCode.Usage, Shell.In("none"));

    [Test]
    public async Task AKeystoreThatIsNotGivenIsAskedForByOptionAndVariable() =>
        AssertRefused(await Shell.RunAsync("keys", "show"), ExitCode.Usage, "--keystore", "PTOY_KEYSTORE");

    [Test]
    public async Task AWordThatIsNotOfTheListIsNamed() => AssertRefused(
        await Shell.RunWithInputAsync("abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abuot", "keys", "recover", "--out", Shell.In("a")),
        ExitCode.Usage, "word 12", "abuot");

    [Test]
    public async Task AnErrorUnderJsonIsAJsonValueWithItsExitCode()
    {
        Ran ran = await Shell.RunAsync("keys", "show", "-k", Shell.In("none"), "--json");
        Assert.That(ran.Json.GetProperty("exitCode").GetInt32(), Is.EqualTo(ran.Code));
        Assert.That(ran.Json.GetProperty("error").GetString(), Does.Contain(Shell.In("none")));
    }
}
