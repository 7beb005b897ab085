using System.Globalization;
using System.Text;
using System.Text.Json;
using Ptoy.Protocol;
using Ptoy.Protocol.Records;
using Ptoy.Services.Facade.Index;
using Ptoy.Services.Fhir;

namespace Ptoy.Services.Tests.Facade;

/// <summary>Three patients' records: one made by hand so that every kind of search parameter has something to find, two generated.</summary>
internal static class SampleRecords
{
    public static readonly Address Anna = AddressOf(1);
    public static readonly Address Ben = AddressOf(2);
    public static readonly Address Cara = AddressOf(3);
    private static readonly DateTimeOffset Start = new(2026, 2, 1, 8, 0, 0, TimeSpan.Zero);

    public static Address AddressOf(byte number) => new(new Hash([.. Enumerable.Repeat(number, 32)]));

    /// <summary>Every resource of a patient, in the order of registration.</summary>
    public static IReadOnlyList<IndexedResource> Of(Address patient)
    {
        List<string> texts = patient == Anna ? [.. ByHand] : Generated(patient == Ben ? 0 : 1);
        return [.. texts.Select((text, i) => Resource(patient, text, i))];
    }

    public static IndexedResource Resource(Address patient, string text, int number)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        using JsonDocument json = JsonDocument.Parse(bytes);
        string record = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData([.. Encoding.ASCII.GetBytes(patient.ToString()), .. bytes]));
        return new IndexedResource(
            record, json.RootElement.GetProperty("resourceType").GetString()!, json.RootElement.GetProperty("id").GetString()!, FhirScan.CompartmentOf(bytes), bytes,
            (ulong)(100 + number), Start.AddMinutes(number));
    }

    private static List<string> Generated(int index)
    {
        GeneratedBundle bundle = BundleGenerator.Bundle(new GeneratorOptions(7, 2, 60), index);
        SlicedBundle sliced = BundleSlicer.Slice(bundle.Bytes);
        return [.. sliced.Slices.Select(s => Encoding.UTF8.GetString(sliced.BytesOf(s).Span))];
    }

    private static string Loinc(string code, string display) =>
        $$$"""{"coding":[{"system":"http://loinc.org","code":"{{{code}}}","display":"{{{display}}}"}],"text":"{{{display}}}"}""";

    private static string Lab(string id, string code, string display, string value, string unit, string when, string status = "final") => $$$"""
        {"resourceType":"Observation","id":"{{{id}}}","meta":{"profile":["http://example.org/fhir/lab"],"tag":[{"system":"http://example.org/tags","code":"kept"}]},
         "status":"{{{status}}}","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}],
         "code":{{{Loinc(code, display)}}},"subject":{"reference":"Patient/anna"},"encounter":{"reference":"urn:uuid:enc-1"},
         "effectiveDateTime":"{{{when}}}","valueQuantity":{"value":{{{value}}},"unit":"{{{unit}}}","system":"http://unitsofmeasure.org","code":"{{{unit}}}"}}
        """;

    private static string Pressure(string id, int systolic, int diastolic, string when) => $$$"""
        {"resourceType":"Observation","id":"{{{id}}}","status":"final",
         "category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}],
         "code":{{{Loinc("85354-9", "Blood pressure panel")}}},"subject":{"reference":"Patient/anna"},"encounter":{"reference":"Encounter/enc-2"},"effectiveDateTime":"{{{when}}}",
         "component":[{"code":{{{Loinc("8480-6", "Systolic blood pressure")}}},"valueQuantity":{"value":{{{systolic.ToString(CultureInfo.InvariantCulture)}}},"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}},
                      {"code":{{{Loinc("8462-4", "Diastolic blood pressure")}}},"valueQuantity":{"value":{{{diastolic.ToString(CultureInfo.InvariantCulture)}}},"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}]}
        """;

    private static readonly string[] ByHand =
    [
        """
        {"resourceType":"Patient","id":"anna","identifier":[{"system":"urn:example:mrn","value":"MRN-1"},{"system":"urn:example:ssn","value":"123-45"}],"active":true,
         "name":[{"use":"official","family":"Müller-Lüdenscheidt","given":["Anna","Beth"]},{"use":"maiden","family":"Smith","given":["Ann"]}],
         "telecom":[{"system":"phone","value":"+1 212 555 0100","use":"mobile"},{"system":"email","value":"anna@example.org"}],
         "gender":"female","birthDate":"1980-02-29","address":[{"line":["1 Main Street"],"city":"Springfield","state":"MA","postalCode":"01101","country":"US"}],
         "generalPractitioner":[{"reference":"Practitioner/doc-1"}],"managingOrganization":{"reference":"Organization/org-1"},"deceasedBoolean":false}
        """,
        """{"resourceType":"Practitioner","id":"doc-1","identifier":[{"system":"http://hl7.org/fhir/sid/us-npi","value":"99"}],"name":[{"family":"Jones","given":["Peter"]}],"active":true}""",
        """{"resourceType":"Organization","id":"org-1","name":"Springfield General","type":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/organization-type","code":"prov"}]}],"active":true}""",
        """{"resourceType":"Organization","id":"org-2","name":"Springs Clinic","partOf":{"reference":"Organization/org-1"},"active":false}""",
        """
        {"resourceType":"Encounter","id":"enc-1","status":"finished","class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"AMB"},
         "type":[{"coding":[{"system":"http://snomed.info/sct","code":"185345009","display":"Encounter for symptom"}]}],"subject":{"reference":"Patient/anna"},
         "period":{"start":"2024-03-01T09:00:00Z","end":"2024-03-01T09:30:00Z"},"serviceProvider":{"reference":"Organization/org-1"},"participant":[{"individual":{"reference":"Practitioner/doc-1"}}]}
        """,
        """
        {"resourceType":"Encounter","id":"enc-2","status":"in-progress","class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"IMP"},
         "subject":{"reference":"Patient/anna"},"period":{"start":"2025-06-10"},"serviceProvider":{"reference":"Organization/org-2"}}
        """,
        Lab("glu-1", "2339-0", "Glucose", "5.40", "mmol/L", "2024-03-01T09:10:00Z"),
        Lab("glu-2", "2339-0", "Glucose", "7.1", "mmol/L", "2025-06-10T10:00:00+02:00"),
        Lab("glu-3", "2339-0", "Glucose", "6.0", "mmol/L", "2025-06", "amended"),
        Lab("hb-1", "718-7", "Hemoglobin", "13.5", "g/dL", "2024-03-01"),
        Lab("hb-2", "718-7", "Hemoglobin", "101", "g/L", "2025-01-15T08:00:00Z", "preliminary"),
        Lab("wt-1", "29463-7", "Body weight", "72.5", "kg", "2024-12-31T23:59:59Z"),
        Lab("wt-2", "29463-7", "Body weight", "71000", "g", "2025-12-31T23:30:00-05:00"),
        Pressure("bp-1", 120, 80, "2024-03-01T09:15:00Z"),
        Pressure("bp-2", 151, 95, "2025-06-10T09:15:00Z"),
        Pressure("bp-3", 95, 151, "2025-07-01"),
        """
        {"resourceType":"Observation","id":"smoke","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"social-history"}]}],
         "code":{"coding":[{"system":"http://loinc.org","code":"72166-2","display":"Tobacco smoking status"}]},"subject":{"reference":"Patient/anna"},"effectiveDateTime":"2024",
         "valueCodeableConcept":{"coding":[{"system":"http://snomed.info/sct","code":"266919005","display":"Never smoker"}],"text":"Never smoked tobacco"},"derivedFrom":[{"reference":"Observation/glu-1"}]}
        """,
        """
        {"resourceType":"Observation","id":"note","status":"final","code":{"text":"Free remark"},"subject":{"reference":"Patient/anna"},"effectivePeriod":{"start":"2025-05-01","end":"2025-06-30"},"valueString":"Patient feels Well"}
        """,
        """{"resourceType":"Observation","id":"absent","status":"cancelled","code":{"coding":[{"system":"http://loinc.org","code":"2339-0"}]},"subject":{"reference":"Patient/anna"},"dataAbsentReason":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/data-absent-reason","code":"not-performed"}]}}""",
        """
        {"resourceType":"Condition","id":"dm","clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},
         "code":{"coding":[{"system":"http://snomed.info/sct","code":"44054006","display":"Diabetes mellitus type 2"}],"text":"Type 2 diabetes"},"subject":{"reference":"Patient/anna"},
         "encounter":{"reference":"Encounter/enc-1"},"onsetDateTime":"2019-05","recordedDate":"2024-03-01"}
        """,
        """
        {"resourceType":"Condition","id":"flu","clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"resolved"}]},
         "code":{"coding":[{"system":"http://snomed.info/sct","code":"6142004","display":"Influenza"},{"system":"http://hl7.org/fhir/sid/icd-10","code":"J11"}]},"subject":{"reference":"Patient/anna"},
         "onsetPeriod":{"start":"2023-01-05","end":"2023-01-12"},"severity":{"coding":[{"system":"http://snomed.info/sct","code":"255604002"}]}}
        """,
        """{"resourceType":"Condition","id":"myopia","code":{"coding":[{"system":"http://snomed.info/sct","code":"57190000"}]},"subject":{"reference":"Patient/anna"},"onsetAge":{"value":12,"unit":"a","system":"http://unitsofmeasure.org","code":"a"}}""",
        """
        {"resourceType":"MedicationRequest","id":"met","status":"active","intent":"order","medicationCodeableConcept":{"coding":[{"system":"http://www.nlm.nih.gov/research/umls/rxnorm","code":"860975","display":"metformin 500 MG"}]},
         "subject":{"reference":"Patient/anna"},"encounter":{"reference":"Encounter/enc-1"},"authoredOn":"2024-03-01T09:20:00Z","requester":{"reference":"Practitioner/doc-1"}}
        """,
        """{"resourceType":"MedicationRequest","id":"ibu","status":"stopped","intent":"plan","medicationReference":{"reference":"Medication/ibuprofen"},"subject":{"reference":"Patient/anna"},"authoredOn":"2023-01-05"}""",
        """{"resourceType":"Medication","id":"ibuprofen","code":{"coding":[{"system":"http://www.nlm.nih.gov/research/umls/rxnorm","code":"5640"}],"text":"Ibuprofen"}}""",
        """{"resourceType":"AllergyIntolerance","id":"nuts","code":{"text":"Peanuts, roasted"},"patient":{"reference":"Patient/anna"},"criticality":"high","category":["food","environment"],"recordedDate":"2010"}""",
        """{"resourceType":"Procedure","id":"app","status":"completed","code":{"coding":[{"system":"http://snomed.info/sct","code":"80146002","display":"Appendectomy"}]},"subject":{"reference":"Patient/anna"},"performedPeriod":{"start":"2001-07-01T10:00:00Z","end":"2001-07-01T11:30:00Z"}}""",
        """{"resourceType":"DiagnosticReport","id":"rep","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"24323-8"}]},"subject":{"reference":"Patient/anna"},"effectiveDateTime":"2024-03-01T09:30:00Z","result":[{"reference":"Observation/glu-1"},{"reference":"Observation/hb-1"}]}""",
        """{"resourceType":"RiskAssessment","id":"risk-1","status":"final","subject":{"reference":"Patient/anna"},"occurrenceDateTime":"2025-02-02","prediction":[{"probabilityDecimal":0.12}]}""",
        """{"resourceType":"RiskAssessment","id":"risk-2","status":"final","subject":{"reference":"Patient/anna"},"occurrenceDateTime":"2025-03-02","prediction":[{"probabilityDecimal":0.5}]}""",
        """{"resourceType":"Questionnaire","id":"q1","url":"http://example.org/fhir/Questionnaire/phq-9","status":"active","title":"Depression \"PHQ-9\""}""",
        """{"resourceType":"Provenance","id":"prov","target":[{"reference":"Observation/glu-1"},{"reference":"Condition/dm"}],"recorded":"2024-03-01T10:00:00Z","agent":[{"who":{"reference":"Practitioner/doc-1"}}]}""",
        """{"resourceType":"Coverage","id":"cov","status":"active","beneficiary":{"reference":"Patient/anna"},"payor":[{"identifier":{"system":"urn:example:payer","value":"P-7"}}]}""",
        """{"resourceType":"Goal","id":"goal","lifecycleStatus":"active","description":{"text":"Lose weight"},"subject":{"reference":"Patient/anna"},"startDate":"2025-01-01","target":[{"dueDate":"2025-12-31"}]}""",
        """{"resourceType":"Condition","id":"dm","clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"remission"}]},"code":{"coding":[{"system":"http://snomed.info/sct","code":"44054006","display":"Diabetes mellitus type 2"}],"text":"Type 2 diabetes"},"subject":{"reference":"Patient/anna"},"encounter":{"reference":"Encounter/enc-1"},"onsetDateTime":"2019-05","recordedDate":"2024-03-01"}""",
    ];
}
