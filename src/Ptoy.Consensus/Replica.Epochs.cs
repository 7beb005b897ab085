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

    /// <summary>No height above this one is proposed or voted for.</summary>
    private ulong LastHeight => _config.Fault == PlantedFault.ProposalAboveBarrier ? ulong.MaxValue : _barrier ?? ulong.MaxValue;

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
        if (height < executed)
            throw new ArgumentException($"the epoch is to end at height {height}, but {executed} is executed", nameof(height));
        _barrier = height;
        _safety.EndAt(height);
        if (_config.Fault == PlantedFault.ProposalAboveBarrier) return;
        for (ulong h = height + 1; _self >= 0 && h <= _slots.Top; h++)
        {
            if (_slots[h] is { } slot && slot.Prepares[_self].Signature is not null)
                Halt($"the epoch is to end at height {height}, but this node voted for height {h}: the barrier is nearer than the window");
        }
        _slots.DropAbove(height);
    }
}
