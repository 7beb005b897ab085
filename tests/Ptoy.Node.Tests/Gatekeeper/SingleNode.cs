using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Ptoy.Node.Devnet;
using Ptoy.Node.Execution;
using Ptoy.Node.Gatekeeper;
using Ptoy.Node.Rpc;
using Ptoy.Node.Tests.Rpc;
using Ptoy.Node.Tests.Transport;
using Ptoy.Node.Transport;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Records;
using Ptoy.Protocol.Rpc;
using Ptoy.Protocol.Sync;
using Ptoy.Protocol.Wire;
using Ptoy.Storage;
using Ptoy.Storage.Ledger;
using Ptoy.Vm;

namespace Ptoy.Node.Tests.Gatekeeper;

/// <summary>
/// The gatekeeper on a real store, the real VM and the system contracts, in one process: blocks are executed here without consensus, and
/// the other members only sign storage receipts. The clock stands where the test puts it.
/// </summary>
internal sealed class SingleNode : IAsyncDisposable
{
    private readonly TestFolder _folder = new();
    private readonly SigningKey[] _nodes = [.. Enumerable.Range(60, 4).Select(i => TestTransactions.Key((byte)i))];
    private readonly List<InMemoryTransport> _transports = [];
    private readonly ValidatorSet _validators;
    private readonly NonceBook _nonces;
    private readonly BlockExecutor _executor;
    private readonly InMemoryNetwork _network = new();
    private long _requests;

    private SingleNode(Action<string>? beforeWrite)
    {
        Genesis genesis = MakeGenesis();
        ChainId = genesis.ComputeChainId();
        _validators = genesis.Validators;
        Store = NodeStore.Open(
            new StoreOptions { Directory = _folder.Path, StorageKey = new byte[32], ChainId = ChainId, NodeKey = _nodes[0].Public }, beforeWrite);
        var vm = new ContractVm(GenesisExecutor.Compile(genesis));
        Store.Ledger.CommitGenesis(Store.State.Prepare(GenesisExecutor.Execute(genesis, vm), 0), Hash.Zero, MerkleTree.Root([]), genesis.TimeMs);
        _nonces = new NonceBook(Store.State.Get);
        _executor = new BlockExecutor(vm, ChainId, Store.State.Get, _nonces.Of, (_, _) => false);
        Views = new ContractViews(vm, Store, ChainId);
        InMemoryTransport transport = Join(0);
        Keeper = new RecordKeeper(Store, transport, () => _validators, _nodes[0], ChainId, Clock, NullLogger<RecordKeeper>.Instance);
        Catalog = new OwnerCatalog(Views, Keeper);
        Decider = new AccessDecider(Views, Clock);
        var freshness = new Freshness(() => (Store.Ledger.Last!.Height, Store.Ledger.Last.EffectiveTimeMs), () => 5_000, Clock);
        Gate = new RecordGate(Decider, Catalog, Keeper, Views, Store.Access, freshness, _nodes[0].Public, Clock);
    }

    public static SigningKey Authority { get; } = TestTransactions.Key(50);

    public static SigningKey Patient { get; } = TestTransactions.Key(51);

    public static SigningKey Stranger { get; } = TestTransactions.Key(52);

    public static SigningKey Clinician { get; } = TestTransactions.Key(53);

    public static Hash Goals { get; } = Compartments.Tag(new byte[32], "goals");

    public static Hash Encounters { get; } = Compartments.Tag(new byte[32], "encounters");

    public static SealingKey Vault { get; } = new([.. Enumerable.Repeat((byte)90, 32)]);

    public ManualTime Clock { get; } = new();

    public Hash ChainId { get; }

    public NodeStore Store { get; }

    public ContractViews Views { get; }

    public RecordKeeper Keeper { get; }

    public OwnerCatalog Catalog { get; }

    public AccessDecider Decider { get; }

    public RecordGate Gate { get; }

    /// <summary>A node on which the patient, the clinician and nobody else are certified, and the patient has a vault.</summary>
    public static async Task<SingleNode> StartAsync(Action<string>? beforeWrite = null)
    {
        var node = new SingleNode(beforeWrite);
        foreach (InMemoryTransport member in node._transports.ToArray()) await member.StartAsync(new TransportHandlers());
        for (int i = 1; i < node._nodes.Length; i++) await node.Join(i).StartAsync(new TransportHandlers { OnRequest = node.Sign(i) });
        await InMemoryNetwork.IntroduceAsync(node._transports);
        node.Certify(Patient, "patient");
        node.Certify(Clinician, "practitioner");
        var keys = new Dictionary<string, string> { [Goals.ToString()] = Vault.Public.ToString(), [Encounters.ToString()] = Vault.Public.ToString() };
        node.Commit(Patient, new ContractId("Patient", Patient.Address), "create", new { vaultKeys = Enumerable.Repeat(keys, 8) });
        return node;
    }

    public Caller Caller(SigningKey key, Address? onBehalfOf = null)
    {
        string text = $"{ChainId}|{_nodes[0].Public}|record_get|{Interlocked.Increment(ref _requests)}";
        return new Caller(key.Public, key.Address, onBehalfOf, new RequestProof(key.Public, text, key.Sign(SignedRequest.Domain, Encoding.ASCII.GetBytes(text))));
    }

    public void Certify(SigningKey account, string role) => Commit(Authority, ContractId.Single("Identity"), "certify", account.Address.ToString(), new
    {
        sealingKey = SealingOf(account), signingKey = account.Public.ToString(), roles = new[] { role },
    });

    /// <summary>One block with one transaction, at the clock's time; the transaction has to succeed.</summary>
    public Receipt Commit(SigningKey sender, ContractId contract, string method, params object[] arguments)
    {
        ExecutedBlock last = Store.Ledger.Last!;
        var transaction = Transaction.Sign(
            new TransactionBody(ChainId, sender.Public, _nonces.Of(sender.Address), last.Height + 10, 50_000_000, null, contract, method, JsonSerializer.Serialize(arguments)), sender);
        Receipt receipt = Commit([transaction]).Single();
        Assert.That((receipt.Status, receipt.Error), Is.EqualTo((ReceiptStatus.Ok, "")), $"{contract}.{method}");
        return receipt;
    }

    /// <summary>An empty block: time passes on the chain.</summary>
    public void Tick() => Commit([]);

    private IReadOnlyList<Receipt> Commit(IReadOnlyList<Transaction> transactions)
    {
        ExecutedBlock last = Store.Ledger.Last!;
        Hash[] hashes = [.. transactions.Select(t => t.Hash)];
        ulong height = last.Height + 1;
        var block = new Block(
            new BlockHeader(ChainId, 0, height, MerkleTree.Root(hashes), (ulong)Clock.GetUtcNow().ToUnixTimeMilliseconds(), last.Height, last.ChainHash, last.StateRoot), hashes);
        ExecutedTransactions done = _executor.Execute(block, transactions, last.EffectiveTimeMs);
        Store.Ledger.CommitBlock(new BlockCommit
        {
            Block = block,
            Certificate = new CommitCertificate(new VoteStatement(ChainId, 0, 0, height, block.ComputeHash()), []),
            Bodies = [.. transactions.Select(t => t.Bytes)],
            Receipts = done.Receipts,
            State = Store.State.Prepare(done.Writes, height),
            ChainHash = ExecutionStatement.NextChainHash(last.ChainHash, height, block.ComputeHash()),
            ReceiptsRoot = MerkleTree.Root([.. done.Receipts.Select(r => r.ComputeHash())]),
            EffectiveTimeMs = done.TimeMs,
            RegisteredManifests = RecordEvents.Registered(done.Receipts),
        });
        _nonces.Apply(done.Nonces);
        Views.OnExecuted(done.Writes, height);
        return done.Receipts;
    }

    /// <summary>Uploads a package as the patient and registers it.</summary>
    public async Task RegisterAsync(UploadPackage package)
    {
        byte[] answer = await Gate.UploadAsync(Caller(Patient), Codec.Encode(package), CancellationToken.None);
        RecordUploadResult result = JsonSerializer.Deserialize<RecordUploadResult>(answer, RpcJson.Options)!;
        Manifest manifest = package.Manifest;
        string[] tags = [.. manifest.Entries.Select(e => e.Tag.ToString()).Distinct()];
        Commit(Patient, ContractId.Single("Records"), "register", manifest.Owner.ToString(), new
        {
            root = result.Manifest, bytes = manifest.TotalBytes, count = manifest.Entries.Length, epoch = 0, tags,
            recipients = tags.Select(tag => new { tag, keyId = Vault.Id.ToString() }),
        }, result.Receipts.Select(r => new { node = r.Node, signature = r.Signature }));
    }

    public async ValueTask DisposeAsync()
    {
        Views.Dispose();
        foreach (InMemoryTransport transport in _transports) await transport.DisposeAsync();
        Store.Dispose();
        _folder.Dispose();
    }

    private InMemoryTransport Join(int node)
    {
        InMemoryTransport transport = _network.Create(_nodes[node].Public);
        _transports.Add(transport);
        return transport;
    }

    private Func<PublicKey, ushort, ReadOnlyMemory<byte>, CancellationToken, Task<byte[]>> Sign(int node) => (_, kind, payload, _) =>
    {
        if ((BulkKind)kind != BulkKind.StoreRecords) return Task.FromResult<byte[]>([]);
        UploadPackage package = Codec.Decode<UploadPackage>(payload, UploadPackage.MaxBytes);
        return Task.FromResult(Codec.Encode(StorageReceipt.Sign(StorageStatement.For(ChainId, package), _nodes[node])));
    };

    private Genesis MakeGenesis()
    {
        var validators = ValidatorSet.Of(0, [.. _nodes.Select((n, i) => new Validator(n.Public, Organisation(i)))]);
        GenesisContract[] contracts = [.. DevnetBuilder.SystemContracts().Select(c => new GenesisContract(c.Key, c.Value))];
        string authority = Authority.Address.ToString();
        GenesisCall Call(string contract, string method, params object[] arguments) =>
            new(ContractId.Single(contract), method, JsonSerializer.Serialize(arguments));
        return new Genesis("gate", (ulong)Clock.GetUtcNow().ToUnixTimeMilliseconds() - 1000, 1, validators, contracts,
        [
            Call("Governance", "init", new
            {
                members = _nodes.Select((n, i) => new { nodeKey = n.Public.ToString(), organisation = Organisation(i).ToString(), name = $"Hospital {i}" }), keyAuthority = authority,
            }),
            Call("Identity", "init", authority),
            Call("Token", "init", (object)new[] { new { account = Organisation(0).ToString(), amount = DevnetBuilder.Supply.ToString() } }),
            Call("Identity", "certify", authority, new { sealingKey = SealingOf(Authority), signingKey = Authority.Public.ToString(), roles = new[] { "service" } }),
        ]);
    }

    private static string SealingOf(SigningKey account)
    {
        using var key = new SealingKey(account.Address.Value.ToArray());
        return key.Public.ToString();
    }

    private static Address Organisation(int node) => TestTransactions.Key((byte)(70 + node)).Address;
}
