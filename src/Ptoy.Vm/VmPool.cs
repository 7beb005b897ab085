using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;

namespace Ptoy.Vm;

/// <summary>
/// A fixed set of VM threads for calls that may run side by side, such as the views a gatekeeper asks for. Work is taken in
/// the order it came; a full queue refuses.
/// </summary>
public sealed class VmPool : IDisposable
{
    private readonly BlockingCollection<Action> _queue;
    private readonly Thread[] _threads;

    /// <summary>Starts <paramref name="threads"/> threads with a queue of at most <paramref name="capacity"/> waiting pieces of work.</summary>
    public VmPool(int threads, int capacity = 1024)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        _queue = new BlockingCollection<Action>(capacity);
        _threads = new Thread[threads];
        for (int i = 0; i < threads; i++) _threads[i] = VmThread.Start($"ptoy-vm-{i}", Loop);
    }

    /// <summary>Queues work that handles its own exceptions; false when the queue is full or the pool is closed.</summary>
    public bool TryPost(Action work)
    {
        ArgumentNullException.ThrowIfNull(work);
        try { return _queue.TryAdd(work); }
        catch (InvalidOperationException) { return false; }
    }

    /// <summary>Runs work on the pool and waits for it. Throws <see cref="InvalidOperationException"/> when the queue is full.</summary>
    public T Run<T>(Func<T> work)
    {
        ArgumentNullException.ThrowIfNull(work);
        using var done = new ManualResetEventSlim();
        T? result = default;
        ExceptionDispatchInfo? failure = null;
        bool queued = TryPost(() =>
        {
            try { result = work(); }
#pragma warning disable CA1031 // every failure crosses to the caller's thread
            catch (Exception e) { failure = ExceptionDispatchInfo.Capture(e); }
#pragma warning restore CA1031
            finally { done.Set(); }
        });
        if (!queued) throw new InvalidOperationException("the contract threads are busy: their queue is full");
        done.Wait();
        failure?.Throw();
        return result!;
    }

    /// <summary>Finishes what is queued and ends the threads.</summary>
    public void Dispose()
    {
        _queue.CompleteAdding();
        foreach (Thread thread in _threads) thread.Join();
        _queue.Dispose();
    }

    private void Loop()
    {
        foreach (Action work in _queue.GetConsumingEnumerable()) work();
    }
}
