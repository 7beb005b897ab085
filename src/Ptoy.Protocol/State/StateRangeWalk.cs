namespace Ptoy.Protocol.State;

/// <summary>Recomputes the root that a <see cref="StateRange"/> leads to.</summary>
internal sealed class StateRangeWalk(StateRange range, StateEntry[] entries)
{
    /// <summary>A subtree: empty (zero), a lone entry, or a node. Only a lone entry moves up past an empty sibling.</summary>
    private readonly record struct Subtree(Hash Hash, bool IsLone);

    private readonly byte[] _prefix = new byte[Hash.Size];
    private int _step;

    /// <summary>Why there is no root.</summary>
    public string Error { get; private set; } = "";

    /// <summary>The root, or null when the proof does not fit the range.</summary>
    public Hash? Root()
    {
        if (Walk(0, 0, entries.Length) is not { } root) return null;
        return _step == range.Proof.Length ? root.Hash : Fail("the proof has steps left over");
    }

    // Of the subtree that _prefix and depth name, with the entries [from, to).
    private Subtree? Walk(int depth, int from, int to)
    {
        KeySpan span = KeySpan.Of(_prefix, depth);
        bool outside = span.Last.CompareTo(range.From) < 0 || span.First.CompareTo(range.To) > 0;
        if (!outside && span.First.CompareTo(range.From) >= 0 && span.Last.CompareTo(range.To) <= 0) return Inside(depth, from, to);
        if (_step == range.Proof.Length) return Fail<Subtree>("the proof ends too early");
        StateStep step = range.Proof[_step++];
        return step.Kind switch
        {
            StateStepKind.Nothing when to - from < 2 => Inside(depth, from, to),
            StateStepKind.Outside when outside => new Subtree(step.Hash, IsLone: false),
            StateStepKind.Lone => Lone(step, span, from, to),
            StateStepKind.Halves when !outside => Halves(depth, from, to),
            _ => Fail<Subtree>($"step {_step - 1} of the proof does not fit its place"),
        };
    }

    private Subtree Inside(int depth, int from, int to) =>
        new(StateTree.Root(entries.AsSpan(from, to - from), depth), to - from == 1);

    private Subtree? Lone(StateStep step, KeySpan span, int from, int to)
    {
        bool there = step.Key.CompareTo(span.First) >= 0 && step.Key.CompareTo(span.Last) <= 0;
        bool inRange = step.Key.CompareTo(range.From) >= 0 && step.Key.CompareTo(range.To) <= 0;
        if (!there || inRange || from != to) return Fail<Subtree>($"step {_step - 1} shows an entry that is not outside, or not alone");
        return new Subtree(StateHash.Leaf(step.Key, step.Hash), IsLone: true);
    }

    private Subtree? Halves(int depth, int from, int to)
    {
        if (depth == StateProof.MaxDepth) return Fail<Subtree>("the proof is deeper than the tree");
        int split = from + StateTree.Split(entries.AsSpan(from, to - from), depth);
        if (Walk(depth + 1, from, split) is not { } left) return null;
        _prefix[depth >> 3] |= (byte)(0x80 >> (depth & 7));
        Subtree? walked = Walk(depth + 1, split, to);
        _prefix[depth >> 3] &= (byte)~(0x80 >> (depth & 7));
        if (walked is not { } right) return null;
        // Halves are of a subtree with two or more entries: there is one way to say anything.
        bool lonely = (left.Hash.IsZero && (right.Hash.IsZero || right.IsLone)) || (right.Hash.IsZero && left.IsLone);
        return lonely ? Fail<Subtree>("a subtree with fewer than two entries is split") : new Subtree(StateHash.Node(left.Hash, right.Hash), IsLone: false);
    }

    private T? Fail<T>(string error)
        where T : struct
    {
        Error = error;
        return null;
    }

    private Hash? Fail(string error) => Fail<Hash>(error);
}

/// <summary>First and last key of the subtree at a prefix of <c>depth</c> bits; the other bits of the prefix are zero.</summary>
internal readonly record struct KeySpan(Hash First, Hash Last)
{
    public static KeySpan Of(ReadOnlySpan<byte> prefix, int depth)
    {
        Span<byte> last = stackalloc byte[Hash.Size];
        prefix.CopyTo(last);
        if (depth < Hash.Size * 8)
        {
            last[depth >> 3] |= (byte)(0xff >> (depth & 7));
            last[((depth >> 3) + 1)..].Fill(0xff);
        }
        return new KeySpan(new Hash(prefix), new Hash(last));
    }
}
