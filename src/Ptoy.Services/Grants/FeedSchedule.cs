using Ptoy.Protocol;

namespace Ptoy.Services.Grants;

/// <summary>Which patient is looked at when. Bounded: patients above the bound are not taken in. Safe for concurrent use.</summary>
internal sealed class FeedSchedule(TimeProvider time, int maxPatients) : IDisposable
{
    private readonly Dictionary<Address, DateTimeOffset> _due = [];
    private readonly PriorityQueue<Address, DateTimeOffset> _queue = new();
    private readonly SemaphoreSlim _woken = new(0, 1);
    private readonly Lock _lock = new();

    public int Count
    {
        get { lock (_lock) return _due.Count; }
    }

    public IReadOnlyList<Address> All
    {
        get { lock (_lock) return [.. _due.Keys]; }
    }

    public bool Knows(Address patient)
    {
        lock (_lock) return _due.ContainsKey(patient);
    }

    /// <summary>Looks at the patient then, whatever was planned.</summary>
    public void At(Address patient, DateTimeOffset when)
    {
        lock (_lock)
        {
            if (_due.Count >= maxPatients && !_due.ContainsKey(patient)) return;
            _due[patient] = when;
            _queue.Enqueue(patient, when);
        }
        Wake();
    }

    /// <summary>Looks at the patient then, unless it is planned for earlier.</summary>
    public void AtLatest(Address patient, DateTimeOffset when)
    {
        lock (_lock)
        {
            if (_due.TryGetValue(patient, out DateTimeOffset planned) && planned <= when) return;
        }
        At(patient, when);
    }

    /// <summary>Forgets the patient who is being looked at, unless something made another look necessary meanwhile.</summary>
    public void Remove(Address patient)
    {
        lock (_lock)
        {
            if (_due.GetValueOrDefault(patient) == DateTimeOffset.MaxValue) _due.Remove(patient);
        }
    }

    /// <summary>A patient whose time has come; who asks plans the next time.</summary>
    public Address? Due()
    {
        lock (_lock)
        {
            while (_queue.TryPeek(out Address patient, out DateTimeOffset when))
            {
                // An entry that was planned anew, or removed, meanwhile.
                if (!_due.TryGetValue(patient, out DateTimeOffset planned) || planned != when)
                {
                    _queue.Dequeue();
                    continue;
                }
                if (when > time.GetUtcNow()) return null;
                _queue.Dequeue();
                _due[patient] = DateTimeOffset.MaxValue;
                return patient;
            }
            return null;
        }
    }

    public void Wake()
    {
        lock (_lock)
        {
            if (_woken.CurrentCount == 0) _woken.Release();
        }
    }

    /// <summary>Waits for the next patient's time, at most until then, or until woken.</summary>
    public async Task WaitAsync(DateTimeOffset latest, CancellationToken stop)
    {
        DateTimeOffset next = latest;
        lock (_lock)
        {
            if (_queue.TryPeek(out _, out DateTimeOffset when) && when < next) next = when;
        }
        TimeSpan wait = next - time.GetUtcNow();
        if (wait <= TimeSpan.Zero) return;
        using var timer = CancellationTokenSource.CreateLinkedTokenSource(stop);
        Task delay = Task.Delay(wait, time, timer.Token), woken = _woken.WaitAsync(timer.Token);
        await Task.WhenAny(delay, woken);
        await timer.CancelAsync();
        stop.ThrowIfCancellationRequested();
    }

    public void Dispose() => _woken.Dispose();
}
