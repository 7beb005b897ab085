namespace Ptoy.Services.Fraud.Facts;

/// <summary>One person's looks at one record on one day (UTC).</summary>
internal sealed record AccessSession(string User, string Patient, DateOnly Day, IReadOnlyList<AccessFact> Looks)
{
    public DateTimeOffset First => Looks[0].Time;
}

/// <summary>All facts, put into the order in which detectors want them. Made anew for every scan and never changed.</summary>
internal sealed class FraudView
{
    private readonly FraudFacts _facts;

    public FraudView(FraudFacts facts)
    {
        _facts = facts;
        PatientFacts[] all = [.. facts.Patients.Values];
        Claims = [.. all.SelectMany(Standing).OrderBy(c => c.From).ThenBy(c => c.Id, StringComparer.Ordinal)];
        ClaimsByPatient = Claims.GroupBy(c => c.Patient).ToDictionary(g => g.Key, g => g.ToArray(), StringComparer.Ordinal);
        Visits = [.. all.SelectMany(p => p.Visits)];
        Staff = MergeStaff(all.Append(facts.Directory).SelectMany(p => p.Staff));
        Places = all.Append(facts.Directory).SelectMany(p => p.Places).GroupBy(p => p.Location).ToDictionary(g => g.Key, g => g.First(), StringComparer.Ordinal);
        Sessions = [.. all.SelectMany(SessionsOf).OrderBy(s => s.First).ThenBy(s => s.User, StringComparer.Ordinal).ThenBy(s => s.Patient, StringComparer.Ordinal)];
        CaseCount = Claims.Count + Sessions.Count + all.Sum(p => p.Prescriptions.Count(x => x.Drug is not null) + p.AccountChanges.Count);
    }

    /// <summary>Claims that stand: those that another claim replaces are left out, and a claim's second copy under the same id.</summary>
    public IReadOnlyList<ClaimFact> Claims { get; }

    public IReadOnlyDictionary<string, ClaimFact[]> ClaimsByPatient { get; }

    public IReadOnlyList<VisitFact> Visits { get; }

    public IReadOnlyDictionary<string, StaffFact> Staff { get; }

    public IReadOnlyDictionary<string, PlaceFact> Places { get; }

    /// <summary>Permitted looks of others than the patient, by day.</summary>
    public IReadOnlyList<AccessSession> Sessions { get; }

    /// <summary>How many cases there are: claims, sessions, prescriptions of controlled drugs, changes of accounts. A budget is a share of these.</summary>
    public int CaseCount { get; }

    public IEnumerable<string> Patients => _facts.Patients.Keys;

    public PatientFacts Of(string patient) => _facts.Patients[patient];

    public PersonFact? Person(string patient) => _facts.Patients.TryGetValue(patient, out PatientFacts? facts) && facts.Persons.Count > 0 ? facts.Persons[^1] : null;

    public string OrganisationOf(ClaimFact claim) => claim.Organisation.Length > 0 ? claim.Organisation : Places.GetValueOrDefault(claim.Location)?.Organisation ?? "";

    public string OrganisationOf(VisitFact visit) => visit.Organisation.Length > 0 ? visit.Organisation : Places.GetValueOrDefault(visit.Location)?.Organisation ?? "";

    public GeoPoint? PositionOf(string location) => Places.GetValueOrDefault(location)?.At;

    private static IEnumerable<ClaimFact> Standing(PatientFacts patient)
    {
        HashSet<string> replaced = [.. patient.Claims.Select(c => c.Replaces).OfType<string>()];
        // The same resource may be there twice, by way of two hospitals.
        return patient.Claims.Where(c => !replaced.Contains(c.Reference[(c.Reference.IndexOf('/', StringComparison.Ordinal) + 1)..])).DistinctBy(c => c.Reference);
    }

    private static IEnumerable<AccessSession> SessionsOf(PatientFacts patient) =>
        patient.Accesses.Where(a => a.Permitted && a.User != a.Patient).GroupBy(a => (a.User, a.Patient, Day: DateOnly.FromDateTime(a.Time.UtcDateTime)))
            .Select(g => new AccessSession(g.Key.User, g.Key.Patient, g.Key.Day, [.. g.OrderBy(a => a.Time)]));

    /// <summary>A person's address comes with one resource and the place of work with another.</summary>
    private static Dictionary<string, StaffFact> MergeStaff(IEnumerable<StaffFact> staff)
    {
        var merged = new Dictionary<string, StaffFact>(StringComparer.Ordinal);
        static string Either(string a, string b) => a.Length > 0 ? a : b;
        foreach (StaffFact s in staff)
        {
            merged[s.User] = !merged.TryGetValue(s.User, out StaffFact? known) ? s : new StaffFact(
                s.User, Either(s.Organisation, known.Organisation), Either(s.Department, known.Department), Either(s.Household, known.Household),
                Either(s.Street, known.Street), Either(s.Family, known.Family));
        }
        return merged;
    }
}
