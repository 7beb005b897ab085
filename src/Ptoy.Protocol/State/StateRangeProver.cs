namespace Ptoy.Protocol.State;

/// <summary>A subtree of a state tree as its owner keeps it, for <see cref="StateRangeProver"/>. A subtree without entries is null.</summary>
public interface IStateSubtree
{
    /// <summary>The subtree's hash.</summary>
    Hash Hash { get; }

    /// <summary>The entry, when it is the only one.</summary>
    StateEntry? Lone { get; }

    /// <summary>The halves, when there are two or more entries.</summary>
    (IStateSubtree? Left, IStateSubtree? Right) Halves();
}

/// <summary>Makes the proof of a <see cref="StateRange"/> from a tree, however it is stored.</summary>
public static class StateRangeProver
{
    /// <summary>The proof of the range [<paramref name="from"/>, <paramref name="to"/>]; the items are not looked at.</summary>
    public static StateStep[] Prove(IStateSubtree? root, Hash from, Hash to)
    {
        var steps = new List<StateStep>();
        Walk(root, new byte[Hash.Size], 0, from, to, steps);
        return [.. steps];
    }

    /// <summary>A range of a whole set of items, in any order: the definition that a stored tree must agree with.</summary>
    public static StateRange Of(IEnumerable<StateItem> items, Hash from, Hash to)
    {
        (StateEntry Entry, StateItem Item)[] sorted = [.. items.Select(i => (Entry: i.ToEntry(), i)).OrderBy(p => p.Entry.Key)];
        StateEntry[] entries = [.. sorted.Select(s => s.Entry)];
        IStateSubtree? root = entries.Length == 0 ? null : new Whole(entries, 0);
        StateItem[] inside = [.. sorted.Where(s => s.Entry.Key.CompareTo(from) >= 0 && s.Entry.Key.CompareTo(to) <= 0).Select(s => s.Item)];
        return new StateRange(from, to, inside, Prove(root, from, to));
    }

    private static void Walk(IStateSubtree? subtree, byte[] prefix, int depth, Hash from, Hash to, List<StateStep> steps)
    {
        KeySpan span = KeySpan.Of(prefix, depth);
        bool outside = span.Last.CompareTo(from) < 0 || span.First.CompareTo(to) > 0;
        if (!outside && span.First.CompareTo(from) >= 0 && span.Last.CompareTo(to) <= 0) return;
        if (subtree is null)
        {
            steps.Add(StateStep.Nothing);
            return;
        }
        if (subtree.Lone is { } lone)
        {
            bool inRange = lone.Key.CompareTo(from) >= 0 && lone.Key.CompareTo(to) <= 0;
            steps.Add(inRange ? StateStep.Nothing : new StateStep(StateStepKind.Lone, lone.Key, lone.Value));
            return;
        }
        if (outside)
        {
            steps.Add(new StateStep(StateStepKind.Outside, Hash.Zero, subtree.Hash));
            return;
        }
        steps.Add(StateStep.Halves);
        (IStateSubtree? left, IStateSubtree? right) = subtree.Halves();
        Walk(left, prefix, depth + 1, from, to, steps);
        prefix[depth >> 3] |= (byte)(0x80 >> (depth & 7));
        Walk(right, prefix, depth + 1, from, to, steps);
        prefix[depth >> 3] &= (byte)~(0x80 >> (depth & 7));
    }

    private sealed class Whole(ReadOnlyMemory<StateEntry> sorted, int depth) : IStateSubtree
    {
        public Hash Hash => StateTree.Root(sorted.Span, depth);

        public StateEntry? Lone => sorted.Length == 1 ? sorted.Span[0] : null;

        public (IStateSubtree? Left, IStateSubtree? Right) Halves()
        {
            int split = StateTree.Split(sorted.Span, depth);
            return (Part(sorted[..split]), Part(sorted[split..]));
        }

        private Whole? Part(ReadOnlyMemory<StateEntry> part) => part.IsEmpty ? null : new Whole(part, depth + 1);
    }
}
