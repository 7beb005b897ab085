using System.Diagnostics;

namespace Ptoy.EndToEnd.Network;

/// <summary>
/// One real daemon process: started, watched, killed. Its output goes to a file. Words of <paramref name="verb"/> come before its other
/// arguments.
/// </summary>
public sealed class NodeProcess(string name, string assembly, string configFile, string logFile, string verb = "") : IDisposable
{
    private readonly List<Process> _ended = [];
    private Process? _process;

    /// <summary>What people call it.</summary>
    public string Name => name;

    /// <summary>Where its output is.</summary>
    public string LogFile => logFile;

    /// <summary>True while the process runs.</summary>
    public bool Running => _process is { HasExited: false };

    /// <summary>The process id, or 0.</summary>
    public int Id => Running ? _process!.Id : 0;

    /// <summary>Added to the environment of the next start.</summary>
    public IDictionary<string, string> Environment { get; } = new Dictionary<string, string>();

    /// <summary>CPU time used by the present process.</summary>
    public TimeSpan CpuTime
    {
        get
        {
            if (!Running) return TimeSpan.Zero;
            _process!.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    /// <summary>Starts the daemon. Its standard output and error are appended to the log file by a shell redirection.</summary>
    public void Start()
    {
        if (Running) throw new InvalidOperationException($"{name} is already running");
        var start = new ProcessStartInfo("/bin/sh")
        {
            UseShellExecute = false,
            ArgumentList = { "-c", "exec dotnet \"$1\" $4 --config \"$2\" >>\"$3\" 2>&1", "sh", assembly, configFile, logFile, verb },
        };
        // Fewer, later collections of short-lived objects (16 MiB, hexadecimal); there is no setting for it but this one.
        start.Environment["DOTNET_GCgen0size"] = "1000000";
        foreach ((string name, string value) in Environment) start.Environment[name] = value;
        // Others may be looking at the one before at this moment, so it is not disposed of yet.
        if (_process is not null) _ended.Add(_process);
        _process = Process.Start(start) ?? throw new InvalidOperationException($"{name} did not start");
    }

    /// <summary>SIGSTOP, and waits until it has stopped: it does nothing more, and its connections stay open.</summary>
    public async Task PauseAsync()
    {
        await SignalAsync("STOP").ConfigureAwait(false);
        using var poll = new PeriodicTimer(TimeSpan.FromMilliseconds(1));
        while (Running && !IsStopped(_process!.Id)) await poll.WaitForNextTickAsync().ConfigureAwait(false);
    }

    /// <summary>The state is the first field behind the name, which is in parentheses. False also when a thread ends just now: ask again.</summary>
    private static bool IsStopped(int id)
    {
        try
        {
            return Directory.EnumerateDirectories($"/proc/{id}/task").All(task =>
                File.ReadAllText(Path.Combine(task, "stat")) is var stat && stat[stat.LastIndexOf(')') + 2] is 'T' or 't');
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <summary>SIGCONT: it goes on where it was.</summary>
    public Task ResumeAsync() => SignalAsync("CONT");

    private async Task SignalAsync(string signal)
    {
        if (!Running) return;
        using Process kill = Process.Start("/bin/sh", ["-c", $"kill -{signal} {_process!.Id}"]);
        await kill.WaitForExitAsync().ConfigureAwait(false);
    }

    /// <summary>Waits for its end; false when it still runs after that time.</summary>
    public async Task<bool> EndsAsync(TimeSpan patience)
    {
        if (!Running) return true;
        using var deadline = new CancellationTokenSource(patience);
        try
        {
            await _process!.WaitForExitAsync(deadline.Token).ConfigureAwait(false);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    /// <summary>SIGKILL, at once.</summary>
    public void Kill()
    {
        if (!Running) return;
        _process!.Kill();
        _process.WaitForExit();
    }

    /// <summary>SIGTERM, then waits for a clean end; SIGKILL after the grace period. True when it ended by itself.</summary>
    public async Task<bool> StopAsync(TimeSpan grace)
    {
        if (!Running) return true;
        await SignalAsync("TERM").ConfigureAwait(false);
        if (await EndsAsync(grace).ConfigureAwait(false)) return true;
        Kill();
        return false;
    }

    /// <summary>The last lines of the log, for a message about a node that ended.</summary>
    public string LogTail(int lines = 12) => File.Exists(logFile) ? string.Join('\n', File.ReadLines(logFile).TakeLast(lines)) : "(no log)";

    /// <inheritdoc/>
    public void Dispose()
    {
        Kill();
        _process?.Dispose();
        foreach (Process ended in _ended) ended.Dispose();
    }
}
