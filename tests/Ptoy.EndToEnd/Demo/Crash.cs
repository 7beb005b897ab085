using System.Diagnostics;
using System.Text.Json;
using Ptoy.Client.Workflows;
using Ptoy.EndToEnd.Network;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Rpc;
using static Ptoy.EndToEnd.Demo.Playbook;

namespace Ptoy.EndToEnd.Demo;

/// <summary>The primary is killed while writes flow; service goes on; it restarts and catches up.</summary>
public sealed class Crash(Stage stage, Playbook play)
{
    private const int Before = 10;
    private const int After = 20;

    /// <summary>Plays it.</summary>
    public async Task<string> PlayAsync()
    {
        JsonElement health = await stage.Network.HealthAsync(0).ConfigureAwait(false) ?? throw new StepFailedException("node 1 does not answer");
        int primary = health.GetProperty("primary").GetInt32();
        int through = (primary + 1) % 4;
        // The organisation with a key of its own that no other step uses meanwhile.
        var keys = stage.Hospitals.Hospitals[0];
        NodeConnection node = await stage.ConnectAsync(keys, through).ConfigureAwait(false);
        using var sender = new TransactionSender(node);
        string to = stage.Hospitals.Hospitals[1].Address.ToString();
        for (int i = 0; i < Before; i++) await sender.SendAsync("Token", "transfer", to, "1").ConfigureAwait(false);

        stage.Network.Nodes[primary].Kill();
        play.Say($"SIGKILL to {stage.Network.Nodes[primary].Name}, the primary, while transfers flow");
        double gap = 0;
        for (int i = 0; i < After; i++)
        {
            long start = Stopwatch.GetTimestamp();
            Receipt receipt = await sender.SendAsync("Token", "transfer", to, "1").ConfigureAwait(false);
            Require(receipt.Status == ReceiptStatus.Ok, "a transfer did not take effect");
            gap = Math.Max(gap, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        ulong height = (await node.CallAsync<ChainInfoResult>("chain_info", new NoParams()).ConfigureAwait(false)).Height;
        play.Say($"{After} transfers went on through the others; the longest took {gap:0.00} s");
        stage.Network.Nodes[primary].Start();
        await stage.Network.WaitReadyAsync(primary, height, TimeSpan.FromSeconds(60)).ConfigureAwait(false);
        play.Say($"it restarted and caught up to height {height}");
        return $"longest gap {gap:0.00} s, caught up";
    }
}
