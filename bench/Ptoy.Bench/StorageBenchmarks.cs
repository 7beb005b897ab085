using System.Globalization;
using System.Text;
using BenchmarkDotNet.Attributes;
using Ptoy.Node.Execution;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Storage;
using Ptoy.Storage.Ledger;
using Ptoy.Storage.State;

namespace Ptoy.Bench;

/// <summary>The state tree, and a block's synced write, on a store with 20,000 accounts.</summary>
public class StorageBenchmarks
{
    private const int Accounts = 20_000;
    private const int UpdateTransactions = 1_000;
    private const int BlockTransactions = 500;

    private readonly string _directory = Directory.CreateTempSubdirectory("ptoy-bench-").FullName;
    private readonly SigningKey _key = new(Sample.Bytes("node"));
    private readonly Hash _chain = new(Sample.Bytes("chain"));
    private NodeStore _store = null!;
    private int _at;

    [GlobalSetup]
    public void Setup()
    {
        _store = NodeStore.Open(new StoreOptions { Directory = _directory, StorageKey = Sample.Bytes("storage"), ChainId = _chain, NodeKey = _key.Public });
        var writes = new List<KeyValuePair<string, string?>>();
        for (int i = 0; i < Accounts; i++) writes.Add(new(Balance(i), "1000000"));
        _store.Ledger.CommitGenesis(_store.State.Prepare(writes, 0), Hash.Zero, MerkleTree.Root([]), 1);
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _store.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Benchmark(Description = "state tree: 1,000 transfers")]
    public Hash Update() => _store.State.Prepare(Writes(UpdateTransactions), _store.State.Height + 1).Root;

    [Benchmark(Description = "ledger: commit a block of 500, synced")]
    public ExecutedBlock Commit()
    {
        ExecutedBlock last = _store.Ledger.Last!;
        ulong height = last.Height + 1;
        KeyValuePair<Hash, byte[]>[] bodies = [.. Enumerable.Range(0, BlockTransactions).Select(i => Body(height, i))];
        Receipt[] receipts = [.. bodies.Select((b, i) => Receipt(b.Key, height, (uint)i))];
        var header = new BlockHeader(_chain, 0, height, MerkleTree.Root([.. bodies.Select(b => b.Key)]), height, 0, Hash.Zero, Hash.Zero);
        var block = new Block(header, [.. bodies.Select(b => b.Key)]);
        var certificate = new CommitCertificate(new VoteStatement(_chain, 0, 0, height, header.ComputeHash()), []);
        return _store.Ledger.CommitBlock(new BlockCommit
        {
            Block = block, Certificate = certificate, Bodies = [.. bodies.Select(b => b.Value)], Receipts = receipts, State = _store.State.Prepare(Writes(BlockTransactions), height),
            ChainHash = Hash.Zero, ReceiptsRoot = MerkleTree.Root([.. receipts.Select(r => r.ComputeHash())]), EffectiveTimeMs = height,
        });
    }

    private static KeyValuePair<Hash, byte[]> Body(ulong height, int index)
    {
        var bytes = new byte[400];
        Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{height}/{index}"), bytes);
        return new(Digest.Of(Domains.Transaction, bytes), bytes);
    }

    private static Receipt Receipt(Hash transaction, ulong height, uint index) => new(
        transaction, height, index, ReceiptStatus.Ok, 10_000, "null", "",
        [new ContractEvent(ContractId.Single("Token"), "transfer", "{\"from\":\"a\",\"to\":\"b\",\"amount\":\"1\"}")]);

    private static string Balance(int account) => StatePath.Of(ContractId.Single("Token"), $"b/{Sample.Account($"account {account}")}");

    // Two balances and a nonce each, as a transfer writes.
    private List<KeyValuePair<string, string?>> Writes(int transactions)
    {
        var writes = new List<KeyValuePair<string, string?>>(3 * transactions);
        for (int i = 0; i < transactions; i++, _at++)
        {
            string value = _at.ToString(CultureInfo.InvariantCulture);
            writes.Add(new(Balance(_at * 2 % Accounts), value));
            writes.Add(new(Balance(((_at * 2) + 1) % Accounts), value));
            writes.Add(new(StatePath.Nonce(Sample.Account($"account {_at % Accounts}")), value));
        }
        return writes;
    }
}
