using System.Text.Json;
using Ptoy.Cli.Shell;
using Ptoy.Client.Keys;

namespace Ptoy.Cli.Tests;

/// <summary>Runs commands in this process, in a directory of its own, and captures what they write.</summary>
public sealed class Shell : IDisposable
{
    public const string Passphrase = "correct horse battery staple";

    private readonly Dictionary<string, string> _environment = new() { ["PTOY_PASSPHRASE"] = Passphrase };

    public Shell()
    {
        Folder = Directory.CreateTempSubdirectory("ptoy-cli-").FullName;
    }

    public string Folder { get; }

    public string In(string name) => Path.Combine(Folder, name);

    public void Set(string name, string? value)
    {
        if (value is null) _environment.Remove(name);
        else _environment[name] = value;
    }

    public Task<Ran> RunAsync(params string[] args) => RunWithInputAsync("", args);

    public async Task<Ran> RunWithInputAsync(string input, params string[] args)
    {
        var output = new StringWriter();
        var error = new StringWriter();
        var terminal = new Terminal
        {
            Out = output, Error = error, In = new StringReader(input), Environment = _environment.GetValueOrDefault, KeystoreCost = new Argon2Cost(64, 1, 1),
        };
        int code = await CommandLine.RunAsync(args, terminal, TestContext.CurrentContext.CancellationToken);
        return new Ran(code, output.ToString(), error.ToString());
    }

    /// <summary>Makes a keystore and returns its account.</summary>
    public async Task<string> KeystoreAsync(string name)
    {
        Ran made = await RunAsync("keys", "new", "--out", In(name), "--json");
        Assert.That(made.Code, Is.Zero, made.Error);
        return made.Json.GetProperty("account").GetString()!;
    }

    /// <summary>Makes a network of four on ports that nothing listens on.</summary>
    public async Task<string> DevnetAsync(int basePort)
    {
        Ran made = await RunAsync("devnet", "init", "--dir", In("net"), "--base-port", $"{basePort}", "--json");
        Assert.That(made.Code, Is.Zero, made.Error);
        return In("net");
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}

/// <summary>What a command ended with and wrote.</summary>
public sealed record Ran(int Code, string Out, string Error)
{
    /// <summary>Standard output, which must be one JSON value and nothing else.</summary>
    public JsonElement Json
    {
        get
        {
            using JsonDocument document = JsonDocument.Parse(Out);
            return document.RootElement.Clone();
        }
    }
}
