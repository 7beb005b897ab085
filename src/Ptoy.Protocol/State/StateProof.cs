using MessagePack;
using Ptoy.Protocol.Wire;

namespace Ptoy.Protocol.State;

/// <summary>
/// Shows what a state root says about one key: that it has a certain value, or that it has none. <see cref="Siblings"/> go
/// from the root down. At their end stands the entry itself, or nothing (both leaf fields zero), or the only other entry of
/// that subtree, which shows that the key asked for is not there.
/// </summary>
[MessagePackObject]
public sealed record StateProof(
    [property: Key(0)] Hash[] Siblings,
    [property: Key(1)] Hash LeafKey,
    [property: Key(2)] Hash LeafValue) : IWire
{
    /// <summary>Deepest leaf: one sibling for each bit of a key.</summary>
    public const int MaxDepth = 256;

    /// <summary>Largest encoded proof in bytes.</summary>
    public const int MaxBytes = (MaxDepth * 34) + 128;

    /// <inheritdoc/>
    public string? Problem() =>
        Check.Count("siblings", Siblings, MaxDepth)
        ?? (LeafKey.IsZero == LeafValue.IsZero ? null : "a leaf has a key and a value, or neither");

    /// <summary>
    /// True when the tree with that root holds <paramref name="value"/> (JSON text) at <paramref name="path"/>, or, with a null
    /// value, nothing. Never throws.
    /// </summary>
    public bool Verify(Hash root, string path, string? value) =>
        Verify(root, StateHash.Key(path), value is null ? Hash.Zero : StateHash.Value(value));

    /// <summary>The same over hashes; <see cref="Hash.Zero"/> as <paramref name="value"/> asks for absence.</summary>
    public bool Verify(Hash root, Hash key, Hash value)
    {
        if (Problem() is not null) return false;
        bool absent = value.IsZero;
        if (absent ? LeafKey == key : LeafKey != key || LeafValue != value) return false;
        Span<byte> bits = stackalloc byte[Hash.Size];
        key.CopyTo(bits);
        if (!SharesPath(bits)) return false;
        Hash hash = LeafKey.IsZero ? Hash.Zero : StateHash.Leaf(LeafKey, LeafValue);
        for (int depth = Siblings.Length - 1; depth >= 0; depth--)
        {
            hash = StateHash.Bit(bits, depth)
                ? StateHash.Node(Siblings[depth], hash)
                : StateHash.Node(hash, Siblings[depth]);
        }
        return hash == root;
    }

    // A leaf elsewhere in the tree proves nothing about this key.
    private bool SharesPath(ReadOnlySpan<byte> key)
    {
        if (LeafKey.IsZero) return true;
        Span<byte> leaf = stackalloc byte[Hash.Size];
        LeafKey.CopyTo(leaf);
        for (int depth = 0; depth < Siblings.Length; depth++)
        {
            if (StateHash.Bit(leaf, depth) != StateHash.Bit(key, depth)) return false;
        }
        return true;
    }

    /// <inheritdoc/>
    public bool Equals(StateProof? other) =>
        other is not null && LeafKey == other.LeafKey && LeafValue == other.LeafValue && Siblings.AsSpan().SequenceEqual(other.Siblings);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(LeafKey, LeafValue, Siblings.Length);
}
