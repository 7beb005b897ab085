using Ptoy.Services.Connector.Hl7.Parsing;
using Ptoy.Services.Connector.Hl7.Rules;

namespace Ptoy.Services.Connector.Hl7.Mapping;

/// <summary>One Provenance for what a message became: who sent it, when, and which message it was, by its digest.</summary>
internal static class ProvenanceMap
{
    /// <summary>System of the digest by which the original is found beside its resources.</summary>
    public const string DigestSystem = "urn:ptoy:hl7v2:sha256";

    public static void Map(MapContext context, byte[] digest)
    {
        Hl7Segment header = context.Message.Header;
        string id = context.IdOf("Provenance", context.Patient.Text, Convert.ToHexStringLower(digest));
        Draft[] targets = [.. context.Drafts];
        FhirObject body = MapContext.Begin("Provenance", id);
        body.Add("target", targets.Select(t => MapContext.Reference(t.Type, t.Id)).ToArray());
        Hl7Segment? trigger = context.Message.First("EVN");
        if (trigger is not null)
        {
            string? happened = context.Time(trigger, 6) ?? context.Time(trigger, 2);
            body.Add("occurredDateTime", happened);
        }
        string? day = Hl7Dates.Date(header[7].Text);
        string? recorded = context.Dates.Instant(header[7].Text) ?? (day is { Length: 10 } ? $"{day}T00:00:00Z" : null);
        if (recorded is not null) body.Add("recorded", recorded);
        else body.Add("_recorded", Unknown());
        body.Add("activity", DataTypes.Concept(
            $"{CodeSystems.Terminology}v2-0003", context.Message.Event.Length > 0 ? context.Message.Event : null));
        string sender = header[4][1].Text ?? header[3][1].Text ?? "sender not stated";
        body.Append("agent", Agent("author", PeopleMap.OrganizationNamed(context, sender)!));
        if (trigger is not null && PeopleMap.Practitioner(context, trigger[5]) is { } operatorOf)
            body.Append("agent", Agent("enterer", operatorOf));
        FhirObject what = new FhirObject()
            .Add("identifier", new FhirObject().Add("system", DigestSystem).Add("value", Convert.ToHexStringLower(digest)))
            .Add("display", $"HL7 v2 {context.Message.Type}^{context.Message.Event}");
        body.Append("entity", new FhirObject().Add("role", "source").Add("what", what));
        context.Put("Provenance", id, body);
    }

    private static FhirObject Agent(string kind, FhirObject who) => new FhirObject()
        .Add("type", DataTypes.Concept($"{CodeSystems.Terminology}provenance-participant-type", kind)).Add("who", who);

    private static FhirObject Unknown() => new FhirObject().Append("extension", new FhirObject()
        .Add("url", "http://hl7.org/fhir/StructureDefinition/data-absent-reason").Add("valueCode", "unknown"));
}
