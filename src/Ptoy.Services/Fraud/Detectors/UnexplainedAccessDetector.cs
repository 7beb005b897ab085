using System.Globalization;
using Ptoy.Services.Fraud.Facts;
using static Ptoy.Services.Fraud.Detectors.DuplicateDetector;

namespace Ptoy.Services.Fraud.Detectors;

/// <summary>
/// Looks at one patient's record by one person for which no reason is on record; stronger when the two have another relation: same address, same street, same
/// employer, same family name.
/// </summary>
internal sealed class UnexplainedAccessDetector : IDetector
{
    private static readonly TimeSpan Misclick = TimeSpan.FromMinutes(3);

    /// <summary>The kind, for who has to tell it from others.</summary>
    public const string Name = "unexplained-access";

    /// <inheritdoc/>
    public string Kind => Name;

    /// <inheritdoc/>
    public IReadOnlyList<string> Features { get; } =
    [
        "days", "looks", "same address", "same street", "colleague", "same family name", "seen in the house", "patient of the house", "ever explained", "at other hours", "misclick",
        "others that day", "unexplained by this person", "serves patients", "span",
    ];

    /// <inheritdoc/>
    public IEnumerable<Candidate> Find(ScanContext scan)
    {
        FraudView view = scan.View;
        ILookup<string, AccessSession> byUser = view.Sessions.ToLookup(s => s.User, StringComparer.Ordinal);
        foreach (IGrouping<string, AccessSession> user in byUser)
        {
            AccessSession[] bare = [.. user.Where(s => !scan.IsExplained(s))];
            if (bare.Length == 0) continue;
            var perDay = bare.CountBy(s => s.Day).ToDictionary(p => p.Key, p => p.Value);
            int patients = bare.Select(s => s.Patient).Distinct().Count(), all = user.Select(s => s.Patient).Distinct().Count();
            double[] hours = [.. user.Select(s => s.First.UtcDateTime.TimeOfDay.TotalHours)];
            ILookup<string, AccessSession> explained = user.Where(scan.IsExplained).ToLookup(s => s.Patient, StringComparer.Ordinal);
            ILookup<DateOnly, AccessSession> explainedByDay = user.Where(scan.IsExplained).ToLookup(s => s.Day);
            foreach (IGrouping<string, AccessSession> pair in bare.GroupBy(s => s.Patient, StringComparer.Ordinal))
            {
                var facts = new UserFacts(perDay, (double)patients / Math.Max(10, all), hours, explained.Contains(pair.Key), explainedByDay);
                yield return Judge(scan, user.Key, pair.Key, [.. pair.OrderBy(s => s.First)], facts);
            }
        }
    }

    private sealed record UserFacts(
        Dictionary<DateOnly, int> PerDay, double UnexplainedShare, double[] Hours, bool EverExplained, ILookup<DateOnly, AccessSession> ExplainedByDay);

    private Candidate Judge(ScanContext scan, string user, string patient, AccessSession[] sessions, UserFacts facts)
    {
        FraudView view = scan.View;
        StaffFact? staff = view.Staff.GetValueOrDefault(user);
        PersonFact? person = view.Person(patient);
        bool household = Same(staff?.Household, person?.Household), street = !household && Same(staff?.Street, person?.Street);
        bool colleague = Same(staff?.Organisation, person?.Employer), family = Same(staff?.Family, person?.Family);
        bool seen = sessions.All(scan.Reasons.SeenNearby);
        bool known = staff is not null && view.ClaimsByPatient.GetValueOrDefault(patient, []).Any(c => view.OrganisationOf(c) == staff.Organisation);
        int looks = sessions.Sum(s => s.Looks.Count);
        double odd = sessions.Average(s => OddHour(s, facts.Hours)), others = sessions.Min(s => facts.PerDay[s.Day] - 1);
        bool misclick = looks == 1 && sessions.All(s => IsMisclick(s, facts.ExplainedByDay));
        double span = (sessions[^1].First - sessions[0].First).TotalDays;
        double[] features =
        [
            Math.Log(sessions.Length), Math.Log(looks), Flag(household), Flag(street), Flag(colleague), Flag(family), Flag(seen), Flag(known), Flag(facts.EverExplained), odd,
            Flag(misclick), Math.Log(1 + others) / 2, Math.Min(1, facts.UnexplainedShare * 3), Flag(staff is { Department.Length: > 0 } && !IsOffice(staff.Department)), Math.Log(1 + span) / 4,
        ];
        int relations = (household ? 1 : 0) + (street ? 1 : 0) + (colleague ? 1 : 0) + (family ? 1 : 0);
        double strength = misclick ? 0.05 : Math.Min(1, 0.3 + (0.25 * relations) + (0.12 * (sessions.Length - 1)) - (seen ? 0.15 : 0));
        return new Candidate(
            Kind, features, strength, [.. sessions.SelectMany(s => s.Looks).Take(50).Select(l => new Evidence(l.Id, patient))],
            Words(sessions, looks, household, street, colleague, family, seen), $"access|{user}|{patient}", sessions[^1].Looks[^1].Time);
    }

    private static string Words(AccessSession[] sessions, int looks, bool household, bool street, bool colleague, bool family, bool seen)
    {
        string when = sessions.Length == 1 ? $"on {Day(sessions[0].First)}" : $"on {sessions.Length} days between {Day(sessions[0].First)} and {Day(sessions[^1].First)}";
        string text = string.Create(CultureInfo.InvariantCulture,
            $"One person looked at this record {looks} time{(looks == 1 ? "" : "s")} {when}. No visit, appointment, care team, referral, order, prescription or department explains it.");
        string[] relations = [.. new[] { (household, "address"), (street, "street"), (colleague, "employer"), (family, "family name") }.Where(r => r.Item1).Select(r => r.Item2)];
        if (relations.Length > 0) text += $" The two share: {string.Join(", ", relations)}.";
        return seen ? text + " The patient was seen in the same house shortly before, so a colleague may have asked." : text;
    }

    /// <summary>0 to 1: how far from the hours at which this person otherwise looks.</summary>
    private static double OddHour(AccessSession session, double[] hours)
    {
        double hour = session.First.UtcDateTime.TimeOfDay.TotalHours;
        int near = hours.Count(h => Math.Min(Math.Abs(h - hour), 24 - Math.Abs(h - hour)) <= 1);
        return 1 - Math.Min(1, 12.0 * (near - 1) / Math.Max(12, hours.Length));
    }

    /// <summary>One short look, and right after it, or right before, another patient's record with a reason.</summary>
    private static bool IsMisclick(AccessSession session, ILookup<DateOnly, AccessSession> explained) =>
        explained[session.Day].SelectMany(s => s.Looks).Any(l => (l.Time - session.First).Duration() <= Misclick);

    private static bool IsOffice(string department) => department is "billing" or "front desk" or "quality" or "admissions" or "registration" or "coding" or "medical records";

    private static bool Same(string? a, string? b) => !string.IsNullOrEmpty(a) && a == b;
}
