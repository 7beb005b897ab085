using Ptoy.Services.Fraud.Detectors;
using Ptoy.Services.Fraud.Facts;

namespace Ptoy.Services.Tests.Fraud;

/// <summary>Facts made by hand, a line each.</summary>
internal sealed class FraudWorld
{
    public static readonly DateTimeOffset Monday = new(2026, 3, 2, 9, 0, 0, TimeSpan.Zero);

    private int _next;

    public FraudFacts Facts { get; } = new();

    public FraudWorld Hospital(string id, double latitude, double longitude)
    {
        Facts.Directory.Places.Add(new PlaceFact(id + "-site", id, new GeoPoint(latitude, longitude)));
        return this;
    }

    public FraudWorld Staff(string user, string hospital, string department, string household = "", string street = "", string family = "")
    {
        Facts.Directory.Staff.Add(new StaffFact(user, hospital, department, household, street, family));
        return this;
    }

    public FraudWorld Person(
        string patient, DateTimeOffset? died = null, string household = "", string street = "", string family = "", string phone = "", string employer = "", GeoPoint? home = null)
    {
        Facts.Of(patient).Persons.Add(new PersonFact("Patient/" + patient, patient, died, household, street, family, phone.Length > 0 ? [phone] : [], employer, home));
        return this;
    }

    public ClaimFact Claim(
        string patient, string doctor, string hospital, DateTimeOffset from, string codes, double amount = 100, int minutes = 20, string? replaces = null, bool inPerson = true, int claimedAfter = 3)
    {
        string id = $"c{++_next}";
        ClaimLine[] lines = [.. codes.Split(' ').Select(c => c.Split('-')).Select(c => new ClaimLine(c[0], c.Length > 1 ? c[1] : "", amount / codes.Split(' ').Length))];
        var claim = new ClaimFact(
            "Claim/" + id, "Claim/" + id, patient, doctor, hospital, hospital + "-site", from, from.AddMinutes(minutes), from.AddDays(claimedAfter), lines, inPerson,
            replaces is null ? null : replaces["Claim/".Length..], null);
        Facts.Of(patient).Claims.Add(claim);
        return claim;
    }

    public FraudWorld Visit(string patient, string doctor, string hospital, DateTimeOffset from, bool happened = true, bool inpatient = false, int minutes = 20)
    {
        string id = $"Encounter/e{++_next}";
        Facts.Of(patient).Visits.Add(new VisitFact(id, id, patient, [doctor], hospital, hospital + "-site", from, from.AddMinutes(minutes), happened, inpatient, true));
        return this;
    }

    public FraudWorld Prescribe(string patient, string doctor, DateTimeOffset time, string? drug, double days)
    {
        Facts.Of(patient).Prescriptions.Add(new PrescriptionFact($"MedicationRequest/m{++_next}", patient, doctor, time, drug, days));
        return this;
    }

    public FraudWorld Tie(string patient, string kind, DateTimeOffset from, DateTimeOffset to, string doctor = "", string hospital = "", string department = "")
    {
        Facts.Of(patient).Ties.Add(new TieFact($"CareTeam/t{++_next}", kind, patient, doctor, hospital, department, from, to));
        return this;
    }

    public FraudWorld Look(string user, string patient, DateTimeOffset time, string purpose = "TREAT", bool permitted = true, bool emergency = false)
    {
        Facts.Of(patient).Accesses.Add(new AccessFact($"AuditEvent/a{++_next}", user, patient, time, purpose, permitted, emergency));
        return this;
    }

    public FraudWorld Change(string patient, DateTimeOffset time, bool newDevice, string hospital = "")
    {
        Facts.Of(patient).AccountChanges.Add(new AccountFact($"AuditEvent/x{++_next}", patient, time, newDevice, newDevice ? patient : hospital));
        return this;
    }

    public Candidate[] Find(IDetector detector) => [.. detector.Find(new ScanContext(new FraudView(Facts)))];

    /// <summary>The feature of a candidate, by name.</summary>
    public static double Feature(IDetector detector, Candidate candidate, string name) => candidate.Features[detector.Features.ToList().IndexOf(name)];
}
