using Ptoy.EndToEnd.Network;
using Ptoy.Node.Devnet;

namespace Ptoy.EndToEnd.Demo;

/// <summary>Four node processes that start, agree and stop cleanly.</summary>
public static class DemoCommand
{
    private const int BasePort = 28_500;

    /// <summary>Runs it; the exit code is 0 when every node ended by itself.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        ArgumentNullException.ThrowIfNull(args);
        using var consortium = new Consortium();
        string directory = args.Length > 0 ? args[0] : Path.Combine(Path.GetTempPath(), "ptoy-" + Guid.NewGuid().ToString("N"));
        DevnetLayout layout = DevnetBuilder.Create(consortium.Options(directory, BasePort));
        Console.WriteLine(directory);
        using var network = new LocalNetwork(layout);
        await network.StartAsync(TimeSpan.FromSeconds(30));
        for (int i = 0; i < network.Nodes.Count; i++) Console.WriteLine(await network.HealthAsync(i));
        return await network.StopAsync() ? 0 : 1;
    }
}
