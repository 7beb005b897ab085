using Ptoy.Protocol;
using Ptoy.Protocol.State;

namespace Ptoy.Storage.State;

/// <summary>Walks one version of the tree.</summary>
internal static class TreeReader
{
    public static LeafSlot? Find(StateVersion version, Hash key, Func<NodeKey, Node> load)
    {
        if (version.RootNode is not { } root) return null;
        var at = new NodeKey(root, 0, Hash.Zero);
        while (true)
        {
            int nibble = NodeKey.Nibble(key, at.Depth);
            switch (load(at).Slots[nibble])
            {
                case ChildSlot child:
                    at = new NodeKey(child.Version, (byte)(at.Depth + 1), NodeKey.Extend(at.Prefix, at.Depth, nibble));
                    break;
                case LeafSlot leaf when leaf.Key == key:
                    return leaf;
                default:
                    return null;
            }
        }
    }

    public static StateProof Prove(StateVersion version, Hash key, Func<NodeKey, Node> load, out LeafSlot? found)
    {
        found = null;
        var siblings = new List<Hash>();
        if (version.RootNode is not { } root) return new StateProof([], Hash.Zero, Hash.Zero);
        var at = new NodeKey(root, 0, Hash.Zero);
        while (true)
        {
            Node node = load(at);
            int nibble = NodeKey.Nibble(key, at.Depth);
            Slot? end = Descend(node, nibble, siblings);
            if (end is ChildSlot child)
            {
                at = new NodeKey(child.Version, (byte)(at.Depth + 1), NodeKey.Extend(at.Prefix, at.Depth, nibble));
                continue;
            }
            if (end is not LeafSlot leaf) return new StateProof([.. siblings], Hash.Zero, Hash.Zero);
            if (leaf.Key == key) found = leaf;
            return new StateProof([.. siblings], leaf.Key, leaf.Value);
        }
    }

    public static IEnumerable<LeafSlot> Leaves(StateVersion version, Func<NodeKey, Node> load)
    {
        if (version.RootNode is not { } root) yield break;
        var open = new Stack<(NodeKey Key, int Next)>();
        open.Push((new NodeKey(root, 0, Hash.Zero), 0));
        while (open.TryPop(out (NodeKey Key, int Next) top))
        {
            if (top.Next == Node.Width) continue;
            open.Push((top.Key, top.Next + 1));
            switch (load(top.Key).Slots[top.Next])
            {
                case ChildSlot child:
                    open.Push((new NodeKey(child.Version, (byte)(top.Key.Depth + 1), NodeKey.Extend(top.Key.Prefix, top.Key.Depth, top.Next)), 0));
                    break;
                case LeafSlot leaf:
                    yield return leaf;
                    break;
                default:
                    break;
            }
        }
    }

    // Four binary levels inside one stored node. Ends early where the binary subtree is empty or a lone entry.
    private static Slot? Descend(Node node, int nibble, List<Hash> siblings)
    {
        int from = 0;
        for (int width = Node.Width; width > 1; width /= 2)
        {
            (int count, Slot? last) = node.Filled(from, width);
            if (count == 0 || (count == 1 && last is LeafSlot)) return last;
            int half = width / 2;
            bool right = nibble >= from + half;
            siblings.Add(node.RangeHash(right ? from : from + half, half));
            if (right) from += half;
        }
        return node.Slots[from];
    }
}
