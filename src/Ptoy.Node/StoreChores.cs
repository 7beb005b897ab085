using Ptoy.Node.Config;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Storage;

namespace Ptoy.Node;

/// <summary>What a store holds.</summary>
/// <param name="Directory">The data directory looked at or made.</param>
/// <param name="Height">Newest executed height.</param>
/// <param name="FirstBlock">Lowest height whose block is kept.</param>
/// <param name="AccessEntries">Entries of the access log.</param>
/// <param name="Votes">Null when the node may sign, else why not.</param>
public sealed record StoreReport(string Directory, ulong Height, ulong FirstBlock, ulong AccessEntries, string? Votes);

/// <summary>What an operator does with the store of a stopped node: <c>ptoy node backup</c> and <c>ptoy node verify</c>.</summary>
public static class StoreChores
{
    /// <summary>
    /// Copies the store into a new directory and reads the copy. The copy never has the consensus log or a key. Throws
    /// <see cref="ConfigException"/> for a wrong configuration or target and <see cref="IOException"/> when the store cannot be read or written.
    /// </summary>
    public static StoreReport Backup(NodeConfig config, string target)
    {
        target = Path.GetFullPath(target);
        if (Directory.Exists(target) && Directory.EnumerateFileSystemEntries(target).Any())
            throw new ConfigException($"--out: '{target}' is not empty; name a directory to create");
        return With(config, store =>
        {
            store.Backup(target);
            using StoreScanner copy = StoreScanner.Open(target, StorageKey(config));
            foreach (StoredEntry _ in copy.Entries())
            {
                // Each value is authenticated while it is read: a copy that cannot be read is no backup.
            }
            return Report(store) with { Directory = target };
        });
    }

    /// <summary>Reads and authenticates everything, and the chain of the access log. Throws as <see cref="Backup"/> does.</summary>
    public static StoreReport Verify(NodeConfig config) => With(config, store =>
    {
        store.Verify();
        return Report(store) with { Directory = config.DataDir };
    });

    /// <summary>The chain that a configuration is about.</summary>
    public static Hash ChainId(NodeConfig config) => NodeHost.LoadGenesis(config).ComputeChainId();

    /// <summary>The validators of the epoch that decides the height after the newest executed one. Throws as <see cref="Backup"/> does.</summary>
    public static ValidatorSet Members(NodeConfig config) => With(config, store =>
        NodeHost.EpochsOf(NodeHost.LoadGenesis(config), store.Ledger.Epochs()).At((store.Ledger.Last?.Height ?? 0) + 1));

    private static StoreReport Report(NodeStore store) =>
        new("", store.Ledger.Last?.Height ?? 0, store.Ledger.First, store.Access.Count, store.Consensus.Problem);

    private static T With<T>(NodeConfig config, Func<NodeStore, T> work)
    {
        // Opening would make one.
        if (!Directory.Exists(Path.Combine(config.DataDir, "store"))) throw new ConfigException($"configuration key 'dataDir': '{config.DataDir}' holds no store");
        using var nodeKey = new SigningKey(KeyFile.Read("nodeKeyFile", config.NodeKeyFile));
        try
        {
            using NodeStore store = NodeStore.Open(new StoreOptions
            {
                Directory = config.DataDir,
                StorageKey = StorageKey(config),
                ChainId = ChainId(config),
                NodeKey = nodeKey.Public,
            });
            return work(store);
        }
        catch (StoreException e)
        {
            throw new IOException(e.Message, e);
        }
    }

    private static byte[] StorageKey(NodeConfig config) => KeyFile.Read("storageKeyFile", config.StorageKeyFile);
}
