using System.Diagnostics;
using Ptoy.Cli.Shell;
using Ptoy.Client.Rpc;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Cli.Devnet;

/// <summary>The node processes of a local network: started together, watched, stopped together.</summary>
internal sealed class Supervisor(string directory, DevnetFile file) : IAsyncDisposable
{
    private const int LogLines = 12;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60), Grace = TimeSpan.FromSeconds(20);
    private readonly List<(DevnetFileNode Node, Process Process)> _running = [];

    /// <summary>Starts every node as a process of its own, output appended to its <c>node.log</c>.</summary>
    public void Start()
    {
        foreach (DevnetFileNode node in file.Nodes) _running.Add((node, Launch(node)));
    }

    /// <summary>Returns when every node answers. Throws with the end of its log for one that ends instead.</summary>
    public async Task ReadyAsync(CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(Patience);
        try
        {
            await Task.WhenAll(_running.Select(r => ReadyAsync(r.Node, r.Process, limit.Token)));
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new CliException(ExitCode.Unreachable, $"not every node answered within {Patience.TotalSeconds:0} s; see node.log in the node directories");
        }
    }

    /// <summary>Waits for Ctrl-C, or for a node that ends by itself, which is a failure.</summary>
    public async Task WaitAsync(CancellationToken cancellation)
    {
        try
        {
            Task<DevnetFileNode>[] ends = [.. _running.Select(r => EndAsync(r.Node, r.Process, cancellation))];
            Task<DevnetFileNode> first = await Task.WhenAny(ends);
            throw Ended(await first);
        }
        catch (OperationCanceledException)
        {
            await StopAsync();
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        foreach ((_, Process process) in _running) process.Dispose();
    }

    private Process Launch(DevnetFileNode node)
    {
        string log = Path.Combine(directory, node.Directory, "node.log");
        string[] self = Self();
        var start = new ProcessStartInfo("/bin/sh") { UseShellExecute = false };
        // The shell only redirects: exec leaves the node itself under this id.
        foreach (string argument in (string[])["-c", "log=\"$1\"; shift; exec \"$@\" >>\"$log\" 2>&1", "sh", log, .. self, "node", "run", "--config", Path.Combine(directory, node.Config)])
            start.ArgumentList.Add(argument);
        foreach (string variable in SharedOptions.OwnVariables) start.Environment.Remove(variable);
        return Process.Start(start) ?? throw CliException.Failed($"{node.Name} did not start");
    }

    /// <summary>How to run this program again: as an executable, or as a library under <c>dotnet</c>.</summary>
    private static string[] Self()
    {
        string library = Path.Combine(AppContext.BaseDirectory, "ptoy.dll");
        string? host = Environment.ProcessPath;
        bool hosted = host is null || Path.GetFileNameWithoutExtension(host) != "ptoy";
        return hosted ? ["dotnet", library] : [host!];
    }

    private async Task ReadyAsync(DevnetFileNode node, Process process, CancellationToken cancellation)
    {
        await using RpcHttpClient rpc = RpcClient.Http(new Uri(node.Rpc));
        using var poll = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        while (await poll.WaitForNextTickAsync(cancellation))
        {
            if (process.HasExited) throw Ended(node);
            try
            {
                await rpc.CallAsync<ChainInfoResult>("chain_info", new NoParams(), null, cancellation);
                return;
            }
            catch (Exception e) when (e is RpcConnectionException or RpcException or TimeoutException)
            {
                // Not up yet: its sockets open once the store is read.
                continue;
            }
        }
    }

    private static async Task<DevnetFileNode> EndAsync(DevnetFileNode node, Process process, CancellationToken cancellation)
    {
        await process.WaitForExitAsync(cancellation);
        return node;
    }

    private CliException Ended(DevnetFileNode node)
    {
        string log = Path.Combine(directory, node.Directory, "node.log");
        string tail = File.Exists(log) ? string.Join('\n', File.ReadLines(log).TakeLast(LogLines)) : "(it wrote nothing)";
        return CliException.Failed($"{node.Name} has ended. The end of {log}:\n{tail}");
    }

    private async Task StopAsync()
    {
        Process[] alive = [.. _running.Select(r => r.Process).Where(p => !p.HasExited)];
        foreach (Process process in alive)
        {
            using Process kill = Process.Start("/bin/sh", ["-c", $"kill -TERM {process.Id}"]);
            await kill.WaitForExitAsync();
        }
        await Task.WhenAll(alive.Select(WaitOrKillAsync));
    }

    private static async Task WaitOrKillAsync(Process process)
    {
        using var limit = new CancellationTokenSource(Grace);
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
        }
    }
}
