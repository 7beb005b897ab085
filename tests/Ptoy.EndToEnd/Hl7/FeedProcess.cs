using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using Ptoy.Services.Common;
using Ptoy.Services.Connector.Hl7;

namespace Ptoy.EndToEnd.Hl7;

/// <summary>
/// The feed in a process of its own, to be killed. The process says its port when it listens; told <c>settle</c>, it answers when nothing
/// waits; told <c>stop</c> (or when its input ends), it ends cleanly.
/// </summary>
internal sealed class FeedProcess : IDisposable
{
    private static readonly byte[] Key = [.. Enumerable.Repeat((byte)7, SealedStore.KeySize)];

    private readonly Process _process;

    private FeedProcess(Process process) => _process = process;

    /// <summary>Opens the store that a feed process left.</summary>
    public static SealedStore OpenStore(string folder) => SealedStore.Open(folder, Key);

    /// <summary>Starts a process and waits until it listens. Gives it and its port.</summary>
    public static async Task<(FeedProcess Process, int Port)> StartAsync(string folder, CancellationToken cancellation)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardInput = true, RedirectStandardOutput = true, UseShellExecute = false };
        foreach (string argument in new[] { typeof(FeedProcess).Assembly.Location, "hl7-feed", folder }) start.ArgumentList.Add(argument);
        var feed = new FeedProcess(Process.Start(start) ?? throw new InvalidOperationException("the feed did not start"));
        try
        {
            string line = await feed.ReadAsync(cancellation).ConfigureAwait(false);
            return (feed, int.Parse(line, System.Globalization.CultureInfo.InvariantCulture));
        }
        catch
        {
            feed.Dispose();
            throw;
        }
    }

    /// <summary>What the process does: host the feed until told to stop.</summary>
    public static async Task<int> HostAsync(string folder)
    {
        using SealedStore store = OpenStore(folder);
        using var stop = new CancellationTokenSource();
        var part = new Hl7Part(new Hl7Options { Port = 0 }, store, new KeptIntake(store), TimeProvider.System,
            NullLogger<Hl7Part>.Instance);
        Task run = part.RunAsync(stop.Token);
        await await Task.WhenAny(run, part.Bound).ConfigureAwait(false);
        Console.WriteLine((await part.Bound.ConfigureAwait(false)).Port);
        while (await Console.In.ReadLineAsync(stop.Token).ConfigureAwait(false) is { } line && line != "stop")
        {
            await await Task.WhenAny(run, part.WhenEmptyAsync()).ConfigureAwait(false);
            Console.WriteLine("settled");
        }
        await stop.CancelAsync().ConfigureAwait(false);
        await run.ConfigureAwait(false);
        return 0;
    }

    /// <summary>SIGKILL.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync().ConfigureAwait(false);
    }

    /// <summary>Waits until nothing waits, and stops it cleanly.</summary>
    public async Task<bool> FinishAsync(CancellationToken cancellation)
    {
        await _process.StandardInput.WriteLineAsync("settle").ConfigureAwait(false);
        await ReadAsync(cancellation).ConfigureAwait(false);
        await _process.StandardInput.WriteLineAsync("stop").ConfigureAwait(false);
        await _process.WaitForExitAsync(cancellation).ConfigureAwait(false);
        return _process.ExitCode == 0;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill();
        _process.Dispose();
    }

    private async Task<string> ReadAsync(CancellationToken cancellation) =>
        await _process.StandardOutput.ReadLineAsync(cancellation).ConfigureAwait(false)
            ?? throw new InvalidOperationException("the feed ended by itself");
}
