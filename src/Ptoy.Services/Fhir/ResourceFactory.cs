using System.Globalization;

namespace Ptoy.Services.Fhir;

/// <summary>Makes one patient's resources as JSON text.</summary>
internal sealed class ResourceFactory(GeneratedPatient patient, SeededRandom random)
{
    private const string Snomed = "http://snomed.info/sct";
    private const string Loinc = "http://loinc.org";
    private const string RxNorm = "http://www.nlm.nih.gov/research/umls/rxnorm";

    private RawJson J => patient.Json;

    public GeneratedResource Patient() => new("Patient", patient.Reference, J.Object(
        ("resourceType", J.Text("Patient")),
        ("id", J.Text(patient.Id)),
        ("identifier", J.List(J.Object(("system", J.Text("urn:example:mrn")), ("value", J.Text($"MRN-{patient.Index:D7}"))))),
        ("name", J.List(J.Object(("use", J.Text("official")), ("family", J.Text(patient.Family)), ("given", J.List(J.Text(patient.Given)))))),
        ("telecom", J.List(J.Object(("system", J.Text("phone")), ("value", J.Text(patient.Phone)), ("use", J.Text("mobile"))))),
        ("gender", J.Text(patient.Index % 2 == 0 ? "female" : "male")),
        ("birthDate", J.Text(patient.BirthDate)),
        ("_birthDate", J.Object(("extension", J.List(J.Object(
            ("url", J.Text("http://hl7.org/fhir/StructureDefinition/patient-birthTime")),
            ("valueDateTime", J.Text(patient.BirthDate + "T03:07:00+01:00"))))))),
        ("x-ehr-unknown", J.Object(("kept", "true"), ("weight", "1.00")))));

    /// <summary>An observation made of what careless round trips lose.</summary>
    public GeneratedResource Oddities() => Resource("Observation",
        ("status", J.Text("final")),
        ("code", Concept(Loinc, "75323-6", "Condition", "\"Na\\u00efve \\ud83d\\ude00 caf\\u00e9 \\u2028\"")),
        ("subject", Subject()),
        ("effectiveDateTime", J.Text("2019-02-28T23:59:59.000+14:00")),
        ("valueQuantity", J.Object(("value", "1.00"), ("unit", J.Text("mg")))),
        ("component", J.List(
            J.Object(("code", Concept(Loinc, "8480-6", "Systolic")), ("valueQuantity", J.Object(("value", "1e2"), ("unit", J.Text("mm[Hg]"))))),
            J.Object(("code", Concept(Loinc, "8462-4", "Diastolic")), ("valueQuantity", J.Object(("value", "-0.0"), ("unit", J.Text("mm[Hg]"))))))),
        ("x-counter", long.MaxValue.ToString(CultureInfo.InvariantCulture)),
        ("x-beyond-double", "9007199254740993"));

    public GeneratedResource Allergy()
    {
        (string code, string display) = random.Pick(GeneratorWords.Allergens);
        return Resource("AllergyIntolerance", ("code", Concept(Snomed, code, display)), ("patient", Subject()), ("recordedDate", J.Text("2015-06-01")));
    }

    public GeneratedResource Immunization()
    {
        (string code, string display) = random.Pick(GeneratorWords.Vaccines);
        return Resource("Immunization",
            ("status", J.Text("completed")),
            ("vaccineCode", Concept("http://hl7.org/fhir/sid/cvx", code, display)),
            ("patient", Subject()),
            ("occurrenceDateTime", J.Text("2020-10-12T10:00:00Z")));
    }

    /// <summary>One encounter and what came of it.</summary>
    public IEnumerable<GeneratedResource> Visit(int number)
    {
        DateTime day = new DateTime(2012, 3, 1, 8, 0, 0, DateTimeKind.Utc).AddDays((number * 61) + random.Below(50)).AddMinutes(random.Below(480));
        GeneratedResource encounter = Encounter(day);
        yield return encounter;
        yield return Condition(encounter.FullUrl, day);
        yield return Prescription(encounter.FullUrl, day, random.Pick(GeneratorWords.Medications));
        for (int i = random.Between(2, 4); i > 0; i--) yield return Observation(encounter.FullUrl, day);
        yield return Claim(encounter.FullUrl, day);
    }

    public GeneratedResource Encounter(DateTime day) => Resource("Encounter",
        ("status", J.Text("finished")),
        ("class", J.Object(("system", J.Text("http://terminology.hl7.org/CodeSystem/v3-ActCode")), ("code", J.Text("AMB")))),
        ("type", J.List(Concept(Snomed, "185345009", "Encounter for symptom"))),
        ("subject", Subject()),
        ("period", J.Object(("start", Moment(day)), ("end", Moment(day.AddMinutes(20))))));

    public GeneratedResource Prescription(string encounter, DateTime day, (string Code, string Display) drug) => Resource("MedicationRequest",
        ("status", J.Text("active")),
        ("intent", J.Text("order")),
        ("medicationCodeableConcept", Concept(RxNorm, drug.Code, drug.Display)),
        ("subject", Subject()),
        ("encounter", Reference(encounter)),
        ("authoredOn", Moment(day)),
        ("dosageInstruction", J.List(J.Object(
            ("text", J.Text($"take one tablet daily with water, note {random.Next():x16}")),
            ("timing", J.Object(("repeat", J.Object(("frequency", "1"), ("period", "1.0"), ("periodUnit", J.Text("d"))))))))));

    private GeneratedResource Condition(string encounter, DateTime day)
    {
        (string code, string display) = random.Pick(GeneratorWords.Conditions);
        return Resource("Condition",
            ("clinicalStatus", Concept("http://terminology.hl7.org/CodeSystem/condition-clinical", "active", "Active")),
            ("code", Concept(Snomed, code, display)),
            ("subject", Subject()),
            ("encounter", Reference(encounter)),
            ("onsetDateTime", Moment(day)));
    }

    private GeneratedResource Observation(string encounter, DateTime day)
    {
        (string code, string display, string unit, int low, int high) = random.Pick(GeneratorWords.Observations);
        string value = string.Create(CultureInfo.InvariantCulture, $"{random.Between(low, high)}.{random.Below(100):D2}");
        return Resource("Observation",
            ("status", J.Text("final")),
            ("code", Concept(Loinc, code, display)),
            ("subject", Subject()),
            ("encounter", Reference(encounter)),
            ("effectiveDateTime", Moment(day)),
            ("valueQuantity", J.Object(("value", value), ("unit", J.Text(unit)), ("system", J.Text("http://unitsofmeasure.org")), ("code", J.Text(unit)))));
    }

    private GeneratedResource Claim(string encounter, DateTime day) => Resource("Claim",
        ("status", J.Text("active")),
        ("use", J.Text("claim")),
        ("patient", Subject()),
        ("created", Moment(day)),
        ("item", J.List(J.Object(("sequence", "1"), ("encounter", J.List(Reference(encounter)))))),
        ("total", J.Object(("value", string.Create(CultureInfo.InvariantCulture, $"{random.Between(40, 900)}.{random.Below(10)}0")), ("currency", J.Text("USD")))));

    private GeneratedResource Resource(string type, params (string Name, string? Value)[] members)
    {
        string id = random.Uuid().ToString();
        return new GeneratedResource(type, "urn:uuid:" + id, J.Object([("resourceType", J.Text(type)), ("id", J.Text(id)), .. members]));
    }

    private string Concept(string system, string code, string display, string? rawText = null) => J.Object(
        ("coding", J.List(J.Object(("system", J.Text(system)), ("code", J.Text(code)), ("display", J.Text(display))))),
        ("text", rawText ?? J.Text(display)));

    private string Subject() => Reference(patient.Reference);

    private string Reference(string url) => J.Object(("reference", J.Text(url)));

    private string Moment(DateTime time) => J.Text(time.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture));
}
