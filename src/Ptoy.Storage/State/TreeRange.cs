using Ptoy.Protocol;
using Ptoy.Protocol.State;

namespace Ptoy.Storage.State;

/// <summary>Ranges of one version of the tree: the entries from a key on, and the tree as the range prover wants to see it.</summary>
internal static class TreeRange
{
    /// <summary>The entries with keys from <paramref name="from"/> on, in order.</summary>
    public static IEnumerable<LeafSlot> Leaves(StateVersion version, Hash from, Func<NodeKey, Node> load)
    {
        if (version.RootNode is not { } root) yield break;
        var open = new Stack<(NodeKey Key, int Next, bool OnEdge)>();
        open.Push((new NodeKey(root, 0, Hash.Zero), NodeKey.Nibble(from, 0), true));
        while (open.TryPop(out (NodeKey Key, int Next, bool OnEdge) top))
        {
            if (top.Next == Node.Width) continue;
            bool edge = top.OnEdge && top.Next == NodeKey.Nibble(from, top.Key.Depth);
            open.Push((top.Key, top.Next + 1, top.OnEdge));
            switch (load(top.Key).Slots[top.Next])
            {
                case ChildSlot child:
                    var key = new NodeKey(child.Version, (byte)(top.Key.Depth + 1), NodeKey.Extend(top.Key.Prefix, top.Key.Depth, top.Next));
                    open.Push((key, edge ? NodeKey.Nibble(from, key.Depth) : 0, edge));
                    break;
                case LeafSlot leaf when leaf.Key.CompareTo(from) >= 0:
                    yield return leaf;
                    break;
                default:
                    break;
            }
        }
    }

    /// <summary>The whole version as a subtree; null when it is empty.</summary>
    public static IStateSubtree? Whole(StateVersion version, Func<NodeKey, Node> load)
    {
        if (version.RootNode is not { } root) return null;
        var key = new NodeKey(root, 0, Hash.Zero);
        return Part(load, key, load(key), 0, Node.Width);
    }

    // Slots [from, from + width) of a node.
    private static IStateSubtree? Part(Func<NodeKey, Node> load, NodeKey at, Node node, int from, int width)
    {
        (int count, Slot? last) = node.Filled(from, width);
        return count == 0 ? null : count == 1 && last is LeafSlot leaf ? new LoneEntry(leaf) : new Inner(load, at, node, from, width);
    }

    private sealed class LoneEntry(LeafSlot leaf) : IStateSubtree
    {
        public Hash Hash => leaf.Hash;

        public StateEntry? Lone => new StateEntry(leaf.Key, leaf.Value);

        public (IStateSubtree? Left, IStateSubtree? Right) Halves() => throw new InvalidOperationException("a single entry has no halves");
    }

    private sealed class Inner(Func<NodeKey, Node> load, NodeKey at, Node node, int from, int width) : IStateSubtree
    {
        public Hash Hash => node.RangeHash(from, width);

        public StateEntry? Lone => null;

        public (IStateSubtree? Left, IStateSubtree? Right) Halves()
        {
            if (width > 1) return (Part(load, at, node, from, width / 2), Part(load, at, node, from + (width / 2), width / 2));
            // Read only when an end of the range goes through it.
            var key = new NodeKey(((ChildSlot)node.Slots[from]!).Version, (byte)(at.Depth + 1), NodeKey.Extend(at.Prefix, at.Depth, from));
            Node child = load(key);
            return (Part(load, key, child, 0, Node.Width / 2), Part(load, key, child, Node.Width / 2, Node.Width / 2));
        }
    }
}
