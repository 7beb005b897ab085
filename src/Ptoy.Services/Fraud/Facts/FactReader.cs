using System.Globalization;
using System.Text.Json;
using Ptoy.Services.Fhir;

namespace Ptoy.Services.Fraud.Facts;

/// <summary>
/// Takes from FHIR R4 resources what the detectors need and nothing else: no diagnosis, no result, no name. A resource of another type is passed over; one that
/// lacks what is needed is counted in <see cref="Skipped"/>, never guessed.
/// </summary>
/// <param name="facts">Where facts go.</param>
/// <param name="tokens">Makes tokens of relations.</param>
internal sealed partial class FactReader(FraudFacts facts, RelationTokens tokens)
{
    /// <summary>How many resources of a known type could not be used.</summary>
    public int Skipped { get; private set; }

    /// <summary>How many were used.</summary>
    public int Used { get; private set; }

    /// <summary>Reads one resource.</summary>
    /// <param name="json">The resource's bytes.</param>
    /// <param name="recordId">What a reviewer opens; null: <c>Type/id</c>.</param>
    /// <param name="patient">Whose record it is; null: whom the resource names.</param>
    /// <exception cref="FormatException">The text is not JSON, or no resource. Content is not quoted.</exception>
    public void Read(ReadOnlyMemory<byte> json, string? recordId = null, string? patient = null)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = BundleSlicer.MaxDepth });
            Read(document.RootElement, recordId, patient);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new FormatException("a resource is not well-formed JSON");
        }
    }

    /// <summary>As above, of parsed JSON.</summary>
    public void Read(JsonElement resource, string? recordId = null, string? patient = null)
    {
        if (Text(resource, "resourceType") is not { } type) throw new FormatException("a line is no FHIR resource: resourceType is missing");
        var at = new Source($"{type}/{Text(resource, "id")}", recordId ?? $"{type}/{Text(resource, "id")}", patient);
        bool? used = type switch
        {
            "Claim" => Claim(resource, at),
            "ExplanationOfBenefit" => Benefit(resource, at),
            "Encounter" => Encounter(resource, at),
            "Appointment" => Appointment(resource, at),
            "MedicationRequest" => Prescription(resource, at),
            "CareTeam" => CareTeam(resource, at),
            "ServiceRequest" => Order(resource, at),
            "AuditEvent" => Audit(resource, at),
            "Patient" => Person(resource, at),
            "Practitioner" or "PractitionerRole" => Staff(resource, type, at),
            "Location" => Place(resource, at),
            "Organization" => Account(resource, at),
            _ => null,
        };
        if (used == true) Used++;
        else if (used == false) Skipped++;
    }

    private readonly record struct Source(string Reference, string Id, string? Patient);

    private bool Claim(JsonElement r, Source at)
    {
        string? patient = at.Patient ?? Reference(r, "patient");
        // Quotations and what was entered in error were never asked for.
        if (Text(r, "use") is "predetermination" or "preauthorization" || Text(r, "status") is "cancelled" or "entered-in-error" or "draft") return true;
        if (patient is null || Period(r, "billablePeriod") is not { } period) return false;
        JsonElement[] items = [.. Items(r, "item")];
        // A claim for a drug often repeats the visit's code: what it bills is the prescription.
        ClaimLine[] lines = ReferenceText(r, "prescription") is { } prescription
            ? [new ClaimLine("prescription " + prescription, "", Child(r, "total") is { } total ? Number(total, "value") ?? 0 : 0)] : [.. items.Select(LineOf).OfType<ClaimLine>()];
        DateTimeOffset[] days = [.. items.Select(Served).OfType<DateTimeOffset>()];
        DateTimeOffset from = days.Length > 0 ? days.Min() : period.From;
        DateTimeOffset to = from > period.From ? from + (period.To - period.From) : period.To;
        string provider = Reference(r, "provider") ?? "";
        string practitioner = Items(r, "careTeam").Select(c => Reference(c, "provider")).FirstOrDefault(p => p is not null) ?? (IsOf(r, "provider", "Practitioner") ? provider : "");
        bool remote = items.Any(i => Codes(i, "locationCodeableConcept").Any(c => c.Code is "02" or "10"));
        bool drugs = Codes(r, "type").Any(c => c.Code == "pharmacy");
        facts.Of(patient).Claims.Add(new ClaimFact(
            at.Id, at.Reference, patient, practitioner, practitioner == provider ? "" : provider, Reference(r, "facility") ?? "", from, to < from ? from : to,
            Time(r, "created") ?? to, lines, !remote && !drugs, Items(r, "related").Select(x => ReferenceText(x, "claim")).FirstOrDefault(c => c is not null),
            items.SelectMany(i => Items(i, "encounter")).Select(e => Last(Text(e, "reference"))).FirstOrDefault(e => e is not null)));
        return lines.Length > 0;
    }

    private static ClaimLine? LineOf(JsonElement item)
    {
        if (Codes(item, "productOrService").Select(c => c.Code).FirstOrDefault() is not { } code) return null;
        string modifier = string.Join('+', Items(item, "modifier").SelectMany(m => Items(m, "coding")).Select(c => Text(c, "code")).OfType<string>().Order(StringComparer.Ordinal));
        return new ClaimLine(code, modifier, Amount(item));
    }

    private static double Amount(JsonElement item) =>
        Child(item, "net") is { } net && Child(net, "value") is { ValueKind: JsonValueKind.Number } value && value.TryGetDouble(out double amount) && double.IsFinite(amount) ? amount : 0;

    private static DateTimeOffset? Served(JsonElement item) => Period(item, "servicedPeriod")?.From ?? Time(item, "servicedDate");

    /// <summary>An explanation of benefit is the insurer's answer to a claim: it adds who gave the service, and is no second claim.</summary>
    private bool Benefit(JsonElement r, Source at)
    {
        string? patient = at.Patient ?? Reference(r, "patient");
        if (patient is null) return false;
        if (ReferenceText(r, "claim") is not { } claim) return Claim(r, at);
        string? practitioner = Items(r, "careTeam").Select(c => Reference(c, "provider")).FirstOrDefault(p => p is not null) ?? Reference(r, "provider");
        if (practitioner is not null) _billedBy[(patient, claim)] = practitioner;
        return true;
    }

    private readonly Dictionary<(string Patient, string Claim), string> _billedBy = [];

    /// <summary>To be called once after the last resource: claims learn who gave the service from their explanations of benefit.</summary>
    public void Complete()
    {
        foreach (PatientFacts patient in facts.Patients.Values)
        {
            for (int i = 0; i < patient.Claims.Count; i++)
            {
                ClaimFact claim = patient.Claims[i];
                if (claim.Practitioner.Length == 0 && _billedBy.TryGetValue((claim.Patient, Last(claim.Reference)!), out string? practitioner))
                    patient.Claims[i] = claim with { Practitioner = practitioner };
            }
        }
    }

    private bool Encounter(JsonElement r, Source at)
    {
        string? patient = at.Patient ?? Reference(r, "subject");
        if (Text(r, "status") is "cancelled" or "entered-in-error") return true;
        if (patient is null || Period(r, "period") is not { } period) return false;
        string kind = Child(r, "class") is { } c ? Text(c, "code") ?? "" : "";
        facts.Of(patient).Visits.Add(new VisitFact(
            at.Id, at.Reference, patient, [.. Items(r, "participant").Select(p => Reference(p, "individual")).OfType<string>()], Reference(r, "serviceProvider") ?? "",
            Items(r, "location").Select(l => Reference(l, "location")).FirstOrDefault(l => l is not null) ?? "", period.From, period.To,
            Happened: true, Inpatient: kind is "IMP" or "ACUTE" or "NONAC", InPerson: kind != "VR"));
        return true;
    }

    private bool Appointment(JsonElement r, Source at)
    {
        string[] actors = [.. Items(r, "participant").Select(p => ReferenceText(p, "actor", whole: true)).OfType<string>()];
        string? patient = at.Patient ?? Last(actors.FirstOrDefault(a => a.StartsWith("Patient/", StringComparison.Ordinal)));
        if (patient is null || Time(r, "start") is not { } start) return false;
        facts.Of(patient).Visits.Add(new VisitFact(
            at.Id, at.Reference, patient, [.. actors.Where(a => a.StartsWith("Practitioner/", StringComparison.Ordinal)).Select(a => Last(a)!)], "",
            Last(actors.FirstOrDefault(a => a.StartsWith("Location/", StringComparison.Ordinal))) ?? "", start, Time(r, "end") ?? start, Happened: false, Inpatient: false, InPerson: true));
        return true;
    }

    private bool Prescription(JsonElement r, Source at)
    {
        string? patient = at.Patient ?? Reference(r, "subject");
        if (Text(r, "status") is "cancelled" or "entered-in-error" || Text(r, "intent") is "proposal" or "plan") return true;
        if (patient is null || Time(r, "authoredOn") is not { } time) return false;
        double days = Child(r, "dispenseRequest") is { } d && Child(d, "expectedSupplyDuration") is { } s && Child(s, "value") is { ValueKind: JsonValueKind.Number } v
            ? Math.Clamp(v.GetDouble(), 0, 365) : 0;
        string words = string.Join(' ', Codes(r, "medicationCodeableConcept").Select(c => c.Display).Append(Child(r, "medicationCodeableConcept") is { } m ? Text(m, "text") : null));
        facts.Of(patient).Prescriptions.Add(new PrescriptionFact(at.Id, patient, Reference(r, "requester") ?? "", time, ControlledDrugs.IngredientIn(words), days));
        return true;
    }
}
