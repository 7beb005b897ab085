using NUnit.Framework;
using Ptoy.Services.Analytics.Patient;

namespace Ptoy.Services.Tests.Analytics;

[TestFixture]
internal sealed class TheilSenTests
{
    private static (double X, double Y)[] Points(double[] x, double[] y) => [.. x.Zip(y)];

    /// <summary>P. K. Sen, JASA 63 (1968), the data of Graybill: slope 4, interval (26/7, 35/8) at confidence 0.93.</summary>
    [Test]
    public void Sens_own_example_is_reproduced()
    {
        const double Z931 = 1.8187;
        FittedLine line = TheilSen.Fit(Points([1, 2, 3, 4, 10, 12, 18], [9, 15, 19, 20, 45, 55, 78]), Z931)!;
        Assert.Multiple(() =>
        {
            Assert.That(line.Slope, Is.EqualTo(4).Within(1e-12));
            Assert.That(line.Low, Is.EqualTo(26.0 / 7).Within(1e-12));
            Assert.That(line.High, Is.EqualTo(35.0 / 8).Within(1e-12));
            Assert.That(line.Intercept, Is.EqualTo(6).Within(1e-12));
        });
    }

    /// <summary>Computed in exact fractions: 45 slopes, Var(S) = 123 with two ties of two, ranks 11 and 35.</summary>
    [Test]
    public void An_outlier_and_ties_do_not_disturb()
    {
        FittedLine line = TheilSen.Fit(Points([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [5, 5, 6, 7, 7, 9, 8, 10, 50, 11]))!;
        Assert.That((line.Slope, line.Low, line.High, line.Intercept), Is.EqualTo((0.75, (double?)0.5, (double?)1.0, 4.625)));
    }

    [Test]
    public void Too_few_points_have_no_line_or_no_interval()
    {
        Assert.That(TheilSen.Fit(Points([1, 2], [1, 2])), Is.Null);
        Assert.That(TheilSen.Fit(Points([1, 1, 1], [1, 2, 3])), Is.Null, "all at one time");
        FittedLine line = TheilSen.Fit(Points([1, 2, 3], [1, 2, 3]))!;
        Assert.That((line.Slope, line.Low, line.High), Is.EqualTo((1.0, (double?)null, (double?)null)));
    }

    [Test]
    public void Many_points_are_thinned_to_medians_that_keep_the_slope()
    {
        (double X, double Y)[] many = [.. Enumerable.Range(0, 10_000).Select(i => ((double)i, (2.0 * i) + (i % 97 == 0 ? 5_000 : 0)))];
        IReadOnlyList<(double X, double Y)> thin = TheilSen.Thin(many);
        Assert.That(thin, Has.Count.EqualTo(TheilSen.MaxPoints));
        Assert.That(TheilSen.Fit(thin)!.Slope, Is.EqualTo(2).Within(0.01));
    }
}
