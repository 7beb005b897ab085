using NUnit.Framework;
using Ptoy.Services.Fraud.Detectors;
using Ptoy.Services.Fraud.Scoring;

namespace Ptoy.Services.Tests.Fraud;

public class ScoringTests
{
    private static double[][] Cloud(int count) =>
        [.. Enumerable.Range(0, count).Select(i => new[] { Math.Sin(i * 1.7), Math.Cos(i * 2.3), Math.Sin(i * 0.31) })];

    [Test]
    public void The_forest_and_the_ranks_put_the_outlier_first()
    {
        double[][] rows = [.. Cloud(400), [9, 9, 9]];
        var forest = new IsolationForest(rows);
        Assert.That(forest.Score([9, 9, 9]), Is.GreaterThan(rows.Take(400).Max(forest.Score)));
        double[] ranks = Outliers.Ranks(rows);
        Assert.That(Array.IndexOf(ranks, ranks.Max()), Is.EqualTo(400));
    }

    [Test]
    public void Ranks_are_the_same_each_time_and_equal_rows_have_equal_ranks()
    {
        double[][] rows = [.. Cloud(100), [0.5, 0.5, 0.5], [0.5, 0.5, 0.5]];
        double[] ranks = Outliers.Ranks(rows);
        Assert.That(Outliers.Ranks(rows), Is.EqualTo(ranks));
        Assert.That(ranks[100], Is.EqualTo(ranks[101]));
    }

    [Test]
    public void Rows_that_are_all_the_same_or_none_at_all_do_no_harm()
    {
        Assert.That(Outliers.Ranks([]), Is.Empty);
        Assert.That(Outliers.Ranks([[1, 1], [1, 1], [1, 1]]), Is.All.InRange(0.0, 1.0));
    }

    [Test]
    public void Logistic_regression_finds_the_probabilities_that_made_the_data()
    {
        var rows = new List<double[]>();
        var labels = new List<bool>();
        for (int x = -3; x <= 3; x++)
        {
            int positive = (int)Math.Round(1000 / (1 + Math.Exp(-(0.5 + (1.2 * x)))));
            for (int i = 0; i < 1000; i++)
            {
                rows.Add([x]);
                labels.Add(i < positive);
            }
        }
        LogisticModel model = LogisticModel.Train(rows, labels, ridge: 1e-6);
        Assert.That(model.Bias, Is.EqualTo(0.5).Within(0.02));
        Assert.That(model.Weights[0], Is.EqualTo(1.2).Within(0.02));
        Assert.That(rows.Average(model.Probability), Is.EqualTo(labels.Average(l => l ? 1.0 : 0)).Within(1e-4));
    }

    [Test]
    public void Perfectly_separated_data_still_give_finite_weights()
    {
        LogisticModel model = LogisticModel.Train([[0.0], [0.0], [1.0], [1.0]], [false, false, true, true]);
        Assert.That(double.IsFinite(model.Bias) && double.IsFinite(model.Weights[0]), Is.True);
        Assert.That(model.Probability([1]), Is.GreaterThan(model.Probability([0])));
    }

    [Test]
    public void The_shipped_model_fits_the_detectors_and_survives_writing_and_reading()
    {
        FraudModel shipped = FraudModel.Shipped();
        var candidate = new Candidate("after-death", [1, 0, 0, 1], 1, [new Evidence("Claim/1", "p")], "", "f", default);
        FraudModel again = FraudModel.Parse(shipped.ToJson(), "again");
        Assert.That(again.Probability(candidate), Is.EqualTo(shipped.Probability(candidate)).Within(1e-6));
        Assert.That(shipped.Probability(candidate), Is.GreaterThan(0.5));
    }

    [TestCase("nonsense", "line 1")]
    [TestCase("{}", "'duplicate' is missing")]
    public void A_model_that_does_not_fit_is_refused_naming_what_is_wrong(string json, string message) =>
        Assert.That(() => FraudModel.Parse(json, "my-model.json"), Throws.TypeOf<FormatException>().With.Message.Contains(message).And.Message.StartsWith("my-model.json"));

    [Test]
    public void A_model_with_a_feature_that_no_detector_has_is_refused()
    {
        string json = FraudModel.Shipped().ToJson().Replace("\"same start\"", "\"same star\"", StringComparison.Ordinal);
        Assert.That(() => FraudModel.Parse(json, "m"), Throws.TypeOf<FormatException>().With.Message.Contains("features of 'duplicate'"));
    }

    [Test]
    public void A_matter_is_shown_once_and_a_larger_one_stands_for_its_parts()
    {
        Candidate Make(string fold, double strength, params string[] evidence) => new("burst", [], strength, [.. evidence.Select(e => new Evidence(e, "p"))], "", fold, default);
        Candidate[] candidates =
        [
            Make("day", 0.7, "a", "b", "c", "d"), Make("pair", 0.9, "b"), Make("again", 0.6, "x", "y"), Make("again", 0.5, "x", "y"), Make("other", 0.4, "y", "z"), Make("weak day", 0.1, "q", "r", "s"),
            Make("strong pair", 0.8, "q"),
        ];
        IReadOnlyList<Finding> ranked = FraudScan.Rank(candidates, c => c.Strength, 10);
        Assert.That(ranked.Select(f => f.Candidate.Fold), Is.EqualTo(new[] { "strong pair", "day", "again", "other", "weak day" }));
        Assert.That(FraudScan.Rank(candidates, c => c.Strength, 2), Has.Count.EqualTo(2));
    }
}
