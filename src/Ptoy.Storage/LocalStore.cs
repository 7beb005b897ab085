using System.Text;
using Ptoy.Storage.Engine;

namespace Ptoy.Storage;

/// <summary>Small values of the node's own, by name: what it has anchored, evidence it keeps, skip records it holds.</summary>
public sealed class LocalStore
{
    private const string Prefix = "local/";

    private readonly Database _database;

    internal LocalStore(Database database) => _database = database;

    /// <summary>The value of a name, or null.</summary>
    public byte[]? Get(string name) => _database.Get(Tables.Meta, Key(name));

    /// <summary>Stores a value. Synced.</summary>
    public void Put(string name, ReadOnlySpan<byte> value)
    {
        using var batch = new Batch(_database);
        batch.Put(Tables.Meta, Key(name), value);
        _database.Write(batch, sync: true);
    }

    /// <summary>Removes a value. Synced.</summary>
    public void Remove(string name)
    {
        using var batch = new Batch(_database);
        batch.Delete(Tables.Meta, Key(name));
        _database.Write(batch, sync: true);
    }

    /// <summary>The names with a prefix, in order.</summary>
    public IEnumerable<string> Names(string prefix = "") =>
        _database.ScanKeys(Tables.Meta, Key(prefix)).Select(k => Encoding.UTF8.GetString(k)[Prefix.Length..]);

    private static byte[] Key(string name) => Encoding.UTF8.GetBytes(Prefix + name);
}
