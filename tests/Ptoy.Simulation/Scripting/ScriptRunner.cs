namespace Ptoy.Simulation;

/// <summary>Plays every script of a folder and compares the transcripts with those that were accepted before.</summary>
internal static class ScriptRunner
{
    /// <summary>The scripts of this project: in the tree when run from there, else beside the program.</summary>
    public static string Folder => Directory.Exists("tests/Ptoy.Simulation/Scripts") ? "tests/Ptoy.Simulation/Scripts" : Path.Combine(AppContext.BaseDirectory, "Scripts");

    public static bool RunFolder(string folder, bool accept, TextWriter output)
    {
        if (!Directory.Exists(folder))
        {
            output.WriteLine($"no such folder: {folder}");
            return false;
        }
        string[] scripts = [.. Directory.GetFiles(folder, "*.txt").Order(StringComparer.Ordinal)];
        int good = 0;
        foreach (string path in scripts)
        {
            string? problem = Play(path, accept);
            if (problem is null) good++;
            output.WriteLine($"{Path.GetFileNameWithoutExtension(path)}: {problem ?? "as expected"}");
        }
        output.WriteLine($"{good} of {scripts.Length} scripts as expected");
        return scripts.Length > 0 && good == scripts.Length;
    }

    /// <summary>Null, or what is wrong with a script or its transcript.</summary>
    public static string? Play(string path, bool accept)
    {
        string transcript;
        try
        {
            transcript = Performance.Of(Script.Parse(File.ReadAllText(path)));
        }
        catch (ScriptException e)
        {
            return e.Message;
        }
        string golden = Path.ChangeExtension(path, ".golden");
        if (accept)
        {
            File.WriteAllText(golden, transcript);
            return null;
        }
        return !File.Exists(golden) ? "no transcript was accepted yet (./dev sim --scripts --accept)" : Difference(File.ReadAllText(golden), transcript);
    }

    private static string? Difference(string golden, string transcript)
    {
        string[] before = golden.Split('\n'), now = transcript.Split('\n');
        for (int i = 0; i < Math.Max(before.Length, now.Length); i++)
        {
            string was = i < before.Length ? before[i] : "(end)", now1 = i < now.Length ? now[i] : "(end)";
            if (was != now1) return $"the transcript differs at line {i + 1}: '{was.Trim()}' became '{now1.Trim()}'; if that is right: ./dev sim --scripts --accept";
        }
        return null;
    }
}
