using Ptoy.Client.Light;
using Ptoy.Client.Rpc;
using Ptoy.Client.Workflows;
using Ptoy.EndToEnd.Chaos;
using Ptoy.EndToEnd.Network;
using Ptoy.Node.Devnet;
using Ptoy.Protocol.Ledger;

namespace Ptoy.EndToEnd.Membership;

/// <summary>
/// Members come and go on real processes under load: a fifth hospital joins from nothing, a wiped node follows and comes back with a new
/// key, a removed one is refused, and a light client follows all of it from genesis.
/// </summary>
public static class MembershipCommand
{
    private const int BasePort = 32_500;
    private const int MaxMinutes = 40;

    /// <summary>Runs it; the exit code is 0 only when every check held.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        ArgumentNullException.ThrowIfNull(args);
        int basePort = BasePort;
        if (args.Length is not (0 or 2) || (args.Length == 2 && (args[0] != "--base-port" || !int.TryParse(args[1], out basePort))))
        {
            await Console.Error.WriteLineAsync("membership: [--base-port N]").ConfigureAwait(false);
            return 2;
        }
        string directory = Path.Combine(Path.GetTempPath(), "ptoy-membership-" + Guid.NewGuid().ToString("N"));
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(MaxMinutes));
        bool holds = false;
        try
        {
            holds = await RunAsync(directory, basePort, limit.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (Failure.IsExpected(e) || e is InvalidOperationException or UntrustedAnswerException or ProofException or TransactionFailedException)
        {
            await Console.Error.WriteLineAsync($"membership: {e.GetType().Name}: {e.Message}").ConfigureAwait(false);
        }
        if (holds) Directory.Delete(directory, recursive: true);
        else Console.WriteLine($"the nodes' data and logs are kept in {directory}");
        Console.WriteLine(holds ? "membership: every check held" : "membership: FAILED");
        return holds ? 0 : 1;
    }

    private static async Task<bool> RunAsync(string directory, int basePort, CancellationToken cancellation)
    {
        using var consortium = new Consortium();
        using var load = new SteadyLoad();
        DevnetLayout layout = DevnetBuilder.Create(consortium.Options(directory, basePort) with { Allotments = load.Allotments });
        Genesis genesis = GenesisFile.Parse(await File.ReadAllTextAsync(layout.GenesisFile, cancellation).ConfigureAwait(false));
        using var play = new Play(layout, consortium, genesis, basePort + 50);
        await play.StartAsync().ConfigureAwait(false);
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Task running = load.RunAsync([play.Hospitals[0], play.Hospitals[3]], play.Chain, stopping.Token);
        try
        {
            await play.FifthJoinsAsync().ConfigureAwait(false);
            await play.WipedComesBackAsync().ConfigureAwait(false);
            await play.RemovedIsRefusedAsync().ConfigureAwait(false);
        }
        finally
        {
            await stopping.CancelAsync().ConfigureAwait(false);
            await running.ConfigureAwait(false);
        }
        play.Verdict.Add("transfers while members changed", $"{load.Done.Count} with verified receipts, {load.Retried.Count} calls made again, {load.Lost.Count} lost",
            load.Done.Count > 0 && load.Lost.Count == 0);
        foreach (string why in load.Retried.Distinct().Take(3)) Console.WriteLine($"  a call was made again: {why}");
        await new LightCheck(genesis, play).RunAsync(load).ConfigureAwait(false);
        bool clean = await play.StopAsync().ConfigureAwait(false);
        play.Verdict.Add("all nodes end cleanly", clean ? "yes" : "no", clean);
        play.Verdict.Print();
        return play.Verdict.Holds;
    }
}
