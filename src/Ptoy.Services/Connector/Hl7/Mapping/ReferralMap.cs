using Ptoy.Services.Connector.Hl7.Parsing;

namespace Ptoy.Services.Connector.Hl7.Mapping;

/// <summary>RF1 with PRD to the ServiceRequest that a referral is.</summary>
internal static class ReferralMap
{
    /// <summary>The referral. Known by its originating number (RF1-6), else the external one (RF1-11).</summary>
    public static void Map(MapContext context, Noted noted)
    {
        Hl7Segment referral = noted.Segment;
        FhirObject first = DataTypes.Entity(referral[6]), second = DataTypes.Entity(referral[11]);
        if (first.IsEmpty && second.IsEmpty && context.Message.Type != "REF") return;
        string id = context.IdOf("ServiceRequest", "referral", (first.IsEmpty ? second : first).ToString(), first.IsEmpty
            && second.IsEmpty ? context.Patient.Text : "");
        FhirObject body = MapContext.Begin("ServiceRequest", id).Append("identifier", first).Append("identifier", second);
        body.Add("status", context.Message.Event == "I14" ? "revoked"
            : referral[1][1].Text switch { "R" => "revoked", "E" => "completed", "P" or "A" => "active", _ => "active" });
        body.Add("intent", "order").Append("category", DataTypes.Concept("http://snomed.info/sct", "3457005", "Patient referral"));
        body.Add("priority", referral[2][1].Text switch { "S" => "stat", "A" => "asap", "R" => "routine", _ => null });
        FhirObject code = DataTypes.Concept(referral[3]);
        body.Add("code", code.IsEmpty ? DataTypes.Words("referral") : code).Add("subject", context.Subject)
            .Add("encounter", context.Encounter);
        body.Add("occurrencePeriod", DataTypes.Period(context.Time(referral, 7), context.Time(referral, 8)))
            .Add("authoredOn", context.Time(referral, 9));
        foreach (Hl7Segment provider in context.Message.All("PRD"))
        {
            if (Provider(context, provider) is not { } person) continue;
            if (provider[1][1].Text == "RP") body.Add("requester", person);
            else body.Append("performer", person);
        }
        foreach (Hl7Value reason in referral[10].Repetitions) body.Append("reasonCode", DataTypes.Concept(reason));
        foreach (FhirObject note in noted.Annotations()) body.Append("note", note);
        context.Put("ServiceRequest", id, body);
    }

    private static FhirObject? Provider(MapContext context, Hl7Segment provider)
    {
        FhirObject name = DataTypes.Name(provider[2], context.Dates);
        if (name.IsEmpty) return null;
        FhirObject body = new FhirObject().Add("name", new object?[] { name });
        string id = context.IdOf("Practitioner", "PRD", name.ToString(), provider[7][1].Text);
        FhirObject person = MapContext.Begin("Practitioner", id);
        if (provider[7][1].Text is { } number)
            person.Append("identifier", new FhirObject().Add("type", DataTypes.Words(provider[7][2].Text)).Add("value", number));
        person.Add("name", body.Value("name"));
        foreach (Hl7Value phone in provider[5].Repetitions) person.Append("telecom", DataTypes.Telecom(phone, "work"));
        foreach (Hl7Value address in provider[3].Repetitions) person.Append("address", DataTypes.Address(address, context.Dates));
        return context.Put("Practitioner", id, person);
    }
}
