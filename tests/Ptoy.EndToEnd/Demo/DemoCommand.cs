using System.Diagnostics;
using System.Globalization;
using Ptoy.EndToEnd.Network;
using Ptoy.EndToEnd.Scan;
using Ptoy.Node.Devnet;
using Ptoy.Services.Fhir;

namespace Ptoy.EndToEnd.Demo;

/// <summary><c>./dev demo</c>: four real nodes, and the main job end to end.</summary>
public static class DemoCommand
{
    /// <summary>Plays the demo; 0 only if every step held.</summary>
    public static async Task<int> RunAsync(IReadOnlyList<string> arguments)
    {
        if (arguments.Contains("--stop")) return Stop(Path.GetFullPath(".devnet/demo"));
        DemoOptions options;
        try
        {
            options = DemoOptions.Parse(arguments);
        }
        catch (FormatException e)
        {
            await Console.Error.WriteLineAsync($"demo: {e.Message}").ConfigureAwait(false);
            return 2;
        }
        Stop(options.Directory);
        if (Directory.Exists(options.Directory)) Directory.Delete(options.Directory, recursive: true);
        Directory.CreateDirectory(options.Directory);
        var play = new Playbook(Console.Out);
        using var hospitals = new Consortium();
        DevnetLayout layout = DevnetBuilder.Create(hospitals.Options(Path.Combine(options.Directory, "network"), options.BasePort));
        var stage = new Stage(options, hospitals, layout, play.Say);
        try
        {
            await PlayAsync(stage, play).ConfigureAwait(false);
        }
#pragma warning disable CA1031 // whatever failed, the table is printed and nothing is left running
        catch (Exception e)
#pragma warning restore CA1031
        {
            await Console.Error.WriteLineAsync($"demo: {e.GetType().Name}: {e.Message}").ConfigureAwait(false);
            if (Environment.GetEnvironmentVariable("PTOY_TRACE") is not null) await Console.Error.WriteLineAsync(e.ToString()).ConfigureAwait(false);
        }
        play.Table();
        return await EndAsync(options, stage, play).ConfigureAwait(false);
    }

    private static async Task PlayAsync(Stage stage, Playbook play)
    {
        DemoOptions options = stage.Options;
        await play.StepAsync("Four hospital nodes start as processes of their own", async () =>
        {
            await stage.Network.StartAsync(TimeSpan.FromSeconds(90)).ConfigureAwait(false);
            foreach (DevnetNode node in stage.Network.Layout.Nodes) play.Say($"{node.Name}: JSON-RPC at {node.Rpc}, process {stage.Network.Nodes[node.Index].Id}");
            return "4 nodes agree";
        }).ConfigureAwait(false);
        List<Person> people = Prepare(stage);
        using var story = new Story(stage, play, people);
        await play.StepAsync("Hospitals, staff and the key authority are set up", story.SetUpAsync).ConfigureAwait(false);
        await play.StepAsync("Hospital A syncs its EHR folder", story.SyncAsync).ConfigureAwait(false);
        await play.StepAsync("A patient signs up, is found, proves it, and opens the record", story.PatientAsync).ConfigureAwait(false);
        await play.StepAsync("A stranger with the same name and number gets nothing", story.StrangerAsync).ConfigureAwait(false);
        await play.StepAsync("Hospital C is denied", story.DeniedHospitalAsync).ConfigureAwait(false);
        await play.StepAsync("The patient grants hospital B medications and encounters for treatment", story.GrantAsync).ConfigureAwait(false);
        await play.StepAsync("B's clinician reads them through another node, and nothing else", story.ReadGrantedAsync).ConfigureAwait(false);
        await play.StepAsync("Hospital A writes a new visit while the patient is offline", story.NewVisitAsync).ConfigureAwait(false);
        await play.StepAsync("The primary is killed while writes flow", new Crash(stage, play).PlayAsync).ConfigureAwait(false);
        await play.StepAsync("The patient revokes: B is denied at once, and locked out of what comes after", story.RevokeAsync).ConfigureAwait(false);
        await play.StepAsync("PTOY moves and buys storage", story.TokenAsync).ConfigureAwait(false);
        await play.StepAsync("The patient lists every access and verifies the proofs from genesis", story.AuditAsync).ConfigureAwait(false);
        var everybody = new Everybody(stage, play, people);
        await play.StepAsync("Everybody else signs up; all let hospital D read", () => everybody.SignUpAsync(story.D)).ConfigureAwait(false);
        await play.StepAsync("A fresh process reads every bundle back", () => everybody.ReadBackAsync(story.D)).ConfigureAwait(false);
        await play.StepAsync("Nothing readable is left on any disk", new PrivacyScan(stage, play, people).PlayAsync).ConfigureAwait(false);
        foreach (Person person in people) person.Dispose();
        if (!options.Check) await stage.Network.StartAsync(TimeSpan.FromSeconds(90)).ConfigureAwait(false);
    }

    /// <summary>Fills hospital A's EHR folder: the bundles given, or a generated set.</summary>
    private static List<Person> Prepare(Stage stage)
    {
        DemoOptions options = stage.Options;
        Directory.CreateDirectory(stage.EhrFolder);
        if (options.Data is { } data)
        {
            foreach (string file in Directory.GetFiles(data, "*.json"))
                File.Copy(file, Path.Combine(stage.EhrFolder, Path.GetFileName(file)));
        }
        else
        {
            foreach (GeneratedBundle bundle in BundleGenerator.Generate(new GeneratorOptions(options.Seed, options.Patients, options.Resources)))
                File.WriteAllBytes(Path.Combine(stage.EhrFolder, bundle.FileName), bundle.Bytes);
        }
        return [.. Directory.GetFiles(stage.EhrFolder, "*.json").Order(StringComparer.Ordinal).Select(Person.From)];
    }

    private static async Task<int> EndAsync(DemoOptions options, Stage stage, Playbook play)
    {
        await stage.DisposeAsync().ConfigureAwait(false);
        string pids = Path.Combine(options.Directory, "pids");
        if (options.Check || !play.AllHeld)
        {
            await stage.Network.StopAsync().ConfigureAwait(false);
        }
        else
        {
            await File.WriteAllLinesAsync(pids, stage.Network.Nodes.Select(n => n.Id.ToString(CultureInfo.InvariantCulture))).ConfigureAwait(false);
            Console.WriteLine();
            Console.WriteLine("The network goes on running. JSON-RPC: " + string.Join("  ", stage.Network.Layout.Nodes.Select(n => n.Rpc)));
            Console.WriteLine("Stop it with: ./dev demo --stop");
        }
        Console.WriteLine();
        Console.WriteLine(play.AllHeld ? "every step held" : "a step did not hold");
        return play.AllHeld ? 0 : 1;
    }

    /// <summary>Stops the nodes that an earlier demo left running.</summary>
    private static int Stop(string directory)
    {
        string pids = Path.Combine(directory, "pids");
        if (!File.Exists(pids)) return 0;
        foreach (string line in File.ReadAllLines(pids))
        {
            try
            {
                using Process process = Process.GetProcessById(int.Parse(line, CultureInfo.InvariantCulture));
                if (process.ProcessName == "dotnet") process.Kill();
                process.WaitForExit();
            }
            catch (ArgumentException)
            {
                continue;
            }
        }
        File.Delete(pids);
        return 0;
    }
}
