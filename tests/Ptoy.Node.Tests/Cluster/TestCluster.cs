using System.Net.Http.Json;
using System.Net.NetworkInformation;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
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
    private const int Ports = (Count + 1) * 3;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

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

    /// <summary>Flags that every node of the four is started with.</summary>
    public List<string> Flags { get; } = [];

    public async Task StartAsync(int index, ILoggerFactory? logging = null) =>
        _hosts[index] = await NodeHost.StartAsync(NodeConfig.Load(Layout.Nodes[index].ConfigFile, Flags), logging ?? NullLoggerFactory.Instance);

    /// <summary>
    /// Writes the files of a follower, with the four as its peers, and the flags by which these accept it. Its URL and configuration file.
    /// </summary>
    public (Uri Rpc, string ConfigFile) AddFollower()
    {
        string directory = Path.Combine(_directory, "follower");
        Directory.CreateDirectory(directory);
        byte[] seed = RandomNumberGenerator.GetBytes(SigningKey.SeedSize);
        using var key = new SigningKey(seed);
        KeyFile.Write(Path.Combine(directory, "node.key"), seed);
        KeyFile.Write(Path.Combine(directory, "storage.key"), RandomNumberGenerator.GetBytes(32));
        JsonNode config = JsonNode.Parse(File.ReadAllText(Layout.Nodes[0].ConfigFile))!;
        int first = Layout.Nodes[^1].Rpc.Port + 1;
        JsonArray peers = config["peers"]!.AsArray();
        peers.Add(JsonSerializer.SerializeToNode(new { nodeKey = Layout.Nodes[0].NodeKey.ToString(), host = "127.0.0.1", votePort = (int)config["votePort"]!, bulkPort = (int)config["bulkPort"]! }));
        (config["role"], config["votePort"], config["bulkPort"], config["rpc"]!["port"]) = ("follower", first, first + 1, first + 2);
        string file = Path.Combine(directory, "config.json");
        File.WriteAllText(file, config.ToJsonString());
        Flags.AddRange(["--followers:0:nodeKey", key.Public.ToString(), "--followers:0:host", "127.0.0.1", "--followers:0:votePort", $"{first}", "--followers:0:bulkPort", $"{first + 1}"]);
        return (new Uri($"http://127.0.0.1:{first + 2}"), file);
    }

    public async Task StopAsync(int index)
    {
        if (_hosts[index] is { } host) await host.DisposeAsync();
        _hosts[index] = null;
    }

    public Task<JsonElement> CallAsync(int node, string method, object? parameters = null) => CallAsync(Layout.Nodes[node].Rpc, method, parameters);

    public async Task<JsonElement> CallAsync(Uri rpc, string method, object? parameters = null)
    {
        using HttpResponseMessage response = await _http.PostAsJsonAsync(rpc, new { jsonrpc = "2.0", id = 1, method, @params = parameters ?? new { } });
        JsonElement answer = await response.Content.ReadFromJsonAsync<JsonElement>();
        return answer.TryGetProperty("result", out JsonElement result) ? result : throw new InvalidOperationException(answer.ToString());
    }

    /// <summary>Sends a transfer from the rich account through a node; the hash.</summary>
    public Task<Hash> TransferAsync(int node, ulong nonce, ulong amount) => TransferAsync(Layout.Nodes[node].Rpc, nonce, amount);

    public async Task<Hash> TransferAsync(Uri rpc, ulong nonce, ulong amount)
    {
        var body = new TransactionBody(
            Layout.ChainId, Rich.Public, nonce, 5_000, 1_000_000, null, ContractId.Single("Token"), "transfer", JsonSerializer.Serialize(new[] { Receiver.ToString(), $"{amount}" }));
        Transaction transaction = Transaction.Sign(body, Rich);
        await CallAsync(rpc, "tx_submit", new { tx = transaction.Bytes });
        return transaction.Hash;
    }

    /// <summary>The certified receipt that a node shows, waited for there.</summary>
    public Task<(ulong Height, string Receipt)> ReceiptAsync(int node, Hash transaction) => ReceiptAsync(Layout.Nodes[node].Rpc, transaction);

    public async Task<(ulong Height, string Receipt)> ReceiptAsync(Uri rpc, Hash transaction)
    {
        JsonElement answer = await CallAsync(rpc, "tx_wait", new { hash = transaction.ToString(), timeoutMs = 25_000 });
        Assert.That(answer.GetProperty("found").GetBoolean(), $"{rpc} shows no certified receipt");
        return (answer.GetProperty("height").GetUInt64(), answer.GetProperty("receipt").GetString()!);
    }

    public Task<string> BalanceAsync(int node) => BalanceAsync(Layout.Nodes[node].Rpc);

    public async Task<string> BalanceAsync(Uri rpc) =>
        (await CallAsync(rpc, "contract_view", new { contract = "Token", method = "balanceOf", args = new[] { Receiver.ToString() } })).GetProperty("value").GetString()!;

    /// <summary>Waits until a node's health is as wanted.</summary>
    public Task<JsonElement> HealthAsync(int node, Func<JsonElement, bool> wanted) => HealthAsync(Layout.Nodes[node].Rpc, wanted);

    /// <summary>The same of any node; while it restarts inside it does not answer.</summary>
    public async Task<JsonElement> HealthAsync(Uri rpc, Func<JsonElement, bool> wanted)
    {
        using var limit = new CancellationTokenSource(Patience);
        using var poll = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (true)
        {
            try
            {
                JsonElement health = await CallAsync(rpc, "node_health");
                if (wanted(health)) return health;
            }
            catch (HttpRequestException) when (!limit.IsCancellationRequested)
            {
                TestContext.Out.WriteLine($"{rpc} does not answer");
            }
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
