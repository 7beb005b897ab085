using System.Diagnostics;
using System.Text.Json;
using Ptoy.EndToEnd.Network;
using Ptoy.Load.Engine;
using Ptoy.Load.Network;
using Ptoy.Load.Results;
using Ptoy.Load.Workloads;

namespace Ptoy.Load;

/// <summary>A running network, its clients and workloads, and single runs on it.</summary>
internal sealed class Bench : IAsyncDisposable
{
    private readonly NodeClient? _client;
    private readonly List<IAsyncDisposable> _owned = [];
    private readonly List<IDisposable> _disposables = [];
    private readonly Transfers? _transfers;
    private PatientPool? _patients;
    private RecordPool? _records;

    private Bench(Cluster cluster, NodeClient? client, Transfers? transfers) => (Cluster, _client, _transfers) = (cluster, client, transfers);

    public Cluster Cluster { get; }

    /// <summary>Starts a network of whole nodes with their clients.</summary>
    public static async Task<Bench> StartAsync(ClusterOptions options, int accounts, bool faults)
    {
        var transfers = new Transfers(accounts, options.Nodes);
        Cluster cluster = await Cluster.StartAsync(options with { Allotments = transfers.Allotments }).ConfigureAwait(false);
        var client = new NodeClient(cluster, faults);
        await client.OpenAsync().ConfigureAwait(false);
        return new Bench(cluster, client, transfers.On(client));
    }

    /// <summary>Starts a network that only orders.</summary>
    public static async Task<Bench> StartOrderingAsync(ClusterOptions options) =>
        new(await Cluster.StartAsync(options with { Ordering = true }).ConfigureAwait(false), null, null);

    /// <summary>The workload of that name on this network.</summary>
    public IWorkload Workload(string name, LoadOptions options)
    {
        if (name == "ordering") return Own(new Commands(Cluster, options.Batch > 0 ? options.Batch : 400, options.Payload));
        NodeClient client = _client!;
        IWorkload made = name switch
        {
            "transfers" => _transfers!,
            "grants" => new Grants(Patients(options), client),
            "decisions" => new Decisions(Patients(options), client),
            "puts" => new RecordPuts(Records(options)),
            "gets" => new RecordGets(Records(options)),
            "mix" => new Mix([.. options.Mix.Select(m => (Workload(m.Name, options), m.Share))]),
            _ => throw new LoadOptionException($"there is no workload '{name}'"),
        };
        return made;
    }

    /// <summary>Messages under way, until the time is over. <paramref name="guess"/>: operations a second to prepare for.</summary>
    public async Task<RunResult> ClosedAsync(IWorkload workload, string kind, int underWay, int perMessage, double seconds, double guess, double warmUp = 1)
    {
        int items = (int)Math.Max(underWay * perMessage, guess * seconds / workload.Weight);
        IReadOnlyList<Message> messages = await workload.MakeAsync(items, 0, perMessage).ConfigureAwait(false);
        var recorder = new Recorder(messages, TimeSpan.FromSeconds(warmUp));
        return await MeasureAsync(
            workload, kind, 0, underWay, recorder, [],
            () => Generator.ClosedAsync(workload, recorder, messages, underWay, TimeSpan.FromSeconds(seconds))).ConfigureAwait(false);
    }

    /// <summary>Operations at a rate for a time.</summary>
    public async Task<RunResult> OpenAsync(
        IWorkload workload, string kind, double rate, int perMessage, double seconds, int? poissonSeed = null, IReadOnlyList<FaultMark>? faults = null)
    {
        int items = (int)Math.Max(1, rate * seconds / workload.Weight);
        IReadOnlyList<Message> messages = await workload.MakeAsync(items, 0, perMessage).ConfigureAwait(false);
        var recorder = new Recorder(messages, TimeSpan.Zero);
        double[] due = Arrivals.Schedule(messages, rate / workload.Weight, poissonSeed);
        return await MeasureAsync(
            workload, kind, rate, 0, recorder, faults ?? [], () => Generator.OpenAsync(workload, recorder, messages, due)).ConfigureAwait(false);
    }

    public Task StopAsync() => Cluster.StopAsync();

    public async ValueTask DisposeAsync()
    {
        foreach (IAsyncDisposable owned in _owned) await owned.DisposeAsync().ConfigureAwait(false);
        foreach (IDisposable disposable in _disposables) disposable.Dispose();
        if (_transfers is not null) await _transfers.DisposeAsync().ConfigureAwait(false);
        if (_client is not null) await _client.DisposeAsync().ConfigureAwait(false);
        await Cluster.DisposeAsync().ConfigureAwait(false);
    }

    private async Task<RunResult> MeasureAsync(
        IWorkload workload, string kind, double rate, int underWay, Recorder recorder, IReadOnlyList<FaultMark> faults, Func<Task> run)
    {
        GC.Collect();
        Counters before = await CountersAsync().ConfigureAwait(false);
        using var stop = new CancellationTokenSource();
        Task faulting = InjectAsync(faults, stop.Token);
        await run().ConfigureAwait(false);
        Counters after = await CountersAsync().ConfigureAwait(false);
        await stop.CancelAsync().ConfigureAwait(false);
        await faulting.ConfigureAwait(false);
        int weight = workload.Weight;
        return new RunResult
        {
            Workload = workload.Name, Kind = kind, Offered = rate, UnderWay = underWay,
            Sent = recorder.SentItems * weight, Completed = recorder.CompletedItems * weight, Refused = recorder.RefusedItems * weight,
            Lost = recorder.LostItems * weight, Twice = _client?.Twice ?? 0, FirstError = recorder.FirstError,
            Throughput = recorder.Throughput(steady: underWay > 0) * weight,
            Latency = recorder.Latency,
            Timeline = [.. recorder.Slices.Select(s => (s.Ended * weight, s.WorstMicroseconds / 1000.0))],
            CpuSeconds = [.. after.Cpu.Zip(before.Cpu, (a, b) => Math.Max(0, a - b))],
            CpuByPart = Difference(after.Parts, before.Parts), CpuByThread = Difference(after.Threads, before.Threads),
            Blocks = after.Height - before.Height, Faults = faults,
        };
    }

    private sealed record Counters(double[] Cpu, Dictionary<string, double> Parts, Dictionary<string, double> Threads, ulong Height);

    private async Task<Counters> CountersAsync()
    {
        var parts = new Dictionary<string, double>(StringComparer.Ordinal);
        var threads = new Dictionary<string, double>(StringComparer.Ordinal);
        ulong height = 0;
        for (int i = 0; i < Cluster.Nodes.Count; i++)
        {
            foreach ((string name, double seconds) in ProcessCpu.ByThread(Cluster.Nodes[i].Id)) threads[name] = threads.GetValueOrDefault(name) + seconds;
            if (await Cluster.StatusAsync(i).ConfigureAwait(false) is not { } status) continue;
            height = Math.Max(height, status.GetProperty("height").GetUInt64());
            foreach (JsonProperty part in status.GetProperty("cpuSeconds").EnumerateObject()) parts[part.Name] = parts.GetValueOrDefault(part.Name) + part.Value.GetDouble();
        }
        return new Counters(ProcessCpu.Of(Cluster.Nodes.Select(n => n.Id)), parts, threads, height);
    }

    private static Dictionary<string, double> Difference(Dictionary<string, double> after, Dictionary<string, double> before) =>
        after.ToDictionary(a => a.Key, a => Math.Max(0, a.Value - before.GetValueOrDefault(a.Key)), StringComparer.Ordinal);

    private async Task InjectAsync(IReadOnlyList<FaultMark> faults, CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        try
        {
            foreach (FaultMark fault in faults.OrderBy(f => f.AtSeconds))
            {
                TimeSpan early = TimeSpan.FromSeconds(fault.AtSeconds) - Stopwatch.GetElapsedTime(start);
                if (early > TimeSpan.Zero) await Task.Delay(early, cancellation).ConfigureAwait(false);
                await InjectAsync(fault).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // The run was over before its last fault.
        }
    }

    private async Task InjectAsync(FaultMark fault)
    {
        NodeProcess node = Cluster.Nodes[fault.Node - 1];
        switch (fault.What)
        {
            case "kill": node.Kill(); break;
            case "start" when !node.Running: node.Start(); break;
            case "pause": await node.PauseAsync().ConfigureAwait(false); break;
            case "resume": await node.ResumeAsync().ConfigureAwait(false); break;
            default: break;
        }
    }

    private PatientPool Patients(LoadOptions options)
    {
        if (_patients is null) _disposables.Add(_patients = new PatientPool(options.Patients, _client!));
        return _patients;
    }

    private RecordPool Records(LoadOptions options)
    {
        const int Owners = 32;
        if (_records is null) _owned.Add(_records = new RecordPool(Owners, options.RecordSize, _client!));
        return _records;
    }

    private T Own<T>(T workload) where T : IAsyncDisposable
    {
        _owned.Add(workload);
        return workload;
    }
}
