using System.Globalization;
using Ptoy.Services.Fraud.Facts;

namespace Ptoy.Services.Fraud.Detectors;

/// <summary>The same service billed twice: exactly, or disguised by another day, price, practitioner or line.</summary>
internal sealed class DuplicateDetector : IDetector
{
    private const int MostDays = 5, SeriesDays = 45;

    // 50 both sides; 76, 77, 91 repeated; RT/LT right and left; 59 and X{EPSU} separate services.
    private static readonly HashSet<string> Repeats = new(StringComparer.Ordinal) { "50", "76", "77", "91", "RT", "LT", "59", "XE", "XP", "XS", "XU", "E1", "F1", "T1" };

    /// <inheritdoc/>
    public string Kind => "duplicate";

    /// <inheritdoc/>
    public IReadOnlyList<string> Features { get; } =
    [
        "identical", "same start", "same day", "days apart", "codes in common", "amount differs", "same practitioner", "undocumented", "repeat modifier", "same codes around",
        "codes usually repeat", "value", "lines", "unusual",
    ];

    /// <inheritdoc/>
    public IEnumerable<Candidate> Find(ScanContext scan)
    {
        Dictionary<string, double> repeats = RepeatRates(scan.View);
        foreach (ClaimFact[] claims in scan.View.ClaimsByPatient.Values)
        {
            for (int i = 0; i < claims.Length; i++)
                for (int j = i + 1; j < claims.Length && (claims[j].From - claims[i].From).TotalDays <= MostDays; j++)
                    if (Pair(scan, claims, claims[i], claims[j], repeats) is { } found) yield return found;
        }
    }

    private Candidate? Pair(ScanContext scan, ClaimFact[] all, ClaimFact a, ClaimFact b, Dictionary<string, double> repeats)
    {
        double common = Common(a, b);
        if (common < 0.49) return null;
        (ClaimFact first, ClaimFact second) = a.Created <= b.Created ? (a, b) : (b, a);
        bool sameStart = a.From == b.From, sameDay = a.From.UtcDateTime.Date == b.From.UtcDateTime.Date;
        double amounts = Math.Abs(a.Total - b.Total) / Math.Max(0.01, Math.Max(a.Total, b.Total));
        bool identical = sameStart && common >= 1 && amounts < 0.001 && a.Practitioner == b.Practitioner;
        bool marked = first.Lines.Concat(second.Lines).Any(l => l.Modifier.Split('+').Any(Repeats.Contains));
        bool undocumented = !scan.IsDocumented(second) || !scan.IsDocumented(first) || (first.Encounter is not null && first.Encounter == second.Encounter);
        int around = all.Count(c => c != a && c != b && Math.Abs((c.From - a.From).TotalDays) <= SeriesDays && Common(a, c) > 0.49);
        double usual = a.Lines.Select(l => repeats.GetValueOrDefault(l.Code)).DefaultIfEmpty(0).Max();
        double days = Math.Abs((b.From - a.From).TotalDays);
        double[] features =
        [
            Flag(identical), Flag(sameStart), Flag(sameDay), days / MostDays, common, Math.Min(1, amounts * 3), Flag(a.Practitioner == b.Practitioner), Flag(undocumented), Flag(marked),
            Math.Log(1 + around), usual, Math.Log(1 + Math.Min(a.Total, b.Total)) / 5, Math.Log(Math.Min(a.Lines.Count, b.Lines.Count)), scan.Unusual(second),
        ];
        double strength = marked ? 0.1 : identical ? 1 : 0.6 * common * (1 - Math.Min(1, amounts)) * (1 - (days / (MostDays + 1)));
        return new Candidate(
            Kind, features, strength, [new(first.Id, first.Patient), new(second.Id, second.Patient)], Words(first, second, identical, sameDay, amounts, undocumented), "duplicate|" + second.Id, second.Created);
    }

    private static string Words(ClaimFact first, ClaimFact second, bool identical, bool sameDay, double amounts, bool undocumented)
    {
        string codes = string.Join(", ", first.Lines.Select(l => l.Code).Intersect(second.Lines.Select(l => l.Code)).Take(6));
        string what = identical ? "is the same claim again: same time, codes, amount and practitioner"
            : string.Create(CultureInfo.InvariantCulture, $"bills the same codes again {(sameDay ? "on the same day" : $"{Math.Abs((second.From - first.From).TotalDays):0.#} days apart")}, amounts {amounts:0 %} apart");
        return $"A claim of {Day(second.Created)} {what} ({codes}); the first was claimed on {Day(first.Created)}, and neither says that it replaces the other."
            + (undocumented ? " For one of them no encounter of its own is on record." : "");
    }

    /// <summary>How often a code comes again for the same patient within the days that count here: what is done in series repeats honestly.</summary>
    private static Dictionary<string, double> RepeatRates(FraudView view)
    {
        var seen = new Dictionary<string, (int Again, int All)>(StringComparer.Ordinal);
        foreach (ClaimFact[] claims in view.ClaimsByPatient.Values)
        {
            for (int i = 0; i < claims.Length; i++)
            {
                HashSet<string> next = [.. claims.Skip(i + 1).TakeWhile(c => (c.From - claims[i].From).TotalDays <= MostDays).SelectMany(c => c.Lines).Select(l => l.Code)];
                foreach (string code in claims[i].Lines.Select(l => l.Code).Distinct())
                {
                    (int again, int all) = seen.GetValueOrDefault(code);
                    seen[code] = (again + (next.Contains(code) ? 1 : 0), all + 1);
                }
            }
        }
        return seen.ToDictionary(s => s.Key, s => s.Value.Again / (s.Value.All + 10.0), StringComparer.Ordinal);
    }

    /// <summary>Share of codes in common (Jaccard).</summary>
    private static double Common(ClaimFact a, ClaimFact b)
    {
        HashSet<string> x = [.. a.Lines.Select(l => l.Code)], y = [.. b.Lines.Select(l => l.Code)];
        int both = x.Count(y.Contains);
        return both == 0 ? 0 : (double)both / (x.Count + y.Count - both);
    }

    internal static double Flag(bool value) => value ? 1 : 0;

    internal static string Day(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
}
