namespace Ptoy.Node;

/// <summary>What is done again and again in the background. A round that fails is logged and the next one comes all the same.</summary>
public sealed class Chores(ILogger<Chores> log) : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Task> _running = [];

    /// <summary>Runs <paramref name="round"/> after each interval; rounds of one chore never overlap.</summary>
    public void Every(TimeSpan interval, Func<CancellationToken, Task> round) => Every(() => interval, round);

    /// <summary>As above; the interval is asked for after each round.</summary>
    public void Every(Func<TimeSpan> interval, Func<CancellationToken, Task> round) => _running.Add(Task.Run(async () =>
    {
        using var timer = new PeriodicTimer(interval());
        try
        {
            while (await timer.WaitForNextTickAsync(_stop.Token).ConfigureAwait(false))
            {
                await RunAsync(round).ConfigureAwait(false);
                TimeSpan next = interval();
                if (next != timer.Period) timer.Period = next;
            }
        }
        catch (OperationCanceledException)
        {
            log.LogDebug("a chore was stopped");
        }
    }));

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(_running).ConfigureAwait(false);
        _stop.Dispose();
    }

    private async Task RunAsync(Func<CancellationToken, Task> round)
    {
        try
        {
            await round(_stop.Token).ConfigureAwait(false);
        }
#pragma warning disable CA1031 // a round that fails must not end the chore
        catch (Exception e) when (e is not OperationCanceledException)
#pragma warning restore CA1031
        {
            log.LogError(e, "a background round failed");
        }
    }
}
