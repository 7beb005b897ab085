using System.Globalization;
using Ptoy.Services.Fraud.Facts;
using static Ptoy.Services.Fraud.Detectors.DuplicateDetector;

namespace Ptoy.Services.Fraud.Detectors;

/// <summary>Services given after the patient's death. The day of service counts, not the day of the claim: bills may come late.</summary>
internal sealed class AfterDeathDetector : IDetector
{
    /// <inheritdoc/>
    public string Kind => "after-death";

    /// <inheritdoc/>
    public IReadOnlyList<string> Features { get; } = ["days after", "examination after death", "documented", "needs the patient"];

    /// <inheritdoc/>
    public IEnumerable<Candidate> Find(ScanContext scan)
    {
        foreach (ClaimFact[] claims in scan.View.ClaimsByPatient.Values)
        {
            if (scan.View.Person(claims[0].Patient)?.Died is not { } died) continue;
            // A death is often written down as a day: anything on that day may have been before it.
            DateTimeOffset end = new DateTimeOffset(died.UtcDateTime.Date, TimeSpan.Zero).AddDays(1);
            foreach (ClaimFact claim in claims.Where(c => c.From >= end))
            {
                bool examination = claim.Lines.Any(l => IsPostMortem(l.Code)), documented = scan.IsDocumented(claim);
                double days = (claim.From - end).TotalDays;
                string words = string.Create(CultureInfo.InvariantCulture,
                    $"A service of {Day(claim.From)} is billed {Math.Ceiling(days):0} days after the patient's death{(examination ? "; it is an examination after death, or the certificate of it" : "")}.");
                yield return new Candidate(
                    Kind, [Math.Log(1 + days) / 3, Flag(examination), Flag(documented), Flag(claim.InPerson)], examination ? 0.05 : 0.95,
                    [new(claim.Id, claim.Patient)], words, "after-death|" + claim.Id, claim.Created);
            }
        }
    }

    /// <summary>Autopsy and forensic examination (CPT 88000 to 88099; SNOMED CT 29240004), certification of death (SNOMED CT 308646001).</summary>
    private static bool IsPostMortem(string code) => code is "308646001" or "29240004" || (code.Length == 5 && code.StartsWith("880", StringComparison.Ordinal));
}
