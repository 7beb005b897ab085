using System.Diagnostics;

namespace Ptoy.EndToEnd.Network.Faults;

/// <summary>Does things at their moment, to the millisecond, on one thread. What is left at the end is dropped.</summary>
internal sealed class Timeline : IDisposable
{
    private readonly PriorityQueue<Action, long> _due = new();
    private readonly object _gate = new();
    private readonly Thread _thread;
    private bool _stopped;

    public Timeline()
    {
        _thread = new Thread(Run) { IsBackground = true, Name = "link delays" };
        _thread.Start();
    }

    public static long After(TimeSpan delay) => Stopwatch.GetTimestamp() + (long)(delay.TotalSeconds * Stopwatch.Frequency);

    /// <summary>At a time stamp of <see cref="Stopwatch"/>. The action returns at once and does not throw.</summary>
    public void At(long moment, Action action)
    {
        lock (_gate)
        {
            if (_stopped) return;
            _due.Enqueue(action, moment);
            Monitor.Pulse(_gate);
        }
    }

    /// <summary>Completes at that time stamp.</summary>
    public Task UntilAsync(long moment, CancellationToken cancellation)
    {
        if (moment <= Stopwatch.GetTimestamp()) return Task.CompletedTask;
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        At(moment, () => reached.TrySetResult());
        return reached.Task.WaitAsync(cancellation);
    }

    private void Run()
    {
        while (Next() is { } action) action();
    }

    private Action? Next()
    {
        lock (_gate)
        {
            while (!_stopped)
            {
                if (!_due.TryPeek(out Action? action, out long moment))
                {
                    Monitor.Wait(_gate);
                    continue;
                }
                TimeSpan left = Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), moment);
                if (left <= TimeSpan.Zero)
                {
                    _due.Dequeue();
                    return action;
                }
                Monitor.Wait(_gate, left < TimeSpan.FromMilliseconds(1) ? TimeSpan.FromMilliseconds(1) : left);
            }
            return null;
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _stopped = true;
            Monitor.Pulse(_gate);
        }
        _thread.Join();
    }
}
