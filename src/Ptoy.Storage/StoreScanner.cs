using Ptoy.Protocol;
using Ptoy.Storage.Engine;

namespace Ptoy.Storage;

/// <summary>One key and value of a store, decrypted.</summary>
public readonly record struct StoredEntry(string Database, string Table, byte[] Key, byte[] Value);

/// <summary>
/// Reads every key and value of a node's databases, decrypted with the operator's storage key: what a privacy scan and an
/// inspection by hand look at. Opens read-only, so it works on a copy and on the data of a stopped node.
/// </summary>
public sealed class StoreScanner : IDisposable
{
    private readonly List<(string Name, Database Database)> _databases = [];

    private StoreScanner() { }

    /// <summary>Opens the databases found in a data directory. Throws <see cref="StoreException"/>.</summary>
    public static StoreScanner Open(string directory, byte[] storageKey)
    {
        var scanner = new StoreScanner();
        try
        {
            foreach ((string name, IReadOnlyList<Table> tables) in new[] { (NodeStore.StoreName, Tables.Store), (NodeStore.ConsensusName, Tables.Consensus) })
            {
                string path = Path.Combine(directory, name);
                if (!Directory.Exists(path)) continue;
                scanner._databases.Add((name, Database.Open(new DatabaseOptions
                {
                    Directory = path,
                    Name = name,
                    StorageKey = storageKey,
                    ChainId = null,
                    Tables = tables,
                    ReadOnly = true,
                })));
            }
            return scanner._databases.Count > 0
                ? scanner
                : throw new StoreException(StoreProblem.Unavailable, $"{directory} holds no store: name a node's data directory");
        }
        catch
        {
            scanner.Dispose();
            throw;
        }
    }

    /// <summary>Everything, table by table. Throws <see cref="StoreException"/> at the first value that does not authenticate.</summary>
    public IEnumerable<StoredEntry> Entries() =>
        _databases.SelectMany(d => Scan(d.Database).Select(e => new StoredEntry(d.Name, e.Table, e.Key, e.Value)));

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach ((_, Database database) in _databases) database.Dispose();
        _databases.Clear();
    }

    internal static IEnumerable<(string Table, byte[] Key, byte[] Value)> Scan(Database database)
    {
        foreach ((byte[] key, byte[] value) in database.Header()) yield return ("default", key, value);
        foreach (Table table in database.Tables)
        {
            foreach ((byte[] key, byte[] value) in database.Scan(table)) yield return (table.Name, key, value);
        }
    }
}
