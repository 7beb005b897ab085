using Ptoy.Protocol.Ledger;

namespace Ptoy.Consensus;

/// <summary>
/// The end of an epoch. A change of members that passes at height h ends the epoch at E ≥ h + window. A header names an executed height
/// at most a window below its own, so whoever judges a header above E has executed h and knows E: nothing above it is ever voted for.
/// </summary>
public sealed partial class Replica
{
    /// <summary>The last height of the epoch before.</summary>
    private ulong _base;

    /// <summary>The last height of this epoch, once known.</summary>
    private ulong? _barrier;

    private void NoteBarrier(ExecutionStatement statement, ulong? barrier)
    {
        if (barrier is { } height) SetBarrier(height, statement.Height);
        bool last = statement.Height == _barrier;
        if (last == statement.NextValidators.IsZero)
        {
            throw new ArgumentException(last
                ? $"height {statement.Height} is the last of epoch {_set.Epoch}, but names no next validators"
                : $"height {statement.Height} names next validators, but is not the last of epoch {_set.Epoch}", nameof(statement));
        }
    }

    private void SetBarrier(ulong height, ulong executed)
    {
        if (height == _barrier) return;
        if (_barrier is not null) throw new ArgumentException($"the epoch was to end at height {_barrier}, not {height}", nameof(height));
        if (height < executed) throw new ArgumentException($"the epoch is to end at height {height}, but {executed} is executed", nameof(height));
        _barrier = height;
        foreach (Slot slot in SlotsAbove(height))
        {
            if (_self >= 0 && slot.Prepares[_self].Signature is not null)
                Halt($"the epoch is to end at height {height}, but this node voted for height {slot.Height}: the barrier is nearer than the window");
            _slots.Remove(slot.Height);
        }
    }
}
