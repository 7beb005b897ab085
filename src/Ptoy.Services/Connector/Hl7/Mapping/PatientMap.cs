using Ptoy.Services.Connector.Hl7.Parsing;

namespace Ptoy.Services.Connector.Hl7.Mapping;

/// <summary>PID, PD1 and NK1 to Patient and RelatedPerson.</summary>
internal static class PatientMap
{
    private const string Extensions = "http://hl7.org/fhir/StructureDefinition/";
    private const string UsCore = "http://hl7.org/fhir/us/core/StructureDefinition/";

    /// <summary>
    /// The Patient resource. <paramref name="pid"/> is laid over what is known already, so it is whole however little the message says.
    /// </summary>
    public static FhirObject Patient(MapContext context, Hl7Segment pid, Hl7Segment? demographics, bool isActive)
    {
        FhirObject body = MapContext.Begin("Patient", context.PatientId);
        Identifiers(context, pid, body);
        body.Add("active", isActive);
        foreach (Hl7Value name in pid[5].Repetitions) body.Append("name", DataTypes.Name(name, context.Dates));
        foreach (Hl7Value alias in pid[9].Repetitions) body.Append("name", DataTypes.Name(alias, context.Dates));
        foreach (Hl7Value phone in pid[13].Repetitions) body.Append("telecom", DataTypes.Telecom(phone, "home"));
        foreach (Hl7Value phone in pid[14].Repetitions) body.Append("telecom", DataTypes.Telecom(phone, "work"));
        foreach (Hl7Value phone in pid[40].Repetitions) body.Append("telecom", DataTypes.Telecom(phone, null));
        body.Add("gender", Gender(pid[8].Text));
        body.Add("birthDate", MapContext.Day(pid, 7));
        Death(context, pid, body);
        foreach (Hl7Value address in pid[11].Repetitions) body.Append("address", DataTypes.Address(address, context.Dates));
        body.Add("maritalStatus", DataTypes.Concept(pid[16], $"{CodeSystems.Terminology}v2-0002"));
        Births(pid, body);
        if (pid[15].HasValue) body.Append("communication", new FhirObject().Add("language", DataTypes.Concept(pid[15], "urn:ietf:bcp:47")));
        if (demographics is not null) Providers(context, demographics, body);
        Extend(context, pid, body);
        context.Put("Patient", context.PatientId, body);
        return body;
    }

    /// <summary>Next of kin, contacts and guarantors are people of their own.</summary>
    public static void NextOfKin(MapContext context, Hl7Segment kin)
    {
        kin.Ignore(1);
        Hl7Value name = kin[2].HasValue ? kin[2] : kin[30];
        FhirObject mapped = DataTypes.Name(name, context.Dates);
        string? organisation = kin[13].Text;
        if (mapped.IsEmpty && organisation is null) return;
        string number = kin[33][1].Text ?? "";
        string id = context.IdOf("RelatedPerson", context.Patient.Text, "NK1", number, number.Length > 0 ? ""
            : mapped.ToString(), kin.Peek(3)[1].Text);
        FhirObject body = MapContext.Begin("RelatedPerson", id);
        foreach (Hl7Value identifier in kin[33].Repetitions) body.Append("identifier", DataTypes.Identifier(identifier, context.Dates));
        body.Add("patient", context.Subject);
        body.Append("relationship", DataTypes.Concept(kin[3], $"{CodeSystems.Terminology}v2-0063"));
        body.Append("relationship", DataTypes.Concept(kin[7], $"{CodeSystems.Terminology}v2-0131"));
        body.Append("name", mapped.IsEmpty ? new FhirObject().Add("text", organisation) : mapped);
        foreach (Hl7Value phone in kin[5].Repetitions) body.Append("telecom", DataTypes.Telecom(phone, "home"));
        foreach (Hl7Value phone in kin[6].Repetitions) body.Append("telecom", DataTypes.Telecom(phone, "work"));
        foreach (Hl7Value phone in kin[40].Repetitions) body.Append("telecom", DataTypes.Telecom(phone, null));
        body.Add("gender", Gender(kin[15].Text)).Add("birthDate", MapContext.Day(kin, 16));
        foreach (Hl7Value address in kin[4].Repetitions) body.Append("address", DataTypes.Address(address, context.Dates));
        body.Add("period", DataTypes.Period(context.Time(kin, 8), context.Time(kin, 9)));
        if (kin[20].HasValue) body.Append("communication", new FhirObject().Add("language", DataTypes.Concept(kin[20], "urn:ietf:bcp:47")));
        context.Put("RelatedPerson", id, body);
    }

    /// <summary>Table 0001 as FHIR's administrative gender.</summary>
    public static string? Gender(string? code) => code?.ToUpperInvariant() switch
    {
        null => null, "M" or "MALE" => "male", "F" or "FEMALE" => "female", "U" or "UNKNOWN" => "unknown", _ => "other",
    };

    private static void Identifiers(MapContext context, Hl7Segment pid, FhirObject body)
    {
        pid.Ignore(1);
        foreach (int field in new[] { 3, 2, 4 })
        {
            foreach (Hl7Value identifier in pid[field].Repetitions)
                body.Append("identifier", DataTypes.Identifier(identifier, context.Dates));
        }
        if (pid[19].Text is { } social)
            body.Append("identifier", new FhirObject().Add("type", DataTypes.Concept($"{CodeSystems.Terminology}v2-0203", "SS"))
                .Add("system", "http://hl7.org/fhir/sid/us-ssn").Add("value", social));
        if (pid[20][1].Text is { } licence)
        {
            body.Append("identifier", new FhirObject().Add("type", DataTypes.Concept($"{CodeSystems.Terminology}v2-0203", "DL"))
                .Add("value", licence)
                .Add("assigner", new FhirObject().Add("display", pid[20][2].Text)));
        }
    }

    private static void Death(MapContext context, Hl7Segment pid, FhirObject body)
    {
        string? time = context.Time(pid, 29);
        string? said = pid[30].Text;
        // A death time beside an explicit "no" contradicts itself; what was said about being dead is what counts.
        if (said == "N") body.Add("deceasedBoolean", false);
        else if (time is not null) body.Add("deceasedDateTime", time);
        else if (said == "Y") body.Add("deceasedBoolean", true);
        if (said == "N") pid.LeftOut(29);
    }

    private static void Births(Hl7Segment pid, FhirObject body)
    {
        if (int.TryParse(pid[25].Text, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture,
            out int order) && order > 0 && pid[24].Text != "N")
            body.Add("multipleBirthInteger", order);
        else if (pid[24].Text is "Y" or "N") body.Add("multipleBirthBoolean", pid[24].Text == "Y");
    }

    private static void Providers(MapContext context, Hl7Segment demographics, FhirObject body)
    {
        foreach (Hl7Value organisation in demographics[3].Repetitions)
            body.Append("generalPractitioner", PeopleMap.Organization(context, organisation));
        foreach (FhirObject doctor in PeopleMap.Practitioners(context, demographics[4])) body.Append("generalPractitioner", doctor);
    }

    private static void Extend(MapContext context, Hl7Segment pid, FhirObject body)
    {
        Add(body, $"{Extensions}patient-mothersMaidenName", "valueString", pid[6][1].Text);
        Race(body, $"{UsCore}us-core-race", pid[10]);
        Race(body, $"{UsCore}us-core-ethnicity", pid[22]);
        Add(body, $"{Extensions}patient-religion", "valueCodeableConcept", DataTypes.Concept(pid[17], $"{CodeSystems.Terminology}v2-0006"));
        Add(body, $"{Extensions}patient-birthPlace", "valueAddress", new FhirObject().Add("text", pid[23].Text));
        foreach (Hl7Value citizen in pid[26].Repetitions)
        {
            FhirObject code = new FhirObject().Add("url", "code").Add("valueCodeableConcept", DataTypes.Concept(citizen));
            body.Append("extension", new FhirObject().Add("url", $"{Extensions}patient-citizenship").Append("extension", code));
        }
        if (pid[28].HasValue)
        {
            FhirObject code = new FhirObject().Add("url", "code").Add("valueCodeableConcept", DataTypes.Concept(pid[28]));
            body.Append("extension", new FhirObject().Add("url", $"{Extensions}patient-nationality").Append("extension", code));
        }
        if (context.Dates.DateTime(pid.Peek(7).Text) is { Length: > 10 } birth)
            Add(body, $"{Extensions}patient-birthTime", "valueDateTime", birth);
    }

    private static void Race(FhirObject body, string url, Hl7Value races)
    {
        var extension = new FhirObject().Add("url", url);
        var texts = new List<string>();
        foreach (Hl7Value race in races.Repetitions)
        {
            extension.Append("extension", new FhirObject()
                .Add("url", url.EndsWith("race", StringComparison.Ordinal) ? "ombCategory" : "detailed")
                .Add("valueCoding", DataTypes.Coding("urn:oid:2.16.840.1.113883.6.238", race[1].Text, race[2].Text)));
            if ((race[2].Text ?? race[1].Text) is { } text) texts.Add(text);
        }
        if (texts.Count == 0) return;
        extension.Append("extension", new FhirObject().Add("url", "text").Add("valueString", string.Join(", ", texts)));
        body.Append("extension", extension);
    }

    private static void Add(FhirObject body, string url, string kind, object? value)
    {
        FhirObject extension = new FhirObject().Add(kind, value);
        if (!extension.IsEmpty) body.Append("extension", extension.Add("url", url));
    }
}
