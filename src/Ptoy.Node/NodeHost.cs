using System.Text.Json;
using Ptoy.Consensus;
using Ptoy.Node.Audit;
using Ptoy.Node.Config;
using Ptoy.Node.Consensus;
using Ptoy.Node.Diagnostics;
using Ptoy.Node.Execution;
using Ptoy.Node.Gatekeeper;
using Ptoy.Node.Mail;
using Ptoy.Node.Membership;
using Ptoy.Node.Mempool;
using Ptoy.Node.Methods;
using Ptoy.Node.Rpc;
using Ptoy.Node.Sync;
using Ptoy.Node.Transport;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Storage;
using Ptoy.Storage.Ledger;
using Ptoy.Vm;

namespace Ptoy.Node;

/// <summary>
/// One running node: everything composed, started in the order of dependence, stopped in the opposite order. All I/O objects are made
/// here; the parts get what they need and nothing else.
/// </summary>
public sealed partial class NodeHost : IAsyncDisposable
{
    private readonly List<Func<ValueTask>> _stop = [];
    private readonly TaskCompletionSource<string> _fatal = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private CancellationTokenSource _stopping = new();
    private volatile bool _disposed;
    private readonly ILogger<NodeHost> _log;

    private NodeHost(ILogger<NodeHost> log) => _log = log;

    /// <summary>Ends with the reason when the node cannot go on (halted, failed); never ends otherwise.</summary>
    public Task<string> Fatal => _fatal.Task;

    /// <summary>Where JSON-RPC listens, with the real port.</summary>
    public Uri RpcAddress { get; private set; } = new("http://localhost");

    /// <summary>
    /// Starts a node. Throws <see cref="ConfigException"/>, <see cref="StoreException"/>, <see cref="TransportException"/>,
    /// <see cref="RpcStartException"/> or <see cref="GenesisException"/>; each message says what is wrong and what to do.
    /// </summary>
    public static async Task<NodeHost> StartAsync(NodeConfig config, ILoggerFactory logging, CancellationToken cancellation = default)
    {
        var host = new NodeHost(logging.CreateLogger<NodeHost>());
        try
        {
            await host._turn.WaitAsync(cancellation).ConfigureAwait(false);
            try
            {
                await host.ComposeAsync(config, logging, cancellation).ConfigureAwait(false);
            }
            finally
            {
                host._turn.Release();
            }
            return host;
        }
        catch
        {
            await host.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_disposed) return;
        _disposed = true;
        Interlocked.MemoryBarrier();
        // A restart inside that is under way ends early, then leaves the turn.
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _turn.WaitAsync().ConfigureAwait(false);
        await StopPartsAsync().ConfigureAwait(false);
        _stopping.Dispose();
        _turn.Dispose();
    }

    private async Task StopPartsAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        for (int i = _stop.Count - 1; i >= 0; i--)
        {
            try
            {
                await _stop[i]().ConfigureAwait(false);
            }
#pragma warning disable CA1031 // the other parts still have to be stopped
            catch (Exception e)
#pragma warning restore CA1031
            {
                _log.LogError(e, "a part did not stop cleanly");
            }
        }
        _stop.Clear();
    }

    private async Task ComposeAsync(NodeConfig config, ILoggerFactory logging, CancellationToken cancellation)
    {
        TimeProvider clock = TimeProvider.System;
        CpuParts.Enabled |= config.CpuParts;
        (_config, _logging) = (config, logging);
        Genesis genesis = LoadGenesis(config);
        Hash chainId = genesis.ComputeChainId();
        var nodeKey = new SigningKey(KeyFile.Read("nodeKeyFile", config.NodeKeyFile));
        OnStop(nodeKey);

        var storeOptions = new StoreOptions
        {
            Directory = config.DataDir,
            StorageKey = KeyFile.Read("storageKeyFile", config.StorageKeyFile),
            ChainId = chainId,
            NodeKey = nodeKey.Public,
        };
        NodeStore store = await OpenStoreAsync(config, storeOptions, genesis, nodeKey, cancellation).ConfigureAwait(false);
        OnStop(store);
        if (store.Consensus.Problem is { } forgotten) _log.LogError("this node signs nothing: {Problem}", forgotten);

        var vm = new ContractVm(GenesisExecutor.Compile(genesis), new EmergencyLimits(StartBrake: StartBrake));
        CommitGenesis(store, genesis, vm);
        var epochs = new EpochBook(chainId, genesis.Validators, store.Ledger, new SignatureMemory(Ed25519Verifier.Instance));
        if (config.IsFollower && epochs.Current.IndexOf(nodeKey.Public) >= 0)
            throw new ConfigException("configuration key 'role' is 'follower', but the node key is a member's");
        var members = new MemberBook(store.State.Get);
        ValidatorSet Current() => epochs.Current;

        var nonces = new NonceBook(store.State.Get);
        var pool = new TransactionPool(config.MempoolTransactions, config.MempoolBytes, nonces.Of);
        var admission = new Admission(pool, chainId, () => store.Ledger.Last!.Height);
        var bodies = new BodyCache(pool, hash => store.Consensus.Body(hash) ?? store.Ledger.TransactionBytes(hash));
        var transport = new NodeTransport(nodeKey, chainId, TransportOf(config), logging.CreateLogger("Ptoy.Transport"));
        OnStop(transport);
        var fetcher = new PeerFetcher(transport, epochs, admission, bodies, logging.CreateLogger<PeerFetcher>());

        SkipList skips = LoadSkips(config, chainId, epochs.Chain.All);
        var executor = new BlockExecutor(vm, chainId, store.State.Get, nonces.Of, (transaction, epoch) => skips.Contains(transaction, epochs.Chain.Of(epoch)!));
        var execution = new ExecutionPipeline(
            store, executor, nonces, bodies, pool, chainId, hashes => fetcher.FetchBodiesAsync(hashes, 0, _stopping.Token).GetAwaiter().GetResult(),
            Fail, logging.CreateLogger<ExecutionPipeline>());
        OnStop(execution);
        CatchUpMark mark = _mark ??= new CatchUpMark(config.DataDir);
        LogReach? lacking = mark.Look(store, epochs.Current.Epoch);
        var turns = new EpochTurns(config, chainId, epochs, members, nodeKey, store, clock, follows: lacking is not null);
        EpochTurn first = turns.Start();
        var driver = new ConsensusDriver(
            first.Replica, store.Consensus, transport, first.Validators, bodies, fetcher, new ProposalPolicy(pool, bodies), execution, clock, Fail,
            logging.CreateLogger<ConsensusDriver>(), turns);
        OnStop(driver);
        admission.Ready += driver.Wake;

        var views = new ContractViews(vm, store, chainId);
        OnStop(views);
        var certified = new CertifiedBlocks(store.Ledger);
        var keeper = new RecordKeeper(store, transport, Current, nodeKey, chainId, clock, logging.CreateLogger<RecordKeeper>());
        var catalog = new OwnerCatalog(views, keeper);
        var watch = new CensorshipWatch(pool, fetcher.ForwardAsync, (view, transaction) =>
        {
            _log.LogWarning("the primary of view {View} leaves out transaction {Transaction}, which it has: asking for the next view", view, transaction.Hash.Short);
            driver.Suspect(view);
        });
        execution.Published += result =>
        {
            watch.OnExecuted(result.Block.Header.Height, result.Transactions);
            members.OnExecuted(result.Writes);
            views.OnExecuted(result.Writes, result.Block.Header.Height);
            certified.OnExecuted(result);
            foreach ((_, Address owner) in RecordEvents.Retired(result.Receipts)) catalog.Evict(owner);
            keeper.Erase(result.Receipts);
        };
        driver.Certified += certified.OnCertified;

        var mail = new MailRoom(store.Mail, transport, Current, clock);
        var freshness = new Freshness(() => (store.Ledger.Last!.Height, store.Ledger.Last.EffectiveTimeMs), () => turns.MaxBlockIntervalMs, clock);
        var gate = new RecordGate(new AccessDecider(views, clock), catalog, keeper, views, store.Access, freshness, nodeKey.Public, clock);
        var facts = new NodeFacts
        {
            ChainId = chainId,
            NodeKey = nodeKey.Public,
            Governance = () => members.Now,
            Health = () => Health(store, pool, driver, transport),
        };

        var snapshots = new SnapshotServer(store, (ulong)config.SnapshotInterval, clock, logging.CreateLogger<SnapshotServer>());
        var server = new BulkServer(
            store, admission, bodies, keeper, mail, epochs, new ForwardDesk(pool, admission, Math.Max(8, first.Validators.Count)), snapshots);
        var inbox = new ConsensusInbox(first.Validators, epochs.Verifier(first.Validators.Epoch), v => driver.Post(new Received(v)), logging.CreateLogger<ConsensusInbox>());
        _stop.Add(inbox.DisposeAsync);
        await transport.StartAsync(server.Handlers(inbox.Receive, driver.OnLink), cancellation).ConfigureAwait(false);
        var gossip = new Gossip(transport, Current, admission);
        _stop.Add(gossip.DisposeAsync);
        var account = new NodeAccount(admission, pool, nonces.Of, nodeKey, () => store.Ledger.Last!.Height);
        var chores = new Chores(logging.CreateLogger<Chores>());
        var membership = new MembershipParts(config, transport, members, epochs, driver, execution, fetcher, store, account, logging);
        driver.EpochStarted += set => inbox.Use(set, epochs.Verifier(set.Epoch));
        membership.Start(chores);
        execution.Start();
        driver.Start();

        chores.Every(CensorshipWatch.Interval, token => watch.LookAsync(driver.Facts, token));
        var anchoring = new Anchoring(store.Access, views, account, nodeKey.Public, logging.CreateLogger<Anchoring>());
        chores.Every(() => AnchorInterval(config, members), token => membership.IsMember ? Task.Run(anchoring.Run, token) : Task.CompletedTask);
        if (!config.IsFollower) chores.Every(TimeSpan.FromSeconds(5), keeper.RepairAsync);
        KeepStore(config, store, snapshots, admission, chores);
        var gap = new SyncWatch(
            transport, () => [.. membership.Peers.Select(p => p.Node)], epochs.Chain, epochs.Add, store.Ledger, (ulong)config.SnapshotGap,
            own =>
            {
                _lastPeers = membership.Peers;
                Restart($"height {own} is too far behind", own);
            },
            logging.CreateLogger<SyncWatch>());
        chores.Every(TimeSpan.FromSeconds(1), gap.RoundAsync);
        membership.MayFollow = () => gap.Looked;
        if (lacking is { } reach) SignAgain(mark, reach, store, epochs, gap, chores);
        var certificates = new CertificateRepair(transport, epochs, store.Ledger, certified, logging.CreateLogger<CertificateRepair>());
        chores.Every(TimeSpan.FromSeconds(1), certificates.RunAsync);
        chores.Every(TimeSpan.FromMinutes(5), token => Task.Run(mail.Expire, token));
        chores.Every(TimeSpan.FromMinutes(10), token => Task.Run(keeper.Collect, token));
        _stop.Add(chores.DisposeAsync);

        var topics = new Topics(certified);
        RpcServer rpc = await RpcServer.StartAsync(
            RpcOf(config),
            new RpcServices
            {
                Identity = new RpcIdentity(chainId, nodeKey.Public),
                Methods = OfRole(config,
                [
                    .. new ChainMethods(store, genesis, facts, certified, views, pool, epochs).Table(),
                    .. new TransactionMethods(admission, pool, certified).Table(),
                    .. new RecordMethods(gate, store.Access, mail, facts, () => AuthorityKey(views), key => IsCertified(store, ContractId.Single("Audit"), key), clock).Table(),
                ], freshness),
                Topics = topics.All,
                Health = () => new RpcHealth(!_fatal.Task.IsCompleted, facts.Health()),
                Logging = logging,
            },
            cancellation).ConfigureAwait(false);
        _stop.Add(rpc.DisposeAsync);
        RpcAddress = rpc.Addresses[0];
        _log.LogInformation(
            "node {Node} of chain {Chain} is up: replica {Replica}, height {Height}, JSON-RPC at {Rpc}",
            nodeKey.Address, chainId.Short, first.Validators.IndexOf(nodeKey.Public), store.Ledger.Last!.Height, RpcAddress);
    }

    private void OnStop(IDisposable part) => _stop.Add(() =>
    {
        part.Dispose();
        return ValueTask.CompletedTask;
    });

    private void OnStop(NodeTransport part) => _stop.Add(part.DisposeAsync);

    private void Fail(string reason)
    {
        _log.LogCritical("this node stops: {Reason}", reason);
        _fatal.TrySetResult(reason);
    }

    /// <summary>A local limit that no honest call comes near: gas ends a call long before. Reaching it halts the node with the evidence.</summary>
    private static Func<string?> StartBrake()
    {
        const int MaxSeconds = 30;
        long start = System.Diagnostics.Stopwatch.GetTimestamp();
        return () => System.Diagnostics.Stopwatch.GetElapsedTime(start).TotalSeconds > MaxSeconds ? $"more than {MaxSeconds} s" : null;
    }

    internal static Genesis LoadGenesis(NodeConfig config)
    {
        if (!File.Exists(config.GenesisFile)) throw new ConfigException($"configuration key 'genesis': there is no file '{config.GenesisFile}'");
        try
        {
            return GenesisFile.Parse(File.ReadAllText(config.GenesisFile));
        }
        catch (Exception e) when (e is FormatException or IOException or UnauthorizedAccessException)
        {
            throw new ConfigException($"configuration key 'genesis': '{config.GenesisFile}': {e.Message}");
        }
    }

    private static IReadOnlyList<RpcMethod> OfRole(NodeConfig config, IReadOnlyList<RpcMethod> methods, Freshness freshness) =>
        config.IsFollower ? [.. OfFollower(methods, () => freshness.Require(null))] : methods;

    private static SkipList LoadSkips(NodeConfig config, Hash chainId, IReadOnlyList<ValidatorSet> sets)
    {
        try
        {
            return SkipList.Load(Path.Combine(config.DataDir, "skip"), chainId, sets);
        }
        catch (FormatException e)
        {
            throw new ConfigException(e.Message);
        }
    }

    private static void CommitGenesis(NodeStore store, Genesis genesis, ContractVm vm)
    {
        if (store.Ledger.Last is not null) return;
        IReadOnlyList<KeyValuePair<string, string?>> writes = GenesisExecutor.Execute(genesis, vm);
        store.Ledger.CommitGenesis(store.State.Prepare(writes, 0), Hash.Zero, MerkleTree.Root([]), genesis.TimeMs);
    }

    private static TimeSpan AnchorInterval(NodeConfig config, MemberBook members) =>
        TimeSpan.FromMilliseconds(config.AuditAnchorIntervalMs ?? members.Parameter("auditAnchorInterval", 30_000));

    private static TransportOptions TransportOf(NodeConfig config) => new()
    {
        ListenAddress = System.Net.IPAddress.TryParse(config.Listen, out System.Net.IPAddress? address)
            ? address
            : throw new ConfigException($"configuration key 'listen' is '{config.Listen}', not an IP address"),
        VotePort = config.VotePort,
        BulkPort = config.BulkPort,
    };

    private static RpcServerOptions RpcOf(NodeConfig config) => new()
    {
        Listen = [$"{(config.RpcCertificate is null ? "http" : "https")}://{config.RpcListen}:{config.RpcPort}"],
        CertificateFile = config.RpcCertificate,
        Insecure = config.RpcInsecure,
        CorsOrigins = config.RpcCors,
        CallsPerSecond = config.RpcRate,
    };

    private static bool IsCertified(NodeStore store, ContractId contract, string key) =>
        store.Ledger.LatestExecutionCertificate() is { } certificate && store.State.GetAt(StatePath.Of(contract, key), certificate.Statement.Height) is not null;

    private static PublicKey? AuthorityKey(ContractViews views)
    {
        var identity = ContractId.Single("Identity");
        if (views.State(identity, "authority") is not { } account) return null;
        string address = JsonSerializer.Deserialize<string>(account)!;
        if (views.State(identity, $"id/{address}") is not { } facts) return null;
        using JsonDocument json = JsonDocument.Parse(facts);
        return json.RootElement.TryGetProperty("signingKey", out JsonElement key) && key.ValueKind == JsonValueKind.String ? PublicKey.Parse(key.GetString()!) : null;
    }

    private static object Health(NodeStore store, TransactionPool pool, ConsensusDriver driver, NodeTransport transport)
    {
        ExecutedBlock last = store.Ledger.Last!;
        return new
        {
            height = last.Height,
            timeMs = last.EffectiveTimeMs,
            stateRoot = last.StateRoot,
            certified = store.Ledger.LatestExecutionCertificate()?.Statement.Height ?? 0,
            firstBlock = store.Ledger.First,
            stable = driver.Stable,
            view = driver.View,
            primary = driver.Primary,
            epoch = driver.Epoch,
            signs = driver.Signs,
            waiting = pool.Count,
            accessEntries = store.Access.Count,
            transport = transport.Snapshot(),
            cpuSeconds = CpuParts.Seconds(),
        };
    }
}
