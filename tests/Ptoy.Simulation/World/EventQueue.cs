namespace Ptoy.Simulation;

/// <summary>What happens at a moment of virtual time.</summary>
internal enum EventKind : byte
{
    Tick,
    Propose,
    WriteDone,
    ExecuteDone,
    BodiesHeld,
    Message,
    Fetched,
    Followed,
    Chaos,
    Misbehave,
    Forget,
    Restart,
    Nothing,
}

/// <summary>An event. One that names a life happens only to that life of the node; −1 is for whichever life is there.</summary>
internal readonly record struct SimEvent(EventKind Kind, SimNode? Node, int Life, object? Subject, long Number);

/// <summary>
/// Virtual time: a timing wheel with a bucket for each unit, in the order in which events were added. A heap costs several times as much, and
/// this is the innermost loop.
/// </summary>
internal sealed class EventQueue
{
    /// <summary>Longest delay.</summary>
    public const int MaxDelay = Ring - 1;

    private const int Ring = 4096;

    private readonly int[] _heads = new int[Ring];
    private readonly int[] _tails = new int[Ring];
    private Entry[] _entries = new Entry[1024];
    private int _free;
    private int _used;
    private int _count;

    private struct Entry
    {
        public SimEvent Event;
        public int Next;
    }

    /// <summary>Now, in units.</summary>
    public long Time { get; private set; }

    /// <summary>Forgets everything, so that the queue can serve another world.</summary>
    public void Reset()
    {
        Array.Fill(_heads, -1);
        Array.Fill(_tails, -1);
        Array.Clear(_entries, 0, _used);
        _free = -1;
        _used = 0;
        _count = 0;
        Time = 0;
    }

    /// <summary>Adds an event so many units from now.</summary>
    public void Add(int delay, in SimEvent happening)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(delay);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(delay, MaxDelay);
        int entry = Rent();
        _entries[entry].Event = happening;
        _entries[entry].Next = -1;
        int bucket = (int)((Time + delay) & (Ring - 1));
        if (_heads[bucket] < 0) _heads[bucket] = entry;
        else _entries[_tails[bucket]].Next = entry;
        _tails[bucket] = entry;
        _count++;
    }

    /// <summary>Takes the next event and moves the time to it.</summary>
    public SimEvent Take()
    {
        if (_count == 0) throw new InvalidOperationException("nothing is left to happen");
        int bucket = (int)(Time & (Ring - 1));
        while (_heads[bucket] < 0)
        {
            Time++;
            bucket = (int)(Time & (Ring - 1));
        }
        int entry = _heads[bucket];
        SimEvent happening = _entries[entry].Event;
        _heads[bucket] = _entries[entry].Next;
        _entries[entry].Event = default;
        _entries[entry].Next = _free;
        _free = entry;
        _count--;
        return happening;
    }

    private int Rent()
    {
        if (_free >= 0)
        {
            int entry = _free;
            _free = _entries[entry].Next;
            return entry;
        }
        if (_used == _entries.Length) Array.Resize(ref _entries, 2 * _used);
        return _used++;
    }
}
