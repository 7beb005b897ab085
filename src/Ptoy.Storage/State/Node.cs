using System.Buffers.Binary;
using Ptoy.Protocol;
using Ptoy.Protocol.State;

namespace Ptoy.Storage.State;

/// <summary>Where a stored node is: the height that wrote it, and the nibbles of the path that leads to it.</summary>
internal readonly record struct NodeKey(ulong Version, byte Depth, Hash Prefix)
{
    /// <summary>Versions first: what one block writes lies together on disk.</summary>
    public byte[] Encode()
    {
        Span<byte> prefix = stackalloc byte[Hash.Size];
        Prefix.CopyTo(prefix);
        int used = (Depth + 1) / 2;
        var bytes = new byte[9 + used];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, Version);
        bytes[8] = Depth;
        prefix[..used].CopyTo(bytes.AsSpan(9));
        return bytes;
    }

    /// <summary>The key of the child in a slot: the same path, one nibble longer.</summary>
    public static Hash Extend(Hash prefix, int depth, int nibble)
    {
        Span<byte> bytes = stackalloc byte[Hash.Size];
        prefix.CopyTo(bytes);
        bytes[depth >> 1] |= (byte)((depth & 1) == 0 ? nibble << 4 : nibble);
        return new Hash(bytes);
    }

    /// <summary>Nibble <paramref name="depth"/> of a key.</summary>
    public static int Nibble(Hash key, int depth)
    {
        Span<byte> bytes = stackalloc byte[Hash.Size];
        key.CopyTo(bytes);
        byte both = bytes[depth >> 1];
        return (depth & 1) == 0 ? both >> 4 : both & 15;
    }
}

/// <summary>What a place in the tree holds: a subtree (<see cref="ChildSlot"/>) or a single entry (<see cref="LeafSlot"/>); null is empty.</summary>
internal abstract class Slot
{
    public abstract Hash Hash { get; }
}

/// <summary>A subtree of two or more entries, stored as a node of its own.</summary>
internal sealed class ChildSlot(ulong version, Hash hash) : Slot
{
    public ulong Version => version;

    public override Hash Hash => hash;
}

/// <summary>An entry: the hashes of key and value, and the height that wrote the value, which is where the value is stored.</summary>
internal sealed class LeafSlot(Hash key, Hash value, ulong version) : Slot
{
    private Hash _hash;
    private bool _ready;

    public Hash Key => key;

    public Hash Value => value;

    public ulong Version => version;

    /// <summary>The value itself where it is small and was written or read lately, so that hot reads stay in memory.</summary>
    public string? Json { get; set; }

    // Computed when first asked for. Two threads may both compute it; both write the same bytes before the flag.
    public override Hash Hash
    {
        get
        {
            if (Volatile.Read(ref _ready)) return _hash;
            _hash = StateHash.Leaf(key, value);
            Volatile.Write(ref _ready, true);
            return _hash;
        }
    }
}

/// <summary>Sixteen slots; four levels of the binary tree. Never changed once made, so readers share it without locks.</summary>
internal sealed class Node
{
    public const int Width = 16;

    private const byte ChildMark = 1, LeafMark = 2;

    // Hashes of the binary subtrees above the slots, as a heap: 1 is the whole, 2 and 3 its halves, 8 to 15 pairs of slots.
    private Hash[]? _inner;

    public Node(Slot?[] slots) => Slots = slots;

    /// <summary>A node that differs from <paramref name="old"/> in the slots of a bit mask: the rest of its hashes is taken over.</summary>
    public Node(Slot?[] slots, Node old, int changed)
    {
        Slots = slots;
        var inner = (Hash[])old.Inner().Clone();
        Fill(inner, changed);
        _inner = inner;
    }

    public static Node Empty { get; } = new(new Slot?[Width]);

    public Slot?[] Slots { get; }

    public Hash ComputeHash() => Inner()[1];

    /// <summary>The binary subtree over slots [from, from + width): empty is zero, a lone entry is its leaf, all else a node.</summary>
    public Hash RangeHash(int from, int width) => width == 1 ? Slots[from]?.Hash ?? Hash.Zero : Inner()[(Width / width) + (from / width)];

    /// <summary>How many slots of a range are filled, and the last of them.</summary>
    public (int Count, Slot? Last) Filled(int from, int width)
    {
        int count = 0;
        Slot? last = null;
        for (int i = from; i < from + width; i++)
        {
            if (Slots[i] is not { } slot) continue;
            last = slot;
            count++;
        }
        return (count, last);
    }

    // Complete before it is published, so that readers on other threads see all of it or compute it themselves.
    private Hash[] Inner()
    {
        if (Volatile.Read(ref _inner) is { } known) return known;
        var inner = new Hash[Width];
        Fill(inner, -1);
        Volatile.Write(ref _inner, inner);
        return inner;
    }

    private void Fill(Hash[] inner, int changed)
    {
        for (int i = Width - 1; i > 0; i--)
        {
            int width = Width >> int.Log2(i), from = (i * width) - Width;
            if ((changed >> from & ((1 << width) - 1)) == 0) continue;
            (int count, Slot? last) = Filled(from, width);
            inner[i] = count == 0 ? Hash.Zero
                : count == 1 && last is LeafSlot ? last.Hash
                : StateHash.Node(RangeOf(inner, from, width / 2), RangeOf(inner, from + (width / 2), width / 2));
        }
    }

    private Hash RangeOf(Hash[] inner, int from, int width) =>
        width == 1 ? Slots[from]?.Hash ?? Hash.Zero : inner[(Width / width) + (from / width)];

    public byte[] Encode()
    {
        int length = 0;
        foreach (Slot? slot in Slots) length += slot is null ? 0 : slot is LeafSlot ? 74 : 42;
        var bytes = new byte[length];
        Span<byte> rest = bytes;
        for (int i = 0; i < Width; i++)
        {
            if (Slots[i] is not { } slot) continue;
            rest[0] = (byte)i;
            rest[1] = slot is LeafSlot ? LeafMark : ChildMark;
            if (slot is LeafSlot leaf)
            {
                BinaryPrimitives.WriteUInt64BigEndian(rest[2..], leaf.Version);
                leaf.Key.CopyTo(rest[10..]);
                leaf.Value.CopyTo(rest[42..]);
                rest = rest[74..];
            }
            else
            {
                BinaryPrimitives.WriteUInt64BigEndian(rest[2..], ((ChildSlot)slot).Version);
                slot.Hash.CopyTo(rest[10..]);
                rest = rest[42..];
            }
        }
        return bytes;
    }

    /// <summary>Null when the bytes are not a node.</summary>
    public static Node? Decode(ReadOnlySpan<byte> bytes)
    {
        var slots = new Slot?[Width];
        int previous = -1;
        while (!bytes.IsEmpty)
        {
            if (bytes.Length < 42 || bytes[0] >= Width || bytes[0] <= previous) return null;
            previous = bytes[0];
            ulong version = BinaryPrimitives.ReadUInt64BigEndian(bytes[2..]);
            switch (bytes[1])
            {
                case ChildMark:
                    slots[previous] = new ChildSlot(version, new Hash(bytes.Slice(10, Hash.Size)));
                    bytes = bytes[42..];
                    break;
                case LeafMark when bytes.Length >= 74:
                    slots[previous] = new LeafSlot(new Hash(bytes.Slice(10, Hash.Size)), new Hash(bytes.Slice(42, Hash.Size)), version);
                    bytes = bytes[74..];
                    break;
                default:
                    return null;
            }
        }
        return new Node(slots);
    }
}
