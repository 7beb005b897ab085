namespace Ptoy.Node.Transport;

/// <summary>Which counters of one lane were seen: each is taken once, and none that lies further back than the window.</summary>
internal sealed class ReplayWindow
{
    /// <summary>UDP engine windows are 64 packets a lane, so what is older than this came from a recording.</summary>
    public const int Size = 1024;

    private readonly ulong[] _seen = new ulong[Size / 64];
    private ulong _highest;
    private bool _any;

    /// <summary>True when the counter is beyond all that were taken.</summary>
    public bool IsHighest(ulong counter) => !_any || counter > _highest;

    /// <summary>True when the counter is new. Does not take it: that happens after the packet authenticated.</summary>
    public bool IsNew(ulong counter)
    {
        if (!_any || counter > _highest) return true;
        return _highest - counter < Size && (_seen[Slot(counter)] & Bit(counter)) == 0;
    }

    /// <summary>Marks a counter that <see cref="IsNew"/>.</summary>
    public void Take(ulong counter)
    {
        if (!_any || counter > _highest)
        {
            if (!_any || counter - _highest >= Size) Array.Clear(_seen);
            else for (ulong passed = _highest + 1; passed < counter; passed++) _seen[Slot(passed)] &= ~Bit(passed);
            _highest = counter;
            _any = true;
        }
        _seen[Slot(counter)] |= Bit(counter);
    }

    private static int Slot(ulong counter) => (int)(counter % Size / 64);

    private static ulong Bit(ulong counter) => 1UL << (int)(counter % 64);
}
