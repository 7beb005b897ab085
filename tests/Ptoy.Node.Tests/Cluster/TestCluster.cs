using System.Net.Http.Json;
using System.Net.NetworkInformation;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging;
using NUnit.Framework;
using Ptoy.Node.Config;
using Ptoy.Node.Devnet;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol;

namespace Ptoy.Node.Tests.Cluster;

/// <summary>Four whole nodes in this process, on free ports, with their data in a temporary directory.</summary>
internal sealed class TestCluster : IAsyncDisposable
{
    private const int Count = 4;
    private const int Ports = Count * 3;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly string _directory = Path.Combine(Path.GetTempPath(), "ptoy-cluster-" + Guid.NewGuid().ToString("N"));
    private readonly NodeHost?[] _hosts = new NodeHost?[Count];
    private readonly SigningKey[] _organisations = [.. Enumerable.Range(0, Count + 1).Select(_ => new SigningKey(RandomNumberGenerator.GetBytes(SigningKey.SeedSize)))];
    private readonly HttpClient _http = new() { Timeout = Patience };

    public TestCluster()
    {
        DevnetAccount[] accounts = [.. _organisations.Select((k, i) => new DevnetAccount($"Organisation {i}", k.Public, NewSealingKey()))];
        Layout = DevnetBuilder.Create(new DevnetOptions
        {
            Directory = _directory,
            Hospitals = accounts[..Count],
            Authority = accounts[Count],
            BasePort = FreePorts(),
            MaxBlockIntervalMs = 500,
        });
    }

    public DevnetLayout Layout { get; }

    /// <summary>The account that owns the supply.</summary>
    public SigningKey Rich => _organisations[0];

    public Address Receiver => _organisations[1].Address;

    /// <summary>A cluster of which all four run.</summary>
    public static async Task<TestCluster> StartAllAsync()
    {
        var cluster = new TestCluster();
        for (int i = 0; i < Count; i++) await cluster.StartAsync(i);
        return cluster;
    }

    public async Task StartAsync(int index, ILoggerFactory? logging = null) =>
        _hosts[index] = await NodeHost.StartAsync(NodeConfig.Load(Layout.Nodes[index].ConfigFile, []), logging ?? NullLoggerFactory.Instance);

    public async Task StopAsync(int index)
    {
        if (_hosts[index] is { } host) await host.DisposeAsync();
        _hosts[index] = null;
    }

    public async Task<JsonElement> CallAsync(int node, string method, object? parameters = null)
    {
        using HttpResponseMessage response = await _http.PostAsJsonAsync(Layout.Nodes[node].Rpc, new { jsonrpc = "2.0", id = 1, method, @params = parameters ?? new { } });
        JsonElement answer = await response.Content.ReadFromJsonAsync<JsonElement>();
        return answer.TryGetProperty("result", out JsonElement result) ? result : throw new InvalidOperationException(answer.ToString());
    }

    /// <summary>Sends a transfer from the rich account through a node; the hash.</summary>
    public async Task<Hash> TransferAsync(int node, ulong nonce, ulong amount)
    {
        var body = new TransactionBody(
            Layout.ChainId, Rich.Public, nonce, 5_000, 1_000_000, null, ContractId.Single("Token"), "transfer", JsonSerializer.Serialize(new[] { Receiver.ToString(), $"{amount}" }));
        Transaction transaction = Transaction.Sign(body, Rich);
        await CallAsync(node, "tx_submit", new { tx = transaction.Bytes });
        return transaction.Hash;
    }

    /// <summary>The certified receipt that a node shows, waited for there.</summary>
    public async Task<(ulong Height, string Receipt)> ReceiptAsync(int node, Hash transaction)
    {
        JsonElement answer = await CallAsync(node, "tx_wait", new { hash = transaction.ToString(), timeoutMs = 25_000 });
        Assert.That(answer.GetProperty("found").GetBoolean(), $"node {node} shows no certified receipt");
        return (answer.GetProperty("height").GetUInt64(), answer.GetProperty("receipt").GetString()!);
    }

    public async Task<string> BalanceAsync(int node) =>
        (await CallAsync(node, "contract_view", new { contract = "Token", method = "balanceOf", args = new[] { Receiver.ToString() } })).GetProperty("value").GetString()!;

    /// <summary>Waits until a node's health is as wanted.</summary>
    public async Task<JsonElement> HealthAsync(int node, Func<JsonElement, bool> wanted)
    {
        using var limit = new CancellationTokenSource(Patience);
        using var poll = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (true)
        {
            JsonElement health = await CallAsync(node, "node_health");
            if (wanted(health)) return health;
            await poll.WaitForNextTickAsync(limit.Token);
        }
    }

    private static PublicKey NewSealingKey()
    {
        using var key = new SealingKey(RandomNumberGenerator.GetBytes(SealingKey.Size));
        return key.Public;
    }

    /// <summary>The start of twelve ports that nobody uses now.</summary>
    private static int FreePorts()
    {
        const int First = 33_000, Last = 45_000;
        IPGlobalProperties network = IPGlobalProperties.GetIPGlobalProperties();
        HashSet<int> used = [.. network.GetActiveTcpListeners().Concat(network.GetActiveUdpListeners()).Concat(network.GetActiveTcpConnections().Select(c => c.LocalEndPoint)).Select(e => e.Port)];
        while (true)
        {
            int first = RandomNumberGenerator.GetInt32(First, Last);
            if (!Enumerable.Range(first, Ports).Any(used.Contains)) return first;
        }
    }

    public async ValueTask DisposeAsync()
    {
        for (int i = 0; i < Count; i++) await StopAsync(i);
        _http.Dispose();
        foreach (SigningKey key in _organisations) key.Dispose();
        Directory.Delete(_directory, recursive: true);
    }
}
