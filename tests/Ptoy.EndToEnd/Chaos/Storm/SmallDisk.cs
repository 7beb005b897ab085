using System.Diagnostics;
using System.Globalization;

namespace Ptoy.EndToEnd.Chaos.Storm;

/// <summary>
/// A file system in memory under one node's data directory, whose size is set while the node runs: shrunk to what is used it is a full
/// disk, with the very errors that a full disk gives. Mounting needs root; without it there is none.
/// </summary>
internal sealed class SmallDisk : IDisposable
{
    private const long Room = 4L << 30;
    private readonly string _directory;

    private SmallDisk(string directory) => _directory = directory;

    /// <summary>Mounts one; null, with the reason, when this process may not.</summary>
    public static SmallDisk? TryMount(string directory, out string problem)
    {
        Directory.CreateDirectory(directory);
        problem = Run("mount", "-t", "tmpfs", "-o", $"size={Text(Room)}", "ptoy-chaos", directory);
        return problem.Length == 0 ? new SmallDisk(directory) : null;
    }

    /// <summary>
    /// Leaves so many bytes free and no more. What files have reserved beyond their end is taken from them too: a database could live
    /// on it for minutes. The process that writes here must be stopped meanwhile.
    /// </summary>
    public void Fill(long left)
    {
        const long Page = 4096;
        foreach (FileInfo file in new DirectoryInfo(_directory).EnumerateFiles("*.log", SearchOption.AllDirectories))
        {
            long end = (file.Length + Page - 1) / Page * Page;
            string problem = Run("fallocate", "--punch-hole", "--keep-size", "--offset", Text(end), "--length", Text(Room), file.FullName);
            if (problem.Length > 0) throw new InvalidOperationException($"the space reserved for {file.FullName} cannot be taken: "
                + $"{problem}");
        }
        var drive = new DriveInfo(_directory);
        Resize(drive.TotalSize - drive.TotalFreeSpace + left);
    }

    /// <summary>Gives room again.</summary>
    public void Free() => Resize(Room);

    private void Resize(long size)
    {
        string problem = Run("mount", "-o", $"remount,size={Text(size)}", _directory);
        if (problem.Length > 0) throw new InvalidOperationException($"the size of {_directory} cannot be set: {problem}");
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    /// <summary>Unmounts; what is on it is gone.</summary>
    public void Dispose() => Run("umount", "-l", _directory);

    private static string Run(string program, params string[] arguments)
    {
        try
        {
            var start = new ProcessStartInfo(program, arguments) { RedirectStandardError = true };
            using Process process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start");
            string errors = process.StandardError.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0 ? "" : $"{program}: {errors.Trim()}";
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            return $"{program}: {e.Message}";
        }
    }
}
