using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Ptoy.Consensus;
using Ptoy.Node.Config;
using Ptoy.Node.Consensus;
using Ptoy.Node.Diagnostics;
using Ptoy.Node.Transport;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Sync;
using Ptoy.Protocol.Wire;
using Ptoy.Storage;
using Ptoy.Storage.Ledger;

namespace Ptoy.Load.Ordering;

/// <summary>
/// A node that only orders: the real replica, driver, transport, consensus log and ledger, with opaque batches of commands in the place of
/// transactions and an executor that counts them. Run as a process of its own: <c>Ptoy.Load ordering-node --config FILE</c>.
/// </summary>
internal sealed class OrderingNode : IDisposable
{
    private readonly TaskCompletionSource<string> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Stack<IDisposable> _parts = new();
    private readonly NodeConfig _config;
    private readonly NodeStore _store;
    private readonly SigningKey _key;
    private readonly Hash _chainId;
    private readonly ValidatorSet _validators;
    private readonly BatchPool _pool;
    private readonly NodeTransport _transport;
    private readonly MessageVerifier _verifier;
    private readonly OrderingExecutor _executor;
    private readonly ConsensusDriver _driver;
    private readonly BatchFetcher _fetcher;
    private CommandServer? _server;

    private OrderingNode(NodeConfig config, int mostPerBlock, int worthAHeight)
    {
        _config = config;
        CpuParts.Enabled = config.CpuParts;
        Genesis genesis = GenesisFile.Parse(File.ReadAllText(config.GenesisFile));
        (_chainId, _validators) = (genesis.ComputeChainId(), genesis.Validators);
        _key = Own(new SigningKey(KeyFile.Read("nodeKeyFile", config.NodeKeyFile)));
        _store = Own(NodeStore.Open(new StoreOptions
        {
            Directory = config.DataDir, StorageKey = KeyFile.Read("storageKeyFile", config.StorageKeyFile), ChainId = _chainId, NodeKey = _key.Public,
        }));
        if (_store.Ledger.Last is null) _store.Ledger.CommitGenesis(_store.State.Prepare([], 0), Hash.Zero, MerkleTree.Root([]), genesis.TimeMs);
        _pool = new BatchPool(_store, mostPerBlock, worthAHeight);
        _transport = new NodeTransport(
            _key, _chainId, new TransportOptions { ListenAddress = System.Net.IPAddress.Loopback, VotePort = config.VotePort, BulkPort = config.BulkPort },
            NullLogger.Instance);
        _verifier = new MessageVerifier(_chainId, _validators, new SignatureMemory(Ed25519Verifier.Instance));
        _fetcher = new BatchFetcher(_transport, _validators, _pool, _verifier, _store);
        _executor = Own(new OrderingExecutor(
            _store, _pool, _chainId, hashes => _fetcher.FetchBodiesAsync(hashes, 0, CancellationToken.None).GetAwaiter().GetResult(), Fail));
        _driver = Own(new ConsensusDriver(
            MakeReplica(), _store.Consensus, _transport, _validators, _pool, _fetcher, _pool, _executor, TimeProvider.System, Fail,
            NullLogger<ConsensusDriver>.Instance));
        _driver.Certified += OnCertified;
    }

    /// <summary>Runs until SIGTERM; returns the exit code.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        int block = 64, worth = 8;
        string? file = null;
        var flags = new List<string>();
        for (int i = 0; i + 1 < args.Length; i += 2)
        {
            if (args[i] == "--config") file = args[i + 1];
            else if (args[i] == "--block") block = int.Parse(args[i + 1], CultureInfo.InvariantCulture);
            else if (args[i] == "--worth") worth = int.Parse(args[i + 1], CultureInfo.InvariantCulture);
            else flags.AddRange(args[i..(i + 2)]);
        }
        using var node = new OrderingNode(NodeConfig.Load(file, flags), block, worth);
        using PosixSignalRegistration stop = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
        {
            context.Cancel = true;
            node._ended.TrySetResult("");
        });
        await node.StartAsync().ConfigureAwait(false);
        Console.WriteLine($"ready, commands at port {node._config.RpcPort}");
        string reason = await node._ended.Task.ConfigureAwait(false);
        if (reason.Length == 0) return 0;
        await Console.Error.WriteLineAsync($"ordering node: {reason}").ConfigureAwait(false);
        return 1;
    }

    public void Dispose()
    {
        _server?.Dispose();
        // The transport stops by itself with the process; what writes to disk is closed in order.
        while (_parts.TryPop(out IDisposable? part)) part.Dispose();
    }

    private async Task StartAsync()
    {
        var inbox = new ConsensusInbox(_validators, _verifier, v => _driver.Post(new Received(v)), NullLogger<ConsensusInbox>.Instance);
        await _transport.StartAsync(new TransportHandlers
        {
            OnVote = inbox.Receive, OnBulk = OnBulk, OnRequest = _fetcher.AnswerAsync,
            OnPeerUp = (peer, carrier) => { if (carrier == Carrier.Bulk) _driver.OnLink(peer, true); },
            OnPeerDown = (peer, carrier) => { if (carrier == Carrier.Bulk) _driver.OnLink(peer, false); },
        }).ConfigureAwait(false);
        _transport.UpdatePeers([.. _config.Peers.Select(p => new PeerAddress(p.NodeKey, p.Host, p.VotePort, p.BulkPort))]);
        _driver.Start();
        _server = new CommandServer(_config.RpcPort, Submit, Status);
    }

    private bool Submit(Hash hash, byte[] batch)
    {
        if (!_pool.Add(hash, batch)) return false;
        byte[] message = Codec.Encode(new TransactionBatch([batch]));
        foreach (PeerConfig peer in _config.Peers) _transport.SendBulk(peer.NodeKey, (ushort)BulkKind.Transactions, message);
        _driver.Wake();
        return true;
    }

    private ValueTask OnBulk(PublicKey peer, ushort kind, ReadOnlyMemory<byte> payload)
    {
        if ((BulkKind)kind != BulkKind.Transactions || !Codec.TryDecode(payload, TransactionBatch.MaxBytes, out TransactionBatch? spread, out _)) return default;
        foreach (byte[] batch in spread!.Transactions)
        {
            if (CommandBatch.Count(batch) > 0) _pool.Add(Digest.Of(Domains.Transaction, batch), batch);
        }
        _driver.Wake();
        return default;
    }

    private void OnCertified(ExecutionCertificate certificate)
    {
        _store.Ledger.PutExecutionCertificate(certificate);
        _server?.Notify(_executor.Batches(certificate.Statement.Height));
    }

    private byte[] Status() => JsonSerializer.SerializeToUtf8Bytes(new
    {
        height = _store.Ledger.Last!.Height,
        certified = _store.Ledger.LatestExecutionCertificate()?.Statement.Height ?? 0,
        view = _driver.View,
        cpuSeconds = CpuParts.Seconds(),
    });

    private Replica MakeReplica()
    {
        int self = _validators.IndexOf(_key.Public);
        var settings = new ReplicaConfig
        {
            ChainId = _chainId, Validators = _validators, Self = self, Signer = new Ed25519Signer(_key),
            Window = (ulong)_config.ConsensusWindow, MaxInFlight = _config.ConsensusInFlight,
            HeartbeatTicks = (_config.MaxBlockIntervalMs ?? 5_000) / ConsensusDriver.TickMs, ViewTimeoutTicks = _config.ViewChangeTimeoutMs / ConsensusDriver.TickMs,
        };
        LogRecord[] log = [.. _store.Consensus.LoadAll().Records.Select(r => new LogRecord(new LogKey((LogKind)r.Kind, r.Height, r.View), r.Bytes))];
        ulong last = _store.Ledger.Last!.Height;
        var recent = new List<ExecutionStatement>();
        for (ulong height = last > settings.Window ? last - settings.Window : 0; height <= last; height++)
        {
            if (_store.Ledger.Executed(height) is { } e)
                recent.Add(new ExecutionStatement(_chainId, _validators.Epoch, e.Height, e.ChainHash, e.StateRoot, e.ReceiptsRoot, Hash.Zero, e.EffectiveTimeMs));
        }
        var ledger = new LedgerState(recent, _store.Ledger.LatestExecutionCertificate());
        return new Replica(settings, ledger, log, (ulong)DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());
    }

    private T Own<T>(T part) where T : IDisposable
    {
        _parts.Push(part);
        return part;
    }

    private void Fail(string reason) => _ended.TrySetResult(reason);
}
