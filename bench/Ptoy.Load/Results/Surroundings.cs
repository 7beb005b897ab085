using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Ptoy.Load.Results;

/// <summary>Where and with what a measurement was made.</summary>
internal sealed record Surroundings(
    DateTimeOffset At, string Cpu, int Cores, long MemoryMiB, string Kernel, string DotNet, string Commit, double LoadAverage)
{
    public static Surroundings Now() => new(
        DateTimeOffset.UtcNow, Cpu1(), Environment.ProcessorCount, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / (1024 * 1024),
        RuntimeInformation.OSDescription, RuntimeInformation.FrameworkDescription, CommitOf(), Load());

    private static string Cpu1() => Line("/proc/cpuinfo", "model name")?.Split(':', 2)[1].Trim() ?? RuntimeInformation.ProcessArchitecture.ToString();

    private static string? Line(string file, string start) => File.Exists(file) ? File.ReadLines(file).FirstOrDefault(l => l.StartsWith(start, StringComparison.Ordinal)) : null;

    private static double Load() => File.Exists("/proc/loadavg")
        ? double.Parse(File.ReadAllText("/proc/loadavg").Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture)
        : double.NaN;

    /// <summary>The commit of the working directory, with a plus when files differ from it; "unknown" outside a repository.</summary>
    private static string CommitOf() => Git("rev-parse --short=12 HEAD") is { } commit
        ? commit + (string.IsNullOrEmpty(Git("status --porcelain --untracked-files=no")) ? "" : "+")
        : "unknown";

    private static string? Git(string arguments)
    {
        try
        {
            using Process git = Process.Start(new ProcessStartInfo("git", arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            string output = git.StandardOutput.ReadToEnd().Trim();
            git.WaitForExit();
            return git.ExitCode == 0 ? output : null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }
}
