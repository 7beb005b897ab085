using Ptoy.Protocol;
using Ptoy.Protocol.State;
using Ptoy.Storage.Engine;
using Ptoy.Storage.State;

namespace Ptoy.Storage.Snapshots;

/// <summary>
/// The tree that an import grows: one version, that of the snapshot, written over again as entries come. Entries are only added, so a place
/// that once had a node keeps one, and nothing becomes stale.
/// </summary>
internal sealed class ImportTree
{
    /// <summary>Nodes near the root, which every range goes through: at most 1 + 16 + 256.</summary>
    private const int CachedDepth = 2;

    private readonly Database _database;
    private readonly ulong _height;
    private readonly Dictionary<NodeKey, Node> _top = [];
    private Hash _root;

    public ImportTree(Database database, ImportProgress progress)
    {
        _database = database;
        _height = progress.Facts.Height;
        _root = progress.Root;
        RootNode = _root.IsZero ? null : _height;
    }

    /// <summary>The version of the root node; null while there is no entry.</summary>
    public ulong? RootNode { get; private set; }

    /// <summary>Puts entries with their nodes into a batch; call <see cref="Written"/> once it is stored.</summary>
    public (Hash Root, IReadOnlyList<KeyValuePair<NodeKey, Node>> Written) Stage(Batch batch, StateItem[] items, StateEntry[] entries)
    {
        if (entries.Length == 0) return (_root, []);
        var update = new TreeUpdate(Load, _height);
        TreeChange[] changes = [.. entries.Select(e => new TreeChange(e.Key, e.Value))];
        (Hash root, _) = update.Apply(RootNode, _root, changes);
        foreach ((NodeKey key, Node node) in update.Written) batch.Put(Tables.StateNodes, key.Encode(), node.Encode());
        for (int i = 0; i < items.Length; i++)
            batch.Put(Tables.StateValues, Keys.Of(_height, entries[i].Key), StateStore.Pack(items[i].Path, items[i].Json));
        return (root, update.Written);
    }

    /// <summary>Takes over what was stored.</summary>
    public void Written(Hash root, IReadOnlyList<KeyValuePair<NodeKey, Node>> nodes)
    {
        _root = root;
        if (!root.IsZero) RootNode = _height;
        foreach ((NodeKey key, Node node) in nodes)
        {
            if (key.Depth <= CachedDepth) _top[key] = node;
        }
    }

    private Node Load(NodeKey key) => _top.TryGetValue(key, out Node? known) ? known : StateStore.ReadNode(_database, key);
}
