using Ptoy.Client.Keys;
using Ptoy.Client.Rpc;
using Ptoy.Client.Workflows;
using Ptoy.Services.Codes;
using Ptoy.Services.Common;

namespace Ptoy.Services.Connector;

/// <summary>What a connector process is started with.</summary>
/// <param name="DataFolder">Holds the sealed state, the custody keys and, where it is not there yet, a new connector key.</param>
/// <param name="Node">JSON-RPC address of the hospital's own node.</param>
/// <param name="AuthorityUrl">Address of the key authority.</param>
/// <param name="Chain">The chain, from genesis.</param>
/// <param name="Options">Name, authority's key, region.</param>
public sealed record ConnectorConfig(string DataFolder, Uri Node, Uri AuthorityUrl, TrustedChain Chain, ConnectorOptions Options);

/// <summary>A connector put together from files.</summary>
public sealed class ConnectorService : IAsyncDisposable
{
    private readonly NodeConnection _node;
    private readonly ConnectorState _state;
    private readonly HttpClient _http;

    private ConnectorService(NodeConnection node, ConnectorState state, HttpClient http, EhrConnector connector)
    {
        (_node, _state, _http) = (node, state, http);
        Connector = connector;
    }

    /// <summary>The connector.</summary>
    public EhrConnector Connector { get; }

    /// <summary>
    /// Opens state and keys and connects. Throws <see cref="InvalidDataException"/> for a key that does not fit the state, and what
    /// connecting throws.
    /// </summary>
    /// <param name="config">Where and with what.</param>
    /// <param name="organisation">The hospital's account; stays the caller's to dispose.</param>
    /// <param name="codes">Brings codes to phones.</param>
    /// <param name="logs">Makes loggers.</param>
    /// <param name="cancellation">Gives up.</param>
    public static async Task<ConnectorService> OpenAsync(
        ConnectorConfig config, AccountKeys organisation, ICodeSender codes, ILoggerFactory logs, CancellationToken cancellation = default)
    {
        byte[] key = KeyFile.ReadOrCreate(Path.Combine(config.DataFolder, "connector.key"));
        ConnectorState state = ConnectorState.Open(Path.Combine(config.DataFolder, "state"), key);
        try
        {
            NodeConnection node = await NodeConnection.ConnectAsync(config.Node, config.Chain, organisation.Signing, new RpcClientOptions(), cancellation);
            var http = new HttpClient();
            var connector = new EhrConnector(
                config.Options, organisation, node, new AuthorityClient(http, config.AuthorityUrl), state,
                new CustodyKeys(Path.Combine(config.DataFolder, "custody"), key), key, codes, TimeProvider.System, logs.CreateLogger<EhrConnector>());
            return new ConnectorService(node, state, http, connector);
        }
        catch
        {
            state.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        Connector.Dispose();
        _http.Dispose();
        _state.Dispose();
        await _node.DisposeAsync();
    }
}
