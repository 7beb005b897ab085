using Ptoy.EndToEnd.Demo;
using Ptoy.EndToEnd.Network;
using Ptoy.Node.Devnet;

namespace Ptoy.EndToEnd.Hl7;

/// <summary>Plays <see cref="NetworkPlay"/> on a network of its own.</summary>
internal static class NetworkCommand
{
    private const int BasePort = 22_500, OwnPatients = 3, OwnMessages = 5;

    /// <summary>Runs it; the exit code is 0 only when every step held.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        if (args.Length is not (0 or 2) || (args.Length == 2 && (args[0] != "--data" || !Directory.Exists(args[1]))))
        {
            await Console.Error.WriteLineAsync("hl7 --network: [--data DIR], a folder of *.hl7 messages").ConfigureAwait(false);
            return 2;
        }
        byte[][] messages = args.Length == 2
            ? [.. Directory.GetFiles(args[1], "*.hl7").Order(StringComparer.Ordinal).Select(File.ReadAllBytes)]
            : [.. Enumerable.Range(1, OwnPatients).Select(n => new Sender(n))
                .SelectMany(s => Enumerable.Range(0, OwnMessages).Select(s.Message))];
        string folder = Path.Combine(Path.GetTempPath(), "ptoy-hl7-network-" + Guid.NewGuid().ToString("N"));
        var play = new Playbook(Console.Out);
        try
        {
            await PlayAsync(folder, play, messages).ConfigureAwait(false);
        }
        catch (Exception e) when (e is StepFailedException or TimeoutException or InvalidOperationException or IOException)
        {
            await Console.Error.WriteLineAsync($"hl7: {e.Message}").ConfigureAwait(false);
        }
        play.Table();
        if (play.AllHeld) Directory.Delete(folder, recursive: true);
        else Console.WriteLine($"data and logs are kept in {folder}");
        return play.AllHeld ? 0 : 1;
    }

    private static async Task PlayAsync(string folder, Playbook play, byte[][] messages)
    {
        using var hospitals = new Consortium();
        DevnetLayout layout = DevnetBuilder.Create(hospitals.Options(folder, BasePort));
        var options = new DemoOptions(true, null, 1, 2, 12, folder, BasePort);
        await using var stage = new Stage(options, hospitals, layout, play.Say);
        using LocalNetwork network = stage.Network;
        await network.StartAsync(TimeSpan.FromSeconds(180)).ConfigureAwait(false);
        await using (var hl7 = new NetworkPlay(stage, play, messages))
        {
            await play.StepAsync("Hospitals, a clinician and the key authority are set up", hl7.SetUpAsync).ConfigureAwait(false);
            await play.StepAsync("Messages come by MLLP, and three times again", hl7.FeedAsync).ConfigureAwait(false);
            await play.StepAsync("Patients open accounts and let hospital D read", hl7.PatientsAsync).ConfigureAwait(false);
            await play.StepAsync("D's clinician reads everything through hospital B's node", hl7.ReadAsync).ConfigureAwait(false);
        }
        await stage.StopServicesAsync().ConfigureAwait(false);
        await network.StopAsync().ConfigureAwait(false);
    }
}
