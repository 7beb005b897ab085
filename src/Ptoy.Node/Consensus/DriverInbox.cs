using Ptoy.Consensus;

namespace Ptoy.Node.Consensus;

/// <summary>
/// What waits for the consensus thread, in the order it came. Bounded: whoever adds waits while it is full. The reader sleeps while it
/// is empty, and does not spin: a node has few processors and much else to do with them.
/// </summary>
internal sealed class DriverInbox(int capacity)
{
    // How soon somebody who waits for room notices that nobody will ever make any.
    private const int LookAroundMs = 100;

    private readonly object _gate = new();
    private readonly Queue<ReplicaInput> _inputs = new();
    private bool _woken;

    /// <summary>Adds an input; waits while the inbox is full. Throws <see cref="OperationCanceledException"/>.</summary>
    public void Add(ReplicaInput input, CancellationToken cancellation)
    {
        lock (_gate)
        {
            while (_inputs.Count >= capacity)
            {
                cancellation.ThrowIfCancellationRequested();
                Monitor.Wait(_gate, LookAroundMs);
            }
            cancellation.ThrowIfCancellationRequested();
            _inputs.Enqueue(input);
            if (_inputs.Count == 1) Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Lets the reader look around even if there is no input. Never waits; several at once are one.</summary>
    public void Wake()
    {
        lock (_gate)
        {
            if (_woken) return;
            _woken = true;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Moves at most that many inputs into the list, after waiting up to so many milliseconds for the first, or to be woken.</summary>
    public void Take(List<ReplicaInput> into, int most, int waitMs)
    {
        lock (_gate)
        {
            if (_inputs.Count == 0 && !_woken && waitMs > 0) Monitor.Wait(_gate, waitMs);
            _woken = false;
            bool full = _inputs.Count >= capacity;
            for (int i = 0; i < most && _inputs.TryDequeue(out ReplicaInput? input); i++) into.Add(input);
            if (full) Monitor.PulseAll(_gate);
        }
    }
}
