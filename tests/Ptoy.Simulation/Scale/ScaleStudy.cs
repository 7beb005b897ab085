namespace Ptoy.Simulation;

/// <summary>How throughput and latency grow with n: under load with a window of heights in flight, and unloaded with one.</summary>
internal static class ScaleStudy
{
    private static readonly int[] Sizes = [4, 7, 10, 19, 31, 49, 64, 100];

    /// <summary>Heights left out at the beginning of a measurement, and heights measured.</summary>
    private const ulong Heights = 64;

    private const ulong UnloadedHeights = 6;

    /// <summary>Prints the table; writes it to a file of comma-separated values too when one is named.</summary>
    public static bool Run(string? path, int largest, TextWriter output)
    {
        foreach (Model model in Model.All)
            output.WriteLine(FormattableString.Invariant(
                $"{model.Name}: {model.LatencyMicros / 1000.0} ms one way, {model.BytesPerMicro * 8 / 1000:F0} Gbit/s a node, sign {model.SignMicros} µs, verify {model.VerifyMicros} µs on {model.Verifiers} threads, sync {model.SyncMicros / 1000.0} ms, {model.TransactionsPerBlock} transactions of {model.BytesPerTransaction} bytes a block, {model.InFlight} heights in flight"));
        output.WriteLine($"{"model",-9}{"n",4}{"quorum",8}{"heights/s",11}{"tx/s",9}{"p50 ms",9}{"p99 ms",9}{"unloaded",10}{"msgs/h",9}{"kB/h",8}{"verify",8}{"link",7}");
        (Model Model, int Size)[] points = [.. Model.All.SelectMany(m => Sizes.Where(n => n <= largest).Select(n => (m, n)))];
        var rows = new ScaleRow[points.Length];
        var atOnce = new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount };
        Parallel.For(0, points.Length, atOnce, i => rows[i] = Measure(points[i].Model, points[i].Size));
        foreach (ScaleRow r in rows)
            output.WriteLine(FormattableString.Invariant(
                $"{r.Model,-9}{r.Replicas,4}{r.Quorum,8}{r.HeightsPerSecond,11:F1}{r.TransactionsPerSecond,9:F0}{r.LatencyP50Ms,9:F1}{r.LatencyP99Ms,9:F1}{r.UnloadedP50Ms,10:F1}{r.MessagesPerHeight,9:F0}{r.KilobytesPerHeight,8:F0}{r.PrimaryCpu,8:P0}{r.PrimaryNetwork,7:P0}"));
        if (path is not null)
        {
            File.WriteAllLines(path, [ScaleRow.Header, .. rows.Select(r => r.Csv)]);
            output.WriteLine($"written to {path}");
        }
        return true;
    }

    public static ScaleRow Measure(Model model, int replicas)
    {
        var loaded = new ScaleWorld(model, replicas, model.InFlight, Heights);
        loaded.Run();
        var unloaded = new ScaleWorld(model, replicas, 1, UnloadedHeights);
        unloaded.Run();
        double seconds = loaded.Now / 1e6, heights = Heights;
        return new ScaleRow(model.Name, replicas, loaded.Set.Quorum, heights / seconds, heights * model.TransactionsPerBlock / seconds,
            Percentile(loaded.Latencies, 0.5), Percentile(loaded.Latencies, 0.99), Percentile(unloaded.Latencies, 0.5),
            loaded.Messages / heights, loaded.Bytes / 1000.0 / heights, loaded.PrimaryCpu, loaded.PrimaryNetwork);
    }

    private static double Percentile(IReadOnlyList<long> micros, double share)
    {
        long[] sorted = [.. micros.Order()];
        return sorted.Length == 0 ? 0 : sorted[Math.Min(sorted.Length - 1, (int)(share * sorted.Length))] / 1000.0;
    }
}
