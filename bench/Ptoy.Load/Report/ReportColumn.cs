using Ptoy.Load.Results;

namespace Ptoy.Load.Report;

/// <summary>One workload's column: its runs and its limit.</summary>
internal sealed record ReportColumn(string Name, RunResult Saturation, RunResult Half, RunResult Unloaded, MicroLimit Micro)
{
    /// <summary>The split of the CPU time, in the order of the table: label and part names.</summary>
    public static readonly IReadOnlyList<(string Label, string[] Parts)> Split =
    [
        ("signature", ["signature"]), ("VM", ["vm"]), ("codec", ["codec"]), ("RPC", ["rpc", "mempool"]), ("state", ["state"]), ("sync", ["sync"]), ("consensus", ["consensus"]),
    ];

    private static readonly string[] RocksThreads = ["rocksdb"];

    /// <summary>The share of the limit from micro-benchmarks that was reached.</summary>
    public double Reached => Saturation.Throughput / Micro.PerSecond;

    /// <summary>CPU microseconds of an operation by part over all nodes; RocksDB's own threads belong to sync, what no part claims is the rest.</summary>
    public IReadOnlyList<(string Label, double Microseconds)> Cpu
    {
        get
        {
            double Per(double seconds) => seconds * 1e6 / Math.Max(1, Saturation.Completed);
            double rocks = Saturation.CpuByThread.Where(t => RocksThreads.Any(r => t.Key.StartsWith(r, StringComparison.Ordinal))).Sum(t => t.Value);
            double nodes = Saturation.CpuSeconds[..^1].Sum(), claimed = rocks;
            var parts = new List<(string, double)>();
            foreach ((string label, string[] names) in Split)
            {
                double seconds = names.Sum(n => Saturation.CpuByPart.GetValueOrDefault(n)) + (label == "sync" ? rocks : 0);
                claimed += label == "sync" ? seconds - rocks : seconds;
                parts.Add((label, Per(seconds)));
            }
            parts.Add(("transport, sockets, runtime (rest)", Per(Math.Max(0, nodes - claimed))));
            parts.Add(("generator", Per(Saturation.CpuSeconds[^1])));
            return parts;
        }
    }
}
