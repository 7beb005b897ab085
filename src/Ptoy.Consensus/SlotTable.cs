namespace Ptoy.Consensus;

/// <summary>
/// The slots of the heights above a low mark: a ring, so that finding one and walking them in order cost next to nothing. It is as long as
/// the heights that are in use, which the caller bounds.
/// </summary>
internal sealed class SlotTable(int replicas)
{
    private Slot?[] _ring = new Slot?[64];

    /// <summary>Heights up to this one have no slots.</summary>
    public ulong Low { get; private set; }

    /// <summary>No slot is above this height; at least <see cref="Low"/>.</summary>
    public ulong Top { get; private set; }

    /// <summary>The slot of a height, or null.</summary>
    public Slot? this[ulong height] => height > Low && height <= Top ? _ring[Index(height)] : null;

    /// <summary>The slot of a height above <see cref="Low"/>, made when needed.</summary>
    public Slot At(ulong height)
    {
        if (height - Low >= (ulong)_ring.Length) Grow(height - Low + 1);
        if (height > Top) Top = height;
        return _ring[Index(height)] ??= new Slot(height, replicas);
    }

    /// <summary>Forgets heights up to this one.</summary>
    public void DropUpTo(ulong height)
    {
        for (ulong h = Low + 1; h <= Top && h <= height; h++) _ring[Index(h)] = null;
        Low = Math.Max(Low, height);
        Top = Math.Max(Top, Low);
    }

    /// <summary>Forgets heights above this one.</summary>
    public void DropAbove(ulong height)
    {
        for (; Top > Low && Top > height; Top--) _ring[Index(Top)] = null;
    }

    private int Index(ulong height) => (int)(height & (ulong)(_ring.Length - 1));

    private void Grow(ulong needed)
    {
        Slot?[] old = _ring;
        _ring = new Slot?[(int)System.Numerics.BitOperations.RoundUpToPowerOf2(needed)];
        for (ulong h = Low + 1; h <= Top; h++) _ring[Index(h)] = old[(int)(h & (ulong)(old.Length - 1))];
    }
}
