using Ptoy.EndToEnd.Chaos;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.EndToEnd.Tests;

/// <summary>
/// A small history that is as it should be: two accounts, four transfers in three blocks, and what clients were told about them.
/// </summary>
internal sealed class History : IDisposable
{
    public const ulong Opening = 1_000;
    private readonly SigningKey[] _keys = [.. new byte[] { 1, 2 }.Select(Key)];

    public History()
    {
        Acked =
        [
            Transfer(0, 0, nonce: 0, height: 1, index: 0, submitted: 10, acknowledged: 20, amount: 5),
            Transfer(1, 1, nonce: 0, height: 1, index: 1, submitted: 11, acknowledged: 25, amount: 7),
            Transfer(2, 0, nonce: 1, height: 2, index: 0, submitted: 21, acknowledged: 30, amount: 11),
            Transfer(3, 1, nonce: 1, height: 3, index: 0, submitted: 26, acknowledged: 40, amount: 13),
        ];
        Reads = [Read(0, 1, 1, 1_002), Read(0, 2, 2, 991), Read(0, 2, 3, 1_004), Read(1, 0, 0, 1_000), Read(1, 3, 3, 1_004)];
    }

    public List<AckedTransaction> Acked { get; }

    /// <summary>Of the first account.</summary>
    public List<BalanceRead> Reads { get; }

    public Address First => _keys[0].Address;

    public PublicKey Requester => _keys[0].Public;

    public IReadOnlyDictionary<Address, ulong> OpeningBalances => _keys.ToDictionary(k => k.Address, _ => Opening);

    /// <summary>The chain as each of two nodes tells it.</summary>
    public WalkedBlock[][] Chains()
    {
        WalkedBlock[] Tell() => [.. Enumerable.Range(1, 3).Select(h => new WalkedBlock(
            Id(100 + h), [.. Acked.Where(a => a.Height == (ulong)h).OrderBy(a => a.Index).Select(a => a.Hash)], [], Result(h)))];
        return [Tell(), Tell()];
    }

    /// <summary>The receipts as each of two nodes shows them.</summary>
    public Hash?[][] Receipts() => [[.. Acked.Select(a => (Hash?)a.ReceiptHash)], [.. Acked.Select(a => (Hash?)a.ReceiptHash)]];

    public BalanceRead Read(int reader, ulong minHeight, ulong height, ulong balance) => new(reader, 0, First, minHeight, height, balance);

    public static ExecutionStatement Result(int height, int state = 0) =>
        new(Id(1), 0, (ulong)height, Id(200 + height), Id(300 + height + state), Id(400 + height), Hash.Zero, 0);

    public static Hash Id(int number) => Digest.Of("ptoy/test/history", BitConverter.GetBytes(number));

    private AckedTransaction Transfer(int id, int from, ulong nonce, ulong height, uint index, long submitted, long acknowledged,
        ulong amount) => new(
        Id(id), "transfer", _keys[from].Address, nonce, height, index, ReceiptStatus.Ok, Id(50 + id), submitted, acknowledged,
        new Payment(_keys[from].Address, _keys[1 - from].Address, amount));

    private static SigningKey Key(byte fill)
    {
        var seed = new byte[SigningKey.SeedSize];
        seed.AsSpan().Fill(fill);
        return new SigningKey(seed);
    }

    public void Dispose()
    {
        foreach (SigningKey key in _keys) key.Dispose();
    }
}
