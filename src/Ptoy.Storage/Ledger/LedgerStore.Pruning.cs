using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;
using Ptoy.Storage.Engine;

namespace Ptoy.Storage.Ledger;

/// <summary>Where the ledger begins: at genesis, behind a state snapshot, or behind what was pruned.</summary>
public sealed partial class LedgerStore
{
    internal static readonly byte[] FirstKey = "ledger-first"u8.ToArray();

    /// <summary>Most heights that one call of <see cref="Prune"/> removes: a block's commit may wait for it.</summary>
    public const int MostPruned = 64;

    private const int PlaceBytes = 12;

    private readonly Lock _pruning = new();
    private ulong _first;

    /// <summary>
    /// The lowest height whose block is kept: 1, or higher behind a snapshot or pruning. Of lower heights blocks, receipts, bodies and
    /// certificates are gone here; state, epochs, records and the access log do not depend on them.
    /// </summary>
    public ulong First => Volatile.Read(ref _first);

    /// <summary>Null when the height can be here, else what to tell who asks: it is pruned.</summary>
    public string? Pruned(ulong height) => height > 0 && height < First
        ? $"height {height} is pruned: this node keeps blocks from height {First} on; ask an archive node"
        : null;

    /// <summary>
    /// Removes blocks, bodies, receipts and certificates below a height, oldest first, at most <see cref="MostPruned"/> heights; how many
    /// it removed. Never touches state, epochs, records or the access log.
    /// </summary>
    public int Prune(ulong below)
    {
        lock (_pruning)
        {
            ulong last = Last?.Height ?? 0;
            ulong end = Math.Min(Math.Min(below, last), First + MostPruned);
            if (end <= First) return 0;
            using var batch = new Batch(_database);
            for (ulong height = First; height < end; height++) StagePrune(batch, height);
            batch.Put(Tables.Meta, FirstKey, Keys.Of(end));
            _database.Write(batch, sync: false);
            int removed = (int)(end - First);
            Volatile.Write(ref _first, end);
            return removed;
        }
    }

    private void StagePrune(Batch batch, ulong height)
    {
        byte[] key = Keys.Of(height);
        if (Block(height) is { } block)
        {
            batch.Delete(Tables.BlockHeights, Keys.Of(block.ComputeHash()));
            Sheaf.Delete(batch, Tables.Receipts, height, block.TransactionHashes.Length);
            Sheaf.Delete(batch, Tables.Bodies, height, block.TransactionHashes.Length);
            foreach (Hash transaction in block.TransactionHashes)
            {
                if (!StillListed(transaction, height)) batch.Delete(Tables.Transactions, Keys.Of(transaction));
            }
        }
        foreach (Table table in (Table[])[Tables.Blocks, Tables.Commits, Tables.Executions, Tables.Executed]) batch.Delete(table, key);
    }

    // The place of a transaction is where it took effect, followed by the last place where it was listed again, if it was.
    private bool StillListed(Hash transaction, ulong height) => Places(transaction).Any(p => p.Height > height);

    private TransactionLocation[] Places(Hash transaction) => _database.Get(Tables.Transactions, Keys.Of(transaction)) is { } places
        ? [.. Enumerable.Range(0, places.Length / PlaceBytes).Select(i => new TransactionLocation(Keys.Number(places, i * PlaceBytes), Keys.Index(places, (i * PlaceBytes) + 8)))]
        : [];
}
