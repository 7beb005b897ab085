using Ptoy.Consensus;
using Ptoy.Node.Config;
using Ptoy.Node.Consensus;
using Ptoy.Node.Membership;
using Ptoy.Node.Mempool;
using Ptoy.Node.Rpc;
using Ptoy.Node.Sync;
using Ptoy.Node.Transport;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Rpc;
using Ptoy.Storage;
using Ptoy.Storage.Snapshots;

namespace Ptoy.Node;

/// <summary>Snapshots, following, pruning: how this node comes by a state that it did not compute, and what it gives and keeps.</summary>
public sealed partial class NodeHost
{
    /// <summary>Rounds of asking (a quarter of a second each) after which a node whose peers show no snapshot goes on without one.</summary>
    private const int JoinPatience = 40;

    private readonly SemaphoreSlim _turn = new(1);
    private NodeConfig? _config;
    private ILoggerFactory? _logging;
    private CatchUpMark? _mark;
    private ulong? _joinAbove;
    private IReadOnlyCollection<PeerAddress> _lastPeers = [];
    private int _restarting;

    /// <summary>
    /// Opens the store, at once in the usual case. When a snapshot is wanted, or was imported in part before the process ended, the
    /// snapshot comes first: nothing can run on half a state.
    /// </summary>
    private async Task<NodeStore> OpenStoreAsync(NodeConfig config, StoreOptions options, Genesis genesis, SigningKey nodeKey, CancellationToken cancellation)
    {
        if (_joinAbove is null)
        {
            try
            {
                return NodeStore.Open(options);
            }
            catch (StoreException e) when (e.Problem == StoreProblem.Importing)
            {
                _log.LogInformation("going on with a snapshot: {Reason}", e.Message);
            }
        }
        using (SnapshotImport import = SnapshotImport.Open(options))
        await using (var transport = new NodeTransport(nodeKey, options.ChainId, TransportOf(config), _logging!.CreateLogger("Ptoy.Transport")))
        {
            await transport.StartAsync(new TransportHandlers(), cancellation).ConfigureAwait(false);
            IReadOnlyCollection<PeerAddress> peers = _lastPeers.Count > 0 ? _lastPeers : Addresses(config.Peers);
            if (peers.Count == 0) throw new ConfigException("configuration key 'peers' is empty: a half imported snapshot can only be completed from peers");
            transport.UpdatePeers(peers);
            var join = new SnapshotJoin(
                transport, [.. peers.Select(p => p.Node)], EpochsOf(genesis, import.Epochs()), import, _logging.CreateLogger<SnapshotJoin>());
            if (!await join.RunAsync(_joinAbove ?? 0, JoinPatience, cancellation).ConfigureAwait(false))
                _log.LogWarning("no peer shows a snapshot above height {Height} any more: going on without one", _joinAbove ?? 0);
        }
        _joinAbove = null;
        return NodeStore.Open(options);
    }

    internal static EpochChain EpochsOf(Genesis genesis, IEnumerable<EpochStart> known)
    {
        var epochs = new EpochChain(genesis.ComputeChainId(), genesis.Validators);
        foreach (EpochStart start in known)
        {
            if (epochs.Add(start) is { } problem) throw new StoreException(StoreProblem.Damaged, $"the store's epoch {start.Validators.Epoch}: {problem}");
        }
        return epochs;
    }

    private static PeerAddress[] Addresses(IEnumerable<PeerConfig> peers) => [.. peers.Select(p => new PeerAddress(p.NodeKey, p.Host, p.VotePort, p.BulkPort))];

    /// <summary>
    /// The store was lost, the votes were not: this node follows until the ledger has come as far as the log, and as far as the others have:
    /// they hold what it signed of the outcome of heights that it had executed. Then it starts upon its log, and votes again.
    /// </summary>
    private void SignAgain(CatchUpMark mark, LogReach lacking, NodeStore store, EpochBook epochs, SyncWatch watch, Chores chores)
    {
        _log.LogWarning("the consensus log knows height {Height} of epoch {Epoch}, the ledger ends at {Last}: this node follows until it is there",
            lacking.Checkpoint, lacking.Epoch, store.Ledger.Last!.Height);
        chores.Every(TimeSpan.FromMilliseconds(500), _ =>
        {
            ulong last = store.Ledger.Last!.Height;
            if (lacking.IsAheadOf(last, epochs.Current.Epoch) || watch.Shown(epochs.Current) is not { } shown || last < shown) return Task.CompletedTask;
            Restart($"the ledger reached height {last}, and with it what the consensus log knows: this node votes again", null, mark.Remove);
            return Task.CompletedTask;
        });
    }

    /// <summary>Stops every part and composes them again on the same configuration; with a height, a snapshot above it is fetched in between.</summary>
    private void Restart(string reason, ulong? joinAbove, Action? between = null)
    {
        if (Interlocked.Exchange(ref _restarting, 1) != 0) return;
        _log.LogWarning("restarting inside: {Reason}", reason);
        _ = Task.Run(async () =>
        {
            await _turn.WaitAsync().ConfigureAwait(false);
            try
            {
                if (_disposed) return;
                await StopPartsAsync().ConfigureAwait(false);
                Interlocked.Exchange(ref _stopping, new CancellationTokenSource());
                // Who disposes sets this first and cancels second: one of the two sees the other.
                if (_disposed) return;
                _joinAbove = joinAbove;
                between?.Invoke();
                Volatile.Write(ref _restarting, 0);
                await ComposeAsync(_config!, _logging!, _stopping.Token).ConfigureAwait(false);
            }
#pragma warning disable CA1031 // whatever failed, the parts do not run: the process has to end and say why
            catch (Exception e)
#pragma warning restore CA1031
            {
                if (!_disposed) Fail($"restarting inside failed: {e.Message}");
            }
            finally
            {
                _turn.Release();
            }
        });
    }

    private static void KeepStore(NodeConfig config, NodeStore store, SnapshotServer snapshots, Admission admission, Chores chores)
    {
        chores.Every(TimeSpan.FromMilliseconds(500), token => Task.Run(snapshots.Round, token));
        if (config.KeepBlocks > 0)
        {
            chores.Every(TimeSpan.FromSeconds(1), token => Task.Run(
                () =>
                {
                    ulong last = store.Ledger.Last!.Height, keep = (ulong)config.KeepBlocks;
                    if (last <= keep) return;
                    ulong below = Math.Min(last - keep, snapshots.LowestAsked ?? ulong.MaxValue) + 1;
                    while (!token.IsCancellationRequested && store.Ledger.Prune(below) == Storage.Ledger.LedgerStore.MostPruned)
                    {
                    }
                },
                token));
        }
        string? pressure = null;
        admission.Overload = () => Volatile.Read(ref pressure);
        chores.Every(TimeSpan.FromMilliseconds(250), token => Task.Run(() => Volatile.Write(ref pressure, store.Pressure().Problem()), token));
    }

    /// <summary>What a follower answers: reads that carry certificates, on state that is fresh. What needs its access log anchored on chain is a member's.</summary>
    private static IEnumerable<RpcMethod> OfFollower(IEnumerable<RpcMethod> methods, Action requireFresh)
    {
        string[] fresh = ["contract_view", "chain_proof", "account_nonce"];
        string[] membersOnly = ["record_", "audit_", "mail_", "match_"];
        foreach (RpcMethod method in methods)
        {
            if (membersOnly.Any(p => method.Name.StartsWith(p, StringComparison.Ordinal)))
            {
                static RpcException Refused() => new(RpcErrors.WrongNode, "this node is a follower: it keeps no access log that is anchored on chain; ask a member's node");
                yield return method.BinaryHandler is null
                    ? method with { Handler = (_, _, _) => Task.FromException<object?>(Refused()) }
                    : method with { BinaryHandler = (_, _, _) => Task.FromException<byte[]>(Refused()) };
            }
            else if (fresh.Contains(method.Name) && method.Handler is { } handler)
            {
                yield return method with
                {
                    Handler = (context, parameters, cancellation) =>
                    {
                        requireFresh();
                        return handler(context, parameters, cancellation);
                    },
                };
            }
            else yield return method;
        }
    }
}
