namespace Ptoy.Protocol.State;

/// <summary>One entry of the state tree, as hashes.</summary>
public readonly record struct StateEntry(Hash Key, Hash Value);

/// <summary>
/// The state tree computed from all its entries at once: the definition that the stored, incremental tree must agree with,
/// and what checks a snapshot of the whole state.
/// </summary>
public static class StateTree
{
    /// <summary>The root over a set of entries, in any order. Throws <see cref="ArgumentException"/> when a key occurs twice.</summary>
    public static Hash Root(IEnumerable<StateEntry> entries) => Root(Sorted(entries), 0);

    /// <summary>The proof of what the set says about <paramref name="key"/>: its value or its absence.</summary>
    public static StateProof Prove(IEnumerable<StateEntry> entries, Hash key)
    {
        Span<byte> bits = stackalloc byte[Hash.Size];
        key.CopyTo(bits);
        ReadOnlySpan<StateEntry> rest = Sorted(entries);
        var siblings = new List<Hash>();
        while (rest.Length > 1)
        {
            int split = Split(rest, siblings.Count);
            bool right = StateHash.Bit(bits, siblings.Count);
            Hash sibling = Root(right ? rest[..split] : rest[split..], siblings.Count + 1);
            rest = right ? rest[split..] : rest[..split];
            siblings.Add(sibling);
        }
        return rest.IsEmpty
            ? new StateProof([.. siblings], Hash.Zero, Hash.Zero)
            : new StateProof([.. siblings], rest[0].Key, rest[0].Value);
    }

    private static StateEntry[] Sorted(IEnumerable<StateEntry> entries)
    {
        StateEntry[] sorted = [.. entries.OrderBy(e => e.Key)];
        for (int i = 1; i < sorted.Length; i++)
        {
            if (sorted[i].Key == sorted[i - 1].Key) throw new ArgumentException($"the state key {sorted[i].Key.Short} occurs twice", nameof(entries));
        }
        return sorted;
    }

    internal static Hash Root(ReadOnlySpan<StateEntry> sorted, int depth)
    {
        if (sorted.IsEmpty) return Hash.Zero;
        if (sorted.Length == 1) return StateHash.Leaf(sorted[0].Key, sorted[0].Value);
        int split = Split(sorted, depth);
        return StateHash.Node(Root(sorted[..split], depth + 1), Root(sorted[split..], depth + 1));
    }

    // Index of the first entry whose key has bit `depth` set.
    internal static int Split(ReadOnlySpan<StateEntry> sorted, int depth)
    {
        Span<byte> key = stackalloc byte[Hash.Size];
        int low = 0, high = sorted.Length;
        while (low < high)
        {
            int middle = (low + high) / 2;
            sorted[middle].Key.CopyTo(key);
            if (StateHash.Bit(key, depth)) high = middle; else low = middle + 1;
        }
        return low;
    }
}
