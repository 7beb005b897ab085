using BenchmarkDotNet.Attributes;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Wire;

namespace Ptoy.Bench;

/// <summary>What admission does to a transaction, part by part.</summary>
public class TransactionBenchmarks
{
    private const int Leaves = 1_000;

    private readonly Transaction _transaction;
    private readonly SigningKey _key = new(Sample.Bytes("key"));
    private readonly Hash[] _leaves = [.. Enumerable.Range(0, Leaves).Select(i => new Hash(Sample.Bytes($"leaf {i}")))];

    public TransactionBenchmarks() => _transaction = Sample.Transfer(_key, 7);

    [Benchmark(Description = "signature: verify")]
    public bool Verify() => _transaction.VerifySignatures();

    [Benchmark(Description = "signature: sign")]
    public Signature Sign() => _key.Sign(Domains.Transaction, _transaction.Envelope.BodyBytes);

    [Benchmark(Description = "transaction: decode strictly")]
    public Transaction Decode() => Transaction.Decode(_transaction.Bytes);

    [Benchmark(Description = "codec: encode a body")]
    public byte[] Encode() => Codec.Encode(_transaction.Body);

    [Benchmark(Description = "Merkle root of 1,000")]
    public Hash Root() => MerkleTree.Root(_leaves);
}
