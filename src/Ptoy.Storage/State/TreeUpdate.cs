using Ptoy.Protocol;

namespace Ptoy.Storage.State;

/// <summary>One change to the tree: a new value hash, or <see cref="Hash.Zero"/> to remove the entry.</summary>
internal readonly record struct TreeChange(Hash Key, Hash Value);

/// <summary>
/// Applies the changes of one height to the tree in one pass from the root: each node on the way is read once, hashed once and
/// written once under the new version. Collects the nodes written, the nodes made stale, and the old places of values.
/// </summary>
internal sealed class TreeUpdate(Func<NodeKey, Node> load, ulong version)
{
    /// <summary>Nodes to store.</summary>
    public List<KeyValuePair<NodeKey, Node>> Written { get; } = [];

    /// <summary>Nodes that no version from this one on refers to.</summary>
    public List<NodeKey> Stale { get; } = [];

    /// <summary>Values that no version from this one on refers to: key and the height that wrote them.</summary>
    public List<(Hash Key, ulong Version)> StaleValues { get; } = [];

    /// <summary>Keys whose value was really changed (a write of the value already there is none), with the new entry or null.</summary>
    public Dictionary<Hash, LeafSlot?> Changed { get; } = [];

    /// <summary>Applies changes sorted by key, each key once. Returns the new root hash and the version of the root node.</summary>
    public (Hash Root, ulong RootVersion) Apply(ulong? rootVersion, Hash root, ReadOnlySpan<TreeChange> sorted)
    {
        Node old = rootVersion is { } v ? load(new NodeKey(v, 0, Hash.Zero)) : Node.Empty;
        Slot?[] slots = Children(old, sorted, 0, Hash.Zero, out int changed);
        if (changed == 0 && rootVersion is { } same) return (root, same);
        if (rootVersion is { } stale) Stale.Add(new NodeKey(stale, 0, Hash.Zero));
        var node = new Node(slots, old, changed);
        Written.Add(new(new NodeKey(version, 0, Hash.Zero), node));
        return (node.ComputeHash(), version);
    }

    // `changed` has a bit for each slot whose content is another one now.
    private Slot?[] Children(Node old, ReadOnlySpan<TreeChange> sorted, int depth, Hash prefix, out int changed)
    {
        var slots = (Slot?[])old.Slots.Clone();
        changed = 0;
        while (!sorted.IsEmpty)
        {
            int nibble = NodeKey.Nibble(sorted[0].Key, depth);
            int end = 1;
            while (end < sorted.Length && NodeKey.Nibble(sorted[end].Key, depth) == nibble) end++;
            Slot? now = Place(slots[nibble], sorted[..end], depth + 1, NodeKey.Extend(prefix, depth, nibble));
            if (!ReferenceEquals(now, slots[nibble])) changed |= 1 << nibble;
            slots[nibble] = now;
            sorted = sorted[end..];
        }
        return slots;
    }

    /// <summary>The new content of one place; the same object when nothing changed there.</summary>
    private Slot? Place(Slot? slot, ReadOnlySpan<TreeChange> changes, int depth, Hash prefix)
    {
        if (slot is ChildSlot child)
        {
            var key = new NodeKey(child.Version, (byte)depth, prefix);
            Node node = load(key);
            Slot?[] slots = Children(node, changes, depth, prefix, out int changed);
            if (changed == 0) return slot;
            Stale.Add(key);
            return Close(slots, node, changed, depth, prefix);
        }
        var leaf = (LeafSlot?)slot;
        if (changes.Length == 1 && (leaf is null || leaf.Key == changes[0].Key)) return Entry(leaf, changes[0]);
        // Two or more keys meet here: a node is made as if it had been there, and closed again if one entry remains.
        var lone = new Slot?[Node.Width];
        if (leaf is not null) lone[NodeKey.Nibble(leaf.Key, depth)] = leaf;
        var virtualNode = new Node(lone);
        Slot?[] opened = Children(virtualNode, changes, depth, prefix, out int any);
        return any == 0 ? slot : Close(opened, virtualNode, any, depth, prefix);
    }

    private LeafSlot? Entry(LeafSlot? leaf, TreeChange change)
    {
        if (leaf is null ? change.Value.IsZero : leaf.Value == change.Value) return leaf;
        if (leaf is not null) StaleValues.Add((leaf.Key, leaf.Version));
        LeafSlot? now = change.Value.IsZero ? null : new LeafSlot(change.Key, change.Value, version);
        Changed.Add(change.Key, now);
        return now;
    }

    // A subtree of one entry is that entry, and an empty one is nothing: so the shape depends on the entries alone.
    private Slot? Close(Slot?[] slots, Node old, int changed, int depth, Hash prefix)
    {
        var node = new Node(slots, old, changed);
        (int count, Slot? only) = node.Filled(0, Node.Width);
        if (count == 0) return null;
        if (count == 1 && only is LeafSlot) return only;
        Written.Add(new(new NodeKey(version, (byte)depth, prefix), node));
        return new ChildSlot(version, node.ComputeHash());
    }
}
