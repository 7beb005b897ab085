using Ptoy.Services.Fraud.Detectors;
using Ptoy.Services.Fraud.Facts;

namespace Ptoy.Services.Fraud.Scoring;

/// <summary>A candidate with its probability.</summary>
internal sealed record Finding(Candidate Candidate, double Probability);

/// <summary>From facts to a ranking: all detectors, the model, and one entry for each matter.</summary>
internal static class FraudScan
{
    /// <summary>All candidates of all detectors.</summary>
    public static IReadOnlyList<Candidate> Candidates(FraudView view)
    {
        var scan = new ScanContext(view);
        return [.. ScanContext.Detectors.SelectMany(d => d.Find(scan))];
    }

    /// <summary>
    /// Most probable first. A candidate is left out when a stronger one is about the same matter, when most of its records were shown already, or when a larger
    /// matter holds all of them (a day of hundred looks stands for each look): a reviewer's time is the scarce thing.
    /// </summary>
    /// <param name="candidates">What detectors found.</param>
    /// <param name="score">Probability of a candidate.</param>
    /// <param name="most">How many are wanted at most.</param>
    public static IReadOnlyList<Finding> Rank(IEnumerable<Candidate> candidates, Func<Candidate, double> score, int most)
    {
        Finding[] all = [.. candidates.Select(c => new Finding(c, score(c)))];
        ILookup<string, Finding> larger = all.Where(f => f.Candidate.Evidence.Count > 2).SelectMany(f => f.Candidate.Evidence.Select(e => (e.Id, f)))
            .ToLookup(x => x.Id, x => x.f, StringComparer.Ordinal);
        var chosen = new List<Finding>();
        var matters = new HashSet<string>(StringComparer.Ordinal);
        var shown = new HashSet<string>(StringComparer.Ordinal);
        IEnumerable<Finding> ordered = all.OrderByDescending(f => f.Probability)
            .ThenByDescending(f => f.Candidate.Strength).ThenBy(f => f.Candidate.Fold, StringComparer.Ordinal);
        foreach (Finding finding in ordered)
        {
            if (chosen.Count >= most) break;
            IReadOnlyList<Evidence> evidence = finding.Candidate.Evidence;
            if (matters.Contains(finding.Candidate.Fold) || evidence.Count(e => shown.Contains(e.Id)) * 2 > evidence.Count || larger[evidence[0].Id].Any(l => StandsFor(l, finding))) continue;
            matters.Add(finding.Candidate.Fold);
            shown.UnionWith(evidence.Select(e => e.Id));
            chosen.Add(finding);
        }
        return chosen;
    }

    private static bool StandsFor(Finding larger, Finding smaller)
    {
        // Half as probable is enough: it will be reviewed itself, and shows more.
        if (larger.Candidate.Evidence.Count <= smaller.Candidate.Evidence.Count || larger.Probability < 0.5 * smaller.Probability) return false;
        HashSet<string> held = [.. larger.Candidate.Evidence.Select(e => e.Id)];
        return smaller.Candidate.Evidence.All(e => held.Contains(e.Id));
    }
}
