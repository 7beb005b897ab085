// Elements of the model may all be absent; one that is missing where it is asked for fails its test.
#nullable disable warnings
using System.Text;
using Hl7.Fhir.Model;
using NUnit.Framework;
using Ptoy.Services.Connector;
using Ptoy.Services.Connector.Hl7.Mapping;
using Ptoy.Services.Connector.Hl7.Parsing;

namespace Ptoy.Services.Tests.Connector.Hl7;

public sealed class MappingTests
{
    private static T One<T>(MappedPatient mapped) where T
        : Resource => FhirResources.Parse<T>(mapped.Resources.Single(r => r.Type == typeof(T).Name).Bytes);

    private static T[] All<T>(MappedPatient mapped) where T
        : Resource => [.. mapped.Resources.Where(r => r.Type == typeof(T).Name).Select(r => FhirResources.Parse<T>(r.Bytes))];

    private static byte[] With(string type, params string[] segments) =>
        Messages.Bytes([Messages.Header(type), Messages.Pid(), .. segments]);

    /// <summary>Maps messages one after the other, with what each leaves known.</summary>
    private static MappedPatient Play(params byte[][] messages)
    {
        var known = new Dictionary<string, string[]>();
        MappedPatient? last = null;
        foreach (byte[] message in messages)
        {
            last = Messages.Map(message, known.GetValueOrDefault);
            foreach ((string key, string[] fields) in last.Fresh) known[key] = fields;
        }
        return last!;
    }

    [Test]
    public void A_patient_has_numbers_name_address_and_phone()
    {
        Patient patient = One<Patient>(Messages.Map(Messages.Admission()));
        using (Assert.EnterMultipleScope())
        {
            Assert.That((patient.Identifier[0].Value, patient.Identifier[0].System, patient.Identifier[0].Type.Coding[0].Code),
                Is.EqualTo(("4711", "urn:id:HOSP", "MR")));
            Assert.That((patient.Name[0].Family, patient.Name[0].Given.Single(), patient.BirthDate, patient.Gender),
                Is.EqualTo(("Beispiel", "Erika", "1970-01-02", AdministrativeGender.Female)));
            Assert.That((patient.Telecom[0].Value, patient.Telecom[0].Use),
                Is.EqualTo(("+49 30 123456", ContactPoint.ContactPointUse.Home)));
            Assert.That((patient.Address[0].City, patient.Address[0].PostalCode), Is.EqualTo(("Ort", "12345")));
            Assert.That(patient.Active, Is.True);
        }
    }

    [Test]
    public void The_same_message_maps_to_the_same_bytes()
    {
        string Text() => string.Concat(Messages.Map(Messages.Result()).Resources.Select(r => Convert.ToBase64String(r.Bytes)));
        string first = Text();
        Assert.That(Text(), Is.EqualTo(first));
    }

    [Test]
    public void Numbers_keep_their_digits_and_a_correction_is_a_version_of_the_same_result()
    {
        MappedPatient first = Messages.Map(Messages.Result("1", "F", "1.50")), second = Messages.Map(Messages.Result("2", "C", "1.60"));
        MappedResource before = first.Resources.Single(r => r.Type == "Observation"),
            after = second.Resources.Single(r => r.Type == "Observation");
        Assert.That(Encoding.UTF8.GetString(before.Bytes), Does.Contain("\"value\":1.50,"));
        Assert.That(after.Id, Is.EqualTo(before.Id));
        Observation corrected = One<Observation>(second);
        Assert.That((corrected.Status, ((Quantity)corrected.Value).Value, ((Quantity)corrected.Value).Code),
            Is.EqualTo((ObservationStatus.Corrected, 1.60m, "mg/dL")));
        DiagnosticReport report = One<DiagnosticReport>(second);
        Assert.That((report.Status, report.Id, report.Result[0].Reference),
            Is.EqualTo((DiagnosticReport.DiagnosticReportStatus.Corrected, One<DiagnosticReport>(first).Id, $"Observation/{after.Id}")));
    }

    [TestCase("NM|1-1^X^LN||.5|g^^UCUM", "0.5 g")]
    [TestCase("NM|1-1^X^LN||<5|g", "<5")]
    [TestCase("SN|1-1^X^LN||^182|mg/dl", "182 mg/dl")]
    [TestCase("SN|1-1^X^LN||>^90|%", "GreaterThan 90 %")]
    [TestCase("SN|1-1^X^LN||^1^:^128", "1:128")]
    [TestCase("SN|1-1^X^LN||^2^-^4", "2-4")]
    [TestCase("TX|1-1^X^LN||first~second & third", "first\nsecond & third")]
    [TestCase("CWE|1-1^X^LN||260385009^Negative^SCT", "260385009")]
    [TestCase("DT|1-1^X^LN||20260102", "2026-01-02")]
    [TestCase("TM|1-1^X^LN||1530", "15:30:00")]
    [TestCase("TM|1-1^X^LN||late", "late")]
    public void Values_are_what_their_type_says_or_the_text_that_they_are(string result, string meant)
    {
        DataType value = One<Observation>(Messages.Map(With("ORU^R01", "OBR|1||F1|1-1^X^LN", $"OBX|1|{result}|||||F"))).Value;
        string text = value switch
        {
            Quantity q => $"{(q.Comparator is { } c ? $"{c} " : "")}{q.Value} {q.Unit}".Trim(),
            Ratio r => $"{r.Numerator.Value}:{r.Denominator.Value}",
            global::Hl7.Fhir.Model.Range r => $"{r.Low.Value}-{r.High.Value}",
            CodeableConcept c => c.Coding[0].Code,
            PrimitiveType p => p.ToString()!,
            _ => value.TypeName,
        };
        Assert.That(text, Is.EqualTo(meant));
    }

    [Test]
    public void An_empty_field_leaves_what_is_known_and_the_null_value_removes_it()
    {
        byte[] update = Messages.Bytes(Messages.Header("ADT^A08", "2"), "PID|1||4711^^^HOSP^MR||Neu^Erika||||||\"\"");
        Patient patient = One<Patient>(Play(Messages.Admission(), update));
        Assert.That((patient.Name[0].Family, patient.BirthDate, patient.Address.Count, patient.Telecom.Count),
            Is.EqualTo(("Neu", "1970-01-02", 0, 1)));
    }

    [Test]
    public void A_laboratory_fills_what_nobody_said_and_overwrites_nothing()
    {
        byte[] result = Messages.Bytes(
            Messages.Header("ORU^R01", "2"), "PID|1||4711^^^HOSP^MR||Typo^Erica||||||||||DE", "OBR|1||F9|1-1^X^LN");
        Patient patient = One<Patient>(Play(Messages.Admission(), result));
        Assert.That((patient.Name[0].Family, patient.Communication.Single().Language.Coding[0].Code), Is.EqualTo(("Beispiel", "DE")));
    }

    [TestCase("A01", Encounter.EncounterStatus.InProgress)]
    [TestCase("A03", Encounter.EncounterStatus.Finished)]
    [TestCase("A05", Encounter.EncounterStatus.Planned)]
    [TestCase("A11", Encounter.EncounterStatus.Cancelled)]
    public void A_visit_is_where_the_event_puts_it(string trigger, Encounter.EncounterStatus status)
    {
        Encounter visit = One<Encounter>(Messages.Map(Messages.Admission(trigger: trigger)));
        Assert.That((visit.Status, visit.Class.Code, visit.Period.Start), Is.EqualTo((status, "IMP", "2026-03-01T11:00:00+01:00")));
        Assert.That(visit.Participant[0].Type[0].Coding[0].Code, Is.EqualTo("ATND"));
    }

    [Test]
    public void A_cancelled_discharge_takes_the_discharge_back()
    {
        byte[] discharge = Messages.Bytes(
            Messages.Header("ADT^A03", "2"), Messages.Pid(),
            "PV1|1|I|||||||||||||||||V1^^^HOSP^VN|||||||||||||||||01||||||||20260301110000|20260303090000");
        byte[] cancel = Messages.Bytes(Messages.Header("ADT^A13", "3"), Messages.Pid(), "PV1|1|I|||||||||||||||||V1^^^HOSP^VN");
        Encounter over = One<Encounter>(Play(Messages.Admission(), discharge)),
            again = One<Encounter>(Play(Messages.Admission(), discharge, cancel));
        Assert.That((over.Status, over.Period.End, over.Hospitalization.DischargeDisposition.Coding[0].Code),
            Is.EqualTo((Encounter.EncounterStatus.Finished, "2026-03-03T09:00:00+01:00", "01")));
        Assert.That((again.Status, again.Period.Start, again.Period.End, again.Hospitalization, again.Id),
            Is.EqualTo((Encounter.EncounterStatus.InProgress, over.Period.Start, (string?)null, (Encounter.HospitalizationComponent?)null,
            over.Id)));
        Assert.That(again.Location[0].Status, Is.EqualTo(Encounter.EncounterLocationStatus.Active));
    }

    [Test]
    public void A_visit_that_a_result_mentions_keeps_its_state()
    {
        byte[] result = With("ORU^R01", "PV1|1|I|||||||||||||||||V1^^^HOSP^VN", "OBR|1||F1|1-1^X^LN");
        Encounter visit = One<Encounter>(Play(Messages.Admission(trigger: "A11"), result));
        Assert.That(visit.Status, Is.EqualTo(Encounter.EncounterStatus.Cancelled));
    }

    [Test]
    public void A_deleted_person_is_inactive_until_added_again()
    {
        byte[] Said(string trigger) => Messages.Bytes(Messages.Header($"ADT^{trigger}", trigger), Messages.Pid());
        Assert.That(One<Patient>(Play(Messages.Admission(), Said("A29"))).Active, Is.False);
        Assert.That(One<Patient>(Play(Messages.Admission(), Said("A29"), Said("A08"))).Active, Is.False);
        Assert.That(One<Patient>(Play(Messages.Admission(), Said("A29"), Said("A28"))).Active, Is.True);
    }

    [Test]
    public void Sensitive_codes_lead_to_sensitive_compartments_and_so_does_the_original()
    {
        MappedPatient mapped = Messages.Map(With("ADT^A01", "DG1|1||F32.1^Depression^I10|||A", "DG1|2||E10.9^Diabetes^I10|||A"));
        string[] conditions = [.. mapped.Resources.Where(r => r.Type == "Condition").Select(r => r.Compartment)];
        Assert.That(conditions, Is.EqualTo(new[] { "mental-health", "conditions" }));
        Assert.That(mapped.Resources.Single(r => r.Type == IntakeTypes.Hl7v2).Compartment, Is.EqualTo("mental-health"));
    }

    [TestCase("300.7^HYPOCHONDRIASIS^I9", "mental-health")]
    [TestCase("042^HIV^I9C", "hiv")]
    [TestCase("303.9^Alcohol^I9", "substance-use")]
    [TestCase("250.0^Diabetes^I9", "conditions")]
    public void Codes_of_ICD9_are_as_sensitive_as_those_after_them(string code, string compartment) =>
        Assert.That(Messages.Map(With("PPR^PC1", $"PRB|AD|20260301|{code}|P1")).Resources.Single(r => r.Type == "Condition").Compartment,
            Is.EqualTo(compartment));

    [Test]
    public void Results_of_a_sensitive_order_are_as_sensitive_as_the_order()
    {
        MappedPatient mapped = Messages.Map(
            With("ORU^R01", "OBR|1||F1|75622-1^HIV 1 and 2 tests^LN", "OBX|1|ST|99-9^Result^L||reactive||||||F",
            "OBR|2||F2|2160-0^Creatinine^LN", "OBX|1|NM|2160-0^Creatinine^LN||1||||||F"));
        Assert.That(mapped.Resources.Where(r => r.Type == "Observation")
            .Select(r => r.Compartment), Is.EqualTo(new[] { "hiv", "observations" }));
        Assert.That(mapped.Resources.Where(r => r.Type == "DiagnosticReport")
            .Select(r => r.Compartment), Is.EqualTo(new[] { "hiv", "diagnostic-reports" }));
    }

    [Test]
    public void Every_kind_of_message_becomes_valid_FHIR_of_its_kind()
    {
        (byte[] Message, string Type)[] cases =
        [
            (With("ORM^O01", "ORC|NW|P1|F1||||||20260301080000", "OBR|1|P1|F1|1-1^X^LN"), "ServiceRequest"),
            (With("ORM^O01", "ORC|NW|P1", "ODS|D||veg^Vegetarian^L|no salt"), "NutritionOrder"),
            (With("OML^O21", "ORC|NW|P1", "OBR|1|P1||1-1^X^LN", "SPM|1|S1&L|C1&L|119297000^Blood^SCT"), "Specimen"),
            (With("MDM^T02", "TXA|1|DS|TX|20260301|||20260301120000||7^Doc|||D1||||||AU",
                "OBX|1|TX|18842-5^Summary^LN||line one~line two||||||F"), "DocumentReference"),
            (With("VXU^V04", "ORC|RE||I1^R", "RXA|0|1|20260301||140^Influenza^CVX|0.5|mL^^UCUM||00|||||||L123|20270101|MSD^Merck^MVX",
                "RXR|IM^^HL70162|LA^^HL70163"), "Immunization"),
            (With("RDE^O11", "ORC|NW|P1", "RXE||0002-1^Drug^NDC|1||TAB^Tablet|||||30|TAB||7^Doc||RX9", "RXR|PO^Oral^HL70162",
                "RXC|B|11^Base^L|5|mg"), "MedicationRequest"),
            (Messages.Bytes(Messages.Header("SIU^S12"), "SCH|1|A1|||||CHECK|ROUTINE|30|min||||||||||||||||Booked",
                "TQ1|1||||||20260401080000", Messages.Pid(), "AIP|1||7^Doc"), "Appointment"),
            (With("DFT^P03", "FT1|1|T1||20260301|20260301|CG|99213^Visit^C4|||1|100&EUR"), "ChargeItem"),
            (With("ADT^A01", "AL1|1|DA|70618^Penicillin^RXNORM|SV|rash"), "AllergyIntolerance"),
            (With("ADT^A01", "PR1|1||80146002^Appendectomy^SCT||20260301"), "Procedure"),
            (With("ADT^A01", "NK1|1|Beispiel^Max|SPO^Spouse^HL70063"), "RelatedPerson"),
            (With("ADT^A01", "IN1|1|PLAN^Plan|42|Insurer|||||||||||||SEL|||||||||||||||||||POL1"), "Coverage"),
            (Messages.Bytes(Messages.Header("BAR^P01"), Messages.Pid() + "|||||ACC1", "GT1|1|G1|Payer^Paul"), "Account"),
            (Messages.Bytes(Messages.Header("REF^I12"), "RF1|P|R|Med|||REF1", "PRD|RP|Power^Bob", Messages.Pid()), "ServiceRequest"),
        ];
        var problems = new List<string>();
        foreach ((byte[] message, string type) in cases)
        {
            if (Messages.Rules.Check(Hl7Parser.Parse(message)) is { } refused) problems.Add($"{type}: {refused}");
            MappedPatient mapped = Messages.Map(message);
            problems.AddRange(mapped.Resources.SelectMany(FolderTests.Problems));
            if (mapped.Resources.All(r => r.Type != type)) problems.Add($"no {type}");
        }
        Assert.That(problems, Is.Empty, string.Join('\n', problems));
    }

    [Test]
    public void References_lead_to_what_came_in_the_same_message()
    {
        string[] withoutTarget = [.. new[] { Messages.Admission(), Messages.Result() }.Select(m => Messages.Map(m)).SelectMany(mapped =>
        {
            HashSet<string> there = [.. mapped.Resources.Select(r => $"{r.Type}/{r.Id}")];
            return mapped.Resources.Where(r => r.Id is not null)
                .SelectMany(r => System.Text.RegularExpressions.Regex.Matches(
                Encoding.UTF8.GetString(r.Bytes), "\"reference\":\"([^\"]+)\""))
                .Select(m => m.Groups[1].Value).Where(reference => !there.Contains(reference));
        })];
        Assert.That(withoutTarget, Is.Empty);
    }

    [Test]
    public void Attached_data_is_a_document_that_the_result_is_derived_from()
    {
        MappedPatient mapped = Messages.Map(
            With("ORU^R01", "OBR|1||F1|1-1^X^LN", "OBX|1|ED|11502-2^Report^LN||^AP^PDF^Base64^JVBERg==||||||F"));
        DocumentReference document = One<DocumentReference>(mapped);
        Assert.That((document.Content[0].Attachment.ContentType, Encoding.ASCII.GetString(document.Content[0].Attachment.Data)),
            Is.EqualTo(("application/pdf", "%PDF")));
        Assert.That(One<Observation>(mapped).DerivedFrom[0].Reference, Is.EqualTo($"DocumentReference/{document.Id}"));
    }

    [Test]
    public void A_cancelled_appointment_and_a_deleted_problem_are_said_to_be_so()
    {
        byte[] cancelled = Messages.Bytes(
            Messages.Header("SIU^S15"), "SCH|1|A1", "TQ1|1||||||20260401080000|20260401083000", Messages.Pid());
        Assert.That(One<Appointment>(Messages.Map(cancelled)).Status, Is.EqualTo(Appointment.AppointmentStatus.Cancelled));
        MappedPatient problem = Messages.Map(With("PPR^PC3", "PRB|DE|20260301|E10.9^Diabetes^I10|P1"));
        Assert.That(One<Condition>(problem).VerificationStatus.Coding[0].Code, Is.EqualTo("entered-in-error"));
    }

    [Test]
    public void The_same_number_of_two_authorities_is_two_patients()
    {
        byte[] At(string authority, string facility) =>
            Messages.Bytes(Messages.Header("ADT^A04", facility: facility), $"PID|1||5^^^{authority}||A^B");
        string[] patients = [.. new[] { At("A", "X"), At("B", "X"), At("", "X"), At("", "Y") }.Select(m => Messages.Map(m).Patient.Text)];
        Assert.That(patients, Is.EqualTo(new[] { "A|5", "B|5", "X|5", "Y|5" }));
    }
}
