using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ptoy.EndToEnd.Network;
using Ptoy.Load.Ordering;
using Ptoy.Node.Devnet;
using Ptoy.Protocol;

namespace Ptoy.Load.Network;

/// <summary>What a network of node processes is started with.</summary>
internal sealed record ClusterOptions
{
    public int Nodes { get; init; } = 4;

    public int BasePort { get; init; } = 31_500;

    /// <summary>Nodes that only order (see <see cref="OrderingNode"/>) instead of whole ones.</summary>
    public bool Ordering { get; init; }

    public int Window { get; init; } = 128;

    public int InFlight { get; init; } = 16;

    /// <summary>Ordering: most client batches in a block, and how many are worth another height in flight.</summary>
    public int BlockBatches { get; init; } = 64;

    public int WorthBatches { get; init; } = 8;

    /// <summary>View timeout. A view change during a run measures the timeout, not the load: long, but for runs with faults.</summary>
    public int ViewTimeoutMs { get; init; } = 5_000;

    /// <summary>One-way delay of every link between nodes, in milliseconds.</summary>
    public int LinkDelayMs { get; init; }

    /// <summary>Whether nodes measure their CPU time by part.</summary>
    public bool CpuParts { get; init; }

    public IReadOnlyDictionary<Address, ulong> Allotments { get; init; } = new Dictionary<Address, ulong>();
}

/// <summary>A fresh network of node processes on this machine, with synced writes.</summary>
internal sealed class Cluster : IAsyncDisposable
{
    private const int PortsPerNode = 3;

    /// <summary>Where Linux takes the ports of outgoing connections from, by default.</summary>
    private const int FirstEphemeralPort = 32_768;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private readonly ClusterOptions _options;
    private readonly LocalNetwork _network;
    private readonly string _directory;
    private readonly LinkDelays? _delays;
    private bool _good;

    private Cluster(ClusterOptions options, Consortium consortium, string directory, DevnetLayout layout)
    {
        (_options, Consortium, _directory) = (options, consortium, directory);
        if (options.LinkDelayMs > 0) _delays = new LinkDelays(layout, options.BasePort + (PortsPerNode * options.Nodes), options.LinkDelayMs);
        foreach (DevnetNode node in layout.Nodes) Configure(node);
        _network = new LocalNetwork(layout);
        string verb = $"ordering-node --block {options.BlockBatches} --worth {options.WorthBatches}";
        Nodes = options.Ordering
            ? [.. layout.Nodes.Select(n => new NodeProcess(n.Name, Environment.GetCommandLineArgs()[0], n.ConfigFile, n.LogFile, verb))]
            : _network.Nodes;
    }

    public Consortium Consortium { get; }

    public DevnetLayout Layout => _network.Layout;

    public IReadOnlyList<NodeProcess> Nodes { get; }

    public static async Task<Cluster> StartAsync(ClusterOptions options)
    {
        if (options.BasePort + (PortsPerNode * options.Nodes) > FirstEphemeralPort)
            Console.WriteLine($"ports from {FirstEphemeralPort} up may be taken by an outgoing connection just when a node starts: a lower --base-port is safe");
        string directory = Path.Combine(Path.GetTempPath(), "ptoy-load-" + Guid.NewGuid().ToString("N"));
        var consortium = new Consortium(options.Nodes);
        DevnetLayout layout = DevnetBuilder.Create(consortium.Options(directory, options.BasePort) with
        {
            Allotments = options.Allotments, ViewChangeTimeoutMs = options.ViewTimeoutMs, AuditAnchorIntervalMs = 30_000,
        });
        var cluster = new Cluster(options, consortium, directory, layout);
        try
        {
            foreach (NodeProcess node in cluster.Nodes) node.Start();
            for (int i = 0; i < cluster.Nodes.Count; i++) await cluster.WaitReadyAsync(i).ConfigureAwait(false);
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>What a node says of itself, or null while it does not answer.</summary>
    public Task<JsonElement?> StatusAsync(int node) => _options.Ordering ? OrderingStatusAsync(node) : _network.HealthAsync(node);

    /// <summary>Where the command server of an ordering node listens.</summary>
    public int CommandPort(int node) => Layout.Nodes[node].Rpc.Port;

    /// <summary>Stops all nodes. The network's directory is removed at the end only when all were still running and ended cleanly.</summary>
    public async Task StopAsync()
    {
        string[] gone = [.. Nodes.Where(n => !n.Running).Select(n => n.Name)];
        bool[] clean = await Task.WhenAll(Nodes.Select(n => n.StopAsync(TimeSpan.FromSeconds(20)))).ConfigureAwait(false);
        _good = gone.Length == 0 && clean.All(c => c);
        if (gone.Length > 0) Console.WriteLine($"NOT RUNNING any more at the end: {string.Join(", ", gone)}");
    }

    public async ValueTask DisposeAsync()
    {
        if (!_good) await StopAsync().ConfigureAwait(false);
        if (_options.Ordering)
        {
            foreach (NodeProcess node in Nodes) node.Dispose();
        }
        _network.Dispose();
        Consortium.Dispose();
        if (_delays is not null) await _delays.DisposeAsync().ConfigureAwait(false);
        if (_good) Directory.Delete(_directory, recursive: true);
        else Console.WriteLine($"the network is kept in {_directory}: each node's output is its node.log");
    }

    private async Task WaitReadyAsync(int node)
    {
        DateTime deadline = DateTime.UtcNow + Patience;
        using var poll = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (await poll.WaitForNextTickAsync().ConfigureAwait(false))
        {
            if (await StatusAsync(node).ConfigureAwait(false) is { } status && status.GetProperty("certified").GetUInt64() >= 1) return;
            if (!Nodes[node].Running) throw new TimeoutException($"{Nodes[node].Name} ended:\n{Nodes[node].LogTail()}");
            if (DateTime.UtcNow > deadline) throw new TimeoutException($"{Nodes[node].Name} is not ready after {Patience.TotalSeconds:0} s:\n{Nodes[node].LogTail()}");
        }
    }

    private async Task<JsonElement?> OrderingStatusAsync(int node)
    {
        try
        {
            using var client = new TcpClient();
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(5));
            await client.ConnectAsync(System.Net.IPAddress.Loopback, CommandPort(node), limit.Token).ConfigureAwait(false);
            await CommandFrames.WriteAsync(client.GetStream(), default, limit.Token).ConfigureAwait(false);
            if (await new CommandFrames(client.GetStream()).ReadAsync(limit.Token).ConfigureAwait(false) is not [CommandServer.Status, .. var json]) return null;
            using JsonDocument document = JsonDocument.Parse(json);
            return document.RootElement.Clone();
        }
        catch (Exception e) when (e is SocketException or IOException or OperationCanceledException)
        {
            return null;
        }
    }

    private void Configure(DevnetNode node)
    {
        JsonObject config = JsonNode.Parse(File.ReadAllText(node.ConfigFile))!.AsObject();
        config["consensus"]!["window"] = _options.Window;
        config["consensus"]!["maxInFlight"] = _options.InFlight;
        config["rpc"]!["rate"] = 1_000_000;
        if (_options.CpuParts) config["diagnostics"] = new JsonObject { ["cpuParts"] = true };
        _delays?.Redirect(node.Index, config["peers"]!.AsArray());
        File.WriteAllText(node.ConfigFile, config.ToJsonString());
    }
}
