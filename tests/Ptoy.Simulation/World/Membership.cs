using Ptoy.Protocol;

namespace Ptoy.Simulation;

/// <summary>
/// A change of members: it passes so many heights after its epoch began, takes effect a window later, and from then on these identities
/// are the members.
/// </summary>
internal sealed record Change(int Gap, int[] Members);

/// <summary>Which validators decide which heights: laid down by the scenario, found out by nodes as they execute.</summary>
internal sealed class Timetable
{
    private readonly List<(ulong Base, ulong? Passed, ulong? Barrier)> _epochs = [];

    public Timetable(ulong window, IReadOnlyList<Change> changes)
    {
        ulong start = 0;
        foreach (Change change in changes)
        {
            ulong passed = start + (ulong)change.Gap, barrier = passed + window;
            _epochs.Add((start, passed, barrier));
            start = barrier;
        }
        _epochs.Add((start, null, null));
    }

    /// <summary>The epoch that decides a height; genesis belongs to the first.</summary>
    public ulong EpochAt(ulong height)
    {
        int epoch = 0;
        while (_epochs[epoch].Barrier < height) epoch++;
        return (ulong)epoch;
    }

    /// <summary>The last height of the epoch before.</summary>
    public ulong BaseOf(ulong epoch) => _epochs[(int)epoch].Base;

    /// <summary>The last height of an epoch, for whoever has executed so far; null when that state does not say.</summary>
    public ulong? BarrierOf(ulong epoch, ulong executed) => executed >= _epochs[(int)epoch].Passed ? _epochs[(int)epoch].Barrier : null;

    /// <summary>True for the last height of an epoch.</summary>
    public bool EndsEpoch(ulong height) => _epochs[(int)EpochAt(height)].Barrier == height;
}
