using Ptoy.Services.Connector.Hl7.Parsing;

namespace Ptoy.Services.Connector.Hl7.Mapping;

/// <summary>
/// Patient and visit of a message. An admission system's word (ADT) goes over what is known; others only fill what nobody said yet, since a
/// laboratory or a billing system copies demographics, and copies age.
/// </summary>
internal static class VisitPart
{
    /// <summary>The patient, laid over what is known; gives PID as it is now.</summary>
    public static Hl7Segment Patient(MapContext context, Hl7Segment written, KnownState known)
    {
        Hl7Message message = context.Message;
        bool fill = message.Type != "ADT";
        Hl7Segment pid = written.Over(known.Find("PID"), fill);
        Hl7Segment? demographics = message.First("PD1")?.Over(known.Find("PD1"), fill);
        if (demographics is null && known.Find("PD1") is { } former) demographics = new Hl7Segment("PD1", 1, former, Hl7Syntax.Standard);
        bool active = message is { Type: "ADT", Event: "A29" } ? false
            : message is { Type: "ADT", Event: "A28" or "A31" or "A01" or "A04" or "A05" }
            || known.Find("inactive") is null or ["0"];
        FhirObject body = PatientMap.Patient(context, pid, demographics, active);
        foreach (string replaced in known.Find("links") ?? [])
            body.Append("link", new FhirObject().Add("other", MapContext.Reference("Patient", replaced)).Add("type", "replaces"));
        known.Remember("PID", pid.Keep());
        if (demographics is not null) known.Remember("PD1", demographics.Keep());
        if (!active || known.Contains("inactive")) known.Remember("inactive", [active ? "0" : "1"]);
        return pid;
    }

    /// <summary>Visits, next of kin, allergies, diagnoses, procedures, insurance, and observations that belong to no order.</summary>
    public static void Map(MapContext context, SegmentGroups groups, Hl7Segment pid, KnownState known)
    {
        Hl7Segment[] segments = [.. groups.Visit.Select(n => n.Segment)];
        Visits(context, segments, pid, known);
        foreach (Hl7Segment kin in segments.Where(s => s.Name == "NK1")) PatientMap.NextOfKin(context, kin);
        if (context.Message.Type is "ADT" or "BAR" or "DFT" || segments.Any(s => s.Name is "GT1" or "IN1"))
            FinanceMap.Account(context, pid, segments, known);
        if (context.AccountId is null)
        {
            foreach (Hl7Segment insurance in segments.Where(s => s.Name == "IN1")) FinanceMap.Coverage(context, insurance, segments);
        }
        var ordinals = new Dictionary<string, int>();
        var observed = new ObservedIn($"visit/{context.EncounterId ?? context.Patient.Text}", null, null, IsLaboratory: false);
        foreach (Noted noted in groups.Visit)
        {
            switch (noted.Segment.Name)
            {
                case "AL1": ClinicalMap.Allergy(context, noted.Segment); break;
                case "DG1": ClinicalMap.Diagnosis(context, noted); break;
                case "PR1": ClinicalMap.Procedure(context, noted); break;
                case "OBX": ObservationMap.Map(context, noted, observed, ordinals); break;
                default: break;
            }
        }
    }

    private static void Visits(MapContext context, Hl7Segment[] segments, Hl7Segment pid, KnownState known)
    {
        Hl7Message message = context.Message;
        string? first = null;
        for (int i = 0; i < segments.Length; i++)
        {
            if (segments[i].Name != "PV1" || EncounterMap.IdOf(context, segments[i], pid) is not { } id) continue;
            Hl7Segment visit = EncounterMap.Undo(
                segments[i].Over(known.Find($"PV1/{id}"), message.Type != "ADT"), message.Type, message.Event);
            Hl7Segment? more = i + 1 < segments.Length && segments[i + 1].Name == "PV2"
                ? segments[i + 1].Over(known.Find($"PV2/{id}"), message.Type != "ADT") : null;
            if (more is null && known.Find($"PV2/{id}") is { } former) more = new Hl7Segment("PV2", 1, former, Hl7Syntax.Standard);
            string? status = EncounterMap.StatusAfter(message.Type, message.Event) ?? known.Find($"status/{id}")?[0];
            EncounterMap.Map(context, id, visit, more, status);
            first ??= id;
            known.Remember($"PV1/{id}", visit.Keep());
            if (more is not null) known.Remember($"PV2/{id}", more.Keep());
            if (status is not null) known.Remember($"status/{id}", [status]);
        }
        context.EncounterId = first;
    }
}
