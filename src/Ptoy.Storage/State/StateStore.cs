using System.Buffers.Binary;
using System.Text;
using Ptoy.Protocol;
using Ptoy.Protocol.State;
using Ptoy.Storage.Engine;

namespace Ptoy.Storage.State;

/// <summary>
/// The contract state as a versioned Merkle tree: a version for each height, readable and provable within the retention
/// window. Reads may come from any thread; <see cref="Prepare"/> and the commit belong to the executor's thread.
/// </summary>
public sealed partial class StateStore
{
    // About what an entry costs beside its text, in characters.
    private const int PerValue = 100;

    // Absent, or the version of the root node.
    private const ulong NoRoot = ulong.MaxValue;

    private readonly Database _database;
    /// <summary>Characters of values kept in memory, about 64 MiB of text.</summary>
    private const long CachedCharacters = 32 * 1024 * 1024;

    private readonly GenerationCache<NodeKey, Node> _cache;
    private readonly GenerationCache<Hash, RecentValue> _values = new(CachedCharacters, static value => value.Json.Length + PerValue);
    private readonly ulong _retain;
    private StateVersion _latest;
    private ulong? _oldestStale;

    internal StateStore(Database database, int cachedNodes, int retainVersions)
    {
        _database = database;
        _cache = new GenerationCache<NodeKey, Node>(cachedNodes, static _ => 1);
        _retain = (ulong)retainVersions;
        _latest = Load(database.Last(Tables.StateRoots)) ?? new StateVersion(0, Hash.Zero, null);
        if (_latest.RootNode is { } root && LoadNode(new NodeKey(root, 0, Hash.Zero)).ComputeHash() != _latest.Root)
            throw StoreErrors.Damaged(database.Directory, "the newest state root does not match its tree");
        _oldestStale = StaleList.Oldest(database);
    }

    /// <summary>The height of the newest version.</summary>
    public ulong Height => Volatile.Read(ref _latest).Height;

    /// <summary>The root of the newest version; <see cref="Hash.Zero"/> for an empty state.</summary>
    public Hash Root => Volatile.Read(ref _latest).Root;

    /// <summary>The newest value at a path (<c>Class/ownerHex/key</c>) as JSON text, or null.</summary>
    public string? Get(string path) => Read(Volatile.Read(ref _latest), path);

    /// <summary>The value at a path as of a height. Throws <see cref="StoreException"/> for a height outside the retention window.</summary>
    public string? GetAt(string path, ulong height) => Read(Version(height), path);

    /// <summary>The root as of a height within the retention window.</summary>
    public Hash RootAt(ulong height) => Version(height).Root;

    /// <summary>
    /// The value at a path as of a height (null: none) and the proof of it against <see cref="RootAt"/> of that height. Throws
    /// <see cref="StoreException"/> for a height outside the retention window.
    /// </summary>
    public ProvedValue Prove(string path, ulong height)
    {
        StateVersion version = Version(height);
        Hash key = StateHash.Key(path);
        StateProof proof = TreeReader.Prove(version, key, LoadNode, out LeafSlot? leaf);
        return new ProvedValue(leaf is null ? null : Value(leaf).Json, proof, version.Root);
    }

    /// <summary>All entries as of a height: path and JSON text, in the order of the tree. For snapshots and inspection.</summary>
    public IEnumerable<KeyValuePair<string, string>> Entries(ulong height)
    {
        StateVersion version = Version(height);
        foreach (LeafSlot leaf in TreeReader.Leaves(version, LoadNode))
        {
            (string path, string json) = Value(leaf);
            yield return new(path, json);
        }
    }

    /// <summary>
    /// Computes what a height's writes (path → JSON text, or null to delete) make of the newest version, without storing
    /// anything. Prepare, look at the root, drop it or commit it: nothing is computed twice.
    /// </summary>
    public StateUpdate Prepare(IEnumerable<KeyValuePair<string, string?>> writes, ulong height)
    {
        StateVersion parent = Volatile.Read(ref _latest);
        if (parent.RootNode is not null && height <= parent.Height)
            throw new StoreException(StoreProblem.Refused, $"state of height {height} was asked for on top of height {parent.Height}");
        var values = new Dictionary<Hash, (string Path, string Json)>();
        var changes = new Dictionary<Hash, Hash>();
        foreach ((string path, string? json) in writes)
        {
            Hash key = StateHash.Key(path);
            changes[key] = json is null ? Hash.Zero : StateHash.Value(json);
            if (json is null) values.Remove(key); else values[key] = (path, json);
        }
        TreeChange[] sorted = [.. changes.Select(c => new TreeChange(c.Key, c.Value))];
        Array.Sort(sorted, static (a, b) => a.Key.CompareTo(b.Key));
        var tree = new TreeUpdate(LoadNode, height);
        (Hash root, ulong rootNode) = tree.Apply(parent.RootNode, parent.Root, sorted);
        return new StateUpdate(height, parent, new StateVersion(height, root, rootNode), tree, values);
    }

    internal void Stage(Batch batch, StateUpdate update)
    {
        if (!ReferenceEquals(update.Parent, Volatile.Read(ref _latest)))
            throw new StoreException(StoreProblem.Refused, $"the state update of height {update.Height} was prepared on another version than the newest");
        // In the order of keys, which the memory table takes several times faster than any other.
        (byte[] Key, Node Node)[] written = [.. update.Tree.Written.Select(w => (w.Key.Encode(), w.Value))];
        Array.Sort(written, static (a, b) => a.Key.AsSpan().SequenceCompareTo(b.Key));
        foreach ((byte[] key, Node node) in written) batch.Put(Tables.StateNodes, key, node.Encode());
        foreach ((Hash key, LeafSlot? leaf) in update.Tree.Changed)
        {
            if (leaf is null) continue;
            (string path, string json) = update.Values[key];
            batch.Put(Tables.StateValues, Keys.Of(update.Height, key), Pack(path, json));
            Keep(leaf, json);
        }
        StaleList.Stage(batch, update.Height, update.Tree);
        batch.Put(Tables.StateRoots, Keys.Of(update.Height), Pack(update.Result));
        Prune(batch, update.Height);
    }

    // A little later than readers are refused, so that a read under way is not overtaken; a bounded part of a backlog a block.
    private void Prune(Batch batch, ulong height)
    {
        const ulong Slack = 16;
        const int MostAtOnce = 8;
        _oldestStale ??= height;
        ulong pinned = Volatile.Read(ref _lowestPin);
        for (int i = 0; i < MostAtOnce && _oldestStale + _retain + Slack <= height && _oldestStale <= pinned; i++, _oldestStale++)
            StaleList.Execute(_database, batch, _oldestStale.Value);
    }

    internal void Committed(StateUpdate update)
    {
        foreach ((NodeKey key, Node node) in update.Tree.Written) _cache.Add(key, node);
        Volatile.Write(ref _latest, update.Result);
        foreach (NodeKey key in update.Tree.Stale) _cache.Remove(key);
    }

    private string? Read(StateVersion version, string path)
    {
        if (TreeReader.Find(version, StateHash.Key(path), LoadNode) is not { } leaf) return null;
        if (leaf.Json is { } small) return small;
        return _values.TryGet(leaf.Key, out RecentValue? recent) && recent.Version == leaf.Version ? recent.Json : Value(leaf).Json;
    }

    // Small values live with their leaf; of the others the newest of each path is kept apart, within a bound of their own.
    private void Keep(LeafSlot leaf, string json)
    {
        const int Small = 256, Large = 64 * 1024;
        if (json.Length <= Small) leaf.Json = json;
        else if (json.Length <= Large && leaf.Version >= (_values.TryGet(leaf.Key, out RecentValue? recent) ? recent.Version : 0))
            _values.Put(leaf.Key, new RecentValue(leaf.Version, json));
    }

    private StateVersion Version(ulong height)
    {
        StateVersion latest = Volatile.Read(ref _latest);
        if (height == latest.Height) return latest;
        if (height > latest.Height) throw new StoreException(StoreProblem.Refused, $"height {height} is not executed yet; the newest is {latest.Height}");
        byte[] key = Keys.Of(height);
        if (height + _retain < latest.Height && !IsPinned(height)) throw NotKept(height, latest);
        return (_database.Get(Tables.StateRoots, key) is { } packed ? Load((key, packed)) : null)
            ?? throw NotKept(height, latest);
    }

    private StoreException NotKept(ulong height, StateVersion latest) => new(StoreProblem.Refused,
        $"the state of height {height} is not kept; the window is {_retain} heights up to {latest.Height}");

    private Node LoadNode(NodeKey key)
    {
        if (_cache.TryGet(key, out Node? known)) return known;
        Node node = ReadNode(_database, key);
        _cache.Add(key, node);
        return node;
    }

    private (string Path, string Json) Value(LeafSlot leaf)
    {
        (string path, string json) = Unpack(ReadValue(_database, leaf));
        Keep(leaf, json);
        return (path, json);
    }

    private static (string Path, string Json) Unpack(byte[] packed)
    {
        int length = BinaryPrimitives.ReadUInt16BigEndian(packed);
        return (Encoding.UTF8.GetString(packed.AsSpan(2, length)), Encoding.UTF8.GetString(packed.AsSpan(2 + length)));
    }

    internal static byte[] Pack(string path, string json)
    {
        int length = Encoding.UTF8.GetByteCount(path);
        if (length > ushort.MaxValue) throw new StoreException(StoreProblem.Refused, "a state path is longer than 65535 bytes");
        var packed = new byte[2 + length + Encoding.UTF8.GetByteCount(json)];
        BinaryPrimitives.WriteUInt16BigEndian(packed, (ushort)length);
        Encoding.UTF8.GetBytes(path, packed.AsSpan(2));
        Encoding.UTF8.GetBytes(json, packed.AsSpan(2 + length));
        return packed;
    }

    internal static byte[] Pack(StateVersion version)
    {
        var packed = new byte[Hash.Size + 8];
        version.Root.CopyTo(packed);
        BinaryPrimitives.WriteUInt64BigEndian(packed.AsSpan(Hash.Size), version.RootNode ?? NoRoot);
        return packed;
    }

    private static StateVersion? Load((byte[] Key, byte[] Value)? entry)
    {
        if (entry is not { } e) return null;
        ulong root = Keys.Number(e.Value, Hash.Size);
        return new StateVersion(Keys.Number(e.Key), Keys.HashAt(e.Value, 0), root == NoRoot ? null : root);
    }
}

/// <summary>A value of a path, and the height that wrote it.</summary>
internal sealed record RecentValue(ulong Version, string Json);

/// <summary>A state value (JSON text; null: none), the proof of it, and the root that the proof leads to.</summary>
public sealed record ProvedValue(string? Json, StateProof Proof, Hash Root);
