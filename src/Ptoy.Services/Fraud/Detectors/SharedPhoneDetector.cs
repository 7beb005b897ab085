using System.Globalization;
using Ptoy.Services.Fraud.Facts;

namespace Ptoy.Services.Fraud.Detectors;

/// <summary>One telephone in the records of many people who do not live together.</summary>
internal sealed class SharedPhoneDetector : IDetector
{
    private const int FewestPeople = 3;

    /// <inheritdoc/>
    public string Kind => "shared-phone";

    /// <inheritdoc/>
    public IReadOnlyList<string> Features { get; } = ["people", "households", "family names", "towns", "enrolled within weeks", "claims of each"];

    /// <inheritdoc/>
    public IEnumerable<Candidate> Find(ScanContext scan)
    {
        IEnumerable<PersonFact> people = scan.View.Patients.Select(scan.View.Person).OfType<PersonFact>();
        foreach (IGrouping<string, PersonFact> shared in people.SelectMany(p => p.Phones, (Person, Phone) => (Person, Phone)).GroupBy(x => x.Phone, x => x.Person, StringComparer.Ordinal))
        {
            PersonFact[] all = [.. shared];
            int households = all.Select(p => p.Household).Distinct().Count();
            if (all.Length < FewestPeople || households < 2) continue;
            int families = all.Select(p => p.Family).Distinct().Count(), towns = all.Select(p => p.Home).Distinct().Count();
            DateTimeOffset[] joined = [.. all.SelectMany(p => scan.View.Of(p.Patient).AccountChanges.Where(c => !c.NewDevice).Select(c => c.Time).Order().Take(1)).Order()];
            int together = joined.Select(t => joined.Count(u => (u - t).Duration() < TimeSpan.FromDays(30))).DefaultIfEmpty(0).Max();
            double claims = all.Average(p => scan.View.ClaimsByPatient.GetValueOrDefault(p.Patient, []).Length);
            double[] features = [Math.Log(all.Length), Math.Log(households), Math.Log(families), Math.Log(towns), (double)together / all.Length, Math.Log(1 + claims)];
            string words = string.Create(CultureInfo.InvariantCulture,
                $"One telephone number stands in the records of {all.Length} people of {households} households and {families} family names; {together} of them were enrolled within a month.");
            yield return new Candidate(
                Kind, features, Math.Min(1, households / 6.0), [.. all.Select(p => new Evidence(p.Id, p.Patient))], words, "phone|" + shared.Key, joined.LastOrDefault(DateTimeOffset.MinValue));
        }
    }
}
