using System.Diagnostics;
using System.Text.Json;
using Ptoy.Client.Rpc;
using Ptoy.EndToEnd.Network;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Load;

/// <summary>The connections to a running network: submits, follows certified blocks, asks.</summary>
internal sealed class LoadSession : IAsyncDisposable
{
    private const ulong Lifetime = 9_000;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    private readonly LocalNetwork _network;
    private readonly List<NodeSocket> _sockets = [];
    private readonly RpcHttpClient _rpc;
    private volatile Tracker? _tracker;

    private LoadSession(LocalNetwork network)
    {
        _network = network;
        _rpc = RpcClient.Http(network.Layout.Nodes[0].Rpc);
    }

    public int Nodes => _sockets.Count;

    public static async Task<LoadSession> OpenAsync(LocalNetwork network)
    {
        var session = new LoadSession(network);
        foreach (var node in network.Layout.Nodes) session._sockets.Add(await NodeSocket.OpenAsync(node.Rpc, session.OnCertified).ConfigureAwait(false));
        // Any node's view of the certified chain is the chain; the last one is not the first primary.
        await session._sockets[^1].SubscribeAsync().ConfigureAwait(false);
        return session;
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

    /// <summary>The number that a patient's next provision gets.</summary>
    public async Task<int> MetaAsync(ContractId patient)
    {
        var proof = await _rpc.CallAsync<ChainProofResult>("chain_proof", new ChainProofParams(patient.ToString(), "meta")).ConfigureAwait(false);
        using JsonDocument meta = JsonDocument.Parse(proof.Value ?? throw new InvalidOperationException($"{patient} does not exist"));
        return meta.RootElement.GetProperty("next").GetInt32();
    }

    /// <summary>Submits and waits until all are certified. Throws when one is refused.</summary>
    public async Task CompleteAsync(IReadOnlyList<Prepared> transactions)
    {
        Prepared[] all = [.. transactions];
        Tracker tracker = Follow(all);
        var sends = new List<Task>();
        int at = 0;
        foreach (ArraySegment<Prepared> batch in Batches(all, 50))
        {
            sends.Add(SubmitAsync(batch, at, tracker));
            at += batch.Count;
        }
        await Task.WhenAll(sends).ConfigureAwait(false);
        await tracker.AllCertified.WaitAsync(Patience).ConfigureAwait(false);
        if (tracker.FirstError is { } error) throw new InvalidOperationException($"preparing: {error}");
    }

    /// <summary>
    /// Sends batches at their scheduled times and waits for the certificates. Whatever the network does, the schedule stands.
    /// </summary>
    public async Task<RunResult> RunAsync(string kind, string name, Prepared[] transactions, double rate, int batchSize)
    {
        List<ArraySegment<Prepared>> batches = Batches(transactions, batchSize);
        Tracker tracker = Follow([.. batches.SelectMany(b => b)]);
        double[] before = Cpu();
        long start = Stopwatch.GetTimestamp();
        tracker.Begin(start, Schedule(batches, rate));
        var sends = new List<Task>(batches.Count);
        int at = 0;
        foreach (ArraySegment<Prepared> batch in batches)
        {
            // The clock is what is waited for: an open loop sends at its times, whatever happened to earlier messages.
            TimeSpan early = TimeSpan.FromSeconds(at / rate) - Stopwatch.GetElapsedTime(start);
            if (early > TimeSpan.Zero) await Task.Delay(early).ConfigureAwait(false);
            sends.Add(SubmitAsync(batch, at, tracker));
            at += batch.Count;
        }
        bool complete = true;
        try
        {
            await Task.WhenAll(sends).WaitAsync(Patience).ConfigureAwait(false);
            await tracker.AllCertified.WaitAsync(Patience).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            complete = false;
        }
        double[] after = Cpu();
        return tracker.Result(kind, name, rate, [.. after.Zip(before, (a, b) => a - b)], complete);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (NodeSocket socket in _sockets) await socket.DisposeAsync().ConfigureAwait(false);
        await _rpc.DisposeAsync().ConfigureAwait(false);
    }

    private async Task SubmitAsync(ArraySegment<Prepared> batch, int at, Tracker tracker)
    {
        string?[] errors = await _sockets[batch[0].Node].SubmitAsync(batch).ConfigureAwait(false);
        for (int i = 0; i < errors.Length; i++) tracker.Answered(at + i, errors[i]);
    }

    private Tracker Follow(Prepared[] transactions)
    {
        var tracker = new Tracker(transactions);
        _tracker = tracker;
        return tracker;
    }

    private void OnCertified(string hash) => _tracker?.Certified(hash);

    /// <summary>Consecutive transactions of each node's clients, in messages of a size; messages take turns among the nodes.</summary>
    private List<ArraySegment<Prepared>> Batches(Prepared[] transactions, int size)
    {
        var waiting = Enumerable.Range(0, Nodes).Select(_ => new List<Prepared>()).ToArray();
        var batches = new List<ArraySegment<Prepared>>();
        foreach (Prepared transaction in transactions)
        {
            List<Prepared> mine = waiting[transaction.Node];
            mine.Add(transaction);
            if (mine.Count < size) continue;
            batches.Add(mine.ToArray());
            mine.Clear();
        }
        batches.AddRange(waiting.Where(w => w.Count > 0).Select(w => new ArraySegment<Prepared>([.. w])));
        return batches;
    }

    /// <summary>Each transaction is due when its message is: at the rate, counted by the message's first.</summary>
    private static double[] Schedule(IEnumerable<ArraySegment<Prepared>> batches, double rate)
    {
        var due = new List<double>();
        foreach (ArraySegment<Prepared> batch in batches) due.AddRange(Enumerable.Repeat(due.Count / rate, batch.Count));
        return [.. due];
    }

    private double[] Cpu() => [.. _network.Nodes.Select(n => n.CpuTime.TotalSeconds), Own()];

    private static double Own()
    {
        using var self = Process.GetCurrentProcess();
        return self.TotalProcessorTime.TotalSeconds;
    }
}
