using System.Security.Cryptography;
using System.Text;
using Ptoy.Services.Connector.Hl7.Parsing;
using Ptoy.Services.Connector.Hl7.Rules;

namespace Ptoy.Services.Connector.Hl7.Mapping;

/// <summary>A resource as it is handed to the intake.</summary>
internal sealed record MappedResource(string Type, string? Id, string Compartment, byte[] Bytes);

/// <summary>Two numbers of one patient.</summary>
/// <param name="From">What is no longer used.</param>
/// <param name="Into">What is.</param>
/// <param name="AuthorityGuessed">MRG did not say who gave the number: the survivor's authority was taken.</param>
internal sealed record PlannedMerge(PatientKey From, PatientKey Into, bool AuthorityGuessed);

/// <summary>What a message says of one patient.</summary>
/// <param name="Patient">Who.</param>
/// <param name="Resources">The original's part first, then what it became.</param>
/// <param name="Merges">To be done after the resources were taken.</param>
/// <param name="Fresh">What is to be known when the next message comes.</param>
internal sealed record MappedPatient(
    PatientKey Patient, IReadOnlyList<MappedResource> Resources, IReadOnlyList<PlannedMerge> Merges, IReadOnlyDictionary<string,
    string[]> Fresh);

/// <summary>
/// Maps a message that passed the rules. Pure: the same message, settings and known state give the same bytes.
/// </summary>
internal sealed class MessageMapper(MapSettings settings)
{
    /// <summary>What the message says, patient by patient; what was not mapped is what its segments say is unused then.</summary>
    /// <param name="message">A message that passed <see cref="MessageRules"/>.</param>
    /// <param name="original">Its exact bytes.</param>
    /// <param name="known">What former messages said of a patient.</param>
    public IReadOnlyList<MappedPatient> Map(Hl7Message message, ReadOnlyMemory<byte> original, Func<PatientKey, string, string[]?> known)
    {
        List<(PatientKey Patient, List<Hl7Segment> Segments)> parts = Divide(message);
        IgnoreFrame(message);
        var mapped = new List<MappedPatient>();
        foreach ((PatientKey patient, List<Hl7Segment> segments) in parts)
        {
            Hl7Message part = parts.Count == 1 ? message : message with { Segments = segments };
            // Nobody's record holds a message that speaks of somebody else too: each gets the part about them.
            ReadOnlyMemory<byte> bytes = parts.Count == 1 ? original
                : Encoding.UTF8.GetBytes(string.Concat(segments.Select(s => s.Render() + "\r")));
            mapped.Add(MapPatient(part, patient, bytes, new KnownState(key => known(patient, key))));
        }
        return mapped;
    }

    /// <summary>The id of a patient's resource.</summary>
    public string PatientId(PatientKey patient) => StableId.Of("Patient", settings.Source, patient.Text);

    /// <summary>The Patient resource as it is known, after a merge changed its links.</summary>
    public MappedResource Survivor(PatientKey patient, Func<string, string[]?> known)
    {
        var message = new Hl7Message([new Hl7Segment("MSH", 1, [], Hl7Syntax.Standard)], Hl7Syntax.Standard, CharsetAsDeclared: true);
        var context = new MapContext(settings, message, patient);
        VisitPart.Patient(context, new Hl7Segment("PID", 1, known("PID") ?? [], Hl7Syntax.Standard), new KnownState(known));
        FhirObject body = context.Find("Patient", context.PatientId)!;
        return Finish("Patient", context.PatientId, body.ToBytes());
    }

    private MappedPatient MapPatient(Hl7Message message, PatientKey patient, ReadOnlyMemory<byte> original, KnownState known)
    {
        var context = new MapContext(settings, message, patient);
        SegmentGroups groups = SegmentGroups.Of(message);
        Hl7Segment pid = VisitPart.Patient(context, message.First("PID")!, known);
        VisitPart.Map(context, groups, pid, known);
        foreach (SegmentGroup group in groups.Groups) MapGroup(context, group, known);
        List<PlannedMerge> merges = Merges(context);
        foreach (Draft draft in context.Drafts) Sensitivity.LabelByCodes(draft.Body);
        ProvenanceMap.Map(context, SHA256.HashData(original.Span));
        MappedResource[] resources = [.. context.Drafts.Select(d => Finish(d.Type, d.Id, d.Body.ToBytes()))];
        string kept = Sensitivity.Highest(resources.Select(r => r.Compartment)) ?? "documents";
        var whole = new MappedResource(IntakeTypes.Hl7v2, null, kept, original.ToArray());
        return new MappedPatient(patient, [whole, .. resources], merges, known.Fresh);
    }

    private static MappedResource Finish(string type, string id, byte[] bytes) =>
        new(type, id, Ptoy.Protocol.Records.FhirScan.CompartmentOf(bytes), bytes);

    private static void MapGroup(MapContext context, SegmentGroup group, KnownState known)
    {
        bool reports = context.Message.Type is "ORU" or "OUL" or "MDM";
        if (group.Has("RXA")) MedicationMap.Immunization(context, group);
        else if (group.Has("RXE"))
        {
            MedicationMap.Request(context, group);
            OrderMap.Map(context, group, reports: false, known);
        }
        else if (group.Has("SCH")) AppointmentMap.Map(context, group);
        else if (group.Has("FT1")) FinanceMap.Charge(context, group);
        else if (group.Has("OBR") || group.Has("ODS") || (group.Has("OBX") && context.Message.Type != "MDM"))
            OrderMap.Map(context, group, reports && context.Message.Type != "MDM", known);
        if (group.FirstNoted("RF1") is { } referral) ReferralMap.Map(context, referral);
        foreach (Noted noted in group.Segments)
        {
            if (noted.Segment.Name == "PRB") ClinicalMap.Problem(context, noted);
            else if (noted.Segment.Name == "DG1") ClinicalMap.Diagnosis(context, noted);
            else if (noted.Segment.Name == "PR1") ClinicalMap.Procedure(context, noted);
            else if (noted.Segment.Name == "TXA") DocumentMap.Map(context, group, noted);
        }
    }

    private List<PlannedMerge> Merges(MapContext context)
    {
        var merges = new List<PlannedMerge>();
        foreach (Hl7Segment merge in context.Message.All("MRG"))
        {
            if (merge.Peek(3).HasValue) FinanceMap.Merged(context, merge);
            if (context.Message.Event is not ("A34" or "A40" or "A47") || context.Message.Type != "ADT") continue;
            if (settings.Keys.Best(merge[1], context.Message.Header) is not { } merged) continue;
            bool named = merge[1].Repetitions.Any(PatientKeys.NamesAuthority);
            PatientKey old = named ? merged : merged with { Authority = context.Patient.Authority };
            if (old != context.Patient) merges.Add(new PlannedMerge(old, context.Patient, !named));
        }
        return merges;
    }

    /// <summary>The segments of each patient, with what comes before the first PID. A PID of the same patient opens no new part.</summary>
    private List<(PatientKey Patient, List<Hl7Segment> Segments)> Divide(Hl7Message message)
    {
        var shared = new List<Hl7Segment>();
        var parts = new List<(PatientKey Patient, List<Hl7Segment> Segments)>();
        List<Hl7Segment>? current = null;
        foreach (Hl7Segment segment in message.Segments)
        {
            if (segment.Name == "PID")
            {
                PatientKey patient = settings.Keys.Of(segment, message.Header) ?? throw Hl7Exception.Of(101, "PID-3", "missing");
                int at = parts.FindIndex(p => p.Patient == patient);
                if (at < 0) parts.Add((patient, [.. shared]));
                current = parts[at < 0 ? ^1 : at].Segments;
            }
            if (current is null) shared.Add(segment);
            else current.Add(segment);
        }
        return parts;
    }

    /// <summary>Header and event are about the message, not about the patient.</summary>
    private static void IgnoreFrame(Hl7Message message)
    {
        message.Header.IgnoreAll();
        foreach (Hl7Segment segment in message.Segments)
        {
            if (segment.Name is "SFT" or "UAC") segment.IgnoreAll();
            else if (segment.Name is "EVN") segment.Ignore(1);
        }
    }
}
