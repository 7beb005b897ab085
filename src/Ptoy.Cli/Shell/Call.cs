using System.CommandLine;
using System.Globalization;
using Ptoy.Client.Keys;
using Ptoy.Client.Rpc;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Cli.Shell;

/// <summary>One run of a command: its options, its terminal, and what most commands need from them.</summary>
internal sealed class Call
{
    private readonly ParseResult _parsed;

    public Call(ParseResult parsed, Terminal terminal, bool json, CancellationToken cancellation)
    {
        (_parsed, Terminal, Cancellation) = (parsed, terminal, cancellation);
        Output = new Output(terminal, json);
        Secrets = new Secrets(terminal);
    }

    public Terminal Terminal { get; }

    public Output Output { get; }

    public Secrets Secrets { get; }

    public CancellationToken Cancellation { get; }

    /// <summary>What the process ends with when nothing is thrown.</summary>
    public int ExitCode { get; set; }

    /// <summary>Words that no option took.</summary>
    public IReadOnlyList<string> Rest => _parsed.UnmatchedTokens;

    public T? Get<T>(Option<T> option) => _parsed.GetValue(option);

    public T Get<T>(Argument<T> argument) => _parsed.GetRequiredValue(argument);

    /// <summary>An argument that may be absent.</summary>
    public T? GetOptional<T>(Argument<T?> argument) where T : class => _parsed.GetValue(argument);

    /// <summary>An option's value, else the variable's, else an error that names both.</summary>
    public string Required(Option<string?> option, string variable) => Optional(option, variable)
        ?? throw CliException.Usage($"{option.Name} is missing: give it, or set {variable}");

    public string? Optional(Option<string?> option, string variable) =>
        Get(option) is { Length: > 0 } given ? given : Terminal.Environment(variable) is { Length: > 0 } set ? set : null;

    /// <summary>An address; the error names the option or argument.</summary>
    public static Address AddressOf(Symbol what, string text) => Address.TryParse(text, out Address address)
        ? address : throw CliException.Usage($"{what.Name}: '{text}' is not an account: one begins with ptoy1 and has a checksum, so copy it whole");

    public Address AddressOf(Argument<string> argument) => AddressOf(argument, Get(argument));

    public Address? AddressOf(Option<string?> option) => Get(option) is { } text ? AddressOf(option, text) : null;

    public static Hash HashOf(Symbol what, string text) =>
        Hash.TryParse(text, out Hash hash) ? hash : throw CliException.Usage($"{what.Name}: '{text}' is not 64 hexadecimal digits");

    public static Uri UrlOf(string name, string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out Uri? url) && (url.Scheme == Uri.UriSchemeHttp || url.Scheme == Uri.UriSchemeHttps)
            ? url : throw CliException.Usage($"{name}: '{text}' is not an http or https address");

    public static string ExistingFile(string name, string path) =>
        File.Exists(path) ? path : throw CliException.Usage($"{name}: there is no file '{path}'");

    /// <summary>Refuses to write over a file.</summary>
    public static string NewFile(string name, string path)
    {
        if (File.Exists(path) || Directory.Exists(path)) throw CliException.Usage($"{name}: '{path}' exists and is not overwritten");
        string? directory = Path.GetDirectoryName(Path.GetFullPath(path));
        return Directory.Exists(directory) ? path : throw CliException.Usage($"{name}: there is no directory '{directory}'");
    }

    public Uri NodeUrl(SharedOptions shared) =>
        UrlOf(shared.Node.Name, Optional(shared.Node, SharedOptions.NodeVariable) ?? SharedOptions.DefaultNode);

    public AuthorityClient Authority(SharedOptions shared, HttpClient http) =>
        new(http, UrlOf(shared.Authority.Name, Required(shared.Authority, SharedOptions.AuthorityVariable)));

    public Genesis Genesis(SharedOptions shared)
    {
        string path = ExistingFile(shared.Genesis.Name, Required(shared.Genesis, SharedOptions.GenesisVariable));
        try
        {
            return GenesisFile.Parse(File.ReadAllText(path));
        }
        catch (FormatException e)
        {
            throw CliException.Usage($"{shared.Genesis.Name}: '{path}': {e.Message}");
        }
    }

    /// <summary>The keystore, opened.</summary>
    public Keystore OpenKeystore(SharedOptions shared)
    {
        string path = ExistingFile(shared.Keystore.Name, Required(shared.Keystore, SharedOptions.KeystoreVariable));
        string passphrase = Secrets.Passphrase(Get(shared.PassphraseFile));
        return Keystore.Load(path, passphrase);
    }

    /// <summary>Connects as the keystore's account.</summary>
    public async Task<Session> ConnectAsync(SharedOptions shared)
    {
        Uri url = NodeUrl(shared);
        TrustedChain chain = TrustedChain.From(Genesis(shared));
        Keystore keystore = OpenKeystore(shared);
        AccountKeys keys = keystore.Account(Get(shared.Account));
        try
        {
            return new Session(keystore, keys, await NodeConnection.ConnectAsync(url, chain, keys.Signing, cancellation: Cancellation));
        }
        catch
        {
            keys.Dispose();
            keystore.Dispose();
            throw;
        }
    }

    /// <summary>Connects without an account: views are signed with a key that is forgotten afterwards.</summary>
    public Task<NodeConnection> ConnectAnonymouslyAsync(SharedOptions shared)
    {
        var key = new SigningKey(System.Security.Cryptography.RandomNumberGenerator.GetBytes(SigningKey.SeedSize));
        return NodeConnection.ConnectAsync(NodeUrl(shared), TrustedChain.From(Genesis(shared)), key, cancellation: Cancellation);
    }

    /// <summary>The plain client, for what needs no signature.</summary>
    public RpcHttpClient Rpc(SharedOptions shared) => RpcClient.Http(NodeUrl(shared));

    /// <summary>A time given as a day or an instant.</summary>
    public static DateTimeOffset TimeOf(Symbol what, string text) =>
        DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset time)
            ? time : throw CliException.Usage($"{what.Name}: '{text}' is not a time such as 2027-01-31 or 2027-01-31T12:00Z");
}

/// <summary>An account at a node.</summary>
internal sealed record Session(Keystore Keystore, AccountKeys Keys, NodeConnection Node) : IAsyncDisposable
{
    public Address Account => Keys.Address;

    public PatientSession Patient() => new(Keys, Keystore.VaultRoot, Node);

    public ProviderSession Provider() => new(Keys, Keystore.VaultRoot, Node);

    public async ValueTask DisposeAsync()
    {
        await Node.DisposeAsync();
        Keys.Dispose();
        Keystore.Dispose();
    }
}
