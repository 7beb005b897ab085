using System.Collections.Concurrent;
using System.Net.WebSockets;
using System.Text.Json;
using Ptoy.Client.Rpc;
using Ptoy.Load.Engine;
using Ptoy.Load.Workloads;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Load.Network;

/// <summary>What a message of a run holds: prepared JSON, and whether its items end with the answer or with their certificate.</summary>
internal sealed record Outgoing(byte[] Json, bool EndsWithAnswer, Prepared[]? Transactions = null);

/// <summary>
/// The clients of a running network of whole nodes: one WebSocket a node, certified blocks from one of them (from all, when nodes may fail).
/// When <paramref name="faults"/> are expected, lost connections are made again and what was under way on them is handed to another node.
/// </summary>
internal sealed class NodeClient(Cluster cluster, bool faults) : IAsyncDisposable
{
    private const ulong Lifetime = 9_000;
    private static readonly byte[] Subscription = """{"jsonrpc":"2.0","id":"blocks","method":"subscribe","params":{"topic":"blocks"}}"""u8.ToArray();
    private static readonly TimeSpan Again = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    private readonly NodeSocket?[] _sockets = new NodeSocket?[cluster.Nodes.Count];
    private readonly ConcurrentQueue<Message>[] _underWay = [.. cluster.Nodes.Select(_ => new ConcurrentQueue<Message>())];
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Task> _keepers = [];
    private readonly RpcHttpClient _rpc = RpcClient.Http(cluster.Layout.Nodes[0].Rpc);
    private Dictionary<Hash, int> _expected = [], _items = [];
    private ulong[] _heights = [];
    private volatile Recorder? _recorder;
    private int _twice;

    public Cluster Cluster => cluster;

    /// <summary>Transactions of this run that were in two certified blocks.</summary>
    public int Twice => _twice;

    public async Task OpenAsync()
    {
        for (int i = 0; i < _sockets.Length; i++) await ConnectAsync(i).ConfigureAwait(false);
        if (faults) _keepers.AddRange(Enumerable.Range(0, _sockets.Length).Select(i => Task.Run(() => KeepAsync(i))));
    }

    /// <summary>The chain, and an expiry height that outlasts a run.</summary>
    public async Task<(Hash Chain, ulong Expiry)> ChainAsync()
    {
        var info = await _rpc.CallAsync<ChainInfoResult>("chain_info", new NoParams()).ConfigureAwait(false);
        return (Hash.Parse(info.ChainId), info.Height + Lifetime);
    }

    public async Task<ulong> NonceAsync(string account) =>
        (await _rpc.CallAsync<AccountNonceResult>("account_nonce", new AccountNonceParams(account)).ConfigureAwait(false)).Nonce;

    public async Task<JsonElement> ViewAsync(string contract, string method, params object[] arguments) =>
        (await _rpc.CallAsync<ContractViewResult>(
            "contract_view", new ContractViewParams(contract, method, JsonSerializer.SerializeToElement(arguments))).ConfigureAwait(false)).Value;

    /// <summary>A value of a contract's state, or null.</summary>
    public async Task<string?> StateAsync(ContractId contract, string key) =>
        (await _rpc.CallAsync<ChainProofResult>("chain_proof", new ChainProofParams(contract.ToString(), key)).ConfigureAwait(false)).Value;

    /// <summary>The item ends when this transaction is certified.</summary>
    public void Expect(Hash transaction, int item) => _expected.Add(transaction, item);

    /// <summary>What was expected up to now is of this run. Called once for each workload that shares this client; the first call counts.</summary>
    public void Begin(Recorder recorder)
    {
        if (_recorder == recorder) return;
        (_items, _expected, _twice) = (_expected, [], 0);
        _heights = new ulong[_items.Count == 0 ? 0 : _items.Values.Max() + 1];
        foreach (ConcurrentQueue<Message> queue in _underWay) queue.Clear();
        _recorder = recorder;
    }

    /// <summary>Sends a message to its node, or to the next one that is up.</summary>
    public void Send(Message message)
    {
        for (int i = 0; i < _sockets.Length; i++)
        {
            int node = (message.Node + i) % _sockets.Length;
            if (faults) _underWay[node].Enqueue(message);
            if (Volatile.Read(ref _sockets[node]) is { } socket && socket.Send(((Outgoing)message.Content).Json)) return;
        }
        if (!faults) RefuseAll(message, "no node is connected");
    }

    /// <summary>Transactions of messages that were not sent get back their nonces.</summary>
    public static void TakeBack(IEnumerable<Message> unsent)
    {
        foreach (Prepared transaction in unsent.SelectMany(m => ((Outgoing)m.Content).Transactions ?? [])) transaction.TakeBack();
    }

    /// <summary>Submits transactions and waits until all are certified. Throws when one is refused.</summary>
    public async Task CompleteAsync(IReadOnlyList<Prepared> transactions)
    {
        IReadOnlyList<Message> messages = Pack(transactions, 0, 50);
        var recorder = new Recorder(messages, TimeSpan.Zero);
        Begin(recorder);
        recorder.Begin(0);
        foreach (Message message in messages)
        {
            recorder.Due(message, 0);
            Send(message);
        }
        recorder.NoMore();
        await recorder.AllEnded.WaitAsync(Patience).ConfigureAwait(false);
        if (recorder.FirstError is { } error) throw new InvalidOperationException($"preparing: {error}");
    }

    /// <summary>Messages of consecutive transactions of each node's clients, in the order in which they fill up.</summary>
    public IReadOnlyList<Message> Pack(IReadOnlyList<Prepared> transactions, int first, int perMessage)
    {
        var waiting = _sockets.Select(_ => new List<Prepared>()).ToArray();
        var messages = new List<Message>();
        int item = first;
        void Add(List<Prepared> batch, int node)
        {
            foreach (Prepared transaction in batch) Expect(transaction.Hash, item++);
            messages.Add(new Message(item - batch.Count, batch.Count, node, new Outgoing(RpcMessages.Submit(batch, item - batch.Count), EndsWithAnswer: false, [.. batch])));
            batch.Clear();
        }
        foreach (Prepared transaction in transactions)
        {
            waiting[transaction.Node].Add(transaction);
            if (waiting[transaction.Node].Count == perMessage) Add(waiting[transaction.Node], transaction.Node);
        }
        for (int node = 0; node < waiting.Length; node++)
        {
            if (waiting[node].Count > 0) Add(waiting[node], node);
        }
        return messages;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(_keepers).ConfigureAwait(false);
        foreach (NodeSocket? socket in _sockets)
        {
            if (socket is not null) await socket.DisposeAsync().ConfigureAwait(false);
        }
        await _rpc.DisposeAsync().ConfigureAwait(false);
        _stop.Dispose();
    }

    private async Task ConnectAsync(int node)
    {
        NodeSocket socket = await NodeSocket.OpenAsync(node, cluster.Layout.Nodes[node].Rpc, OnMessage).ConfigureAwait(false);
        // Any node's certified chain is the chain; the last one is not the first primary.
        if (faults || node == _sockets.Length - 1) socket.Send(Subscription);
        Volatile.Write(ref _sockets[node], socket);
    }

    /// <summary>Keeps a connection: when it is lost, what was under way on it goes elsewhere, and it is made again.</summary>
    private async Task KeepAsync(int node)
    {
        using var pause = new PeriodicTimer(Again);
        try
        {
            while (true)
            {
                if (_sockets[node] is { } socket) await socket.Closed.WaitAsync(_stop.Token).ConfigureAwait(false);
                Volatile.Write(ref _sockets[node], null);
                SendElsewhere(node);
                await pause.WaitForNextTickAsync(_stop.Token).ConfigureAwait(false);
                try
                {
                    await ConnectAsync(node).ConfigureAwait(false);
                    SendElsewhere(node);
                }
                catch (WebSocketException)
                {
                    // Still down: again after the pause.
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The end of the run.
        }
    }

    private void SendElsewhere(int node)
    {
        Recorder? recorder = _recorder;
        Message[] lost = [.. _underWay[node]];
        _underWay[node].Clear();
        foreach (Message message in lost)
        {
            if (recorder is not null && message.Index >= 0 && recorder.IsOpen(message)) Send(message);
        }
    }

    private void OnMessage(int node, ReadOnlySpan<byte> json)
    {
        if (_recorder is not { } recorder) return;
        if (json[0] == '[') OnAnswers(recorder, json);
        else if (json.IndexOf("\"transactions\""u8) >= 0) RpcMessages.Block(json, (height, hash) => OnCertified(recorder, height, hash));
    }

    private void OnCertified(Recorder recorder, ulong height, Hash hash)
    {
        if (!_items.TryGetValue(hash, out int item)) return;
        ulong before = _heights[item];
        if (before != 0 && before != height) Interlocked.Increment(ref _twice);
        _heights[item] = height;
        if (before == 0) recorder.Complete(item);
    }

    private void OnAnswers(Recorder recorder, ReadOnlySpan<byte> json)
    {
        int first = RpcMessages.FirstId(json);
        if (first < 0) return;
        Message message = recorder.MessageOf(first);
        bool ends = ((Outgoing)message.Content).EndsWithAnswer;
        // Nearly all answers are plain: what says "error" nowhere holds none, and is not read further.
        if (json.IndexOf("\"error\""u8) < 0)
        {
            if (ends) recorder.Complete(message);
            return;
        }
        bool again = false;
        RpcMessages.Answers(json, (id, error) =>
        {
            if (error is { } e && faults && Passing(e.Code)) again |= e.Code != RpcErrors.NonceUsed;
            else if (error is { } refusal) recorder.Refuse(id, refusal.Message);
            else if (ends) recorder.Complete(id);
        });
        if (again) _ = SendAgainAsync(message, recorder);
    }

    /// <summary>With nodes that fail, a message is handed in twice: a used nonce is the first one's, a gap closes when what was lost comes again.</summary>
    private static bool Passing(int code) => code is RpcErrors.NonceUsed or RpcErrors.NonceGap or RpcErrors.MempoolFull or RpcErrors.Busy;

    private async Task SendAgainAsync(Message message, Recorder recorder)
    {
        try
        {
            await Task.Delay(Again, _stop.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return;
        }
        if (recorder.IsOpen(message)) Send(message);
    }

    private void RefuseAll(Message message, string reason)
    {
        for (int i = 0; i < message.Count; i++) _recorder?.Refuse(message.First + i, reason);
    }
}
