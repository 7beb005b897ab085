using System.Text.Json;
using System.Text.Json.Nodes;
using Ptoy.Node.Devnet;

namespace Ptoy.EndToEnd.Network.Faults;

/// <summary>
/// A proxy in the way from every node to every other, for datagrams and for streams. Each node's configuration is rewritten so that its
/// peers are reached through the proxies, and no other way.
/// </summary>
internal sealed class FaultyNetwork : IDisposable
{
    private readonly int _count;
    private readonly Link[] _links;
    private readonly List<DatagramProxy> _datagrams = [];
    private readonly Dictionary<(int From, int To), StreamProxy> _streams = [];
    private readonly Timeline _timeline = new();

    /// <summary>
    /// Opens a proxy for every pair, on ports from <paramref name="basePort"/> on, and rewrites the configurations. No node runs yet.
    /// </summary>
    public FaultyNetwork(DevnetLayout layout, int basePort, int seed)
    {
        _count = layout.Nodes.Count;
        _links = [.. Enumerable.Range(0, _count * _count).Select(i => new Link(seed + i))];
        var ports = layout.Nodes.Select(n => Ports(n.ConfigFile)).ToArray();
        for (int from = 0; from < _count; from++)
        {
            for (int to = 0; to < _count; to++)
            {
                if (from == to) continue;
                int port = Port(basePort, from, to);
                _datagrams.Add(new DatagramProxy(port, ports[to].Vote, this[from, to], this[to, from], _timeline, Counters));
                _streams[(from, to)] = new StreamProxy(port, ports[to].Bulk, this[from, to], this[to, from], _timeline, Counters);
            }
            Rewrite(layout, from, to => Port(basePort, from, to));
        }
    }

    public LinkCounters Counters { get; } = new();

    public int Count => _count;

    /// <summary>The way from one node to another, whoever of the two made the connection.</summary>
    public Link this[int from, int to] => _links[(from * _count) + to];

    /// <summary>The same fault on every way that <paramref name="which"/> names, and none on the others.</summary>
    public void Set(Func<int, int, bool> which, LinkFault fault)
    {
        for (int from = 0; from < _count; from++)
        {
            for (int to = 0; to < _count; to++) this[from, to].Fault = from != to && which(from, to) ? fault : LinkFault.None;
        }
    }

    public void Heal() => Set((_, _) => false, LinkFault.None);

    /// <summary>Resets the streams between pairs of nodes.</summary>
    public void CutStreams(Func<int, int, bool> which)
    {
        foreach (((int from, int to), StreamProxy proxy) in _streams)
        {
            if (which(from, to)) proxy.Cut();
        }
    }

    private int Port(int basePort, int from, int to) => basePort + (from * _count) + to;

    private static (int Vote, int Bulk) Ports(string configFile)
    {
        JsonNode config = JsonNode.Parse(File.ReadAllText(configFile))!;
        return (config["votePort"]!.GetValue<int>(), config["bulkPort"]!.GetValue<int>());
    }

    private static void Rewrite(DevnetLayout layout, int node, Func<int, int> portTo)
    {
        string file = layout.Nodes[node].ConfigFile;
        JsonNode config = JsonNode.Parse(File.ReadAllText(file))!;
        foreach (JsonNode? peer in config["peers"]!.AsArray())
        {
            int to = layout.Nodes.Single(n => n.NodeKey.ToString() == peer!["nodeKey"]!.GetValue<string>()).Index;
            peer!["votePort"] = portTo(to);
            peer["bulkPort"] = portTo(to);
        }
        File.WriteAllText(file, config.ToJsonString(new JsonSerializerOptions { WriteIndented = true }));
    }

    public void Dispose()
    {
        foreach (DatagramProxy proxy in _datagrams) proxy.Dispose();
        foreach (StreamProxy proxy in _streams.Values) proxy.Dispose();
        _timeline.Dispose();
    }
}
