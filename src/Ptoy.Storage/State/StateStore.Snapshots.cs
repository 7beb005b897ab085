using System.Text;
using Ptoy.Protocol;
using Ptoy.Protocol.State;
using Ptoy.Storage.Engine;

namespace Ptoy.Storage.State;

/// <summary>Snapshots: versions held beyond the retention window, and reading them in proved ranges while blocks are written.</summary>
public sealed partial class StateStore
{
    /// <summary>Most versions pinned at a time: what lies above the oldest of them cannot be pruned.</summary>
    public const int MaxPins = 4;

    private readonly SortedSet<ulong> _pins = [];
    private ulong _lowestPin = ulong.MaxValue;

    /// <summary>The pinned heights, ascending.</summary>
    public IReadOnlyList<ulong> Pinned
    {
        get { lock (_pins) return [.. _pins]; }
    }

    /// <summary>
    /// Keeps the version of a height readable until <see cref="Unpin"/> (or the end of the process), however far the chain goes on.
    /// Throws <see cref="StoreException"/> when the height is outside the retention window or too many are pinned.
    /// </summary>
    public void Pin(ulong height)
    {
        lock (_pins)
        {
            // Within the window nothing that it needs is pruned yet, and from here on nothing will be.
            Version(height);
            if (_pins.Count >= MaxPins && !_pins.Contains(height))
                throw new StoreException(StoreProblem.Refused, $"{MaxPins} state versions are pinned already; unpin one first");
            _pins.Add(height);
            Volatile.Write(ref _lowestPin, _pins.Min);
        }
    }

    /// <summary>Gives a pinned version up; what only it needed is pruned along with later blocks.</summary>
    public void Unpin(ulong height)
    {
        lock (_pins)
        {
            _pins.Remove(height);
            Volatile.Write(ref _lowestPin, _pins.Count == 0 ? ulong.MaxValue : _pins.Min);
        }
    }

    /// <summary>
    /// The entries of a height with keys in [<paramref name="from"/>, <paramref name="to"/>] and the proof of them, cut off where the
    /// encoding would pass <paramref name="maxBytes"/>: then the range that comes back ends at its last entry. Does not fill the cache that
    /// execution lives on. Throws <see cref="StoreException"/> for a height that is not kept.
    /// </summary>
    public StateRange Export(ulong height, Hash from, Hash to, int maxBytes = StateRange.MaxBytes)
    {
        const int ItemOverhead = 16, StepBytes = 72;
        StateVersion version = Version(height);
        var items = new List<StateItem>();
        // Room for the proof is set aside: its length hardly depends on where the range ends.
        long bytes = 128 + (StateRangeProver.Prove(TreeRange.Whole(version, PeekNode), from, to).Length * StepBytes * 2);
        Hash end = to, last = from;
        foreach (LeafSlot leaf in TreeRange.Leaves(version, from, PeekNode))
        {
            if (leaf.Key.CompareTo(to) > 0) break;
            (string path, string json) = Peek(leaf);
            bytes += Encoding.UTF8.GetByteCount(path) + Encoding.UTF8.GetByteCount(json) + ItemOverhead;
            if (items.Count > 0 && (bytes > maxBytes || items.Count == StateRange.MaxItems))
            {
                end = last;
                break;
            }
            items.Add(new StateItem(path, json));
            last = leaf.Key;
        }
        return new StateRange(from, end, [.. items], StateRangeProver.Prove(TreeRange.Whole(version, PeekNode), from, end));
    }

    private bool IsPinned(ulong height)
    {
        lock (_pins) return _pins.Contains(height);
    }

    private Node PeekNode(NodeKey key) => _cache.TryGet(key, out Node? known) ? known! : ReadNode(_database, key);

    private (string Path, string Json) Peek(LeafSlot leaf) => Unpack(ReadValue(_database, leaf));

    internal static Node ReadNode(Database database, NodeKey key)
    {
        byte[] bytes = database.Get(Tables.StateNodes, key.Encode())
            ?? throw StoreErrors.Damaged(database.Directory, $"a state node of height {key.Version} is missing");
        return Node.Decode(bytes) ?? throw StoreErrors.Damaged(database.Directory, "a state node is not readable");
    }

    private static byte[] ReadValue(Database database, LeafSlot leaf) => database.Get(Tables.StateValues, Keys.Of(leaf.Version, leaf.Key))
        ?? throw StoreErrors.Damaged(database.Directory, $"a state value of height {leaf.Version} is missing");
}
