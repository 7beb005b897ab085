using System.Collections.Concurrent;

namespace Ptoy.Storage.State;

/// <summary>
/// Nodes read or written lately. Two generations: when the young one is full it becomes the old one and the old one goes, so
/// what is used stays and no list has to be kept in order. Nodes never change, so an entry is never wrong, only absent.
/// </summary>
internal sealed class NodeCache(int capacity)
{
    private readonly int _generation = Math.Max(1, capacity / 2);
    private readonly Lock _turn = new();
    private volatile ConcurrentDictionary<NodeKey, Node> _young = new();
    private volatile ConcurrentDictionary<NodeKey, Node> _old = new();
    private int _count;

    public bool TryGet(NodeKey key, out Node? node)
    {
        if (_young.TryGetValue(key, out node)) return true;
        if (!_old.TryGetValue(key, out node)) return false;
        Add(key, node);
        return true;
    }

    public void Add(NodeKey key, Node node)
    {
        if (!_young.TryAdd(key, node)) return;
        if (Interlocked.Increment(ref _count) < _generation) return;
        lock (_turn)
        {
            if (Volatile.Read(ref _count) < _generation) return;
            _old = _young;
            _young = new ConcurrentDictionary<NodeKey, Node>();
            Volatile.Write(ref _count, 0);
        }
    }

    /// <summary>Makes room: the newest version does not refer to this node any more (older ones read it from disk).</summary>
    public void Remove(NodeKey key)
    {
        if (_young.TryRemove(key, out _)) Interlocked.Decrement(ref _count);
        _old.TryRemove(key, out _);
    }
}
