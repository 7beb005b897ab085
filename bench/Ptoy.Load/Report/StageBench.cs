using System.Globalization;
using Ptoy.EndToEnd.Network;
using Ptoy.Load.Ordering;
using Ptoy.Load.Results;
using Ptoy.Load.Workloads;
using Ptoy.Node.Config;
using Ptoy.Node.Devnet;
using Ptoy.Node.Execution;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Storage;
using Ptoy.Storage.Consensus;
using Ptoy.Storage.Ledger;
using Ptoy.Storage.State;
using Ptoy.Vm;

namespace Ptoy.Load.Report;

/// <summary>CPU microseconds of one replica's work, by stage: for a transaction, or for a client batch where only ordering is measured.</summary>
internal sealed record StageCosts(double Codec, double Signature, double Vm, double State, double Sync)
{
    public double Sum => Codec + Signature + Vm + State + Sync;
}

/// <summary>
/// Puts blocks of real transactions through each stage of one replica, one after the other on one thread, with a real store and no network.
/// Thread CPU time: what else runs on the machine is not measured.
/// </summary>
internal sealed class StageBench : IDisposable
{
    private const ulong Expiry = 9_000;
    private const int Accounts = 800;

    private readonly string _directory = Directory.CreateTempSubdirectory("ptoy-micro-").FullName;
    private readonly Consortium _consortium = new();
    private readonly SigningKey _key;
    private readonly NodeStore _store;
    private readonly NonceBook _nonces;
    private readonly BlockExecutor _executor;
    private readonly Account[] _accounts = [.. Enumerable.Range(0, Accounts).Select(_ => Account.New(0))];

    public StageBench(int basePort)
    {
        DevnetLayout layout = DevnetBuilder.Create(_consortium.Options(Path.Combine(_directory, "net"), basePort) with
        {
            Allotments = _accounts.ToDictionary(a => a.Public.Address, _ => 1_000_000_000UL),
        });
        Genesis genesis = GenesisFile.Parse(File.ReadAllText(layout.GenesisFile));
        ChainId = layout.ChainId;
        DevnetNode node = layout.Nodes[0];
        _key = new SigningKey(KeyFile.Read("nodeKeyFile", Path.Combine(node.Directory, "node.key")));
        _store = NodeStore.Open(new StoreOptions
        {
            Directory = node.DataDir, StorageKey = KeyFile.Read("storageKeyFile", Path.Combine(node.Directory, "storage.key")), ChainId = ChainId, NodeKey = _key.Public,
        });
        var vm = new ContractVm(GenesisExecutor.Compile(genesis));
        IReadOnlyList<KeyValuePair<string, string?>> writes = VmThread.Run(() => GenesisExecutor.Execute(genesis, vm));
        _store.Ledger.CommitGenesis(_store.State.Prepare(writes, 0), Hash.Zero, MerkleTree.Root([]), genesis.TimeMs);
        _nonces = new NonceBook(_store.State.Get);
        _executor = new BlockExecutor(vm, ChainId, _store.State.Get, _nonces.Of, (_, _) => false);
    }

    public Hash ChainId { get; }

    /// <summary>Signed transfers, encoded, among the accounts in turn.</summary>
    public byte[][] Transfers(int count) => [.. Enumerable.Range(0, count).Select(i => _accounts[i % Accounts].Sign(
        ChainId, Expiry, ContractId.Single("Token"), "transfer", _accounts[(i + 7) % Accounts].Text, (1 + (i % 9)).ToString(CultureInfo.InvariantCulture)).Bytes)];

    /// <summary>Makes the accounts patients, and gives back signed grants of theirs, encoded.</summary>
    public byte[][] Grants(int count)
    {
        string tag = Digest.Of("bench/tag", [1]).ToString();
        static string KeyOf(Account patient) => $"2:{Digest.Of("bench/key", System.Text.Encoding.ASCII.GetBytes(patient.Text))}";
#pragma warning disable CA2000 // the consortium owns the key
        var authority = new Account(_consortium.Authority.Signing, 0);
        var hospital = new Account(_consortium.Hospitals[0].Signing, 0);
#pragma warning restore CA2000
        var made = new List<byte[]>
        {
            hospital.Sign(ChainId, Expiry, new ContractId("Provider", hospital.Public.Address), "create",
                new { name = "Hospital", sealingKey = _consortium.Hospitals[0].Sealing.Public.ToString() }).Bytes,
        };
        foreach (Account patient in _accounts)
        {
            made.Add(authority.Sign(ChainId, Expiry, ContractId.Single("Identity"), "certify", patient.Text,
                new { sealingKey = KeyOf(patient), signingKey = patient.Public.ToString(), roles = new[] { "patient" } }).Bytes);
        }
        Run([.. made.Chunk(200)]);
        byte[][] vaults = [.. _accounts.Select(p => p.Sign(ChainId, Expiry, PatientPool.ContractOf(p), "create",
            new { vaultKeys = new[] { new Dictionary<string, string> { [tag] = KeyOf(p) } } }).Bytes)];
        Run([.. vaults.Chunk(200)]);
        return [.. Enumerable.Range(0, count).Select(i => _accounts[i % Accounts].Sign(
            ChainId, Expiry, PatientPool.ContractOf(_accounts[i % Accounts]), "grant", new
            {
                type = "permit", actor = new { organisation = hospital.Text, role = "clinician" }, actions = new[] { "read" }, purposes = new[] { "TREAT" }, tags = new[] { tag },
            }).Bytes)];
    }

    /// <summary>Runs blocks of encoded transactions and gives the cost of one. Throws when one fails.</summary>
    public StageCosts Run(byte[][][] blocks) => VmThread.Run(() => RunHere(blocks));

    /// <summary>Runs blocks of client batches, which nothing executes, and gives the cost of a batch.</summary>
    public StageCosts RunBatches(byte[][][] blocks)
    {
        (double codec, double state, double sync) = (0, 0, 0);
        foreach (byte[][] batches in blocks)
        {
            ExecutedBlock last = _store.Ledger.Last!;
            ulong height = last.Height + 1;
            Hash[] hashes = [];
            codec += CpuClock.Thread(1, () => hashes = [.. batches.Where(b => CommandBatch.Count(b) > 0).Select(b => Digest.Of(Domains.Transaction, b))]);
            var header = new BlockHeader(ChainId, 0, height, MerkleTree.Root(hashes), last.EffectiveTimeMs + 1, last.Height, last.ChainHash, last.StateRoot);
            var block = new Block(header, hashes);
            KeyValuePair<Hash, byte[]>[] bodies = [.. hashes.Zip(batches, KeyValuePair.Create)];
            ConsensusBody[] held = [.. bodies.Select(b => new ConsensusBody(height, b.Key, b.Value))];
            sync += CpuClock.Thread(1, () => _store.Consensus.Append([new ConsensusRecord(1, height, 0, new byte[512])], held, synced: true));
            (Receipt[] receipts, StateUpdate update, Hash root) = ([], null!, default);
            state += CpuClock.Thread(1, () =>
            {
                receipts = [.. hashes.Select((h, i) => new Receipt(h, height, (uint)i, ReceiptStatus.Ok, 0, "400", "", []))];
                update = _store.State.Prepare([KeyValuePair.Create(StatePath.Of(ContractId.Single("Ordering"), "commands"), (string?)$"{height}")], height);
                root = MerkleTree.Root([.. receipts.Select(r => r.ComputeHash())]);
            });
            sync += CpuClock.Thread(1, () => Commit(block, bodies, receipts, update, root, last.EffectiveTimeMs + 1));
        }
        double count = blocks.Sum(b => b.Length);
        return new StageCosts(codec / count, 0, 0, state / count, sync / count);
    }

    public void Dispose()
    {
        _store.Dispose();
        _key.Dispose();
        foreach (Account account in _accounts) account.Dispose();
        _consortium.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private StageCosts RunHere(byte[][][] blocks)
    {
        (double codec, double signature, double vm, double state, double sync) = (0, 0, 0, 0, 0);
        foreach (byte[][] bodies in blocks)
        {
            Transaction[] transactions = [];
            codec += CpuClock.Thread(1, () => transactions = [.. bodies.Select(b => Transaction.Decode(b))]);
            signature += CpuClock.Thread(1, () => Check(transactions.All(t => t.VerifySignatures()), "a signature is bad"));
            ExecutedBlock last = _store.Ledger.Last!;
            ulong height = last.Height + 1;
            Hash[] hashes = [.. transactions.Select(t => t.Hash)];
            var header = new BlockHeader(ChainId, 0, height, MerkleTree.Root(hashes), last.EffectiveTimeMs + 1, last.Height, last.ChainHash, last.StateRoot);
            var block = new Block(header, hashes);
            ConsensusBody[] held = [.. transactions.Select(t => new ConsensusBody(height, t.Hash, t.Bytes))];
            sync += CpuClock.Thread(1, () => _store.Consensus.Append([new ConsensusRecord(1, height, 0, new byte[512])], held, synced: true));
            ExecutedTransactions executed = null!;
            vm += CpuClock.Thread(1, () => executed = _executor.Execute(block, transactions, last.EffectiveTimeMs));
            Check(executed.Receipts.All(r => r.Status == ReceiptStatus.Ok), executed.Receipts.FirstOrDefault(r => r.Status != ReceiptStatus.Ok)?.Error ?? "");
            StateUpdate update = null!;
            Hash receipts = default;
            state += CpuClock.Thread(1, () =>
            {
                update = _store.State.Prepare(executed.Writes, height);
                receipts = MerkleTree.Root([.. executed.Receipts.Select(r => r.ComputeHash())]);
            });
            KeyValuePair<Hash, byte[]>[] stored = [.. transactions.Select(t => KeyValuePair.Create(t.Hash, t.Bytes))];
            sync += CpuClock.Thread(1, () => Commit(block, stored, executed.Receipts, update, receipts, executed.TimeMs));
            _nonces.Apply(executed.Nonces);
        }
        double count = blocks.Sum(b => b.Length);
        return new StageCosts(codec / count, signature / count, vm / count, state / count, sync / count);
    }

    private void Commit(Block block, KeyValuePair<Hash, byte[]>[] bodies, IReadOnlyList<Receipt> receipts, StateUpdate update, Hash receiptsRoot, ulong timeMs)
    {
        Hash hash = block.Header.ComputeHash();
        _store.Ledger.CommitBlock(new BlockCommit
        {
            Block = block,
            Certificate = new CommitCertificate(new VoteStatement(ChainId, 0, 0, block.Header.Height, hash), []),
            Bodies = [.. bodies.Select(b => b.Value)],
            Receipts = receipts,
            State = update,
            ChainHash = ExecutionStatement.NextChainHash(_store.Ledger.Last!.ChainHash, block.Header.Height, hash),
            ReceiptsRoot = receiptsRoot,
            EffectiveTimeMs = timeMs,
        });
    }

    private static void Check(bool good, string problem)
    {
        if (!good) throw new InvalidOperationException($"micro-benchmark: {problem}");
    }
}
