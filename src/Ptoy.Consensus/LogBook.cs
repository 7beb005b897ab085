using Ptoy.Protocol.Wire;

namespace Ptoy.Consensus;

/// <summary>
/// Writes to the consensus log, collected for the next <see cref="Ready"/>, and which keys exist, so that they can be deleted.
/// </summary>
internal sealed class LogBook
{
    private readonly SortedSet<LogKey> _keys = new(Comparer<LogKey>.Create(static (a, b) =>
    {
        int order = a.Height.CompareTo(b.Height);
        if (order == 0) order = a.Kind.CompareTo(b.Kind);
        return order == 0 ? a.View.CompareTo(b.View) : order;
    }));

    private List<LogRecord> _pending = [];

    /// <summary>True when something is to be written.</summary>
    public bool HasPending => _pending.Count > 0;

    /// <summary>A key that the log already has.</summary>
    public void Recover(LogKey key) => _keys.Add(key);

    /// <summary>Writes a value.</summary>
    public void Put<T>(LogKind kind, ulong height, ulong view, T value) where T : IWire =>
        Put(new LogKey(kind, height, view), Codec.Encode(value));

    /// <summary>Writes bytes.</summary>
    public void Put(LogKey key, byte[] value)
    {
        _keys.Add(key);
        _pending.Add(new LogRecord(key, value));
    }

    /// <summary>Deletes a record if it exists.</summary>
    public void Delete(LogKey key)
    {
        if (_keys.Remove(key)) _pending.Add(new LogRecord(key, null));
    }

    /// <summary>Deletes every record of heights 1 up to this one, but this checkpoint.</summary>
    public void DeleteUpTo(ulong height, LogKey keep)
    {
        foreach (LogKey key in _keys.Where(k => k.Height > 0 && k != keep).TakeWhile(k => k.Height <= height).ToArray()) Delete(key);
    }

    /// <summary>Deletes records of a kind at height 0 with a view below this one.</summary>
    public void DeleteViewsBelow(LogKind kind, ulong view)
    {
        foreach (LogKey key in _keys.TakeWhile(k => k.Height == 0).Where(k => k.Kind == kind && k.View < view).ToArray()) Delete(key);
    }

    /// <summary>Hands over what is to be written.</summary>
    public List<LogRecord> Take()
    {
        List<LogRecord> taken = _pending;
        _pending = [];
        return taken;
    }
}
