namespace Ptoy.Load;

/// <summary>What one run gave. Latencies and times of certificates in seconds, both sorted.</summary>
internal sealed record RunResult(
    string Kind, string Name, double Rate, int Sent, int Refused, IReadOnlyList<double> Latencies, IReadOnlyList<double> CertifiedAt,
    IReadOnlyList<string> Twice, double[] CpuSeconds, bool Complete, string? FirstError)
{
    public int Certified => Latencies.Count;

    /// <summary>Certified transactions a second, from the first scheduled time to the last certificate.</summary>
    public double Throughput => Certified == 0 ? 0 : Certified / CertifiedAt[^1];

    /// <summary>CPU seconds for each certified transaction, over the nodes and the generator (the last entry).</summary>
    public double CpuPerTransaction => CpuSeconds.Sum() / Math.Max(1, Certified);

    /// <summary>Transactions a second that all cores of this machine could carry at this cost.</summary>
    public double ComputedLimit => Environment.ProcessorCount / CpuPerTransaction;

    /// <summary>True when every transaction that a node accepted was certified, none in two blocks.</summary>
    public bool ExactlyOnce => Complete && Twice.Count == 0 && Certified + Refused == Sent;

    /// <summary>A percentile of the latencies in milliseconds.</summary>
    public double Percentile(double percent) =>
        Latencies.Count == 0 ? double.NaN : Latencies[Math.Min(Latencies.Count - 1, (int)(Latencies.Count * percent / 100))] * 1000;
}
