using System.Globalization;
using Ptoy.Services.Fraud.Facts;
using static Ptoy.Services.Fraud.Detectors.DuplicateDetector;

namespace Ptoy.Services.Fraud.Detectors;

/// <summary>A practitioner or a patient who, by the claims, was in two places with no time for the way between them.</summary>
internal sealed class TravelDetector : IDetector
{
    private const double KilometresPerHour = 90, NearbyKilometres = 4, WindowHours = 6;

    /// <inheritdoc/>
    public string Kind => "impossible-travel";

    /// <inheritdoc/>
    public IReadOnlyList<string> Features { get; } =
        ["distance", "hours missing", "overlap", "practitioner", "undocumented", "rarely there", "patient's way", "conflicts", "unusual"];

    private sealed record Presence(ClaimFact Claim, string Location, GeoPoint At);

    /// <inheritdoc/>
    public IEnumerable<Candidate> Find(ScanContext scan)
    {
        Presence[] all = [.. scan.View.Claims.Where(c => c.InPerson && c.Lines.Count > 0)
            .Select(c => (c, At: scan.View.PositionOf(c.Location))).Where(x => x.At is not null).Select(x => new Presence(x.c, x.c.Location, x.At!.Value))];
        foreach (IGrouping<string, Presence> one in all.Where(p => p.Claim.Practitioner.Length > 0).GroupBy(p => p.Claim.Practitioner, StringComparer.Ordinal))
            foreach (Candidate found in Conflicts(scan, [.. one], practitioner: true)) yield return found;
        foreach (IGrouping<string, Presence> one in all.GroupBy(p => p.Claim.Patient, StringComparer.Ordinal))
            foreach (Candidate found in Conflicts(scan, [.. one], practitioner: false)) yield return found;
    }

    private List<Candidate> Conflicts(ScanContext scan, Presence[] way, bool practitioner)
    {
        var found = new List<(Presence Odd, Presence Other, double Distance, double Missing, bool Overlap)>();
        var days = way.GroupBy(p => p.Location).ToDictionary(g => g.Key, g => g.Select(p => p.Claim.From.Date).Distinct().Count(), StringComparer.Ordinal);
        for (int i = 0; i < way.Length; i++)
        {
            for (int j = i + 1; j < way.Length && (way[j].Claim.From - way[i].Claim.From).TotalHours <= WindowHours; j++)
            {
                if (way[i].Location == way[j].Location) continue;
                double distance = way[i].At.KilometresTo(way[j].At);
                double gap = (way[j].Claim.From - way[i].Claim.To).TotalHours, missing = (distance / KilometresPerHour) - Math.Max(0, gap);
                if (distance < NearbyKilometres || missing <= 0.05) continue;
                (Presence odd, Presence other) = Odder(scan, way[i], way[j], days);
                found.Add((odd, other, distance, missing, gap < 0));
            }
        }
        var conflicts = found.CountBy(f => f.Odd.Claim.Id).ToDictionary(p => p.Key, p => p.Value, StringComparer.Ordinal);
        return [.. found.Select(f => Make(scan, f.Odd, f.Other, f.Distance, f.Missing, f.Overlap, practitioner, conflicts[f.Odd.Claim.Id], days))];
    }

    /// <summary>Of two contradicting claims the one less believable: without an encounter, at the place where this person is seldom.</summary>
    private static (Presence Odd, Presence Other) Odder(ScanContext scan, Presence a, Presence b, Dictionary<string, int> days)
    {
        int Belief(Presence p) => (scan.IsDocumented(p.Claim) ? 1000 : 0) + Math.Min(days[p.Location], 900);
        return Belief(a) <= Belief(b) ? (a, b) : (b, a);
    }

    private Candidate Make(
        ScanContext scan, Presence odd, Presence other, double distance, double missing, bool overlap, bool practitioner, int conflicts, Dictionary<string, int> days)
    {
        bool undocumented = !scan.IsDocumented(odd.Claim);
        double share = (double)days[odd.Location] / days.Values.Sum();
        double way = scan.View.Person(odd.Claim.Patient)?.Home is { } home ? home.KilometresTo(odd.At) : 0;
        double[] features =
        [
            Math.Log(1 + distance) / 5, Math.Min(3, missing), Flag(overlap), Flag(practitioner), Flag(undocumented), Flag(share < 0.05), Math.Log(1 + way) / 5, Math.Log(conflicts), scan.Unusual(odd.Claim),
        ];
        string who = practitioner ? "The same practitioner" : "The same patient";
        string words = string.Create(CultureInfo.InvariantCulture,
            $"{who} was, by two claims of {Day(odd.Claim.From)}, in places {distance:0} km apart {(overlap ? "at the same time" : $"with {Math.Max(0, (distance / KilometresPerHour) - missing) * 60:0} minutes between")}; the way takes about {distance / KilometresPerHour * 60:0} minutes.")
            + (undocumented ? " For the less likely of the two no encounter is on record." : "");
        double strength = Math.Min(1, 0.3 + (missing / 3) + (overlap ? 0.2 : 0));
        return new Candidate(
            Kind, features, strength, [new(odd.Claim.Id, odd.Claim.Patient), new(other.Claim.Id, other.Claim.Patient)], words, "travel|" + odd.Claim.Id, odd.Claim.Created);
    }
}
