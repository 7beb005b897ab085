using System.Buffers.Binary;
using MessagePack;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Wire;

namespace Ptoy.Protocol.Ledger;

/// <summary>
/// Binary Merkle tree over a list, in the manner of RFC 6962 (leaves and nodes in separate domains; the left subtree is the
/// largest power of two below the count). The root also commits to the count.
/// </summary>
public static class MerkleTree
{
    /// <summary>The root of a list of leaves; an empty list has a root too.</summary>
    public static Hash Root(ReadOnlySpan<Hash> leaves)
    {
        Hash top = leaves.IsEmpty ? Hash.Zero : Top(leaves);
        return WithCount((uint)leaves.Length, top);
    }

    /// <summary>Proof that <paramref name="index"/> is in the list.</summary>
    public static MerkleProof Prove(ReadOnlySpan<Hash> leaves, int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, leaves.Length);
        var path = new List<Hash>();
        uint count = (uint)leaves.Length, at = (uint)index;
        while (leaves.Length > 1)
        {
            int split = Split(leaves.Length);
            bool left = index < split;
            path.Add(Top(left ? leaves[split..] : leaves[..split]));
            leaves = left ? leaves[..split] : leaves[split..];
            if (!left) index -= split;
        }
        path.Reverse();
        return new MerkleProof(count, at, [.. path]);
    }

    internal static Hash WithCount(uint count, Hash top)
    {
        Span<byte> head = stackalloc byte[4], tail = stackalloc byte[Hash.Size];
        BinaryPrimitives.WriteUInt32BigEndian(head, count);
        top.CopyTo(tail);
        return Digest.Of(Domains.MerkleRoot, head, tail);
    }

    internal static Hash Leaf(Hash value)
    {
        Span<byte> bytes = stackalloc byte[Hash.Size];
        value.CopyTo(bytes);
        return Digest.Of(Domains.MerkleLeaf, bytes);
    }

    internal static int Split(int count)
    {
        int split = 1;
        while (split < count - split) split *= 2;
        return split;
    }

    private static Hash Top(ReadOnlySpan<Hash> leaves)
    {
        if (leaves.Length == 1) return Leaf(leaves[0]);
        int split = Split(leaves.Length);
        return Digest.Of(Domains.MerkleNode, Top(leaves[..split]), Top(leaves[split..]));
    }
}

/// <summary>Siblings from a leaf up to the root of a <see cref="MerkleTree"/>.</summary>
[MessagePackObject]
public sealed record MerkleProof(
    [property: Key(0)] uint Count,
    [property: Key(1)] uint Index,
    [property: Key(2)] Hash[] Siblings) : IWire
{
    /// <inheritdoc/>
    public string? Problem() =>
        Count > int.MaxValue ? "count is too large" : Index >= Count ? "index is not below count" : Check.Count("siblings", Siblings, 32);

    /// <summary>True when <paramref name="leaf"/> is at <see cref="Index"/> in the list with that root.</summary>
    public bool Verify(Hash leaf, Hash root)
    {
        if (Problem() is not null) return false;
        var turns = new Stack<bool>();
        int count = (int)Count, index = (int)Index;
        while (count > 1)
        {
            int split = MerkleTree.Split(count);
            bool left = index < split;
            turns.Push(left);
            count = left ? split : count - split;
            if (!left) index -= split;
        }
        if (turns.Count != Siblings.Length) return false;
        Hash hash = MerkleTree.Leaf(leaf);
        foreach (Hash sibling in Siblings)
            hash = turns.Pop() ? Digest.Of(Domains.MerkleNode, hash, sibling) : Digest.Of(Domains.MerkleNode, sibling, hash);
        return MerkleTree.WithCount(Count, hash) == root;
    }
}
