using System.Globalization;
using Ptoy.Services.Fraud.Detectors;
using Ptoy.Services.Fraud.Scoring;

namespace Ptoy.Bench.Fraud;

/// <summary>All figures of one set.</summary>
internal sealed record SeedResult(string Name, LabelledSet Set, ReviewResult Review, double Rules, double Single, double Random, double Brier, double BrierOfRate, double Expected, int Candidates)
{
    public static SeedResult Of(string name, LabelledSet set, IReadOnlyList<Candidate> candidates, FraudModel model, string? singleRule)
    {
        ReviewResult review = Evaluation.Review(set, candidates, model.Probability);
        double rules = Evaluation.Review(set, candidates, c => c.Strength).Recall(set);
        double single = singleRule is null ? double.NaN : Evaluation.Review(set, candidates.Where(c => c.Kind == singleRule), c => c.Strength).Recall(set);
        (Candidate Candidate, bool Fraud)[] judged = [.. Evaluation.Judge(set, candidates)];
        double rate = judged.Length == 0 ? 0 : judged.Average(j => j.Fraud ? 1.0 : 0);
        double brier = judged.Length == 0 ? double.NaN : judged.Average(j => Math.Pow(model.Probability(j.Candidate) - (j.Fraud ? 1 : 0), 2));
        double expected = judged.Length == 0 ? double.NaN : judged.Average(j => model.Probability(j.Candidate)) / Math.Max(1e-9, rate);
        return new SeedResult(name, set, review, rules, single, Evaluation.RandomRecall(set), brier, rate * (1 - rate), expected, candidates.Count);
    }

    public double Recall => Review.Recall(Set);
}

/// <summary>Prints and writes the table.</summary>
internal static class FraudReport
{
    // Student's t, two-sided 95 %, by degrees of freedom from 1.
    private static readonly double[] T = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];

    public static void Print(IReadOnlyList<SeedResult> results, string? singleRule)
    {
        Console.WriteLine($"{"set",-12}{"cases",9}{"frauds",8}{"rate",9}{"budget",8}{"found",7}{"recall",8}{"precision",11}{"rules only",12}{"one rule",10}{"by lot",8}{"Brier",8}{"of rate",9}{"exp/obs",9}");
        foreach (SeedResult r in results)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{r.Name,-12}{r.Set.View.CaseCount,9}{r.Set.Frauds.Count,8}{r.Set.Rate,9:0.00 %}{Evaluation.BudgetOf(r.Set),8}{r.Review.Found.Count,7}{r.Recall,8:0.000}{r.Review.Precision,11:0.000}{r.Rules,12:0.000}{r.Single,10:0.000}{r.Random,8:0.000}{r.Brier,8:0.0000}{r.BrierOfRate,9:0.0000}{r.Expected,9:0.00}"));
        }
        Console.WriteLine();
        Line("recall at 1 % of cases", results, r => r.Recall);
        Line("  rules without learning", results, r => r.Rules);
        if (singleRule is not null) Line($"  one rule ({singleRule})", results, r => r.Single);
        Line("  by lot", results, r => r.Random);
        Line("precision of the reviews", results, r => r.Review.Precision);
        Console.WriteLine();
        Console.WriteLine($"{"kind of fraud",-22}{"frauds",8}{"found",8}{"recall",9}");
        foreach (string kind in Kinds(results))
        {
            (int all, int found) = Count(results, kind);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{kind,-22}{all,8}{found,8}{(double)found / all,9:0.000}"));
        }
        Console.WriteLine("A case is a claim, a day of one person's looks at one record, a prescription of a controlled drug, or a change of an account. Each alert costs one case of the budget.");
        if (results.Any(r => r.Set.Rate > 0.008)) Console.WriteLine("More than 0.8 % of the cases are fraud: a budget of 1 % leaves little or no room for error, and recall is bounded by it.");
        foreach (SeedResult r in results.Where(r => r.Set.Skipped > 0)) Console.WriteLine($"{r.Name}: {r.Set.Skipped} resources lacked what is needed and were left out");
    }

    public static void Save(IReadOnlyList<SeedResult> results)
    {
        string folder = Path.Combine("out", "bench");
        Directory.CreateDirectory(folder);
        string file = Path.Combine(folder, "fraud.csv");
        var lines = new List<string> { "set,kind,cases,frauds,budget,reviewed,found,recall,precision,recall_rules_only,recall_one_rule,recall_by_lot,candidates,brier,brier_of_rate" };
        foreach (SeedResult r in results)
        {
            lines.Add(string.Create(CultureInfo.InvariantCulture,
                $"{r.Name},all,{r.Set.View.CaseCount},{r.Set.Frauds.Count},{Evaluation.BudgetOf(r.Set)},{r.Review.Reviewed},{r.Review.Found.Count},{r.Recall:0.####},{r.Review.Precision:0.####},{r.Rules:0.####},{r.Single:0.####},{r.Random:0.####},{r.Candidates},{r.Brier:0.#####},{r.BrierOfRate:0.#####}"));
            foreach (string kind in Kinds([r]))
            {
                (int all, int found) = Count([r], kind);
                lines.Add(string.Create(CultureInfo.InvariantCulture, $"{r.Name},{kind},,{all},,,{found},{(double)found / all:0.####},,,,,,,"));
            }
        }
        File.WriteAllLines(file, lines);
        Console.WriteLine($"written to {file}");
    }

    private static IEnumerable<string> Kinds(IReadOnlyList<SeedResult> results) => results.SelectMany(r => r.Set.Frauds).Select(f => f.Kind).Distinct().Order(StringComparer.Ordinal);

    private static (int All, int Found) Count(IReadOnlyList<SeedResult> results, string kind) =>
        (results.Sum(r => r.Set.Frauds.Count(f => f.Kind == kind)), results.Sum(r => r.Review.Found.Count(f => f.Kind == kind)));

    /// <summary>The mean and its 95 % interval by Student's t over the seeds.</summary>
    private static void Line(string what, IReadOnlyList<SeedResult> results, Func<SeedResult, double> of)
    {
        double[] values = [.. results.Select(of)];
        double mean = values.Average();
        if (values.Length < 2)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what,-34}{mean:0.000}"));
            return;
        }
        double deviation = Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / (values.Length - 1));
        double half = T[Math.Min(values.Length - 2, T.Length - 1)] * deviation / Math.Sqrt(values.Length);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what,-34}{mean:0.000}  95 % interval {mean - half:0.000} to {mean + half:0.000}"));
    }
}
