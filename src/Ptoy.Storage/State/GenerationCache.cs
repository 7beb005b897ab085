using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;

namespace Ptoy.Storage.State;

/// <summary>
/// What was read or written lately, up to a total weight. Two generations: when the young one is full it becomes the old one and the old one
/// goes, so what is used stays and no list has to be kept in order. What is in it never changes, or says itself what it is.
/// </summary>
internal sealed class GenerationCache<TKey, TValue>(long capacity, Func<TValue, int> weigh)
    where TKey : notnull
    where TValue : class
{
    private readonly long _generation = Math.Max(1, capacity / 2);
    private readonly Lock _turn = new();
    private volatile ConcurrentDictionary<TKey, TValue> _young = new();
    private volatile ConcurrentDictionary<TKey, TValue> _old = new();
    private long _weight;

    public bool TryGet(TKey key, [NotNullWhen(true)] out TValue? value)
    {
        if (_young.TryGetValue(key, out value)) return true;
        if (!_old.TryGetValue(key, out value)) return false;
        Add(key, value);
        return true;
    }

    public void Add(TKey key, TValue value)
    {
        if (_young.TryAdd(key, value)) Weigh(weigh(value));
    }

    /// <summary>Adds a value, or puts it in the place of another.</summary>
    public void Put(TKey key, TValue value)
    {
        int before = _young.TryGetValue(key, out TValue? known) ? weigh(known) : 0;
        _young[key] = value;
        Weigh(weigh(value) - before);
    }

    /// <summary>Makes room: nothing will ask for this any more (readers of older versions read it from disk).</summary>
    public void Remove(TKey key)
    {
        if (_young.TryRemove(key, out TValue? value)) Interlocked.Add(ref _weight, -weigh(value));
        _old.TryRemove(key, out _);
    }

    // Two threads that put the same key may miscount a little: the next generation starts from nothing again.
    private void Weigh(int more)
    {
        if (Interlocked.Add(ref _weight, more) < _generation) return;
        lock (_turn)
        {
            if (Volatile.Read(ref _weight) < _generation) return;
            _old = _young;
            _young = new ConcurrentDictionary<TKey, TValue>();
            Volatile.Write(ref _weight, 0);
        }
    }
}
