using System.CommandLine;
using Ptoy.Cli.Shell;

namespace Ptoy.Cli.Tests;

public sealed class HelpTests : ShellTests
{
    private static readonly string[] Groups =
        ["keys", "node", "devnet", "authority", "patient", "provider", "record", "consent", "wallet", "ehr", "audit", "chain", "completion"];

    private static IEnumerable<string[]> EveryCommand()
    {
        IEnumerable<string[]> Under(Command command, string[] path) =>
            command.Subcommands.SelectMany(c => Under(c, [.. path, c.Name])).Prepend(path);
        return Under(CommandLine.BuildRoot(out _), []).Where(path => path.Length > 0);
    }

    [Test]
    public async Task TopLevelHelpListsEveryGroupAndTheExitCodes()
    {
        Ran ran = await Shell.RunAsync("--help");
        Assert.That(ran.Code, Is.Zero);
        foreach (string group in Groups) Assert.That(ran.Out, Does.Contain($"\n  {group} "), group);
        Assert.That(ran.Out, Does.Contain(ExitCode.Help));
    }

    [TestCaseSource(nameof(EveryCommand))]
    public async Task EveryCommandHasHelpWithExamplesOfItself(string[] path)
    {
        Ran ran = await Shell.RunAsync([.. path, "--help"]);
        Assert.That(ran.Code, Is.Zero, ran.Error);
        Assert.That(ran.Out, Does.Contain("Examples:"));
        Assert.That(ran.Out[ran.Out.IndexOf("Examples:", StringComparison.Ordinal)..], Does.Contain($"ptoy {string.Join(' ', path)}"));
        Assert.That(ran.Out, Does.Contain("Exit codes:"));
    }

    [Test]
    public async Task AGroupWithoutACommandIsWrongUsageAndSaysWhereHelpIs() =>
        AssertRefused(await Shell.RunAsync("keys"), ExitCode.Usage, "ptoy keys --help");

    [Test]
    public async Task AnUnknownCommandIsNamed() => AssertRefused(await Shell.RunAsync("walet"), ExitCode.Usage, "walet");

    [Test]
    public async Task AnUnknownOptionIsNamed() => AssertRefused(await Shell.RunAsync("chain", "info", "--nod", "x"), ExitCode.Usage, "--nod");

    [TestCase("bash", "complete -o default -F _ptoy ptoy")]
    [TestCase("zsh", "compdef _ptoy ptoy")]
    public async Task CompletionPrintsAScriptThatAsksThisProgram(string shell, string line)
    {
        Ran ran = await Shell.RunAsync("completion", shell);
        Assert.That(ran.Code, Is.Zero);
        Assert.That(ran.Out, Does.Contain(line).And.Contain("[suggest:"));
    }

    [Test]
    public async Task CompletionForAnotherShellIsRefusedNamingTheKnownOnes() =>
        AssertRefused(await Shell.RunAsync("completion", "tcsh"), ExitCode.Usage, "tcsh", "bash", "zsh");

    [Test]
    public async Task TheSuggestDirectiveAnswersWhatTheScriptsAskFor()
    {
        Ran ran = await Shell.RunAsync("[suggest:7]", "keys sh");
        Assert.That(ran.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => l.Trim()), Does.Contain("show"));
    }
}
