using System.Diagnostics;

namespace Ptoy.EndToEnd.Network.Faults;

/// <summary>One direction between two nodes: the fault in force, and what to wait for while nothing passes.</summary>
internal sealed class Link(int seed)
{
    private readonly Lock _gate = new();
    private readonly Random _random = new(seed);
    private LinkFault _fault = LinkFault.None;
    private TaskCompletionSource _changed = New();

    public LinkFault Fault
    {
        get { lock (_gate) return _fault; }
        set
        {
            lock (_gate)
            {
                _fault = value;
                _changed.TrySetResult();
                _changed = New();
            }
        }
    }

    /// <summary>Completes when bytes may pass.</summary>
    public async Task OpenAsync(CancellationToken cancellation)
    {
        while (true)
        {
            Task changed;
            lock (_gate)
            {
                if (!_fault.Blocked) return;
                changed = _changed.Task;
            }
            await changed.WaitAsync(cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// When each copy of a datagram arrives (time stamps of <see cref="Stopwatch"/>): none when it is lost, two when it is doubled.
    /// </summary>
    public long[] Arrivals()
    {
        lock (_gate)
        {
            if (_fault.Blocked || _random.NextDouble() < _fault.Loss) return [];
            return _random.NextDouble() < _fault.Duplicate ? [Arrival(), Arrival()] : [Arrival()];
        }
    }

    private long Arrival() => Timeline.After(_fault.Delay + (_fault.Jitter * _random.NextDouble()));

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
