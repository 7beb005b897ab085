using Ptoy.Services.Connector.Hl7.Parsing;

namespace Ptoy.Services.Connector.Hl7.Mapping;

/// <summary>RXE, RXO, RXR, RXC to MedicationRequest and Medication; RXA to Immunization.</summary>
internal static class MedicationMap
{
    private const string DoseTypes = "http://terminology.hl7.org/CodeSystem/dose-rate-type";

    /// <summary>A pharmacy order. Known by its order number, else by its prescription number (RXE-15).</summary>
    public static void Request(MapContext context, SegmentGroup group)
    {
        Hl7Segment encoded = group.First("RXE")!;
        Hl7Segment? order = group.First("ORC"), ordered = group.First("RXO");
        FhirObject code = DataTypes.Concept(encoded[2]);
        if (code.IsEmpty && ordered is not null) code = DataTypes.Concept(ordered[1]);
        if (code.IsEmpty) code = DataTypes.Words("not stated");
        string key = order?.Peek(2)[1].Text ?? order?.Peek(3)[1].Text ?? encoded.Peek(15).Text ?? $"{context.Patient.Text}/{code}";
        string id = context.IdOf("MedicationRequest", DataTypes.Authority(order?.Peek(2)[2] ?? default), key, encoded.Peek(2)[1].Text);
        FhirObject body = MapContext.Begin("MedicationRequest", id);
        OrderMap.Identifiers(group, body);
        if (encoded[15].Text is { } prescription)
            body.Append("identifier", new FhirObject().Add("type", DataTypes.Words("prescription number")).Add("value", prescription));
        body.Add("status", Status(OrderMap.Status(order))).Add("intent", "order");
        FhirObject[] ingredients = [.. group.All("RXC").Select(Ingredient).Where(i => i.Has("itemCodeableConcept"))];
        if (ingredients.Length == 0) body.Add("medicationCodeableConcept", code);
        else
        {
            string medicine = context.IdOf("Medication", id);
            FhirObject mixed = MapContext.Begin("Medication", medicine).Add("code", code).Add("form", DataTypes.Concept(encoded[6]))
                .Add("ingredient", ingredients);
            body.Add("medicationReference", context.Put("Medication", medicine, mixed));
        }
        body.Add("subject", context.Subject).Add("encounter", context.Encounter);
        if (order is not null) body.Add("authoredOn", context.Time(order, 9));
        Hl7Value by = encoded.Peek(13).HasValue || order is null ? encoded[13] : order[12];
        body.Add("requester", PeopleMap.Practitioner(context, by));
        body.Add("note", group.FirstNoted("RXE")?.Annotations());
        body.Append("dosageInstruction", Dosage(context, group, encoded));
        FhirObject dispense = new FhirObject().Add("quantity", DataTypes.Quantity(DataTypes.Number(encoded[10].Text), encoded[11]));
        if (int.TryParse(encoded[12].Text, out int refills) && refills >= 0) dispense.Add("numberOfRepeatsAllowed", refills);
        body.Add("dispenseRequest", dispense);
        if (encoded[9].Text is { } substitution)
            body.Add("substitution", new FhirObject().Add("allowedBoolean", substitution is not ("N" or "0")));
        context.Put("MedicationRequest", id, body);
    }

    /// <summary>A vaccination. Known by its filler order number, else by patient, vaccine and day.</summary>
    public static void Immunization(MapContext context, SegmentGroup group)
    {
        Noted given = group.FirstNoted("RXA")!;
        Hl7Segment shot = given.Segment;
        Hl7Segment? order = group.First("ORC"), route = group.First("RXR");
        shot.Ignore(1, 2);
        FhirObject vaccine = DataTypes.Concept(shot[5], "http://hl7.org/fhir/sid/cvx");
        string? when = context.Time(shot, 3);
        string? filler = order?.Peek(3)[1].Text;
        string id = filler is null ? context.IdOf("Immunization", context.Patient.Text, shot.Peek(5)[1].Text, shot.Peek(3).Text)
            : context.IdOf("Immunization", "filler", DataTypes.Entity(order!.Peek(3)).ToString(), shot.Peek(5)[1].Text);
        FhirObject body = MapContext.Begin("Immunization", id);
        OrderMap.Identifiers(group, body);
        string completion = shot[20].Text ?? "CP";
        bool deleted = shot[21].Text == "D";
        body.Add("status", deleted ? "entered-in-error" : completion is "RE" or "NA" || shot.Peek(5)[1].Text == "998" ? "not-done"
            : "completed");
        body.Add("statusReason", DataTypes.Concept(shot[18]));
        body.Add("vaccineCode", vaccine.IsEmpty ? DataTypes.Words("not stated") : vaccine).Add("patient", context.Subject)
            .Add("encounter", context.Encounter);
        if (when is not null) body.Add("occurrenceDateTime", when);
        else body.Add("occurrenceString", "unknown");
        if (order is not null) body.Add("recorded", context.Time(order, 9));
        if (shot[9][1].Text is { } source) body.Add("primarySource", source == "00");
        body.Add("location", PeopleMap.Location(context, shot[27].HasValue ? shot[27] : shot[11]));
        body.Add("manufacturer", Maker(context, shot[17])).Add("lotNumber", shot[15].Text).Add("expirationDate", MapContext.Day(shot, 16));
        if (route is not null) body.Add("site", DataTypes.Concept(route[2])).Add("route", DataTypes.Concept(route[1]));
        // 999 is how the guides for immunization registries write an unknown amount.
        if (shot[6].Text is { } amount && amount != "999") body.Add("doseQuantity", DataTypes.Quantity(DataTypes.Number(amount), shot[7]));
        foreach (FhirObject person in PeopleMap.Practitioners(context, shot[10]))
            body.Append("performer", new FhirObject().Add("actor", person));
        body.Add("note", given.Annotations());
        context.Put("Immunization", id, body);
        var ordinals = new Dictionary<string, int>();
        var observed = new ObservedIn($"immunization/{id}", null, null, IsLaboratory: false);
        foreach (Noted noted in group.Segments.Where(s => s.Segment.Name == "OBX"))
        {
            FhirObject reference = ObservationMap.Map(context, noted, observed, ordinals);
            if (context.Find("Observation", reference.Text("reference")!["Observation/".Length..]) is { } observation)
                observation.Append("partOf", MapContext.Reference("Immunization", id));
        }
    }

    private static FhirObject? Maker(MapContext context, Hl7Value maker)
    {
        if (!maker.HasValue) return null;
        FhirObject identifier = new FhirObject().Add("system", CodeSystems.OfName(maker[3].Text, null)).Add("value", maker[1].Text);
        return PeopleMap.OrganizationNamed(context, maker[2].Text ?? maker[1].Text, identifier.Has("value") ? identifier : null);
    }

    private static FhirObject Ingredient(Hl7Segment component)
    {
        component.Ignore(1);
        FhirObject amount = DataTypes.Quantity(DataTypes.Number(component[3].Text), component[4]);
        var ingredient = new FhirObject().Add("itemCodeableConcept", DataTypes.Concept(component[2]));
        if (component.Peek(1).Text == "A") ingredient.Add("isActive", false);
        if (!amount.IsEmpty)
            ingredient.Add("strength", new FhirObject().Add("numerator", amount).Add("denominator", new FhirObject().Add("value", 1)));
        return ingredient;
    }

    private static FhirObject Dosage(MapContext context, SegmentGroup group, Hl7Segment encoded)
    {
        Hl7Segment? route = group.First("RXR"), timing = group.All("TQ1").LastOrDefault();
        string[] words = [.. encoded[7].Repetitions.Select(r => r[2].Text ?? r.WholeText).OfType<string>()];
        var dosage = new FhirObject().Add("text", words.Length > 0 ? string.Join('\n', words) : timing?[11].Text);
        if (timing is not null)
        {
            timing.Ignore(1);
            FhirObject period = DataTypes.Period(context.Time(timing, 7), context.Time(timing, 8));
            FhirObject repeat = new FhirObject().Add("boundsPeriod", period);
            string? pattern = timing[3][1].Sub(1).Text;
            dosage.Add("timing", new FhirObject().Add("repeat", repeat).Add("code", pattern is null ? null : DataTypes.Words(pattern)));
        }
        if (route is not null)
        {
            dosage.Add("site", DataTypes.Concept(route[2])).Add("route", DataTypes.Concept(route[1], $"{CodeSystems.Terminology}v2-0162"));
            dosage.Add("method", DataTypes.Concept(route[4]));
        }
        FhirObject low = DataTypes.Quantity(DataTypes.Number(encoded[3].Text), encoded[5]),
            high = DataTypes.Quantity(DataTypes.Number(encoded[4].Text), encoded[5]);
        var dose = new FhirObject().Add("type", low.IsEmpty ? null : DataTypes.Concept(DoseTypes, "ordered"));
        if (!high.IsEmpty) dose.Add("doseRange", new FhirObject().Add("low", low).Add("high", high));
        else dose.Add("doseQuantity", low);
        dose.Add("rateQuantity", DataTypes.Quantity(DataTypes.Number(encoded[23].Text), encoded[24]));
        return dosage.Append("doseAndRate", dose);
    }

    private static string Status(string request) => request switch { "revoked" => "cancelled", _ => request };
}
