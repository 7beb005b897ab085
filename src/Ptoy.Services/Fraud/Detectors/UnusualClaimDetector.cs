using Ptoy.Services.Fraud.Facts;
using static Ptoy.Services.Fraud.Detectors.DuplicateDetector;

namespace Ptoy.Services.Fraud.Detectors;

/// <summary>Claims that no rule names and that are unlike the others: the net for tricks that nobody wrote a rule for.</summary>
internal sealed class UnusualClaimDetector : IDetector
{
    private const double Share = 0.01;

    /// <inheritdoc/>
    public string Kind => "unusual-claim";

    /// <inheritdoc/>
    public IReadOnlyList<string> Features { get; } = ["rank", "undocumented", "separate modifier", "lines"];

    /// <inheritdoc/>
    public IEnumerable<Candidate> Find(ScanContext scan)
    {
        int most = Math.Max(1, (int)(scan.View.Claims.Count * Share));
        if (scan.View.Claims.Count < 100) yield break;
        foreach (ClaimFact claim in scan.View.Claims.OrderByDescending(scan.Unusual).ThenBy(c => c.Id, StringComparer.Ordinal).Take(most))
        {
            double rank = scan.Unusual(claim);
            bool marked = claim.Lines.Any(l => l.Modifier.Length > 0), undocumented = !scan.IsDocumented(claim);
            yield return new Candidate(
                Kind, [(rank - 0.9) * 10, Flag(undocumented), Flag(marked), Math.Log(Math.Max(1, claim.Lines.Count))], 0.2 * rank, [new(claim.Id, claim.Patient)],
                $"The claim of {Day(claim.From)} is unlike the others in price for its codes, combination of codes, hour, distance or volume (more unusual than {rank * 100:0.0} % of all)."
                + (undocumented ? " No encounter is on record for it." : ""), "unusual|" + claim.Id, claim.Created);
        }
    }
}
