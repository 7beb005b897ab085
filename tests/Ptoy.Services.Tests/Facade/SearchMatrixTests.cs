using System.Text.Json;
using NUnit.Framework;
using Ptoy.Services.Facade.Http;
using Ptoy.Services.Facade.Index;
using Ptoy.Services.Facade.Search;
using static Ptoy.Services.Tests.Facade.BruteForce;

namespace Ptoy.Services.Tests.Facade;

/// <summary>Queries of every kind: what the index answers is what a plain look at every resource answers.</summary>
[TestFixture]
internal sealed class SearchMatrixTests
{
    private const string Snomed = "http://snomed.info/sct";
    private const string LoincSystem = "http://loinc.org";
    private const string Category = "http://terminology.hl7.org/CodeSystem/observation-category";
    private const string Ucum = "http://unitsofmeasure.org";
    private static readonly FacadeIndex Index = MakeIndex();
    private static readonly QueryParser Parser = new(new ValueParser(new ManualTime(), "https://fhir.test/fhir"));

    private sealed class Everything : IVisibility
    {
        public bool Sees(PatientShelf shelf, int doc) => true;
    }

    private static TestCaseData Q(string query, Func<JsonElement, bool> expected) => new TestCaseData(query, expected).SetName("{m}(" + query.Replace("http://", "", StringComparison.Ordinal) + ")");

    private static bool Value(JsonElement r, Func<decimal, string, bool> fits) => At(r, "valueQuantity").Any(q => fits(q.GetProperty("value").GetDecimal(),
        q.TryGetProperty("code", out JsonElement code) ? code.GetString()! : ""));

    private static bool Component(JsonElement r, string loinc, Func<decimal, bool> fits) => At(r, "component").Any(c => Code(c, "code", LoincSystem, loinc)
        && Numbers(c, "valueQuantity.value").Any(fits));

    private static DateTime Day(string text) => Utc(text);

    private static IEnumerable<TestCaseData> Tokens()
    {
        yield return Q("Observation?code=2339-0", r => Code(r, "code", null, "2339-0"));
        yield return Q("Observation?code=http://loinc.org|2339-0", r => Code(r, "code", LoincSystem, "2339-0"));
        yield return Q("Observation?code=http://snomed.info/sct|2339-0", r => Code(r, "code", Snomed, "2339-0"));
        yield return Q("Observation?code=http://loinc.org|", r => Code(r, "code", LoincSystem, null));
        yield return Q("Observation?code=|2339-0", r => Code(r, "code", "", "2339-0"));
        yield return Q("Observation?code=2339-0,718-7", r => Code(r, "code", null, "2339-0") || Code(r, "code", null, "718-7"));
        yield return Q("Observation?code:not=2339-0", r => !Code(r, "code", null, "2339-0"));
        yield return Q("Observation?code:not=2339-0,718-7", r => !Code(r, "code", null, "2339-0") && !Code(r, "code", null, "718-7"));
        yield return Q("Observation?status=final", r => Text(r, "status", "final"));
        yield return Q("Observation?status=final,amended", r => Text(r, "status", "final") || Text(r, "status", "amended"));
        yield return Q("Observation?status:not=final", r => !Text(r, "status", "final"));
        yield return Q("Observation?category=laboratory", r => Code(r, "category", null, "laboratory"));
        yield return Q($"Observation?category={Category}|vital-signs", r => Code(r, "category", Category, "vital-signs"));
        yield return Q("Observation?category:missing=true", r => !Present(r, "category"));
        yield return Q("Observation?category:missing=false", r => Present(r, "category"));
        yield return Q("Observation?code:text=gluc", r => Starts(r, "code.text", "gluc") || Starts(r, "code.coding.display", "gluc"));
        yield return Q("Observation?code:text=free remark", r => Starts(r, "code.text", "free remark"));
        yield return Q("Observation?combo-code=8480-6", r => Code(r, "code", null, "8480-6") || Code(r, "component.code", null, "8480-6"));
        yield return Q("Observation?component-code=8462-4", r => Code(r, "component.code", null, "8462-4"));
        yield return Q("Observation?value-concept=266919005", r => Code(r, "valueCodeableConcept", null, "266919005"));
        yield return Q("Observation?data-absent-reason=not-performed", r => Code(r, "dataAbsentReason", null, "not-performed"));
        yield return Q("Observation?_tag=http://example.org/tags|kept", r => At(r, "meta.tag").Any(t => t.GetProperty("code").GetString() == "kept"));
        yield return Q("Patient?identifier=urn:example:mrn|MRN-1", r => At(r, "identifier").Any(i => i.GetProperty("system").GetString() == "urn:example:mrn" && i.GetProperty("value").GetString() == "MRN-1"));
        yield return Q("Patient?identifier=123-45", r => At(r, "identifier").Any(i => i.GetProperty("value").GetString() == "123-45"));
        yield return Q("Patient?identifier=urn:example:ssn|", r => At(r, "identifier").Any(i => i.GetProperty("system").GetString() == "urn:example:ssn"));
        yield return Q("Patient?gender=female", r => Text(r, "gender", "female"));
        yield return Q("Patient?active=true", r => At(r, "active").Any(a => a.ValueKind == JsonValueKind.True));
        yield return Q("Patient?deceased=false", r => !Present(r, "deceasedDateTime") && !At(r, "deceasedBoolean").Any(d => d.ValueKind == JsonValueKind.True));
        yield return Q("Patient?email=anna@example.org", r => At(r, "telecom").Any(t => t.GetProperty("system").GetString() == "email" && t.GetProperty("value").GetString() == "anna@example.org"));
        yield return Q("Patient?phone=%2B1 212 555 0100", r => At(r, "telecom").Any(t => t.GetProperty("system").GetString() == "phone" && t.GetProperty("value").GetString() == "+1 212 555 0100"));
        yield return Q("Encounter?class=AMB", r => At(r, "class").Any(c => c.GetProperty("code").GetString() == "AMB"));
        yield return Q("Encounter?class=http://terminology.hl7.org/CodeSystem/v3-ActCode|IMP", r => At(r, "class").Any(c => c.GetProperty("code").GetString() == "IMP"));
        yield return Q("Condition?clinical-status=active", r => Code(r, "clinicalStatus", null, "active"));
        yield return Q("Condition?clinical-status=remission", r => Code(r, "clinicalStatus", null, "remission"));
        yield return Q("Condition?code=http://hl7.org/fhir/sid/icd-10|J11", r => Code(r, "code", "http://hl7.org/fhir/sid/icd-10", "J11"));
        yield return Q("Condition?severity:missing=false", r => Present(r, "severity"));
        yield return Q("AllergyIntolerance?category=environment", r => Text(r, "category", "environment"));
        yield return Q("AllergyIntolerance?criticality=high", r => Text(r, "criticality", "high"));
        yield return Q("MedicationRequest?code=860975", r => Code(r, "medicationCodeableConcept", null, "860975"));
        yield return Q("MedicationRequest?intent=order&status=active", r => Text(r, "intent", "order") && Text(r, "status", "active"));
        yield return Q("Observation?_id=glu-1,bp-2,nobody", r => r.GetProperty("id").GetString() is "glu-1" or "bp-2");
    }

    private static IEnumerable<TestCaseData> Strings()
    {
        yield return Q("Patient?name=anna", r => Starts(r, "name.given", "anna"));
        yield return Q("Patient?family=muller", r => Starts(r, "name.family", "Müller"));
        yield return Q("Patient?family=MÜLLER", r => Starts(r, "name.family", "müller"));
        yield return Q("Patient?family:exact=Smith", r => Text(r, "name.family", "Smith"));
        yield return Q("Patient?family:exact=smith", r => Text(r, "name.family", "smith"));
        yield return Q("Patient?family:contains=denscheid", r => At(r, "name.family").Any(f => f.GetString()!.Contains("denscheid", StringComparison.Ordinal)));
        yield return Q("Patient?given=be", r => Starts(r, "name.given", "be"));
        yield return Q("Patient?address=springfield", r => Starts(r, "address.city", "springfield"));
        yield return Q("Patient?address-city=Spring", r => Starts(r, "address.city", "spring"));
        yield return Q("Patient?address-postalcode=011", r => Starts(r, "address.postalCode", "011"));
        yield return Q("Patient?address=main", r => Starts(r, "address.line", "main"));
        yield return Q("Organization?name=spring", r => Starts(r, "name", "spring"));
        yield return Q("Organization?name:contains=clinic", r => At(r, "name").Any(n => n.GetString()!.Contains("clinic", StringComparison.OrdinalIgnoreCase)));
        yield return Q("Observation?value-string=patient", r => Starts(r, "valueString", "patient") || Starts(r, "valueCodeableConcept.text", "patient"));
        yield return Q("Observation?value-string:exact=Patient feels Well", r => Text(r, "valueString", "Patient feels Well"));
        yield return Q("Questionnaire?title=depression \"phq", r => Starts(r, "title", "depression \"phq"));
        yield return Q("Patient?name=smith,jones", r => Starts(r, "name.family", "smith") || Starts(r, "name.family", "jones"));
        yield return Q("Patient?name=anna&name=smith", r => Starts(r, "name.given", "anna") && Starts(r, "name.family", "smith"));
        yield return Q("AllergyIntolerance?code:text=Peanuts\\, roa", r => Starts(r, "code.text", "peanuts, roa"));
        yield return Q("Questionnaire?url=http://example.org/fhir/Questionnaire/phq-9", r => Text(r, "url", "http://example.org/fhir/Questionnaire/phq-9"));
        yield return Q("Questionnaire?url:below=http://example.org/fhir", r => Starts(r, "url", "http://example.org/fhir"));
        yield return Q("Observation?_profile=http://example.org/fhir/lab", r => Text(r, "meta.profile", "http://example.org/fhir/lab"));
    }

    private static IEnumerable<TestCaseData> DateQueries()
    {
        yield return Q("Observation?date=2024-03-01", r => Spans(r).Any(d => d.Low >= Day("2024-03-01") && d.High <= Day("2024-03-02")));
        yield return Q("Observation?date=2025", r => Spans(r).Any(d => d.Low >= Day("2025") && d.High <= Day("2026")));
        yield return Q("Observation?date=2025-06", r => Spans(r).Any(d => d.Low >= Day("2025-06") && d.High <= Day("2025-07")));
        yield return Q("Observation?date=eq2025-06-10T08:00:00Z", r => Spans(r).Any(d => d.Low >= Utc("2025-06-10T08:00:00Z") && d.High <= Utc("2025-06-10T08:00:01Z")));
        yield return Q("Observation?date=2025-06-10T08:00Z", r => Spans(r).Any(d => d.Low >= Utc("2025-06-10T08:00:00Z") && d.High <= Utc("2025-06-10T08:01:00Z")));
        yield return Q("Observation?date=2025-06-10T10:00:00%2B02:00", r => Spans(r).Any(d => d.Low >= Utc("2025-06-10T08:00:00Z") && d.High <= Utc("2025-06-10T08:00:01Z")));
        yield return Q("Observation?date=gt2025-06-10", r => Spans(r).Any(d => d.High > Day("2025-06-11")));
        yield return Q("Observation?date=ge2025-06-10", r => Spans(r).Any(d => d.High > Day("2025-06-11") || (d.Low >= Day("2025-06-10") && d.High <= Day("2025-06-11"))));
        yield return Q("Observation?date=lt2024-03-01", r => Spans(r).Any(d => d.Low < Day("2024-03-01")));
        yield return Q("Observation?date=le2024-03-01", r => Spans(r).Any(d => d.Low < Day("2024-03-01") || (d.Low >= Day("2024-03-01") && d.High <= Day("2024-03-02"))));
        yield return Q("Observation?date=sa2025-06-10", r => Spans(r).Any(d => d.Low >= Day("2025-06-11")));
        yield return Q("Observation?date=eb2024-03-01", r => Spans(r).Any(d => d.High <= Day("2024-03-01")));
        yield return Q("Observation?date=ne2024-03-01", r => Spans(r).Any(d => !(d.Low >= Day("2024-03-01") && d.High <= Day("2024-03-02"))));
        yield return Q("Observation?date=ge2024-01-01&date=lt2025-01-01", r => Spans(r).Any(d => d.Low >= Day("2024-01-01")) && Spans(r).Any(d => d.Low < Day("2025-01-01")) && !Text(r, "id", "note"));
        yield return Q("Observation?date:missing=true", r => !Spans(r).Any());
        yield return Q("Patient?birthdate=1980-02-29", r => Text(r, "birthDate", "1980-02-29"));
        yield return Q("Patient?birthdate=lt1970", r => Dates(r, "birthDate").Any(d => d.Low < Day("1970")));
        yield return Q("Encounter?date=2024-03", r => Dates(r, "period").Any(d => d.Low >= Day("2024-03") && d.High <= Day("2024-04")));
        yield return Q("Encounter?date=gt2026", r => Dates(r, "period").Any(d => d.High > Day("2027")));
        yield return Q("Condition?onset-date=2019", r => Dates(r, "onsetDateTime").Concat(Dates(r, "onsetPeriod")).Any(d => d.Low >= Day("2019") && d.High <= Day("2020")));
        yield return Q("Condition?onset-date=2023-01", r => Dates(r, "onsetDateTime").Concat(Dates(r, "onsetPeriod")).Any(d => d.Low >= Day("2023-01") && d.High <= Day("2023-02")));
        yield return Q("Procedure?date=2001-07-01", r => Dates(r, "performedPeriod").Any(d => d.Low >= Day("2001-07-01") && d.High <= Day("2001-07-02")));
        yield return Q("MedicationRequest?authoredon=ge2024", r => Dates(r, "authoredOn").Any(d => d.High > Day("2025") || (d.Low >= Day("2024") && d.High <= Day("2025"))));
        yield return Q("Goal?target-date=2025-12-31", r => Dates(r, "target.dueDate").Any(d => d.Low == Day("2025-12-31")));
    }

    private static IEnumerable<(DateTime Low, DateTime High)> Spans(JsonElement r) => Dates(r, "effectiveDateTime").Concat(Dates(r, "effectivePeriod"));

    private static IEnumerable<TestCaseData> Quantities()
    {
        yield return Q("Observation?value-quantity=5.4", r => Value(r, (v, _) => v is >= 5.35m and < 5.45m));
        yield return Q("Observation?value-quantity=5.40", r => Value(r, (v, _) => v is >= 5.395m and < 5.405m));
        yield return Q("Observation?value-quantity=7", r => Value(r, (v, _) => v is >= 6.5m and < 7.5m));
        yield return Q($"Observation?value-quantity=5.4|{Ucum}|mmol/L", r => Value(r, (v, u) => u == "mmol/L" && v is >= 5.35m and < 5.45m));
        yield return Q("Observation?value-quantity=gt6||mmol/L", r => Value(r, (v, u) => u == "mmol/L" && v > 6));
        yield return Q($"Observation?value-quantity=ge6|{Ucum}|mmol/L", r => Value(r, (v, u) => u == "mmol/L" && v >= 6));
        yield return Q($"Observation?value-quantity=lt6|{Ucum}|mmol/L", r => Value(r, (v, u) => u == "mmol/L" && v < 6));
        yield return Q($"Observation?value-quantity=ne6.0|{Ucum}|mmol/L", r => Value(r, (v, u) => u == "mmol/L" && v is < 5.95m or >= 6.05m && u == "mmol/L"));
        yield return Q($"Observation?value-quantity=72.5|{Ucum}|kg", r => Value(r, (v, u) => (u == "kg" && v is >= 72.45m and < 72.55m) || (u == "g" && v is >= 72450 and < 72550)));
        yield return Q($"Observation?value-quantity=71|{Ucum}|kg", r => Value(r, (v, u) => (u == "kg" && v is >= 70.5m and < 71.5m) || (u == "g" && v is >= 70500 and < 71500)));
        yield return Q($"Observation?value-quantity=gt100|{Ucum}|g/L&code=718-7", r => Code(r, "code", null, "718-7") && Value(r, (v, u) => (u == "g/L" && v > 100) || (u == "g/dL" && v > 10)));
        yield return Q($"Observation?value-quantity=ap70|{Ucum}|kg", r => Value(r, (v, u) => (u == "kg" && v is >= 63 and <= 77) || (u == "g" && v is >= 63000 and <= 77000)));
        yield return Q("Observation?component-value-quantity=gt150", r => Numbers(r, "component.valueQuantity.value").Any(v => v > 150));
        yield return Q($"Observation?component-code-value-quantity=http://loinc.org|8480-6$gt150|{Ucum}|mm[Hg]", r => Component(r, "8480-6", v => v > 150));
        yield return Q("Observation?component-code-value-quantity=8462-4$lt90", r => Component(r, "8462-4", v => v < 90));
        yield return Q("Observation?code-value-quantity=2339-0$gt6", r => Code(r, "code", null, "2339-0") && Value(r, (v, _) => v > 6));
        yield return Q("Observation?combo-code-value-quantity=8480-6$ge120", r => Component(r, "8480-6", v => v >= 120) || (Code(r, "code", null, "8480-6") && Value(r, (v, _) => v >= 120)));
        yield return Q("Observation?code-value-concept=72166-2$266919005", r => Code(r, "code", null, "72166-2") && Code(r, "valueCodeableConcept", null, "266919005"));
        yield return Q("RiskAssessment?probability=gt0.2", r => Numbers(r, "prediction.probabilityDecimal").Any(v => v > 0.2m));
        yield return Q("RiskAssessment?probability=0.12", r => Numbers(r, "prediction.probabilityDecimal").Any(v => v is >= 0.115m and < 0.125m));
        yield return Q("Condition?onset-age=12||a", r => At(r, "onsetAge").Any(a => a.GetProperty("value").GetDecimal() is >= 11.5m and < 12.5m));
    }

    private static IEnumerable<TestCaseData> References()
    {
        yield return Q("Observation?subject=Patient/anna", r => Refers(r, "subject", "Patient/anna"));
        yield return Q("Observation?patient=anna", r => Refers(r, "subject", "Patient/anna"));
        yield return Q("Observation?patient=Patient/anna&code=718-7", r => Refers(r, "subject", "Patient/anna") && Code(r, "code", null, "718-7"));
        yield return Q("Observation?encounter=enc-1", r => Refers(r, "encounter", "Encounter/enc-1", "urn:uuid:enc-1"));
        yield return Q("Observation?encounter=Encounter/enc-2", r => Refers(r, "encounter", "Encounter/enc-2"));
        yield return Q("Observation?subject:Patient=anna", r => Refers(r, "subject", "Patient/anna"));
        yield return Q("Observation?derived-from=Observation/glu-1", r => Refers(r, "derivedFrom", "Observation/glu-1"));
        yield return Q("DiagnosticReport?result=Observation/hb-1", r => Refers(r, "result", "Observation/hb-1"));
        yield return Q("MedicationRequest?medication=Medication/ibuprofen", r => Refers(r, "medicationReference", "Medication/ibuprofen"));
        yield return Q("Organization?partof=org-1", r => Refers(r, "partOf", "Organization/org-1"));
        yield return Q("Coverage?payor:identifier=urn:example:payer|P-7", r => At(r, "payor.identifier").Any(i => i.GetProperty("value").GetString() == "P-7"));
        yield return Q("Observation?patient.name=anna", r => Refers(r, "subject", "Patient/anna"));
        yield return Q("Observation?subject:Patient.family=smith&status=final", r => Refers(r, "subject", "Patient/anna") && Text(r, "status", "final"));
        yield return Q("Observation?encounter.class=IMP", r => Refers(r, "encounter", "Encounter/enc-2"));
        yield return Q("Encounter?service-provider.name=springs", r => Refers(r, "serviceProvider", "Organization/org-2"));
        yield return Q("Condition?encounter.date=2024-03-01", r => Refers(r, "encounter", "Encounter/enc-1") || (r.GetProperty("id").GetString()!.Length > 20 && false));
        yield return Q("Patient?general-practitioner.name=jones", r => Refers(r, "generalPractitioner", "Practitioner/doc-1"));
        yield return Q("MedicationRequest?medication.code=5640", r => Refers(r, "medicationReference", "Medication/ibuprofen"));
        yield return Q("Observation?patient._id=anna&value-quantity=gt7", r => Refers(r, "subject", "Patient/anna") && Value(r, (v, _) => v > 7));
    }

    [TestCaseSource(nameof(Tokens))]
    [TestCaseSource(nameof(Strings))]
    [TestCaseSource(nameof(DateQueries))]
    [TestCaseSource(nameof(Quantities))]
    [TestCaseSource(nameof(References))]
    public void The_index_answers_what_a_look_at_every_resource_answers(string query, Func<JsonElement, bool> expected)
    {
        string[] found = Search(query, out SearchRequest request);
        Assert.That(request.NotApplied, Is.Empty, "every parameter is known");
        Assert.That(found, Is.EquivalentTo(Expected(query.Split('?')[0], expected)));
    }

    [Test]
    public void The_matrix_has_at_least_eighty_queries_of_which_most_find_something_and_not_everything()
    {
        TestCaseData[] all = [.. Tokens(), .. Strings(), .. DateQueries(), .. Quantities(), .. References()];
        int telling = all.Count(c => Expected(((string)c.Arguments[0]!).Split('?')[0], (Func<JsonElement, bool>)c.Arguments[1]!).Length > 0);
        Assert.That(all, Has.Length.GreaterThanOrEqualTo(80));
        Assert.That(telling, Is.GreaterThanOrEqualTo(all.Length * 9 / 10), "queries that find nothing prove little");
    }

    [TestCase("Observation?_sort=date&patient=anna", "effective", false)]
    [TestCase("Observation?_sort=-date&patient=anna", "effective", true)]
    public void Results_are_sorted_by_date_and_what_has_none_stands_last(string query, string _, bool descending)
    {
        string[] found = Search(query, out SearchRequest request, keepOrder: true);
        Dictionary<string, JsonElement> byId = Current("Observation").ToDictionary(r => r.GetProperty("id").GetString()!);
        DateTime?[] dates = [.. found.Select(id => Spans(byId[id]).Select(d => (DateTime?)(descending ? d.High : d.Low)).FirstOrDefault())];
        Assert.That(request.Sort, Has.Count.EqualTo(1));
        DateTime[] known = [.. dates.TakeWhile(d => d is not null).Select(d => d!.Value)];
        Assert.That(dates.Skip(known.Length), Is.All.Null);
        Assert.That(known, descending ? Is.Ordered.Descending : Is.Ordered.Ascending);
    }

    [Test]
    public void What_is_referred_to_and_what_refers_is_included_on_request()
    {
        SearchRequest request = Parse("Observation?_id=glu-1&_include=Observation:encounter&_include=Observation:subject&_revinclude=Provenance:target&_revinclude=DiagnosticReport:result");
        List<Hit> page = SearchEngine.Find(Index.Shelves, "Observation", request.Clauses, new Everything(), default);
        List<Hit> included = SearchEngine.Included(page, request.Includes, request.Reverse, new Everything(), 100);
        Assert.That(included.Select(h => h.Document.Id), Is.EquivalentTo(new[] { "enc-1", "anna", "prov", "rep" }));
    }

    [TestCase("Observation?nonsense=1", "nonsense")]
    [TestCase("Observation?code:in=http://x", "code:in")]
    [TestCase("Observation?_has:Provenance:target:agent=x", "_has:Provenance:target:agent")]
    [TestCase("Observation?_include:iterate=Observation:subject", "_include:iterate")]
    [TestCase("Observation?_elements=code", "_elements")]
    [TestCase("Observation?patient.nonsense=x", "patient.nonsense")]
    [TestCase("Observation?_sort=nonsense", "_sort")]
    public void What_is_not_known_is_reported(string query, string name) => Assert.That(Parse(query).NotApplied, Is.EqualTo(new[] { name }));

    [TestCase("Observation?date=yesterday", "date: not a date such as")]
    [TestCase("Observation?date=2025-02-30", "date: not a date such as")]
    [TestCase("Observation?value-quantity=many", "value-quantity: not a number")]
    [TestCase("Observation?_count=few", "_count: not a number")]
    [TestCase("Observation?code:missing=perhaps", "code:missing: not true or false")]
    [TestCase("Observation?code-value-quantity=2339-0", "code-value-quantity: 1 parts, not 2 joined by $")]
    [TestCase("Observation?code=a,,b", "code: a value is empty")]
    public void What_is_wrong_is_named(string query, string message) =>
        Assert.That(Assert.Throws<SearchException>(() => Parse(query))!.Message, Does.StartWith(message));

    [Test]
    public void A_patient_who_is_gone_is_found_no_more()
    {
        FacadeIndex index = MakeIndex();
        Assert.That(index.Find("Patient", "anna"), Has.Count.EqualTo(1));
        Assert.That(index.Remove(SampleRecords.Anna), Is.True);
        Assert.That(index.Find("Patient", "anna"), Is.Empty);
        Assert.That(index.Shelves.Select(s => s.Patient), Has.No.Member(SampleRecords.Anna));
    }

    private static FacadeIndex MakeIndex()
    {
        var index = new FacadeIndex();
        foreach (var patient in new[] { SampleRecords.Anna, SampleRecords.Ben, SampleRecords.Cara }) index.Replace(new ShelfBuilder(index.Terms).Build(patient, SampleRecords.Of(patient)));
        return index;
    }

    private static SearchRequest Parse(string query)
    {
        string[] parts = query.Split('?', 2);
        return Parser.Parse(parts[0], RequestContext.Pairs(parts[1]));
    }

    private static string[] Search(string query, out SearchRequest request, bool keepOrder = false)
    {
        request = Parse(query);
        List<Hit> hits = SearchEngine.Find(Index.Shelves, request.Type, request.Clauses, new Everything(), default);
        SearchEngine.Sort(hits, request.Sort);
        IEnumerable<string> ids = hits.Select(h => h.Document.Id);
        return [.. keepOrder ? ids : ids.Order(StringComparer.Ordinal)];
    }

    private static string[] Expected(string type, Func<JsonElement, bool> expected) => [.. Current(type).Where(expected).Select(r => r.GetProperty("id").GetString()!)];

    /// <summary>The newest version of every resource of a type.</summary>
    private static IEnumerable<JsonElement> Current(string type)
    {
        var newest = new Dictionary<string, JsonElement>();
        foreach (var patient in new[] { SampleRecords.Anna, SampleRecords.Ben, SampleRecords.Cara })
        {
            foreach (IndexedResource resource in SampleRecords.Of(patient).Where(r => r.Type == type)) newest[$"{patient}/{resource.Id}"] = JsonDocument.Parse(resource.Bytes).RootElement;
        }
        return newest.Values;
    }
}
