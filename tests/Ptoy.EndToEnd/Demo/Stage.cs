using Microsoft.Extensions.Logging;
using Ptoy.Client.Keys;
using Ptoy.Client.Workflows;
using Ptoy.EndToEnd.Network;
using Ptoy.Node.Devnet;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;
using Ptoy.Services.Authority;
using Ptoy.Services.Connector;
using Ptoy.Services.Fhir;

namespace Ptoy.EndToEnd.Demo;

/// <summary>A person whose records are in hospital A's EHR, and who has keys once signed up.</summary>
public sealed record Person(string File, string FullName, string Phone, string BirthDate, byte[] Bundle) : IDisposable
{
    /// <summary>Made on the person's device.</summary>
    public AccountKeys Keys { get; } = Consortium.NewKeys();

    /// <summary>Made on the person's device, never from the phrase.</summary>
    public VaultRoot Vault { get; } = VaultRoot.Create();

    /// <summary>Reads the person out of a bundle, as the hospital's staff see them.</summary>
    public static Person From(string file)
    {
        byte[] bytes = System.IO.File.ReadAllBytes(file);
        SlicedBundle bundle = BundleSlicer.Slice(bytes, Path.GetFileName(file));
        PatientDemographics who = PatientDemographics.Read(bundle.BytesOf(bundle.Patient));
        return new Person(file, who.Names[0].Text, who.Phones[0], who.BirthDate!, bytes);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Keys.Dispose();
        Vault.Dispose();
    }
}

/// <summary>Everything that the demo plays with: the network, the key authority, hospital A's connector, the people.</summary>
public sealed class Stage : IAsyncDisposable
{
    private readonly ILoggerFactory _logs;
    private readonly CancellationTokenSource _connectorStop = new();
    private readonly List<IAsyncDisposable> _connections = [];
    private ConnectorService? _connector;
    private Task _connectorLoop = Task.CompletedTask;

    /// <summary>A stage for a network that is on disk; nothing runs yet.</summary>
    public Stage(DemoOptions options, Consortium hospitals, DevnetLayout layout, Action<string> say)
    {
        (Options, Hospitals, Network) = (options, hospitals, new LocalNetwork(layout));
        Chain = TrustedChain.From(GenesisFile.Parse(File.ReadAllText(layout.GenesisFile)));
        AuthorityPhones = new Phones("the key authority", say);
        HospitalPhones = new Phones("a hospital", say);
        _logs = LoggerFactory.Create(l => l.AddProvider(new FileLoggerProvider(ServicesLog)));
    }

    /// <summary>The options.</summary>
    public DemoOptions Options { get; }

    /// <summary>Keys of the hospitals and the authority.</summary>
    public Consortium Hospitals { get; }

    /// <summary>The node processes.</summary>
    public LocalNetwork Network { get; }

    /// <summary>The chain, trusted from genesis.</summary>
    public TrustedChain Chain { get; }

    /// <summary>Telephones that the key authority writes to.</summary>
    public Phones AuthorityPhones { get; }

    /// <summary>Telephones that hospitals write to.</summary>
    public Phones HospitalPhones { get; }

    /// <summary>The key authority, once it runs.</summary>
    public AuthorityService? Authority { get; private set; }

    /// <summary>A client of the authority.</summary>
    public AuthorityClient AuthorityClient => new(Http, Authority!.Address);

    /// <summary>Hospital A's connector.</summary>
    public EhrConnector Connector => _connector!.Connector;

    /// <summary>Hospital A's EHR export.</summary>
    public string EhrFolder => Path.Combine(Options.Directory, "ehr-a");

    /// <summary>Where the authority keeps its files.</summary>
    public string AuthorityFolder => Path.Combine(Options.Directory, "authority");

    /// <summary>Where the connector keeps its files.</summary>
    public string ConnectorFolder => Path.Combine(Options.Directory, "connector-a");

    /// <summary>Log of authority and connector.</summary>
    public string ServicesLog => Path.Combine(Options.Directory, "services.log");

    private static HttpClient Http { get; } = new();

    /// <summary>A connection of an account to one node; closed with the stage.</summary>
    public async Task<NodeConnection> ConnectAsync(AccountKeys keys, int node)
    {
        NodeConnection connection = await NodeConnection.ConnectAsync(Network.Layout.Nodes[node].Rpc, Chain, keys.Signing).ConfigureAwait(false);
        lock (_connections) _connections.Add(connection);
        return connection;
    }

    /// <summary>Starts the key authority.</summary>
    public async Task StartAuthorityAsync()
    {
        Directory.CreateDirectory(AuthorityFolder);
        var config = new AuthorityConfig(
            new Uri($"http://127.0.0.1:{Options.BasePort + 50}"), AuthorityFolder, Network.Layout.Nodes[2].Rpc, Chain,
            new KeyAuthorityOptions { StartsPerSource = 5_000, ConfirmsPerSource = 10_000 });
        Authority = await AuthorityService.StartAsync(config, Hospitals.Authority.Signing, AuthorityPhones, _logs).ConfigureAwait(false);
    }

    /// <summary>Opens hospital A's connector; it does not read its mail yet.</summary>
    public async Task OpenConnectorAsync()
    {
        Directory.CreateDirectory(ConnectorFolder);
        var config = new ConnectorConfig(
            ConnectorFolder, Network.Layout.Nodes[0].Rpc, Authority!.Address, Chain, new ConnectorOptions("Hospital A", Hospitals.Authority.Signing.Public));
        _connector = await ConnectorService.OpenAsync(config, Hospitals.Hospitals[0], HospitalPhones, _logs).ConfigureAwait(false);
    }

    /// <summary>Lets the connector read its mail.</summary>
    public void RunConnector() => _connectorLoop = Task.Run(() => Connector.RunAsync(_connectorStop.Token));

    /// <summary>Stops the connector for good.</summary>
    public async Task StopConnectorAsync()
    {
        if (_connector is null) return;
        await _connectorStop.CancelAsync().ConfigureAwait(false);
        await _connectorLoop.ConfigureAwait(false);
        await _connector.DisposeAsync().ConfigureAwait(false);
        _connector = null;
    }

    /// <summary>Stops what is not the network.</summary>
    public async Task StopServicesAsync()
    {
        await StopConnectorAsync().ConfigureAwait(false);
        if (Authority is not null) await Authority.DisposeAsync().ConfigureAwait(false);
        Authority = null;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await StopServicesAsync().ConfigureAwait(false);
        foreach (IAsyncDisposable connection in _connections) await connection.DisposeAsync().ConfigureAwait(false);
        _logs.Dispose();
        _connectorStop.Dispose();
    }
}
