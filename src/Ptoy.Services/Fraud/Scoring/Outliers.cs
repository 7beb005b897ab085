using Ptoy.Services.Fhir;

namespace Ptoy.Services.Fraud.Scoring;

/// <summary>Three detectors that know nothing of fraud, only of the unusual, and their ranks put together.</summary>
internal static class Outliers
{
    private const int References = 600, Neighbours = 12;

    /// <summary>
    /// For each row the mean of its rank (0 to 1) under an isolation forest, the local outlier factor and the largest robust z. Ranks, since the scales of
    /// the three cannot be compared.
    /// </summary>
    public static double[] Ranks(double[][] rows, ulong seed = 1)
    {
        if (rows.Length == 0) return [];
        double[][] scaled = Scale(rows);
        var forest = new IsolationForest(scaled, seed: seed);
        double[] byForest = RankOf(forest.Score, scaled), byZ = RankOf(LargestZ, scaled), byNeighbours = RankOf(LocalOutlierFactor(scaled, seed), scaled);
        return [.. Enumerable.Range(0, rows.Length).Select(i => (byForest[i] + byZ[i] + byNeighbours[i]) / 3)];
    }

    /// <summary>Median and 1.4826 × median absolute deviation: standard deviations that outliers do not stretch.</summary>
    public static (double Median, double Deviation) Robust(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        if (sorted.Length == 0) return (0, 0);
        double median = Middle(sorted);
        return (median, 1.4826 * Middle([.. sorted.Select(v => Math.Abs(v - median)).Order()]));
    }

    private static double Middle(double[] sorted) => sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;

    private static double LargestZ(double[] scaled) => scaled.Max(Math.Abs);

    /// <summary>Each column in robust standard deviations, cut at ±8; a column whose middle half is one value is scaled by its mean deviation.</summary>
    private static double[][] Scale(double[][] rows)
    {
        int columns = rows[0].Length;
        var scaled = new double[rows.Length][];
        for (int i = 0; i < rows.Length; i++) scaled[i] = new double[columns];
        for (int c = 0; c < columns; c++)
        {
            (double median, double deviation) = Robust(rows.Select(r => r[c]));
            if (deviation <= 1e-12) deviation = 1.2533 * rows.Average(r => Math.Abs(r[c] - median));
            for (int i = 0; i < rows.Length; i++) scaled[i][c] = deviation <= 1e-12 ? 0 : Math.Clamp((rows[i][c] - median) / deviation, -8, 8);
        }
        return scaled;
    }

    /// <summary>Local outlier factor (Breunig et al., 2000) against a seeded sample, so that cost grows with the rows and not with their square.</summary>
    private static Func<double[], double> LocalOutlierFactor(double[][] rows, ulong seed)
    {
        var random = new SeededRandom(seed ^ 0x10F);
        double[][] sample = rows.Length <= References ? rows : [.. Enumerable.Range(0, References).Select(_ => rows[random.Below(rows.Length)])];
        int k = Math.Min(Neighbours, Math.Max(1, sample.Length - 1));
        (int Index, double Distance)[][] near = [.. sample.Select(r => Nearest(sample, r, k + 1).Skip(1).ToArray())];
        double[] reach = [.. near.Select(n => n.Length == 0 ? 0 : n[^1].Distance)];
        double[] density = [.. near.Select(n => Density(n, reach))];
        return row =>
        {
            (int Index, double Distance)[] n = Nearest(sample, row, k);
            return n.Average(x => density[x.Index]) / Density(n, reach);
        };
    }

    private static double Density((int Index, double Distance)[] near, double[] reach) =>
        1 / Math.Max(1e-9, near.Length == 0 ? 0 : near.Average(n => Math.Max(n.Distance, reach[n.Index])));

    private static (int Index, double Distance)[] Nearest(double[][] sample, double[] row, int k)
    {
        var best = new PriorityQueue<int, double>(k + 1);
        for (int i = 0; i < sample.Length; i++)
        {
            double distance = 0;
            double[] other = sample[i];
            for (int c = 0; c < row.Length; c++) distance += (row[c] - other[c]) * (row[c] - other[c]);
            if (best.Count < k) best.Enqueue(i, -distance);
            else if (best.TryPeek(out _, out double worst) && -distance > worst) best.EnqueueDequeue(i, -distance);
        }
        var found = new List<(int, double)>(k);
        while (best.TryDequeue(out int index, out double negative)) found.Add((index, Math.Sqrt(-negative)));
        found.Reverse();
        return [.. found];
    }

    private static double[] RankOf(Func<double[], double> score, double[][] rows)
    {
        double[] scores = new double[rows.Length];
        Parallel.For(0, rows.Length, i => scores[i] = score(rows[i]));
        int[] order = [.. Enumerable.Range(0, rows.Length).OrderBy(i => scores[i])];
        var ranks = new double[rows.Length];
        // Equal scores get the same, middle rank.
        for (int from = 0; from < order.Length;)
        {
            int to = from;
            while (to + 1 < order.Length && scores[order[to + 1]] <= scores[order[from]]) to++;
            for (int i = from; i <= to; i++) ranks[order[i]] = (from + to + 1) / (2.0 * order.Length);
            from = to + 1;
        }
        return ranks;
    }
}
