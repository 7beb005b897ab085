using System.Text.Json.Nodes;
using Ptoy.Cli.Shell;

namespace Ptoy.Cli.Tests;

/// <summary>Configurations of the daemons, from the command line.</summary>
public sealed class DaemonTests : ShellTests
{
    private const int BasePort = 29_520;

    [TestCase("connector")]
    [TestCase("services")]
    public async Task WhatInitWritesCanBeCheckedOnceItsFilesAreThere(string daemon)
    {
        string file = await InitAsync(daemon);
        AssertRefused(await Shell.RunAsync(daemon, "run", "--config", file, "--check"), ExitCode.Usage, "genesis: there is no file");
        File.Copy(Path.Combine(await Shell.DevnetAsync(BasePort), "genesis.json"), Shell.In("genesis.json"));
        Ran check = await Shell.RunAsync(daemon, "run", "--config", file, "--check", "--json");
        Assert.That(check.Code, Is.Zero, check.Error);
        Assert.That(check.Json.GetProperty("sections").GetArrayLength(), Is.GreaterThan(0));
    }

    [Test]
    public async Task AnExistingFileIsNotOverwritten()
    {
        string file = await InitAsync("services");
        AssertRefused(await Shell.RunAsync("services", "init", "--out", file), ExitCode.Usage, file, "not overwritten");
    }

    [TestCase("notifcations", "'notifcations' is not known; known keys: node, genesis")]
    [TestCase("http.prt", "'http.prt' is not known")]
    [TestCase("notifications.maxPeopel", "notifications: 'maxPeopel' is not known")]
    public async Task AnUnknownKeyIsNamed(string path, string problem)
    {
        string file = await InitAsync("services");
        JsonObject root = JsonNode.Parse(File.ReadAllText(file))!.AsObject();
        string[] steps = path.Split('.');
        JsonObject at = steps.Length == 1 ? root : root[steps[0]]!.AsObject();
        at[steps[^1]] = 1;
        File.WriteAllText(file, root.ToJsonString());
        AssertRefused(await Shell.RunAsync("services", "run", "--config", file, "--check"), ExitCode.Usage, problem);
    }

    [Test]
    public async Task AMissingConfigurationIsNamed() =>
        AssertRefused(await Shell.RunAsync("connector", "run", "--config", Shell.In("none.json")), ExitCode.Usage, Shell.In("none.json"));

    private async Task<string> InitAsync(string daemon)
    {
        string file = Shell.In($"{daemon}.json");
        Ran made = await Shell.RunAsync(daemon, "init", "--out", file);
        Assert.That(made.Code, Is.Zero, made.Error);
        return file;
    }
}
