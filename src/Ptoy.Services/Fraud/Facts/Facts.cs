namespace Ptoy.Services.Fraud.Facts;

/// <summary>One line of a claim. <see cref="Modifier"/> is empty where there is none.</summary>
internal sealed record ClaimLine(string Code, string Modifier, double Amount);

/// <summary>A bill for services. <see cref="Id"/> is what a reviewer opens: the record's id.</summary>
internal sealed record ClaimFact(
    string Id, string Reference, string Patient, string Practitioner, string Organisation, string Location, DateTimeOffset From, DateTimeOffset To,
    DateTimeOffset Created, IReadOnlyList<ClaimLine> Lines, bool InPerson, string? Replaces, string? Encounter)
{
    public double Total { get; } = Lines.Sum(l => l.Amount);
}

/// <summary>Who was to see, or saw, a patient: an encounter or an appointment.</summary>
internal sealed record VisitFact(
    string Id, string Reference, string Patient, IReadOnlyList<string> Practitioners, string Organisation, string Location, DateTimeOffset From, DateTimeOffset To,
    bool Happened, bool Inpatient, bool InPerson);

/// <summary>A prescription; <see cref="Drug"/> is the controlled ingredient, null for any other drug.</summary>
internal sealed record PrescriptionFact(string Id, string Patient, string Prescriber, DateTimeOffset Time, string? Drug, double Days);

/// <summary>A documented reason to look that is no visit: care team, referral, order, general practitioner. Practitioner or organisation (and department) may be empty.</summary>
internal sealed record TieFact(string Id, string Kind, string Patient, string Practitioner, string Organisation, string Department, DateTimeOffset From, DateTimeOffset To);

/// <summary>A look at a record.</summary>
internal sealed record AccessFact(string Id, string User, string Patient, DateTimeOffset Time, string Purpose, bool Permitted, bool Emergency);

/// <summary>A change of a patient's account: a new device (signing key), or a hospital that was bound to it.</summary>
internal sealed record AccountFact(string Id, string Patient, DateTimeOffset Time, bool NewDevice, string Organisation);

/// <summary>What is known about a person besides care; relations are keyed tokens only.</summary>
internal sealed record PersonFact(
    string Id, string Patient, DateTimeOffset? Died, string Household, string Street, string Family, IReadOnlyList<string> Phones, string Employer, GeoPoint? Home);

/// <summary>Somebody who works somewhere; relations are keyed tokens only.</summary>
internal sealed record StaffFact(string User, string Organisation, string Department, string Household, string Street, string Family);

/// <summary>Where a place of care is, and whose.</summary>
internal sealed record PlaceFact(string Location, string Organisation, GeoPoint? At);

/// <summary>A point on earth in degrees.</summary>
internal readonly record struct GeoPoint(double Latitude, double Longitude)
{
    /// <summary>Great-circle distance in km (haversine, mean radius).</summary>
    public double KilometresTo(GeoPoint other)
    {
        const double Radius = 6371.0, Degree = Math.PI / 180;
        double a = Math.Pow(Math.Sin((other.Latitude - Latitude) * Degree / 2), 2)
            + (Math.Cos(Latitude * Degree) * Math.Cos(other.Latitude * Degree) * Math.Pow(Math.Sin((other.Longitude - Longitude) * Degree / 2), 2));
        return 2 * Radius * Math.Asin(Math.Min(1, Math.Sqrt(a)));
    }
}

/// <summary>Everything kept about one patient; it goes as a whole when the patient revokes.</summary>
internal sealed class PatientFacts
{
    public List<ClaimFact> Claims { get; init; } = [];

    public List<VisitFact> Visits { get; init; } = [];

    public List<PrescriptionFact> Prescriptions { get; init; } = [];

    public List<TieFact> Ties { get; init; } = [];

    public List<AccessFact> Accesses { get; init; } = [];

    public List<AccountFact> AccountChanges { get; init; } = [];

    public List<PersonFact> Persons { get; init; } = [];

    public List<StaffFact> Staff { get; init; } = [];

    public List<PlaceFact> Places { get; init; } = [];
}

/// <summary>The facts of all patients who let the service look, and what hospitals told about their staff and places.</summary>
internal sealed class FraudFacts
{
    public Dictionary<string, PatientFacts> Patients { get; } = new(StringComparer.Ordinal);

    /// <summary>Staff and places that belong to no patient's record.</summary>
    public PatientFacts Directory { get; } = new();

    /// <summary>Accounts of this network, by the id that hospitals' records use for the same practitioner or organisation: account → id.</summary>
    public Dictionary<string, string> Accounts { get; } = new(StringComparer.Ordinal);

    /// <summary>The id that records use, or the account itself where no hospital told.</summary>
    public string IdOf(string account) => Accounts.GetValueOrDefault(account, account);

    public PatientFacts Of(string patient)
    {
        if (!Patients.TryGetValue(patient, out PatientFacts? facts)) Patients[patient] = facts = new PatientFacts();
        return facts;
    }
}
