namespace Ptoy.Load.Results;

/// <summary>Mean and half the width of its 95 % confidence interval.</summary>
internal readonly record struct Estimate(double Mean, double HalfWidth, int Count);

/// <summary>Statistics of repeated runs.</summary>
internal static class Statistics
{
    // Student's t, two-sided 95 %, by degrees of freedom from 1.
    private static readonly double[] T =
        [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086];

    private const double Normal = 1.960;

    /// <summary>The mean of independent runs with its confidence interval by Student's t; of a single one the width is unknown (NaN).</summary>
    public static Estimate Of(IReadOnlyList<double> values)
    {
        if (values.Count == 0) throw new ArgumentException("no values", nameof(values));
        double mean = values.Average();
        if (values.Count == 1) return new Estimate(mean, double.NaN, 1);
        double deviation = Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / (values.Count - 1));
        int freedom = values.Count - 1;
        double t = freedom <= T.Length ? T[freedom - 1] : Normal;
        return new Estimate(mean, t * deviation / Math.Sqrt(values.Count), values.Count);
    }
}
