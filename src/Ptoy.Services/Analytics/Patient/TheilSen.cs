namespace Ptoy.Services.Analytics.Patient;

/// <summary>A fitted line.</summary>
/// <param name="Slope">Per unit of x.</param>
/// <param name="Low">Lower end of the slope's confidence interval; null when there are too few points for one.</param>
/// <param name="High">Upper end.</param>
/// <param name="Intercept">Value at x = 0.</param>
internal sealed record FittedLine(double Slope, double? Low, double? High, double Intercept);

/// <summary>
/// The Theil–Sen line (Sen 1968): the median of the slopes of all pairs of points. Chosen over least squares since single wrong results, of
/// which a record has its share, hardly move it, and its interval needs no normal errors. The interval comes from the variance of Kendall's S,
/// corrected for ties, as in Sen 1968 and Gilbert 1987, section 16.5; ranks are rounded outwards, so it is never too narrow by rounding.
/// </summary>
internal static class TheilSen
{
    /// <summary>Most points that all pairs are taken of (79,800 slopes).</summary>
    public const int MaxPoints = 400;

    /// <summary>Fewest points for a line.</summary>
    public const int MinPoints = 3;

    /// <summary>97.5th percentile of the normal distribution: a two-sided interval of 95 %.</summary>
    public const double Z95 = 1.959963984540054;

    /// <summary>The line through points in any order; null for fewer than three points or when all have the same x.</summary>
    public static FittedLine? Fit(IReadOnlyList<(double X, double Y)> points, double z = Z95)
    {
        if (points.Count < MinPoints) return null;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(points.Count, MaxPoints, nameof(points));
        double[] slopes = Slopes(points);
        if (slopes.Length == 0) return null;
        double slope = Median(slopes);
        double intercept = Median([.. points.Select(p => p.Y - (slope * p.X)).Order()]);
        double reach = z * Math.Sqrt(VarianceOfS(points));
        int low = (int)Math.Floor((slopes.Length - reach) / 2) - 1, high = (int)Math.Ceiling((slopes.Length + reach) / 2);
        bool hasInterval = low >= 0 && high < slopes.Length;
        return new FittedLine(slope, hasInterval ? slopes[low] : null, hasInterval ? slopes[high] : null, intercept);
    }

    /// <summary>The median of sorted values.</summary>
    public static double Median(double[] sorted) =>
        sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;

    /// <summary>
    /// At most <see cref="MaxPoints"/> points that stand for many: the median of each of as many equal stretches of x, at its middle point.
    /// </summary>
    public static IReadOnlyList<(double X, double Y)> Thin(IReadOnlyList<(double X, double Y)> points)
    {
        if (points.Count <= MaxPoints) return points;
        double first = points.Min(p => p.X), width = (points.Max(p => p.X) - first) / MaxPoints;
        if (width <= 0) return [points[0]];
        return [.. points.GroupBy(p => Math.Min(MaxPoints - 1, (int)((p.X - first) / width))).OrderBy(g => g.Key)
            .Select(g => (Median([.. g.Select(p => p.X).Order()]), Median([.. g.Select(p => p.Y).Order()])))];
    }

    private static double[] Slopes(IReadOnlyList<(double X, double Y)> points)
    {
        var slopes = new List<double>(points.Count * (points.Count - 1) / 2);
        for (int i = 0; i < points.Count; i++)
        {
            for (int j = i + 1; j < points.Count; j++)
            {
                double run = points[j].X - points[i].X;
                if (run != 0) slopes.Add((points[j].Y - points[i].Y) / run);
            }
        }
        slopes.Sort();
        return [.. slopes];
    }

    // Var(S) = [n(n-1)(2n+5) - sum over ties of t(t-1)(2t+5)] / 18 (Kendall 1975), ties in x and in y.
    private static double VarianceOfS(IReadOnlyList<(double X, double Y)> points)
    {
        static double Term(double n) => n * (n - 1) * ((2 * n) + 5);
        double ties = points.GroupBy(p => p.X).Sum(g => Term(g.Count())) + points.GroupBy(p => p.Y).Sum(g => Term(g.Count()));
        return Math.Max(0, (Term(points.Count) - ties) / 18);
    }
}
