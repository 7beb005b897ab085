using System.Net.Http.Json;
using System.Text.Json;
using Ptoy.Node.Devnet;

namespace Ptoy.EndToEnd.Network;

/// <summary>The node processes of a local network, started together and watched.</summary>
public sealed class LocalNetwork : IDisposable
{
    private static readonly HttpClient Http = new() { Timeout = TimeSpan.FromSeconds(5) };

    /// <summary>Processes for every node of a layout; none runs yet.</summary>
    public LocalNetwork(DevnetLayout layout)
    {
        Layout = layout;
        Nodes = [.. layout.Nodes.Select(n => new NodeProcess(n.Name, NodeAssembly, n.ConfigFile, n.LogFile))];
    }

    /// <summary>The network on disk.</summary>
    public DevnetLayout Layout { get; }

    /// <summary>One process a node, in the order of the layout.</summary>
    public IReadOnlyList<NodeProcess> Nodes { get; }

    private static string NodeAssembly => Path.Combine(AppContext.BaseDirectory, "Ptoy.Node.dll");

    /// <summary>Starts all and waits until each answers and the network has made a block.</summary>
    public async Task StartAsync(TimeSpan patience)
    {
        foreach (NodeProcess node in Nodes) node.Start();
        for (int i = 0; i < Nodes.Count; i++) await WaitReadyAsync(i, 0, patience).ConfigureAwait(false);
    }

    /// <summary>
    /// Waits until a node answers and has certified at least that height. Throws <see cref="TimeoutException"/> with the end of its log.
    /// </summary>
    public async Task WaitReadyAsync(int index, ulong height, TimeSpan patience)
    {
        var deadline = DateTime.UtcNow + patience;
        using var poll = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (await poll.WaitForNextTickAsync().ConfigureAwait(false))
        {
            if (await HealthAsync(index).ConfigureAwait(false) is { } health
                && health.GetProperty("certified").GetUInt64() >= Math.Max(height, 1)) return;
            if (!Nodes[index].Running) throw new TimeoutException($"{Nodes[index].Name} ended:\n{Nodes[index].LogTail()}");
            if (DateTime.UtcNow > deadline) throw new TimeoutException($"{Nodes[index].Name} is not ready after "
                + $"{patience.TotalSeconds:0} s:\n{Nodes[index].LogTail()}");
        }
    }

    /// <summary>A node's counters, or null while it does not answer.</summary>
    public async Task<JsonElement?> HealthAsync(int index)
    {
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, Layout.Nodes[index].Rpc)
            {
                Content = JsonContent.Create(new { jsonrpc = "2.0", id = 1, method = "node_health" }),
            };
            using HttpResponseMessage response = await Http.SendAsync(request).ConfigureAwait(false);
            using JsonDocument json = JsonDocument.Parse(await response.Content.ReadAsStringAsync().ConfigureAwait(false));
            return json.RootElement.TryGetProperty("result", out JsonElement result) ? result.Clone() : null;
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException or JsonException)
        {
            return null;
        }
    }

    /// <summary>
    /// How far a node's clock is ahead of this one's, by the date that its answers carry (whole seconds); null while it does not answer.
    /// </summary>
    public async Task<TimeSpan?> ClockOffsetAsync(int index)
    {
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, Layout.Nodes[index].Rpc);
            using HttpResponseMessage response = await Http.SendAsync(request).ConfigureAwait(false);
            return response.Headers.Date - DateTimeOffset.UtcNow;
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            return null;
        }
    }

    /// <summary>Stops all cleanly; true when each ended by itself.</summary>
    public async Task<bool> StopAsync()
    {
        bool[] clean = await Task.WhenAll(Nodes.Select(n => n.StopAsync(TimeSpan.FromSeconds(60)))).ConfigureAwait(false);
        return clean.All(c => c);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (NodeProcess node in Nodes) node.Dispose();
    }
}
