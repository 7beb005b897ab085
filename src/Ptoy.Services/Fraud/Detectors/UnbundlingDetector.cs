using Ptoy.Services.Fraud.Facts;
using static Ptoy.Services.Fraud.Detectors.DuplicateDetector;

namespace Ptoy.Services.Fraud.Detectors;

/// <summary>Parts billed beside the whole that includes them, or all together in its place; in one claim, or spread over several of a patient, house and day.</summary>
internal sealed class UnbundlingDetector : IDetector
{
    /// <inheritdoc/>
    public string Kind => "unbundling";

    /// <inheritdoc/>
    public IReadOnlyList<string> Features { get; } = ["parts", "in place of the whole", "marked as separate", "split over claims", "same practitioner", "house does it often", "lines", "unusual"];

    /// <inheritdoc/>
    public IEnumerable<Candidate> Find(ScanContext scan)
    {
        Candidate[] found = [.. scan.View.ClaimsByPatient.Values.SelectMany(claims => claims
            .GroupBy(c => (House: scan.View.OrganisationOf(c), Day: c.From.UtcDateTime.Date)).SelectMany(day => OfDay(scan, day.Key.House, [.. day])))];
        var byHouse = found.CountBy(c => c.Fold.Split('|')[1]).ToDictionary(p => p.Key, p => p.Value, StringComparer.Ordinal);
        var billed = scan.View.Claims.CountBy(scan.View.OrganisationOf).ToDictionary(p => p.Key, p => p.Value, StringComparer.Ordinal);
        foreach (Candidate candidate in found)
        {
            string house = candidate.Fold.Split('|')[1];
            candidate.Features[5] = Math.Min(1, 100.0 * (byHouse[house] - 1) / Math.Max(100, billed.GetValueOrDefault(house)));
            yield return candidate;
        }
    }

    private IEnumerable<Candidate> OfDay(ScanContext scan, string house, ClaimFact[] claims)
    {
        (ClaimFact Claim, ClaimLine Line)[] lines = [.. claims.SelectMany(c => c.Lines.Select(l => (c, l)))];
        HashSet<string> codes = [.. lines.Select(l => l.Line.Code)];
        if (codes.Count < 2) yield break;
        foreach (BundleTable.Bundle bundle in BundleTable.All)
        {
            (ClaimFact Claim, ClaimLine Line)[] parts = [.. lines.Where(l => bundle.Parts.Contains(l.Line.Code))];
            bool whole = codes.Contains(bundle.Whole);
            int different = parts.Select(p => p.Line.Code).Distinct().Count();
            if (different == 0 || (!whole && (bundle.TogetherWhole == 0 || different < bundle.TogetherWhole))) continue;
            ClaimFact[] behind = [.. parts.Select(p => p.Claim).Concat(lines.Where(l => l.Line.Code == bundle.Whole).Select(l => l.Claim)).Distinct()];
            bool marked = parts.All(p => p.Line.Modifier.Split('+').Any(BundleTable.SeparateModifiers.Contains));
            double[] features =
            [
                Math.Log(1 + different), Flag(!whole), Flag(marked), Flag(behind.Length > 1), Flag(behind.Select(c => c.Practitioner).Distinct().Count() == 1), 0,
                Math.Log(lines.Length), behind.Max(scan.Unusual),
            ];
            string listed = string.Join(", ", parts.Select(p => p.Line.Code).Distinct().Take(8));
            string words = whole
                ? $"{bundle.Whole} ({bundle.What}) was billed, and on the same day for the same patient also {listed}, which it includes."
                : $"{listed} were billed one by one on the same day for the same patient; together they are {bundle.Whole} ({bundle.What}).";
            yield return new Candidate(
                Kind, features, marked ? 0.1 : 0.8, [.. behind.Select(c => new Evidence(c.Id, c.Patient))],
                words + (marked ? " A modifier says that the part was separate." : " No modifier says that anything was separate."),
                $"unbundling|{house}|{behind[0].Patient}|{behind[0].From.UtcDateTime:yyyyMMdd}", behind.Max(c => c.Created));
        }
    }
}
