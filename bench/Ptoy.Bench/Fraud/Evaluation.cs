using Ptoy.Services.Fraud.Detectors;
using Ptoy.Services.Fraud.Facts;
using Ptoy.Services.Fraud.Scoring;

namespace Ptoy.Bench.Fraud;

/// <summary>What a reviewer with a fixed budget finds.</summary>
/// <param name="Found">Which frauds.</param>
/// <param name="Reviewed">Alerts looked at.</param>
/// <param name="True">Of these, how many were about a fraud.</param>
internal sealed record ReviewResult(IReadOnlySet<KnownFraud> Found, int Reviewed, int True)
{
    public double Recall(LabelledSet set) => set.Frauds.Count == 0 ? double.NaN : (double)Found.Count / set.Frauds.Count;

    public double Precision => Reviewed == 0 ? double.NaN : (double)True / Reviewed;
}

/// <summary>Counts what is found within a budget. An alert is about a fraud when at least a quarter of the records it shows belong to that fraud.</summary>
internal static class Evaluation
{
    public const double Budget = 0.01;

    private const double LeastShare = 0.25;

    public static int BudgetOf(LabelledSet set) => (int)(set.View.CaseCount * Budget);

    public static ReviewResult Review(LabelledSet set, IEnumerable<Candidate> candidates, Func<Candidate, double> score)
    {
        IReadOnlyList<Finding> alerts = FraudScan.Rank(candidates, score, BudgetOf(set));
        ILookup<string, KnownFraud> byReference = ByReference(set);
        var found = new HashSet<KnownFraud>();
        int hits = 0;
        foreach (Finding alert in alerts)
        {
            KnownFraud[] about = [.. About(alert.Candidate, byReference)];
            if (about.Length > 0) hits++;
            found.UnionWith(about);
        }
        return new ReviewResult(found, alerts.Count, hits);
    }

    /// <summary>Each candidate with the truth about it.</summary>
    public static IEnumerable<(Candidate Candidate, bool Fraud)> Judge(LabelledSet set, IEnumerable<Candidate> candidates)
    {
        ILookup<string, KnownFraud> byReference = ByReference(set);
        return candidates.Select(c => (c, About(c, byReference).Any()));
    }

    /// <summary>What drawing cases by lot finds, on average: a fraud of k cases is found when one of them is drawn.</summary>
    public static double RandomRecall(LabelledSet set)
    {
        Dictionary<string, string> sessionOf = [];
        foreach (AccessSession session in set.View.Sessions)
            foreach (AccessFact look in session.Looks) sessionOf[look.Id] = $"{session.User}|{session.Patient}|{session.Day}";
        return set.Frauds.Count == 0 ? double.NaN : set.Frauds.Average(f => 1 - Math.Pow(1 - Budget, f.References.Select(r => sessionOf.GetValueOrDefault(r, r)).Distinct().Count()));
    }

    private static ILookup<string, KnownFraud> ByReference(LabelledSet set) =>
        set.Frauds.SelectMany(f => f.References.Select(r => (r, f))).ToLookup(x => x.r, x => x.f, StringComparer.Ordinal);

    private static IEnumerable<KnownFraud> About(Candidate candidate, ILookup<string, KnownFraud> byReference) =>
        candidate.Evidence.SelectMany(e => byReference[e.Id]).GroupBy(f => f).Where(g => g.Count() >= LeastShare * candidate.Evidence.Count).Select(g => g.Key);
}
