namespace Ptoy.Services.Connector.Hl7.State;

/// <summary>
/// Counts of the feed, kept on disk with what they count. Names come from messages too (segments, fields, types), so their number is
/// bounded: beyond it they are counted together.
/// </summary>
internal sealed class Tally(Dictionary<string, long> counts)
{
    /// <summary>Most names.</summary>
    public const int MaxNames = 20_000;

    private const string Others = "others";

    private readonly Lock _lock = new();

    /// <summary>
    /// Counts names and gives their new values, to be written in the same batch as what was counted.
    /// </summary>
    public IReadOnlyDictionary<string, long> Count(IEnumerable<string> names)
    {
        var changed = new Dictionary<string, long>(StringComparer.Ordinal);
        lock (_lock)
        {
            foreach (string name in names)
            {
                string known = counts.ContainsKey(name) || counts.Count < MaxNames ? name : Others;
                changed[known] = counts[known] = counts.GetValueOrDefault(known) + 1;
            }
        }
        return changed;
    }

    /// <summary>A copy.</summary>
    public SortedDictionary<string, long> All()
    {
        lock (_lock) return new SortedDictionary<string, long>(counts, StringComparer.Ordinal);
    }

    /// <summary>One count.</summary>
    public long Of(string name)
    {
        lock (_lock) return counts.GetValueOrDefault(name);
    }
}
