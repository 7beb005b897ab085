namespace Ptoy.Services.Fraud.Facts;

/// <summary>
/// Explanation-based auditing (after Fabbri and LeFevre): looks for any documented reason why a person could have had to look at a record. What is
/// left without one is a candidate; what has one is never an alert by itself.
/// </summary>
internal sealed class AccessReasons
{
    private static readonly TimeSpan BeforeVisit = TimeSpan.FromDays(30), AfterVisit = TimeSpan.FromDays(60), Known = TimeSpan.FromDays(180), House = TimeSpan.FromDays(10),
        HouseAfter = TimeSpan.FromDays(45), Review = TimeSpan.FromDays(120), Prescribed = TimeSpan.FromDays(100), Round = TimeSpan.FromDays(5);

    // Departments that serve all others of their house.
    private static readonly HashSet<string> Serving = new(StringComparer.Ordinal)
    {
        "billing", "front desk", "admissions", "registration", "laboratory", "pathology", "radiology", "pharmacy", "medical records", "coding",
    };

    private sealed record Contact(IReadOnlyList<string> Practitioners, string Organisation, DateTimeOffset From, DateTimeOffset To, bool Happened, bool Inpatient, string Id);

    private readonly FraudView _view;
    private readonly Dictionary<string, Contact[]> _contacts = new(StringComparer.Ordinal);

    public AccessReasons(FraudView view)
    {
        _view = view;
        foreach (string patient in view.Patients)
        {
            IEnumerable<Contact> visits = view.Of(patient).Visits.Select(v => new Contact(v.Practitioners, view.OrganisationOf(v), v.From, v.To, v.Happened, v.Inpatient, v.Id));
            IEnumerable<Contact> claims = view.ClaimsByPatient.GetValueOrDefault(patient, [])
                .Select(c => new Contact(c.Practitioner.Length > 0 ? [c.Practitioner] : [], view.OrganisationOf(c), c.From, c.To, true, false, c.Id));
            _contacts[patient] = [.. visits, .. claims];
        }
    }

    /// <summary>The first reason found, strongest first, with the record it rests on; null when there is none.</summary>
    public (string Reason, string Record)? Find(AccessSession session)
    {
        DateTimeOffset at = session.First;
        if (session.Looks.FirstOrDefault(l => l.Emergency) is { } emergency) return ("emergency override, which is reviewed by itself", emergency.Id);
        StaffFact? staff = _view.Staff.GetValueOrDefault(session.User);
        foreach (Contact c in _contacts.GetValueOrDefault(session.Patient, []))
            if (c.Practitioners.Contains(session.User) && at >= c.From - BeforeVisit && at <= Late(c.To, c.Happened ? Known : AfterVisit)) return ("saw the patient, or was to", c.Id);
        foreach (TieFact tie in _view.Of(session.Patient).Ties)
            if (Fits(tie, session.User, staff) && at >= tie.From.AddDaysSafely(-1) && at <= Late(tie.To, AfterVisit)) return (tie.Kind, tie.Id);
        foreach (PrescriptionFact p in _view.Of(session.Patient).Prescriptions)
            if (p.Prescriber == session.User && at >= p.Time.AddDays(-1) && at <= p.Time + Prescribed) return ("prescribed for the patient", p.Id);
        return staff is { Organisation.Length: > 0 } ? ByHouse(session, staff, at) : null;
    }

    /// <summary>True when the patient was seen in the user's house in the days before: a colleague may have asked.</summary>
    public bool SeenNearby(AccessSession session) =>
        _view.Staff.GetValueOrDefault(session.User) is { } staff && _contacts.GetValueOrDefault(session.Patient, [])
            .Any(c => c.Organisation == staff.Organisation && session.First >= c.From - Round && session.First <= Late(c.To, TimeSpan.FromDays(14)));

    private (string, string)? ByHouse(AccessSession session, StaffFact staff, DateTimeOffset at)
    {
        bool serving = Serving.Contains(staff.Department), quality = session.Looks.All(l => l.Purpose is "HQUALIMP" or "PATSFTY") && staff.Department.Contains("quality", StringComparison.Ordinal);
        foreach (Contact c in _contacts.GetValueOrDefault(session.Patient, []))
        {
            if (c.Organisation != staff.Organisation) continue;
            if (serving && at >= c.From - House && at <= Late(c.To, HouseAfter)) return ("works in a department that serves the whole house in which the patient was seen", c.Id);
            if (quality && at >= c.From && at <= Late(c.To, Review)) return ("quality review of the house in which the patient was seen", c.Id);
            if (c.Inpatient && at >= c.From.AddDays(-1) && at <= Late(c.To, TimeSpan.FromDays(2))) return ("the patient lay in this house", c.Id);
            bool sameDepartment = c.Practitioners.Any(p => _view.Staff.GetValueOrDefault(p) is { } seen && seen.Organisation == staff.Organisation && seen.Department == staff.Department);
            if (sameDepartment && staff.Department.Length > 0 && at >= c.From - Round && at <= Late(c.To, TimeSpan.FromDays(7))) return ("same department as somebody who saw the patient", c.Id);
        }
        return null;
    }

    private static bool Fits(TieFact tie, string user, StaffFact? staff) =>
        tie.Practitioner.Length > 0 ? tie.Practitioner == user
        : staff is not null && tie.Organisation.Length > 0 && tie.Organisation == staff.Organisation
            && (tie.Department.Length == 0 ? !Serving.Contains(staff.Department) : string.Equals(tie.Department, staff.Department, StringComparison.OrdinalIgnoreCase));

    private static DateTimeOffset Late(DateTimeOffset time, TimeSpan by) => time > DateTimeOffset.MaxValue - by ? DateTimeOffset.MaxValue : time + by;
}

/// <summary>Arithmetic at the ends of time.</summary>
internal static class Times
{
    public static DateTimeOffset AddDaysSafely(this DateTimeOffset time, int days) => time == DateTimeOffset.MinValue || time == DateTimeOffset.MaxValue ? time : time.AddDays(days);
}
