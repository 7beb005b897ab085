using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Node.Tests;

/// <summary>Signed transactions of two fixed senders, for tests of what admits, orders and executes them.</summary>
internal static class TestTransactions
{
    public static Hash ChainId { get; } = Digest.Of("ptoy/test/v1", "chain"u8);

    public static SigningKey Alice { get; } = Key(1);

    public static SigningKey Bob { get; } = Key(2);

    public static SigningKey Key(byte seed) => new([.. Enumerable.Repeat(seed, SigningKey.SeedSize)]);

    public static Transaction Of(
        SigningKey sender, ulong nonce, ulong expiry = 1000, string contract = "Counter", string method = "add", string arguments = "[1]",
        Hash? chain = null, ulong gas = 1_000_000) => Transaction.Sign(
        new TransactionBody(chain ?? ChainId, sender.Public, nonce, expiry, gas, null, ContractId.Single(contract), method, arguments), sender);

    public static Block BlockOf(ulong height, params Transaction[] transactions)
    {
        Hash[] hashes = [.. transactions.Select(t => t.Hash)];
        return new Block(
            new BlockHeader(ChainId, 0, height, MerkleTree.Root(hashes), 1_800_000_000_000 + height, height - 1, Hash.Zero, Hash.Zero), hashes);
    }
}

/// <summary>A directory that is gone after the test.</summary>
internal sealed class TestFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("ptoy-node-").FullName;

    public string File(string name, string content)
    {
        string path = System.IO.Path.Combine(Path, name);
        System.IO.File.WriteAllText(path, content);
        return path;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
