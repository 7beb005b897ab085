using Ptoy.Client.Workflows;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Services.Codes;
using Ptoy.Services.Common;
using Ptoy.Services.Hosting;

namespace Ptoy.Services.Connector;

/// <summary>Section <c>folder</c>: the EHR's export in a folder, and the answers to patients who look for their records.</summary>
/// <param name="Path">Folder of FHIR R4 bundles (<c>*.json</c>).</param>
/// <param name="Name">The hospital's name, as patients see it after proof.</param>
public sealed record FolderOptions(string Path, string Name) : IPartOptions
{
    /// <summary>One line for help.</summary>
    public const string Summary = "FHIR R4 bundles in a folder are sealed as they come; patients who prove themselves get theirs";

    /// <summary>What <c>init</c> writes.</summary>
    public static FolderOptions Example { get; } = new("export", "Hospital A");

    /// <summary>Region of phone numbers without country code.</summary>
    public string Region { get; init; } = "US";

    /// <summary>How one-time codes get to phones: see <see cref="CodeWays"/>.</summary>
    public string Codes { get; init; } = "console";

    /// <summary>Seconds between looks at the folder.</summary>
    public int EverySeconds { get; init; } = 60;

    /// <inheritdoc/>
    public IReadOnlyList<string> Problems()
    {
        var problems = new List<string>();
        if (Path.Length == 0) problems.Add("path: empty");
        if (Name.Length is 0 or > 128) problems.Add("name: not 1 to 128 characters");
        if (Region.Length != 2 || !Region.All(char.IsAsciiLetterUpper)) problems.Add($"region: '{Region}' is not a country code such as US");
        if (EverySeconds is < 1 or > 86_400) problems.Add($"everySeconds: {EverySeconds} is not 1 to 86400");
        try { CodeWays.Parse("codes", Codes, TextWriter.Null); }
        catch (FieldException e) { problems.Add(e.Message); }
        return problems;
    }
}

/// <summary>Runs an <see cref="EhrConnector"/>: imports the folder every so often, and answers its mail.</summary>
public sealed class FolderPart : IDaemonPart
{
    private static readonly TimeSpan FirstRetry = TimeSpan.FromSeconds(1), MaxRetry = TimeSpan.FromMinutes(1);

    private readonly EhrConnector _connector;
    private readonly string _folder;
    private readonly TimeSpan _every;
    private readonly TimeProvider _time;
    private readonly ILogger<FolderPart> _log;
    private volatile PartHealth _imports = new(true, "starting"), _mail = new(true, "starting");

    private FolderPart(EhrConnector connector, string folder, TimeSpan every, TimeProvider time, ILogger<FolderPart> log)
    {
        (_connector, _folder, _every, _time, _log) = (connector, folder, every, time, log);
    }

    /// <inheritdoc/>
    public string Name => "folder";

    /// <summary>Makes the part from its section.</summary>
    public static async Task<IDaemonPart> MakeAsync(PartContext context, FolderOptions options, CancellationToken cancellation)
    {
        string folder = context.Config.PathOf(options.Path);
        if (!Directory.Exists(folder)) throw new DaemonConfigException($"folder.path: there is no directory '{folder}'");
        DaemonAccount account = await context.AccountAsync(cancellation: cancellation);
        using (var provider = new ProviderSession(account.Keys, account.Root, account.Node)) await provider.CreateAsync(options.Name, cancellation);
        string data = Path.Combine(context.DataDir, "folder");
        Directory.CreateDirectory(data);
        byte[] key = KeyFile.ReadOrCreate(Path.Combine(data, "connector.key"));
        ConnectorState state = context.Own(ConnectorState.Open(Path.Combine(data, "state.sealed"), key));
        var connector = context.Own(new EhrConnector(
            new ConnectorOptions(options.Name, AuthorityKey.Of(context.Genesis), options.Region), account.Keys, account.Node,
            new AuthorityClient(context.Http, context.AuthorityUrl), state, new CustodyKeys(Path.Combine(data, "custody"), key), key,
            CodeWays.Parse("folder.codes", options.Codes, Console.Error), context.Time, context.Logs.CreateLogger<EhrConnector>()));
        context.Share(connector);
        return new FolderPart(connector, folder, TimeSpan.FromSeconds(options.EverySeconds), context.Time, context.Logs.CreateLogger<FolderPart>());
    }

    /// <inheritdoc/>
    public PartHealth Health() => _imports.Ok ? _mail with { Text = $"{_imports.Text}; mail: {_mail.Text}" } : _imports;

    /// <inheritdoc/>
    public Task RunAsync(CancellationToken stop) => Task.WhenAll(ImportsAsync(stop), MailAsync(stop));

    private Task ImportsAsync(CancellationToken stop) => RepeatAsync(async () =>
    {
        ImportResult result = await _connector.ImportAsync(_folder, null, stop);
        _imports = new PartHealth(true, $"{result.Files} files known, {result.Failures.Count} refused");
        return _every;
    }, h => _imports = h, "the import", stop);

    private Task MailAsync(CancellationToken stop) => RepeatAsync(async () =>
    {
        await _connector.HandleMailAsync(stop);
        await _connector.FinishBindingsAsync(stop);
        _mail = new PartHealth(true, "answered");
        return TimeSpan.Zero;
    }, h => _mail = h, "the mail", stop);

    private async Task RepeatAsync(Func<Task<TimeSpan>> once, Action<PartHealth> health, string what, CancellationToken stop)
    {
        var retry = new Retry(FirstRetry, MaxRetry);
        while (!stop.IsCancellationRequested)
        {
            TimeSpan wait;
            try
            {
                wait = await once();
                retry.Reset();
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (Passing.Is(e))
            {
                wait = retry.Next();
                health(new PartHealth(false, $"{what} waits: {Passing.Describe(e)}"));
                _log.LogWarning("{What} waits {Seconds} s: {Problem}", what, (int)wait.TotalSeconds, Passing.Describe(e));
            }
            if (wait <= TimeSpan.Zero) continue;
            try { await Task.Delay(wait, _time, stop); }
            catch (OperationCanceledException) { return; }
        }
    }
}

/// <summary>The key that genesis certifies for the key authority.</summary>
public static class AuthorityKey
{
    /// <summary>The key. Throws <see cref="DaemonConfigException"/> when genesis names none.</summary>
    public static PublicKey Of(Genesis genesis)
    {
        string? authority = Arguments(genesis, "init").Select(a => a[0].GetString()).FirstOrDefault();
        foreach (System.Text.Json.JsonElement call in Arguments(genesis, "certify"))
        {
            if (call[0].GetString() == authority && call[1].TryGetProperty("signingKey", out System.Text.Json.JsonElement key)) return PublicKey.Parse(key.GetString()!);
        }
        throw new DaemonConfigException("genesis: it does not certify a signing key for its key authority");
    }

    private static IEnumerable<System.Text.Json.JsonElement> Arguments(Genesis genesis, string method)
    {
        foreach (GenesisCall call in genesis.Calls.Where(c => c.Contract.Class == "Identity" && c.Method == method))
        {
            using var document = System.Text.Json.JsonDocument.Parse(call.Arguments);
            yield return document.RootElement.Clone();
        }
    }
}
