using HdrHistogram;

namespace Ptoy.Load.Results;

/// <summary>Something done to a node at a time of a run.</summary>
internal sealed record FaultMark(double AtSeconds, string What, int Node);

/// <summary>What one run gave. Operations are transactions, commands or requests.</summary>
internal sealed record RunResult
{
    public required string Workload { get; init; }

    /// <summary>What the run was for: warm-up, closed, open, half, unloaded, search.</summary>
    public required string Kind { get; init; }

    public int Repetition { get; init; }

    /// <summary>Operations a second offered; 0 in a closed loop.</summary>
    public required double Offered { get; init; }

    /// <summary>Messages under way in a closed loop; 0 in an open one.</summary>
    public int UnderWay { get; init; }

    public required int Sent { get; init; }

    public required int Completed { get; init; }

    public required int Refused { get; init; }

    /// <summary>Sent, with no outcome within a minute of the end.</summary>
    public required int Lost { get; init; }

    /// <summary>Certified in two blocks: never.</summary>
    public int Twice { get; init; }

    public string? FirstError { get; init; }

    /// <summary>Completed operations a second: of the steady part in a closed loop, else from the start to the last one.</summary>
    public required double Throughput { get; init; }

    /// <summary>Latency in microseconds from the due time.</summary>
    public required LongHistogram Latency { get; init; }

    /// <summary>Operations completed, and the worst latency in milliseconds, in each tenth of a second.</summary>
    public required IReadOnlyList<(int Completed, double WorstMs)> Timeline { get; init; }

    /// <summary>CPU seconds during the run of each node and, last, of the generator.</summary>
    public required double[] CpuSeconds { get; init; }

    /// <summary>CPU seconds during the run of all nodes by part, where they measured it.</summary>
    public IReadOnlyDictionary<string, double> CpuByPart { get; init; } = new Dictionary<string, double>();

    /// <summary>CPU seconds during the run of all nodes by name of thread.</summary>
    public IReadOnlyDictionary<string, double> CpuByThread { get; init; } = new Dictionary<string, double>();

    /// <summary>Blocks during the run.</summary>
    public ulong Blocks { get; init; }

    public IReadOnlyList<FaultMark> Faults { get; init; } = [];

    /// <summary>Operations in a block, on average.</summary>
    public double PerBlock => Completed / (double)Math.Max(1, Blocks);

    public double CpuPerOperation => CpuSeconds.Sum() / Math.Max(1, Completed);

    /// <summary>Operations a second that all cores of this machine could carry at this cost.</summary>
    public double ComputedLimit => Environment.ProcessorCount / CpuPerOperation;

    /// <summary>True when everything that was taken ended, once.</summary>
    public bool ExactlyOnce => Lost == 0 && Twice == 0 && Completed + Refused == Sent;

    /// <summary>A percentile of the latencies in milliseconds.</summary>
    public double Percentile(double percent) => Latency.TotalCount == 0 ? double.NaN : Latency.GetValueAtPercentile(percent) / 1000.0;
}
