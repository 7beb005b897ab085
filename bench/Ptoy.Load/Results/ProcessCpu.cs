using System.Globalization;

namespace Ptoy.Load.Results;

/// <summary>CPU seconds of processes and their threads, as Linux accounts for them.</summary>
internal static class ProcessCpu
{
    private const double TicksPerSecond = 100;

    /// <summary>CPU seconds of each process (0 for one that is gone); this process comes last.</summary>
    public static double[] Of(IEnumerable<int> processes) => [.. processes.Append(Environment.ProcessId).Select(Total)];

    /// <summary>CPU seconds of a process by the names of its threads.</summary>
    public static Dictionary<string, double> ByThread(int process)
    {
        var seconds = new Dictionary<string, double>(StringComparer.Ordinal);
        string tasks = $"/proc/{process.ToString(CultureInfo.InvariantCulture)}/task";
        if (!Directory.Exists(tasks)) return seconds;
        foreach (string task in Directory.EnumerateDirectories(tasks))
        {
            if (Read(Path.Combine(task, "comm")) is not { } name || Read(Path.Combine(task, "schedstat")) is not { } stat) continue;
            string key = name.TrimEnd('\n');
            double ran = double.Parse(stat[..stat.IndexOf(' ', StringComparison.Ordinal)], CultureInfo.InvariantCulture) / 1e9;
            seconds[key] = seconds.GetValueOrDefault(key) + ran;
        }
        return seconds;
    }

    private static double Total(int process)
    {
        if (Read($"/proc/{process.ToString(CultureInfo.InvariantCulture)}/stat") is not { } stat) return 0;
        // The name may hold anything; what follows its closing bracket is numbers. Fields 14 and 15 are user and system ticks.
        string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return (double.Parse(fields[11], CultureInfo.InvariantCulture) + double.Parse(fields[12], CultureInfo.InvariantCulture)) / TicksPerSecond;
    }

    private static string? Read(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (IOException)
        {
            return null;
        }
    }
}
