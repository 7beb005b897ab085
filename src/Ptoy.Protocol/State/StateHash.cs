using System.Text;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Protocol.State;

/// <summary>
/// The hashes of the state tree: a binary Merkle tree over 256-bit keys, most significant bit first. A subtree without
/// entries is <see cref="Hash.Zero"/>; a subtree with one entry is that entry's leaf, however deep its key reaches.
/// So the root depends only on the set of entries, never on the order in which they were written.
/// </summary>
public static class StateHash
{
    /// <summary>Longest path of an entry, in UTF-16 units: class, owner, separators and a key of 128 characters.</summary>
    public const int MaxPath = 256;

    /// <summary>Where an entry sits in the tree: the hash of its path text (<c>Class/ownerHex/key</c>).</summary>
    public static Hash Key(string path)
    {
        Span<byte> buffer = stackalloc byte[1024];
        return Encoding.UTF8.TryGetBytes(path, buffer, out int written)
            ? Digest.Of(Domains.StateKey, buffer[..written])
            : Digest.Of(Domains.StateKey, Encoding.UTF8.GetBytes(path));
    }

    /// <summary>What the tree says about an entry's value: the hash of its JSON text in UTF-8.</summary>
    public static Hash Value(string json) => Value(Encoding.UTF8.GetBytes(json));

    /// <summary>What the tree says about an entry's value, from the UTF-8 bytes.</summary>
    public static Hash Value(ReadOnlySpan<byte> json) => Digest.Of(Domains.StateValue, json);

    /// <summary>The leaf of one entry.</summary>
    public static Hash Leaf(Hash key, Hash value) => Digest.Of(Domains.StateLeaf, key, value);

    /// <summary>An inner node.</summary>
    public static Hash Node(Hash left, Hash right) => Digest.Of(Domains.StateNode, left, right);

    /// <summary>Bit <paramref name="index"/> of a key, counted from its most significant bit.</summary>
    public static bool Bit(ReadOnlySpan<byte> key, int index) => (key[index >> 3] >> (7 - (index & 7)) & 1) != 0;
}
