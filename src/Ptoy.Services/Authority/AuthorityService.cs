using System.Security.Cryptography;
using Ptoy.Client.Rpc;
using Ptoy.Client.Workflows;
using Ptoy.Protocol.Crypto;
using Ptoy.Services.Codes;
using Ptoy.Services.Common;
using Ptoy.Services.Matching;

namespace Ptoy.Services.Authority;

/// <summary>What a key authority process is started with.</summary>
/// <param name="Url">Where to listen; plain http on loopback only.</param>
/// <param name="DataFolder">Holds the sealed directory and, where they are not there yet, new keys for it and for tokens.</param>
/// <param name="Node">JSON-RPC address of the node to certify through.</param>
/// <param name="Chain">The chain, from genesis.</param>
/// <param name="Options">Limits.</param>
public sealed record AuthorityConfig(Uri Url, string DataFolder, Uri Node, TrustedChain Chain, KeyAuthorityOptions Options);

/// <summary>A running key authority, put together from files.</summary>
public sealed class AuthorityService : IAsyncDisposable
{
    private readonly List<IDisposable> _owned = [];
    private readonly NodeConnection _node;
    private readonly WebApplication _app;

    private AuthorityService(NodeConnection node, WebApplication app, KeyAuthority authority)
    {
        (_node, _app) = (node, app);
        Authority = authority;
    }

    /// <summary>The core.</summary>
    public KeyAuthority Authority { get; }

    /// <summary>Where it listens.</summary>
    public Uri Address => new(_app.Urls.First());

    /// <summary>
    /// Starts listening. Throws <see cref="InvalidDataException"/> for keys that do not fit the directory, and what connecting throws.
    /// </summary>
    /// <param name="config">Where and with what.</param>
    /// <param name="account">The authority's account key, as genesis names it; stays the caller's to dispose.</param>
    /// <param name="sender">Brings codes to phones.</param>
    /// <param name="logs">Makes loggers.</param>
    /// <param name="cancellation">Gives up.</param>
    public static async Task<AuthorityService> StartAsync(
        AuthorityConfig config, SigningKey account, ICodeSender sender, ILoggerFactory logs, CancellationToken cancellation = default)
    {
        NodeConnection node = await NodeConnection.ConnectAsync(config.Node, config.Chain, account, new RpcClientOptions(), cancellation);
        AuthorityDirectory directory = AuthorityDirectory.Open(
            Path.Combine(config.DataFolder, "directory.sealed"), KeyFile.ReadOrCreate(Path.Combine(config.DataFolder, "directory.key")));
        var tokens = new TokenMaker(KeyFile.ReadOrCreate(Path.Combine(config.DataFolder, "token.key")), config.Options.Region);
        var transactions = new TransactionSender(node);
        var registrar = new ChainRegistrar(transactions);
        TimeProvider time = TimeProvider.System;
        var random = RandomNumberGenerator.Create();
        var authority = new KeyAuthority(
            config.Options, directory, tokens, registrar, new KeystoreIssuer(), sender, time, random, logs.CreateLogger<KeyAuthority>());
        var service = new TokenService(
            config.Options, directory, tokens, account, config.Chain.ChainId, registrar.IsMemberAsync, time, random, logs.CreateLogger<TokenService>());
        var info = new AuthorityInfo(account.Address.ToString(), account.Public.ToString(), config.Chain.ChainId.ToString());
        var requests = new AuthorityRequests(config.Chain.ChainId, account.Public, time);
        DeviceBook devices = DeviceBook.Open(Path.Combine(config.DataFolder, "devices.sealed"), KeyFile.ReadOrCreate(Path.Combine(config.DataFolder, "directory.key")), time);
        WebApplication app = AuthorityHost.Build(config.Url, authority, service, requests, info, l => l.Services.AddSingleton(logs), devices);
        await app.StartAsync(cancellation);
        var running = new AuthorityService(node, app, authority);
        running._owned.AddRange([authority, transactions, tokens, directory, devices, random]);
        return running;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        foreach (IDisposable owned in _owned) owned.Dispose();
        await _node.DisposeAsync();
    }
}
