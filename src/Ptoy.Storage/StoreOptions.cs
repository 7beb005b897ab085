using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Storage;

/// <summary>What a node's store is opened with.</summary>
public sealed record StoreOptions
{
    /// <summary>Length of the node storage key in bytes.</summary>
    public const int StorageKeySize = 32;

    /// <summary>The data directory. Two databases live in it: <c>store</c> and <c>consensus</c>.</summary>
    public required string Directory { get; init; }

    /// <summary>The node storage key, under which values are encrypted at rest. It is copied, and never written.</summary>
    public required byte[] StorageKey { get; init; }

    /// <summary>The chain that the data belongs to: the genesis hash.</summary>
    public required Hash ChainId { get; init; }

    /// <summary>The node's signing key (public half), to which the consensus log is bound.</summary>
    public required PublicKey NodeKey { get; init; }

    /// <summary>For how many heights back the state can be read and proved. At least 1.</summary>
    public int RetainVersions { get; init; } = 256;

    /// <summary>State tree nodes kept in memory, about 1 KiB each.</summary>
    public int CachedStateNodes { get; init; } = 65_536;

    /// <summary>RocksDB block cache in bytes, shared by all tables.</summary>
    public ulong BlockCacheBytes { get; init; } = 128UL << 20;

    /// <summary>Upper bound of all write buffers together, in bytes.</summary>
    public ulong WriteBufferBytes { get; init; } = 128UL << 20;

    internal void Check()
    {
        if (string.IsNullOrWhiteSpace(Directory)) throw new ArgumentException("the data directory is not set");
        if (StorageKey is not { Length: StorageKeySize })
            throw new ArgumentException($"the node storage key has {StorageKey?.Length ?? 0} bytes, not {StorageKeySize}");
        if (NodeKey.Problem() is { } problem) throw new ArgumentException($"the node key: {problem}");
        ArgumentOutOfRangeException.ThrowIfLessThan(RetainVersions, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(CachedStateNodes, 1);
    }
}
