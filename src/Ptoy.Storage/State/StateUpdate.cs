using Ptoy.Protocol;

namespace Ptoy.Storage.State;

/// <summary>
/// What one height does to the state, computed and not yet stored: made by <see cref="StateStore.Prepare"/>, stored by the
/// ledger's commit in the same batch as the block. It builds on the version it was prepared from and is refused on any other.
/// </summary>
public sealed class StateUpdate
{
    internal StateUpdate(ulong height, StateVersion parent, StateVersion result, TreeUpdate tree, IReadOnlyDictionary<Hash, (string Path, string Json)> values)
    {
        Height = height;
        Parent = parent;
        Result = result;
        Tree = tree;
        Values = values;
    }

    /// <summary>The height whose writes these are.</summary>
    public ulong Height { get; }

    /// <summary>The state root after them.</summary>
    public Hash Root => Result.Root;

    /// <summary>How many entries change.</summary>
    public int Changes => Tree.Changed.Count;

    internal StateVersion Parent { get; }

    internal StateVersion Result { get; }

    internal TreeUpdate Tree { get; }

    internal IReadOnlyDictionary<Hash, (string Path, string Json)> Values { get; }
}

/// <summary>A height, its root, and the version of its root node (null: the tree was never written).</summary>
internal sealed record StateVersion(ulong Height, Hash Root, ulong? RootNode);
