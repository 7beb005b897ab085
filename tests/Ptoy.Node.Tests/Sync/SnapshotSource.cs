using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Ptoy.Node.Sync;
using Ptoy.Node.Tests.Transport;
using Ptoy.Node.Transport;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Sync;
using Ptoy.Protocol.Wire;
using Ptoy.Storage;
using Ptoy.Storage.Ledger;
using Ptoy.Storage.State;

namespace Ptoy.Node.Tests.Sync;

/// <summary>A chain of four members with real certificates, in a store, served as snapshots to whoever asks over a network in memory.</summary>
internal sealed class SnapshotSource : IDisposable
{
    public const ulong Interval = 16;

    public static readonly Hash Chain = Digest.Of("test/chain", "snapshots"u8);

    private readonly string _directory = Directory.CreateTempSubdirectory("ptoy-source-").FullName;
    private readonly SigningKey[] _keys = [.. Enumerable.Range(0, 4).Select(i => new SigningKey(SHA256.HashData(Encoding.UTF8.GetBytes($"member {i}"))))];
    private readonly ValidatorSet _set;

    public SnapshotSource(ulong height, TimeProvider? clock = null)
    {
        _set = ValidatorSet.Of(0, [.. _keys.Select(k => new Validator(k.Public, k.Public.Address))]);
        Store = NodeStore.Open(Options(_directory));
        Store.Ledger.CommitGenesis(
            Store.State.Prepare(Enumerable.Range(0, 500).Select(i => KeyValuePair.Create($"Token//{i}", (string?)$"{i}")), 0), Hash.Zero, MerkleTree.Root([]), 1);
        Server = new SnapshotServer(Store, Interval, clock ?? TimeProvider.System, NullLogger<SnapshotServer>.Instance);
        Grow(height);
    }

    public NodeStore Store { get; }

    /// <summary>The members that are on a network.</summary>
    public List<InMemoryTransport> Serving { get; } = [];

    public SnapshotServer Server { get; }

    public IReadOnlyList<PublicKey> Members => [.. _keys.Select(k => k.Public)];

    public EpochChain Epochs() => new(Chain, _set);

    public static StoreOptions Options(string directory) => new()
    {
        Directory = directory,
        StorageKey = SHA256.HashData("storage key"u8),
        ChainId = Chain,
        NodeKey = new PublicKey(SuiteId.Ed25519, SHA256.HashData("newcomer"u8)),
        BlockCacheBytes = 8 << 20,
        WriteBufferBytes = 16 << 20,
    };

    /// <summary>Goes on to a height, certifying every block and offering every snapshot.</summary>
    public void Grow(ulong height)
    {
        while (Store.Ledger.Last!.Height < height)
        {
            ExecutedBlock last = Store.Ledger.Last;
            ulong next = last.Height + 1;
            var block = new Block(new BlockHeader(Chain, 0, next, MerkleTree.Root([]), 1_000 + next, last.Height, last.ChainHash, last.StateRoot), []);
            StateUpdate state = Store.State.Prepare([KeyValuePair.Create("Token//last", (string?)next.ToString(CultureInfo.InvariantCulture))], next);
            var vote = new VoteStatement(Chain, 0, 0, next, block.ComputeHash());
            ExecutedBlock executed = Store.Ledger.CommitBlock(new BlockCommit
            {
                Block = block,
                Certificate = new CommitCertificate(vote, Signed(VoteStatement.CommitDomain, vote)),
                Bodies = [],
                Receipts = [],
                State = state,
                ChainHash = ExecutionStatement.NextChainHash(last.ChainHash, next, block.ComputeHash()),
                ReceiptsRoot = MerkleTree.Root([]),
                EffectiveTimeMs = 1_000 + next,
            });
            var statement = new ExecutionStatement(Chain, 0, next, executed.ChainHash, executed.StateRoot, executed.ReceiptsRoot, Hash.Zero, executed.EffectiveTimeMs);
            Store.Ledger.PutExecutionCertificate(new ExecutionCertificate(statement, Signed(ExecutionStatement.Domain, statement)));
            Server.Round();
        }
    }

    /// <summary>Puts a member on the network that answers from this store; <paramref name="change"/> may tamper with an answer.</summary>
    public async Task ServeAsync(InMemoryNetwork network, int member, Func<BulkKind, byte[], byte[]>? change = null)
    {
        InMemoryTransport transport = network.Create(Members[member]);
        Serving.Add(transport);
        await transport.StartAsync(new TransportHandlers
        {
            OnRequest = (peer, kind, payload, _) => Task.Run(() =>
            {
                byte[] honest = (BulkKind)kind switch
                {
                    BulkKind.SnapshotHead => Server.Head(),
                    BulkKind.SnapshotChunk => Server.Chunk(peer, Codec.Decode<SnapshotChunkRequest>(payload, SnapshotChunkRequest.MaxBytes)),
                    _ => Codec.Encode(new EpochBatch([])),
                };
                return change?.Invoke((BulkKind)kind, honest) ?? honest;
            }),
        });
    }

    /// <summary>How epoch 1 begins above a height, vouched for by a quorum of the members.</summary>
    public EpochStart EpochOne(ulong barrier)
    {
        var next = ValidatorSet.Of(1, [.. _keys.Select(k => new Validator(k.Public, k.Public.Address))]);
        var statement = new ExecutionStatement(Chain, 0, barrier, Hash.Zero, Hash.Zero, Hash.Zero, next.ComputeHash(), 1_000 + barrier);
        return new EpochStart(next, new ExecutionCertificate(statement, Signed(ExecutionStatement.Domain, statement)));
    }

    /// <summary>The certificates of a height, as a server would show them.</summary>
    public SnapshotFacts Facts(ulong height) => new(Store.Ledger.ExecutionCertificate(height)!, Store.Ledger.CommitCertificate(height)!, 16);

    public void Dispose()
    {
        Store.Dispose();
        foreach (SigningKey key in _keys) key.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private ReplicaSignature[] Signed<T>(string domain, T statement)
        where T : IWire => [.. _keys.Take(3).Select((k, i) => new ReplicaSignature((byte)i, k.Sign(domain, Codec.Encode(statement))))];
}
