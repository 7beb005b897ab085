using System.Security.Cryptography;
using System.Text;
using Ptoy.Protocol.Crypto;
using Ptoy.Storage.Engine;

namespace Ptoy.Storage.Consensus;

/// <summary>
/// Decides at start whether the consensus log found is this node's own. Log and ledger name each other: each log has a random
/// id and the node key it belongs to; the ledger remembers the id for each key it ever voted with, and how far that log had come.
/// </summary>
internal sealed class ConsensusLogOpener(Database ledger, DatabaseOptions options, PublicKey nodeKey)
{
    private const int IdSize = 16;
    private static readonly byte[] IdentityKey = "identity"u8.ToArray();

    private readonly byte[] _nodeKey = Encoding.ASCII.GetBytes(nodeKey.ToString());
    private readonly byte[] _ledgerIdKey = Encoding.ASCII.GetBytes($"consensus-log/{nodeKey}");
    private readonly byte[] _markKey = Encoding.ASCII.GetBytes($"consensus-mark/{nodeKey}");

    public ConsensusLog Open()
    {
        byte[]? expected = ledger.Get(Tables.Meta, _ledgerIdKey);
        bool present = File.Exists(Path.Combine(options.Directory, "CURRENT"));
        if (expected is not null && !present) return Forgotten($"the consensus log {options.Directory} is missing");
        Database database;
        try { database = Database.Open(options); }
        catch (StoreException e) when (e.Problem == StoreProblem.Damaged)
        {
            return Forgotten($"the consensus log {options.Directory} is damaged ({e.Message})");
        }
        try { return Judge(database, expected); }
        catch (StoreException e) when (e.Problem == StoreProblem.Damaged)
        {
            database.Dispose();
            return Forgotten($"the consensus log {options.Directory} is damaged ({e.Message})");
        }
        catch
        {
            database.Dispose();
            throw;
        }
    }

    private ConsensusLog Judge(Database database, byte[]? expected)
    {
        byte[]? identity = database.Get(Tables.Meta, IdentityKey);
        byte[]? id = identity is { Length: > IdSize } ? identity[..IdSize] : null;
        bool mine = identity is { Length: > IdSize } && identity.AsSpan(IdSize).SequenceEqual(_nodeKey);
        if (expected is null) return mine ? Adopt(database, id!) : Start(database, identity);
        string? wrong =
            id is null ? "was emptied"
            : !mine || !id.AsSpan().SequenceEqual(expected) ? "is another one than this node wrote"
            : Sequence(database) < Mark() ? "is an older copy of what this node wrote"
            : null;
        if (wrong is null) return Opened(database);
        database.Dispose();
        return Forgotten($"the consensus log {options.Directory} {wrong}");
    }

    // The ledger does not know this key. A log of another known key is left behind by a change of the node key: begin anew.
    // A log of a key that this ledger never voted with came from elsewhere.
    private ConsensusLog Start(Database database, byte[]? identity)
    {
        if (identity is not null && ledger.Get(Tables.Meta, [.. "consensus-log/"u8, .. identity.AsSpan(IdSize)]) is null)
        {
            database.Dispose();
            return Forgotten($"the consensus log {options.Directory} was written with another node key");
        }
        byte[] id = RandomNumberGenerator.GetBytes(IdSize);
        using (var batch = new Batch(database))
        {
            foreach (byte[] key in database.ScanKeys(Tables.Votes)) batch.Delete(Tables.Votes, key);
            foreach (byte[] key in database.ScanKeys(Tables.PendingBodies)) batch.Delete(Tables.PendingBodies, key);
            batch.Put(Tables.Meta, IdentityKey, [.. id, .. _nodeKey]);
            batch.Put(Tables.Meta, ConsensusLog.SequenceKey, Keys.Of(0));
            database.Write(batch, sync: true);
        }
        return Adopt(database, id);
    }

    // The log's identity is written first, the ledger's note of it second: killed in between, it is adopted here.
    private ConsensusLog Adopt(Database database, byte[] id)
    {
        using var batch = new Batch(ledger);
        batch.Put(Tables.Meta, _ledgerIdKey, id);
        ledger.Write(batch, sync: true);
        return Opened(database);
    }

    private ConsensusLog Opened(Database database) => new(database, _markKey, Sequence(database), null);

    private ulong Mark() => ledger.Get(Tables.Meta, _markKey) is { } mark ? Keys.Number(mark) : 0;

    private static ulong Sequence(Database database) =>
        database.Get(Tables.Meta, ConsensusLog.SequenceKey) is { } sequence ? Keys.Number(sequence) : 0;

    private ConsensusLog Forgotten(string what) => new(null, _markKey, 0,
        $"votes forgotten: {what}. This node may have voted in ways it no longer knows, so it signs nothing more with node key "
        + $"{nodeKey}; it goes on as a learner. To let it vote again, make a new node key, have it admitted by governance, set it in "
        + $"the configuration, move {options.Directory} away and restart. Never copy a consensus log from a backup or another node.");
}
