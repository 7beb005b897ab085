using Ptoy.Protocol.Crypto;

namespace Ptoy.Protocol.Ledger;

/// <summary>
/// A <see cref="MerkleTree"/> with its inner nodes remembered: n hashes to make, then a proof costs none. For a list whose
/// elements are proved one after another; <see cref="MerkleTree.Prove"/> hashes the whole list every time.
/// </summary>
public sealed class MerkleProver
{
    private readonly int _count;
    private readonly Dictionary<(int From, int Count), Hash> _tops = [];

    /// <summary>Hashes the list.</summary>
    public MerkleProver(ReadOnlySpan<Hash> leaves)
    {
        _count = leaves.Length;
        Root = MerkleTree.WithCount((uint)_count, _count == 0 ? Hash.Zero : Fill(leaves, 0));
    }

    /// <summary>The root: that of <see cref="MerkleTree.Root"/>.</summary>
    public Hash Root { get; }

    /// <summary>The proof of an element: that of <see cref="MerkleTree.Prove"/>.</summary>
    public MerkleProof Prove(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, _count);
        var path = new List<Hash>();
        int from = 0, count = _count;
        while (count > 1)
        {
            int split = MerkleTree.Split(count);
            bool left = index < from + split;
            path.Add(left ? _tops[(from + split, count - split)] : _tops[(from, split)]);
            if (!left) from += split;
            count = left ? split : count - split;
        }
        path.Reverse();
        return new MerkleProof((uint)_count, (uint)index, [.. path]);
    }

    private Hash Fill(ReadOnlySpan<Hash> leaves, int from)
    {
        int count = leaves.Length;
        Hash top;
        if (count == 1)
        {
            top = MerkleTree.Leaf(leaves[0]);
        }
        else
        {
            int split = MerkleTree.Split(count);
            top = Digest.Of(Domains.MerkleNode, Fill(leaves[..split], from), Fill(leaves[split..], from + split));
        }
        _tops[(from, count)] = top;
        return top;
    }
}
