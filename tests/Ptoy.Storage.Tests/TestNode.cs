using System.Security.Cryptography;
using System.Text;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Storage.Ledger;
using Ptoy.Storage.State;

namespace Ptoy.Storage.Tests;

/// <summary>A store in a directory of its own, with what it takes to write blocks into it. Deletes the directory at the end.</summary>
internal sealed class TestNode : IDisposable
{
    public static readonly Hash Chain = Digest.Of("test/chain", "chain"u8);
    private static readonly SigningKey Key = new(SHA256.HashData("node"u8));

    private readonly bool _own;

    public TestNode(string? directory = null)
    {
        _own = directory is null;
        DirectoryPath = directory ?? Directory.CreateTempSubdirectory("ptoy-store-").FullName;
    }

    public string DirectoryPath { get; }

    public string StorePath => Path.Combine(DirectoryPath, "store");

    public string ConsensusPath => Path.Combine(DirectoryPath, "consensus");

    public StoreOptions Options => new()
    {
        Directory = DirectoryPath,
        StorageKey = SHA256.HashData("storage key"u8),
        ChainId = Chain,
        NodeKey = Key.Public,
        RetainVersions = 8,
        BlockCacheBytes = 8 << 20,
        WriteBufferBytes = 16 << 20,
    };

    public NodeStore Open(Action<string>? beforeWrite = null) => NodeStore.Open(Options, beforeWrite);

    public static Hash H(string text) => Digest.Of("test/value", Encoding.UTF8.GetBytes(text));

    public static Address A(string text) => new(H("address " + text));

    public static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    public static Dictionary<string, string?> Writes(params (string Path, string? Json)[] writes) => writes.ToDictionary(w => w.Path, w => w.Json);

    public static void Genesis(NodeStore store, params (string Path, string? Json)[] writes) =>
        store.Ledger.CommitGenesis(store.State.Prepare(Writes(writes), 0), H("genesis chain hash"), MerkleTree.Root([]), 1_000);

    /// <summary>Commits the next block with one transaction for each of the bodies.</summary>
    public static ExecutedBlock Commit(NodeStore store, IReadOnlyList<string> bodies, Dictionary<string, string?> writes,
        IReadOnlyList<Hash>? manifests = null, ReceiptStatus status = ReceiptStatus.Ok) =>
        store.Ledger.CommitBlock(Next(store, bodies, writes, manifests, status));

    public static BlockCommit Next(NodeStore store, IReadOnlyList<string> bodies, Dictionary<string, string?> writes,
        IReadOnlyList<Hash>? manifests = null, ReceiptStatus status = ReceiptStatus.Ok)
    {
        ExecutedBlock last = store.Ledger.Last!;
        ulong height = last.Height + 1;
        Hash[] hashes = [.. bodies.Select(H)];
        var block = new Block(new BlockHeader(Chain, 0, height, MerkleTree.Root(hashes), 2_000 + height, last.Height, last.ChainHash, last.StateRoot), hashes);
        Receipt[] receipts = [.. hashes.Select((h, i) => new Receipt(h, height, (uint)i, status, 10, "null", "", []))];
        StateUpdate state = store.State.Prepare(writes, height);
        return new BlockCommit
        {
            Block = block,
            Certificate = new CommitCertificate(new VoteStatement(Chain, 0, 0, height, block.ComputeHash()), []),
            Bodies = [.. bodies.Select(Bytes)],
            Receipts = receipts,
            State = state,
            ChainHash = ExecutionStatement.NextChainHash(last.ChainHash, height, block.ComputeHash()),
            ReceiptsRoot = MerkleTree.Root([.. receipts.Select(r => r.ComputeHash())]),
            EffectiveTimeMs = 2_000 + height,
            RegisteredManifests = manifests ?? [],
        };
    }

    public void Dispose()
    {
        if (_own && Directory.Exists(DirectoryPath)) Directory.Delete(DirectoryPath, recursive: true);
    }
}
