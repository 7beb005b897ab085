using Ptoy.Services.Connector.Hl7.Parsing;

namespace Ptoy.Services.Connector.Hl7.Mapping;

/// <summary>PV1 and PV2 to Encounter.</summary>
internal static class EncounterMap
{
    private const string Classes = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
    private const string Roles = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";

    /// <summary>
    /// The visit's id: its number, else the account's, else patient and admission time. Null when PV1 says that there is no visit (class N)
    /// or says nothing at all.
    /// </summary>
    public static string? IdOf(MapContext context, Hl7Segment visit, Hl7Segment? pid)
    {
        if (visit.Peek(19)[1].Text is { } number) return context.IdOf("Encounter", "visit", DataTypes.Authority(visit.Peek(19)[4]), number);
        if (visit.Peek(2).Text is "N" || Enumerable.Range(2, Math.Max(0, visit.Count - 1)).All(i => !visit.Peek(i).HasValue)) return null;
        if (pid?.Peek(18)[1].Text is { } account)
            return context.IdOf("Encounter", "account", DataTypes.Authority(pid.Peek(18)[4]), account);
        return context.IdOf("Encounter", "admission", context.Patient.Text, context.Dates.DateTime(visit.Peek(44).Text));
    }

    /// <summary>What the event makes of the visit; null where it says nothing about it.</summary>
    public static string? StatusAfter(string type, string trigger) => type != "ADT" ? null : trigger switch
    {
        "A01" or "A02" or "A04" or "A06" or "A07" or "A09" or "A10" or "A12" or "A13" or "A16" or "A26" => "in-progress",
        "A05" or "A14" => "planned",
        "A03" => "finished",
        "A11" => "cancelled",
        _ => null,
    };

    /// <summary>What a cancellation takes back: discharge (A13: time, disposition, place), pending transfer (A26: place).</summary>
    public static Hl7Segment Undo(Hl7Segment visit, string type, string trigger) => (type, trigger) switch
    {
        ("ADT", "A13") => visit.Without(36, 37, 45),
        ("ADT", "A26") => visit.Without(42),
        _ => visit,
    };

    /// <summary>The resource. <paramref name="visit"/> and <paramref name="more"/> are laid over what is known already.</summary>
    public static void Map(MapContext context, string id, Hl7Segment visit, Hl7Segment? more, string? status)
    {
        FhirObject body = MapContext.Begin("Encounter", id);
        visit.Ignore(1);
        body.Append("identifier", DataTypes.Identifier(visit[19], context.Dates, "VN"));
        foreach (Hl7Value other in visit[50].Repetitions) body.Append("identifier", DataTypes.Identifier(other, context.Dates));
        string? end = context.Time(visit, 45);
        body.Add("status", status ?? (end is not null ? "finished" : visit.Peek(2).Text == "P" ? "planned" : "in-progress"));
        body.Add("class", Class(visit[2]));
        body.Append("type", DataTypes.Concept(visit[4], $"{CodeSystems.Terminology}v2-0007"));
        body.Append("type", DataTypes.Concept(visit[18], $"{CodeSystems.Terminology}v2-0018"));
        body.Add("serviceType", DataTypes.Concept(visit[10], $"{CodeSystems.Terminology}v2-0069"));
        if (more is not null) body.Add("priority", DataTypes.Concept(more[25], $"{CodeSystems.Terminology}v2-0217"));
        body.Add("subject", context.Subject);
        foreach ((int field, string role) in new[] { (7, "ATND"), (8, "REF"), (9, "CON"), (17, "ADM"), (52, "PART") })
            Participants(context, visit, field, role, body);
        body.Add("period", DataTypes.Period(context.Time(visit, 44), end));
        if (more is not null) More(context, more, body);
        Hospitalization(context, visit, body);
        Places(context, visit, body, end is not null);
        if (visit[39].Text is { } facility) body.Add("serviceProvider", PeopleMap.OrganizationNamed(context, facility));
        context.Put("Encounter", id, body);
    }

    private static FhirObject Class(Hl7Value patientClass)
    {
        (string Code, string Display)? known = patientClass.Text?.ToUpperInvariant() switch
        {
            "I" => ("IMP", "inpatient encounter"), "O" => ("AMB", "ambulatory"), "E" => ("EMER", "emergency"), "P" => ("PRENC", "pre-admission"),
            "R" => ("AMB", "ambulatory"), "B" => ("IMP", "inpatient encounter"), "V" => ("VR", "virtual"), _ => null,
        };
        if (known is { } found) return DataTypes.Coding(Classes, found.Code, found.Display);
        return patientClass.Text is { } code ? DataTypes.Coding($"{CodeSystems.Terminology}v2-0004", code, patientClass[2].Text)
            : DataTypes.Coding($"{CodeSystems.Terminology}v3-NullFlavor", "UNK", "unknown");
    }

    private static void Participants(MapContext context, Hl7Segment visit, int field, string role, FhirObject body)
    {
        foreach (FhirObject person in PeopleMap.Practitioners(context, visit[field]))
            body.Append("participant", new FhirObject().Append("type", DataTypes.Concept(Roles, role)).Add("individual", person));
    }

    private static void More(MapContext context, Hl7Segment more, FhirObject body)
    {
        body.Append("reasonCode", DataTypes.Concept(more[3]));
        if (more[12].Text is { } words) body.Append("reasonCode", DataTypes.Words(words));
        if (!body.Has("period")) body.Add("period", DataTypes.Period(context.Time(more, 8), context.Time(more, 9)));
        Participants(context, more, 13, "REF", body);
        if (int.TryParse(more[11].Text, out int days) && days > 0)
            body.Add("length", new FhirObject().Add("value", days).Add("unit", "days").Add("system", CodeSystems.Ucum).Add("code", "d"));
    }

    private static void Hospitalization(MapContext context, Hl7Segment visit, FhirObject body)
    {
        FhirObject stay = new FhirObject()
            .Add("preAdmissionIdentifier", DataTypes.Identifier(visit[5], context.Dates))
            .Add("admitSource", DataTypes.Concept(visit[14], $"{CodeSystems.Terminology}v2-0023"))
            .Add("reAdmission", DataTypes.Concept(visit[13], $"{CodeSystems.Terminology}v2-0092"))
            .Append("dietPreference", DataTypes.Concept(visit[38], $"{CodeSystems.Terminology}v2-0114"))
            .Append("specialCourtesy", DataTypes.Concept(visit[16], $"{CodeSystems.Terminology}v2-0099"))
            .Append("specialArrangement", DataTypes.Concept(visit[15], $"{CodeSystems.Terminology}v2-0009"))
            .Add("dischargeDisposition", DataTypes.Concept(visit[36], $"{CodeSystems.Terminology}v2-0112"));
        if (visit[37].Text is { } destination) stay.Add("destination", PeopleMap.OrganizationNamed(context, destination));
        body.Add("hospitalization", stay);
    }

    private static void Places(MapContext context, Hl7Segment visit, FhirObject body, bool isOver)
    {
        void Place(int field, string status)
        {
            if (PeopleMap.Location(context, visit[field]) is { } place)
                body.Append("location", new FhirObject().Add("location", place).Add("status", status));
        }

        Place(3, isOver ? "completed" : "active");
        Place(11, isOver ? "completed" : "active");
        Place(6, "completed");
        Place(43, "completed");
        Place(42, "planned");
    }
}
