using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;
using Ptoy.Client.Keys;
using Ptoy.Client.Workflows;
using Ptoy.EndToEnd.Chaos;
using Ptoy.EndToEnd.Network;
using Ptoy.Node.Config;
using Ptoy.Node.Devnet;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.EndToEnd.Membership;

/// <summary>One hospital of the play: its administrator's account, its node's process, folder and present key.</summary>
internal sealed class Hospital(string name, AccountKeys admin, string directory, Uri rpc, PublicKey nodeKey) : IDisposable
{
    private static readonly HttpClient Http = new() { Timeout = TimeSpan.FromSeconds(5) };

    public string Name => name;

    public AccountKeys Admin => admin;

    public Uri Rpc => rpc;

    public PublicKey NodeKey { get; private set; } = nodeKey;

    public NodeProcess Process { get; } =
        new(name, Path.Combine(AppContext.BaseDirectory, "Ptoy.Node.dll"), Path.Combine(directory, "config.json"), Path.Combine(directory, "node.log"));

    /// <summary>
    /// Settings by which the far past comes to a newcomer by snapshot: all take one every so many heights, and a node that lacks more than
    /// the gap fetches it. Without <paramref name="archive"/> a node keeps the least number of blocks that there is.
    /// </summary>
    public void Keep(bool archive)
    {
        Process.Environment["PTOY_NODE_sync__snapshotInterval"] = "128";
        Process.Environment["PTOY_NODE_sync__snapshotGap"] = "256";
        Process.Environment["PTOY_NODE_store__keepBlocks"] = archive ? "all" : $"{KeptBlocks}";
    }

    /// <summary>Newest blocks that a node which is no archive keeps.</summary>
    public const int KeptBlocks = 1_024;

    /// <summary>True when one line of its log has all of this in it.</summary>
    public bool HasLogged(params string[] texts) => File.ReadLines(Process.LogFile).Any(line => texts.All(t => line.Contains(t, StringComparison.Ordinal)));

    /// <summary>A hospital of the devnet.</summary>
    public static Hospital Of(DevnetNode node, AccountKeys admin) => new(node.Name, admin, node.Directory, node.Rpc, node.NodeKey);

    /// <summary>The folder of a fifth node, as <c>ptoy node init</c> makes one: its peers are the way in.</summary>
    public static (Hospital Hospital, object Endpoint) Make(string name, AccountKeys admin, DevnetLayout layout, int basePort)
    {
        string directory = Path.Combine(layout.Directory, "joining");
        Directory.CreateDirectory(directory);
        byte[] seed = RandomNumberGenerator.GetBytes(SigningKey.SeedSize);
        KeyFile.Write(Path.Combine(directory, "node.key"), seed);
        KeyFile.Write(Path.Combine(directory, "storage.key"), RandomNumberGenerator.GetBytes(32));
        using JsonDocument first = JsonDocument.Parse(File.ReadAllText(layout.Nodes[0].ConfigFile)), second = JsonDocument.Parse(File.ReadAllText(layout.Nodes[1].ConfigFile));
        JsonElement[] peers = [.. first.RootElement.GetProperty("peers").EnumerateArray(), second.RootElement.GetProperty("peers")[0]];
        var config = new
        {
            dataDir = "data", genesis = layout.GenesisFile, nodeKeyFile = "node.key", storageKeyFile = "storage.key", listen = "127.0.0.1",
            votePort = basePort, bulkPort = basePort + 1, rpc = new { listen = "127.0.0.1", port = basePort + 2 },
            consensus = new { viewChangeTimeoutMs = 600 }, peers,
        };
        File.WriteAllText(Path.Combine(directory, "config.json"), JsonSerializer.Serialize(config));
        using var key = new SigningKey(seed);
        var rpc = new Uri($"http://127.0.0.1:{basePort + 2}");
        return (new Hospital(name, admin, directory, rpc, key.Public), new { host = "127.0.0.1", votePort = basePort, bulkPort = basePort + 1, rpc = rpc.ToString() });
    }

    /// <summary>Everything that the node remembered is gone, its key file is not: a new disk.</summary>
    public void Wipe()
    {
        Process.Kill();
        Directory.Delete(Path.Combine(directory, "data"), recursive: true);
    }

    /// <summary>A new node key in the place of the old one; the store stays.</summary>
    public async Task<PublicKey> NewKeyAsync()
    {
        await Process.StopAsync(TimeSpan.FromSeconds(30)).ConfigureAwait(false);
        string file = Path.Combine(directory, "node.key");
        File.Delete(file);
        byte[] seed = RandomNumberGenerator.GetBytes(SigningKey.SeedSize);
        KeyFile.Write(file, seed);
        using var key = new SigningKey(seed);
        return NodeKey = key.Public;
    }

    /// <summary>The node's counters, or null while it does not answer.</summary>
    public async Task<JsonElement?> HealthAsync()
    {
        try
        {
            using HttpResponseMessage response = await Http.PostAsJsonAsync(rpc, new { jsonrpc = "2.0", id = 1, method = "node_health" }).ConfigureAwait(false);
            using JsonDocument json = JsonDocument.Parse(await response.Content.ReadAsStringAsync().ConfigureAwait(false));
            return json.RootElement.TryGetProperty("result", out JsonElement result) ? result.Clone() : null;
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException or JsonException)
        {
            return null;
        }
    }

    /// <summary>Waits until the node's counters are as wanted. Throws <see cref="TimeoutException"/> with the end of its log.</summary>
    public async Task<JsonElement> UntilAsync(string what, Func<JsonElement, bool> wanted, TimeSpan patience)
    {
        using var deadline = new CancellationTokenSource(patience);
        JsonElement? last = null;
        do
        {
            if (await HealthAsync().ConfigureAwait(false) is { } health && wanted((last = health).Value)) return health;
            if (!Process.Running) throw new TimeoutException($"{name} ended:\n{Process.LogTail()}");
        }
        while (await Pace.PauseAsync(TimeSpan.FromMilliseconds(100), deadline.Token).ConfigureAwait(false));
        throw new TimeoutException($"{name}: not within {patience.TotalSeconds:0} s: {what}; it says {last}\n{Process.LogTail()}");
    }

    /// <summary>Connects as the administrator's account, or another one.</summary>
    public Task<NodeConnection> ConnectAsync(TrustedChain chain, SigningKey? key = null) => NodeConnection.ConnectAsync(rpc, chain, key ?? admin.Signing);

    public void Dispose()
    {
        Process.Dispose();
        admin.Dispose();
    }
}

/// <summary>Reads of counters.</summary>
internal static class HealthExtensions
{
    public static ulong Height(this JsonElement health) => health.GetProperty("height").GetUInt64();

    public static ulong Epoch(this JsonElement health) => health.GetProperty("epoch").GetUInt64();

    /// <summary>The lowest height whose block the node keeps.</summary>
    public static ulong FirstBlock(this JsonElement health) => health.GetProperty("firstBlock").GetUInt64();

    public static bool Signs(this JsonElement health) => health.GetProperty("signs").GetBoolean();
}
