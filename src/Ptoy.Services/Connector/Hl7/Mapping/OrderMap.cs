using Ptoy.Services.Connector.Hl7.Parsing;

namespace Ptoy.Services.Connector.Hl7.Mapping;

/// <summary>ORC, OBR, SPM, ODS with their results: ServiceRequest, DiagnosticReport, Specimen, NutritionOrder.</summary>
internal static class OrderMap
{
    private static readonly HashSet<string> LaboratorySections =
        ["LAB", "BG", "BLB", "CH", "CP", "CT", "CUS", "HM", "ICU", "IMM", "MB", "MCB", "MYC", "OSL", "PAT", "PHR", "SP", "SR", "TX", "VR",
            "GE", "CG"];

    /// <summary>What the source calls the order: filler's number, else placer's; else patient, what is asked for and when.</summary>
    public static string KeyOf(MapContext context, SegmentGroup group, bool placerFirst)
    {
        string? filler = Number(group, 3), placer = Number(group, 2);
        Hl7Segment? request = group.First("OBR");
        string other = $"{context.Patient.Text}/{request?.Peek(4)[1].Text ?? request?.Peek(4)[2].Text}/{request?.Peek(7).Text ?? ""}";
        return (placerFirst ? placer ?? filler : filler ?? placer)
            ?? (Number(group, 4) is { } placerGroup ? $"{placerGroup}/{other}" : other);
    }

    /// <summary>Maps what a group orders or reports.</summary>
    public static void Map(MapContext context, SegmentGroup group, bool reports, KnownState known)
    {
        if (group.First("ODS") is { } diet) Diet(context, group, diet);
        FhirObject? specimen = Specimens(context, group);
        if (group.FirstNoted("OBR") is not { } requested)
        {
            Observations(context, group, null, specimen);
            return;
        }
        int before = context.Drafts.Count;
        string requestId = context.IdOf("ServiceRequest", KeyOf(context, group, placerFirst: true));
        // A report says less of the order than the order did: it makes one only when the order never came.
        bool ordered = known.Contains($"order/{requestId}");
        if (!reports || !ordered) Request(context, group, requested, requestId, specimen, reports);
        if (!reports) known.Remember($"order/{requestId}", ["1"]);
        List<FhirObject> results = Observations(context, group, requested.Segment, specimen);
        if (reports) Report(context, group, requested, requestId, specimen, results);
        Sensitivity.Inherit([.. context.Drafts.Skip(before)], context.Find("ServiceRequest", requestId)
            ?? DataTypes.Concept(requested.Segment[4]));
    }

    /// <summary>Identifiers of placer, filler and placer group.</summary>
    public static void Identifiers(SegmentGroup group, FhirObject body)
    {
        foreach ((int field, string kind) in new[] { (2, "PLAC"), (3, "FILL") })
        {
            Hl7Segment? holder = Holder(group, field);
            if (holder is not null) body.Append("identifier", DataTypes.Entity(holder[field], kind));
            group.First("ORC")?.Ignore(field);
            group.First("OBR")?.Ignore(field);
        }
    }

    /// <summary>The order's state by its control code and status (tables 0119 and 0038).</summary>
    public static string Status(Hl7Segment? order)
    {
        string? status = order?[5].Text, control = order?[1].Text;
        return (status ?? "") switch
        {
            "CM" => "completed", "CA" or "DC" or "RP" => "revoked", "ER" => "entered-in-error", "HD" => "on-hold", "IP" or "SC" or "A" => "active",
            _ => control switch
            {
                "CA" or "OC" or "CR" or "DC" or "OD" or "DR" => "revoked", "HD" or "OH" or "HR" => "on-hold", "RE" => "completed", "DE" => "unknown", _ => "active",
            },
        };
    }

    private static void Request(MapContext context, SegmentGroup group, Noted requested, string id, FhirObject? specimen, bool reports)
    {
        Hl7Segment request = requested.Segment;
        Hl7Segment? order = group.First("ORC"), timing = group.First("TQ1");
        request.Ignore(1);
        timing?.Ignore(1);
        FhirObject body = MapContext.Begin("ServiceRequest", id);
        Identifiers(group, body);
        if (order is not null && order[4].HasValue) body.Add("requisition", DataTypes.Entity(order[4], "PGN"));
        string status = Status(order);
        body.Add("status", reports && order is null ? "completed" : status).Add("intent", "order");
        body.Add("priority", Priority(timing?[9][1].Text ?? request[27][6].Text ?? order?[7][6].Text ?? request[5].Text));
        FhirObject code = DataTypes.Concept(request[4]);
        body.Add("code", code.IsEmpty ? DataTypes.Words("not stated") : code).Add("subject", context.Subject)
            .Add("encounter", context.Encounter);
        string? start = timing is null ? null : context.Time(timing, 7), end = timing is null ? null : context.Time(timing, 8);
        FhirObject period = DataTypes.Period(start, end);
        if (end is not null) body.Add("occurrencePeriod", period);
        else body.Add("occurrenceDateTime", start ?? context.Dates.DateTime(request[27][4].Text ?? order?[7][4].Text)
            ?? context.Time(request, 6));
        if (order is not null) body.Add("authoredOn", context.Time(order, 9));
        Hl7Value orderedBy = order is not null && order.Peek(12).HasValue ? order[12] : request[16];
        order?.Ignore(12);
        request.Ignore(16);
        body.Add("requester", PeopleMap.Practitioner(context, orderedBy));
        foreach (Hl7Value reason in request[31].Repetitions) body.Append("reasonCode", DataTypes.Concept(reason));
        foreach (Hl7Segment diagnosis in group.All("DG1")) body.Append("reasonCode", DataTypes.Concept(diagnosis[3]));
        if (specimen is not null) body.Add("specimen", new object?[] { specimen });
        foreach (FhirObject note in requested.Annotations()) body.Append("note", note);
        foreach (FhirObject note in group.FirstNoted("ORC")?.Annotations() ?? []) body.Append("note", note);
        if (timing?[11].Text is { } instruction) body.Add("patientInstruction", instruction);
        context.Put("ServiceRequest", id, body);
    }

    private static void Report(MapContext context, SegmentGroup group, Noted requested, string requestId, FhirObject? specimen,
        List<FhirObject> results)
    {
        Hl7Segment request = requested.Segment;
        string id = context.IdOf("DiagnosticReport", KeyOf(context, group, placerFirst: false), request.Peek(4)[1].Text);
        FhirObject body = MapContext.Begin("DiagnosticReport", id);
        Identifiers(group, body);
        body.Add("basedOn", new object?[] { MapContext.Reference("ServiceRequest", requestId) });
        body.Add("status", ReportStatus(request[25].Text, group));
        body.Append("category", DataTypes.Concept($"{CodeSystems.Terminology}v2-0074", request[24].Text));
        FhirObject code = DataTypes.Concept(request[4]);
        body.Add("code", code.IsEmpty ? DataTypes.Words("not stated") : code).Add("subject", context.Subject)
            .Add("encounter", context.Encounter);
        string? from = context.Time(request, 7), to = context.Time(request, 8);
        if (to is not null) body.Add("effectivePeriod", DataTypes.Period(from, to));
        else body.Add("effectiveDateTime", from);
        if (context.Dates.Instant(request[22].Text) is { } issued) body.Add("issued", issued);
        else request.LeftOut(22);
        if (Interpreter(context, request[32]) is { } interpreter) body.Add("resultsInterpreter", new object?[] { interpreter });
        if (specimen is not null) body.Add("specimen", new object?[] { specimen });
        body.Add("result", results);
        string notes = string.Join('\n', requested.Texts());
        body.Add("conclusion", notes);
        context.Put("DiagnosticReport", id, body);
    }

    /// <summary>NDL: the person is in the subcomponents of the first component.</summary>
    private static FhirObject? Interpreter(MapContext context, Hl7Value field)
    {
        if (!field[1].HasValue) return null;
        Hl7Value name = field[1];
        if (!name.Sub(2).HasValue) return PeopleMap.Practitioner(context, field);
        string raw = name.Raw.Replace(name.Syntax.Subcomponent, name.Syntax.Component);
        return PeopleMap.Practitioner(context, new Hl7Value(raw, name.Syntax, Hl7Level.Repetition));
    }

    private static List<FhirObject> Observations(MapContext context, SegmentGroup group, Hl7Segment? request, FhirObject? specimen)
    {
        bool laboratory = context.Message.Type is "OUL" or "OML"
            || (request?[24].Text is { } section && LaboratorySections.Contains(section));
        string key = KeyOf(context, group, placerFirst: false);
        var results = new List<FhirObject>();
        var ordinals = new Dictionary<string, int>();
        var inOrder = new ObservedIn($"{key}/{request?.Peek(4)[1].Text}", request, specimen, laboratory);
        bool ofSpecimen = false;
        foreach (Noted noted in group.Segments)
        {
            if (noted.Segment.Name == "SPM") ofSpecimen = true;
            if (noted.Segment.Name == "OBR") ofSpecimen = false;
            if (noted.Segment.Name != "OBX" || group.Has("RXA")) continue;
            FhirObject reference = ObservationMap.Map(
                context, noted, ofSpecimen ? inOrder with { Key = $"{key}/specimen" } : inOrder, ordinals);
            if (!ofSpecimen) results.Add(reference);
        }
        return results;
    }

    private static FhirObject? Specimens(MapContext context, SegmentGroup group)
    {
        FhirObject? first = null;
        foreach (Hl7Segment specimen in group.All("SPM")) first ??= Specimen(context, group, specimen);
        if (first is not null) return first;
        if (group.EarlierSpecimen is { } earlier) return Specimen(context, group, earlier);
        // Before version 2.5 the specimen is a field of the order.
        Hl7Segment? request = group.First("OBR");
        if (request is null || !request.Peek(15).HasValue) return null;
        FhirObject kind = new FhirObject().Add("text", request[15][1].Sub(2).Text ?? request[15][1].Text);
        string id = context.IdOf("Specimen", KeyOf(context, group, placerFirst: false), kind.ToString());
        FhirObject body = MapContext.Begin("Specimen", id).Add("type", kind).Add("subject", context.Subject)
            .Add("receivedTime", context.Time(request, 14));
        return context.Put("Specimen", id, body.Add("collection", new FhirObject().Add("collectedDateTime", context.Time(request, 7))));
    }

    private static FhirObject Specimen(MapContext context, SegmentGroup group, Hl7Segment specimen)
    {
        specimen.Ignore(1);
        string? placed = specimen[2][1].Sub(1).Text, filled = specimen[2][2].Sub(1).Text;
        string id = context.IdOf("Specimen", context.Patient.Text, placed ?? filled
            ?? $"{KeyOf(context, group, false)}/{specimen.Peek(1).Text}");
        FhirObject body = MapContext.Begin("Specimen", id);
        if (placed is not null) body.Append("identifier", new FhirObject().Add("value", placed));
        if (filled is not null) body.Append("identifier", new FhirObject().Add("value", filled));
        body.Add("status", specimen[20].Text switch { "Y" => "available", "N" => "unavailable", _ => null });
        body.Add("type", DataTypes.Concept(specimen[4])).Add("subject", context.Subject).Add("receivedTime", context.Time(specimen, 18));
        FhirObject collection = new FhirObject().Add("method", DataTypes.Concept(specimen[7]))
            .Add("bodySite", DataTypes.Concept(specimen[8]));
        string? from = context.Time(specimen, 17), to = context.Dates.DateTime(specimen[17][2].Text);
        if (to is not null) collection.Add("collectedPeriod", DataTypes.Period(from, to));
        else collection.Add("collectedDateTime", from);
        if (DataTypes.Number(specimen[12][1].Text) is { } amount)
            collection.Add("quantity", new FhirObject().Add("value", amount).Add("unit", specimen[12][2].Sub(1).Text));
        body.Add("collection", collection);
        foreach (Hl7Value condition in specimen[24].Repetitions) body.Append("condition", DataTypes.Concept(condition));
        if (specimen[14].WholeText is { } description) body.Append("note", new FhirObject().Add("text", description));
        return context.Put("Specimen", id, body);
    }

    private static void Diet(MapContext context, SegmentGroup group, Hl7Segment diet)
    {
        Hl7Segment? order = group.First("ORC");
        string? when = (order is null ? null : context.Time(order, 9)) ?? context.Dates.DateTime(context.Message.Header[7].Text);
        if (when is null) return;
        string id = context.IdOf("NutritionOrder", KeyOf(context, group, placerFirst: true));
        FhirObject body = MapContext.Begin("NutritionOrder", id);
        Identifiers(group, body);
        body.Add("status", Status(order)).Add("intent", "order").Add("patient", context.Subject).Add("encounter", context.Encounter)
            .Add("dateTime", when);
        if (order is not null) body.Add("orderer", PeopleMap.Practitioner(context, order[12]));
        var oral = new FhirObject();
        foreach (Hl7Value kind in diet[3].Repetitions) oral.Append("type", DataTypes.Concept(kind));
        body.Add("oralDiet", oral.Add("instruction", diet[4].WholeText));
        foreach (Noted noted in group.Segments.Where(s => s.Segment == diet)) body.Add("note", noted.Annotations());
        diet.Ignore(1);
        context.Put("NutritionOrder", id, body);
    }

    private static string ReportStatus(string? code, SegmentGroup group)
    {
        string? said = code?.ToUpperInvariant() switch
        {
            "F" => "final", "C" => "corrected", "A" or "P" or "M" => "partial", "R" => "preliminary", "I" or "O" or "S" => "registered", "X" => "cancelled", "N" => "registered",
            _ => null,
        };
        if (said is not null) return said;
        string[] results = [.. group.All("OBX").Select(o => o.Peek(11).Text ?? "")];
        return results.Length == 0 ? "unknown" : results.Contains("C") ? "corrected" : results.All(r => r is "F" or "U") ? "final"
            : "partial";
    }

    private static string? Priority(string? code) => code?.ToUpperInvariant() switch
    {
        "S" or "STAT" => "stat", "A" or "ASAP" => "asap", "R" or "ROUTINE" => "routine", "UR" => "urgent", _ => null,
    };

    private static string? Number(SegmentGroup group, int field)
    {
        Hl7Value? number = Holder(group, field)?.Peek(field);
        return number is { } found ? $"{found[1].Text}@{CodeSystems.OfAuthority(found[2].Text, found[3].Text, found[4].Text)}" : null;
    }

    // Placer group numbers are in ORC only: OBR-4 is what is asked for.
    private static Hl7Segment? Holder(SegmentGroup group, int field) =>
        new[] { field == 4 ? null : group.First("OBR"), group.First("ORC") }
            .FirstOrDefault(s => s is not null && s.Peek(field)[1].HasValue);
}
