using System.Collections.Concurrent;
using Ptoy.Client.Keys;
using Ptoy.Client.Rpc;
using Ptoy.Client.Workflows;
using Ptoy.Protocol.Ledger;
using Ptoy.Services.Common;
using Ptoy.Services.Grants;
using Ptoy.Services.Notifications;

namespace Ptoy.Services.Hosting;

/// <summary>An account of the daemon, connected to its node.</summary>
/// <param name="Keys">The account's keys.</param>
/// <param name="Root">Team keys derive from it.</param>
/// <param name="Node">Signs with the account's key.</param>
public sealed record DaemonAccount(AccountKeys Keys, VaultRoot Root, NodeConnection Node);

/// <summary>What parts are made from: the configuration, the sealed store, accounts at the node, and each other.</summary>
public sealed class PartContext : IAsyncDisposable
{
    private readonly Dictionary<string, DaemonAccount> _accounts = [];
    private readonly Dictionary<string, SealedStore> _stores = [];
    private readonly List<IDisposable> _owned = [];
    private readonly List<IDaemonPart> _parts = [];
    private readonly ConcurrentDictionary<Type, object> _shared = new();
    private ChainEvents? _events;

    /// <summary>Reads genesis and the key of the state. Throws <see cref="DaemonConfigException"/> or <see cref="InvalidDataException"/>.</summary>
    public PartContext(DaemonConfig config, ILoggerFactory logs, TimeProvider time)
    {
        (Config, Logs, Time) = (config, logs, time);
        try
        {
            Genesis = GenesisFile.Parse(File.ReadAllText(config.PathOf(config.Settings.Genesis)));
        }
        catch (Exception e) when (e is FormatException or IOException or UnauthorizedAccessException)
        {
            throw new DaemonConfigException($"genesis: {e.Message}");
        }
        Chain = TrustedChain.From(Genesis);
        DataDir = config.PathOf(config.Settings.DataDir);
        Directory.CreateDirectory(DataDir);
        StateKey = KeyFile.ReadOrCreate(config.StateKeyFile);
        Http = new HttpClient { Timeout = TimeSpan.FromSeconds(100) };
    }

    /// <summary>The configuration.</summary>
    public DaemonConfig Config { get; }

    /// <summary>Makes loggers: messages without personal data.</summary>
    public ILoggerFactory Logs { get; }

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; }

    /// <summary>The genesis file.</summary>
    public Genesis Genesis { get; }

    /// <summary>The chain, trusted from genesis.</summary>
    public TrustedChain Chain { get; }

    /// <summary>Directory of the daemon's state, for parts with files of their own; sealed, of course.</summary>
    public string DataDir { get; }

    /// <summary>The key of the state: parts with files of their own derive theirs from it.</summary>
    public byte[] StateKey { get; }

    /// <summary>For calls to other systems.</summary>
    public HttpClient Http { get; }

    /// <summary>The node.</summary>
    public Uri NodeUrl => new(Config.Settings.Node);

    /// <summary>The key authority. Throws <see cref="DaemonConfigException"/> when none is configured.</summary>
    public Uri AuthorityUrl => Config.Settings.Authority is { } url ? new Uri(url) : throw new DaemonConfigException("authority: missing, and a part needs it");

    /// <summary>The parts made so far.</summary>
    public IReadOnlyList<IDaemonPart> Parts => _parts;

    /// <summary>Raises notices; without a section <c>notifications</c> nobody is told.</summary>
    public INotifier Notifier => Find<INotifier>() ?? NoNotifier.Instance;

    /// <summary>
    /// The sealed store of a section, of its own so that no service sees what another was granted: <c>{dataDir}/{section}</c>. Throws
    /// <see cref="InvalidDataException"/> when the key does not fit it or another process has it open.
    /// </summary>
    public SealedStore Store(string section)
    {
        if (_stores.TryGetValue(section, out SealedStore? open)) return open;
        return _stores[section] = SealedStore.Open(Path.Combine(DataDir, section), StateKey);
    }

    /// <summary>Adds a part that the host runs with the others.</summary>
    public void Add(IDaemonPart part)
    {
        if (!_parts.Contains(part)) _parts.Add(part);
    }

    /// <summary>Offers something to parts that are made later, such as the intake.</summary>
    public void Share<T>(T service) where T : class => _shared[typeof(T)] = service;

    /// <summary>What a part made before offers, or null.</summary>
    public T? Find<T>() where T : class => _shared.GetValueOrDefault(typeof(T)) as T;

    /// <summary>What a part made before offers. Throws <see cref="DaemonConfigException"/> that names the section which is missing.</summary>
    public T Need<T>(string section) where T : class =>
        Find<T>() ?? throw new DaemonConfigException($"the section '{section}' is missing, and another part needs it");

    /// <summary>Disposes something with the daemon, after its parts have ended.</summary>
    public T Own<T>(T owned) where T : IDisposable
    {
        _owned.Add(owned);
        return owned;
    }

    /// <summary>
    /// The daemon's own account, or a part's. Connecting is tried until the node answers: a daemon may be started before its node.
    /// </summary>
    public async Task<DaemonAccount> AccountAsync(AccountOptions? of = null, CancellationToken cancellation = default)
    {
        AccountOptions options = of ?? Config.Settings.Account ?? throw new DaemonConfigException("account: missing, and a part needs it");
        string name = $"{Config.PathOf(options.Keystore)}#{options.Index}";
        if (_accounts.TryGetValue(name, out DaemonAccount? known)) return known;
        Keystore keystore = Own(DaemonKeys.Open(Config, options));
        AccountKeys keys = Own(keystore.Account(options.Index));
        return _accounts[name] = new DaemonAccount(keys, keystore.VaultRoot, await ConnectAsync(keys, cancellation));
    }

    /// <summary>Events of the chain, followed once for the whole daemon.</summary>
    public ChainEvents Events()
    {
        if (_events is null) Add(_events = new ChainEvents(NodeUrl, Time, Logs.CreateLogger<ChainEvents>()));
        return _events;
    }

    /// <summary>
    /// What patients let a service see: sets the service's account up where that was not done, and follows its grants. The feed runs with the
    /// daemon; one for each account.
    /// </summary>
    public async Task<GrantFeed> GrantsAsync(string section, GranteeOptions options, IReadOnlyList<IGrantConsumer> consumers, CancellationToken cancellation)
    {
        DaemonAccount account = await AccountAsync(options.Account, cancellation);
        GranteeSession session = Own(new GranteeSession(account.Keys, account.Root, account.Node, options.Purpose));
        await session.SetUpAsync(options.Name, options.Role, cancellation);
        var feed = new GrantFeed($"{section} grants", session, Store(section), Events(), consumers, options.Feed, Time, Logs.CreateLogger<GrantFeed>());
        Add(Own(feed));
        return feed;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        for (int i = _owned.Count - 1; i >= 0; i--) _owned[i].Dispose();
        foreach (DaemonAccount account in _accounts.Values) await account.Node.DisposeAsync();
        Http.Dispose();
        foreach (SealedStore store in _stores.Values) store.Dispose();
    }

    private async Task<NodeConnection> ConnectAsync(AccountKeys keys, CancellationToken cancellation)
    {
        ILogger log = Logs.CreateLogger<PartContext>();
        var wait = new Retry(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(30));
        while (true)
        {
            try
            {
                return await NodeConnection.ConnectAsync(NodeUrl, Chain, keys.Signing, new RpcClientOptions(), cancellation);
            }
            catch (Exception e) when (e is RpcConnectionException or TimeoutException)
            {
                TimeSpan delay = wait.Next();
                log.LogWarning("the node does not answer; trying again in {Seconds} s", (int)delay.TotalSeconds);
                await Task.Delay(delay, Time, cancellation);
            }
        }
    }
}

/// <summary>Opens the keystores that a configuration names.</summary>
public static class DaemonKeys
{
    /// <summary>Environment variable of the passphrase, where no file is named.</summary>
    public const string PassphraseVariable = "PTOY_PASSPHRASE";

    /// <summary>Opens a keystore. Throws <see cref="DaemonConfigException"/> naming what is missing, <see cref="KeystoreException"/>.</summary>
    public static Keystore Open(DaemonConfig config, AccountOptions options)
    {
        string path = config.PathOf(options.Keystore);
        if (!File.Exists(path)) throw new DaemonConfigException($"account.keystore: there is no file '{path}'");
        return Keystore.Load(path, Passphrase(config, options));
    }

    private static string Passphrase(DaemonConfig config, AccountOptions options)
    {
        if (options.PassphraseFile is null)
        {
            return Environment.GetEnvironmentVariable(PassphraseVariable) is { Length: > 0 } set
                ? set : throw new DaemonConfigException($"account.passphraseFile: missing, and {PassphraseVariable} is not set");
        }
        string path = config.PathOf(options.PassphraseFile);
        if (!File.Exists(path)) throw new DaemonConfigException($"account.passphraseFile: there is no file '{path}'");
        return File.ReadLines(path).FirstOrDefault() is { Length: > 0 } line ? line : throw new DaemonConfigException($"account.passphraseFile: the first line of '{path}' is empty");
    }
}
