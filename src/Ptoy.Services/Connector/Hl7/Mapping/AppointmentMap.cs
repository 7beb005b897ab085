using System.Globalization;
using Ptoy.Services.Connector.Hl7.Parsing;

namespace Ptoy.Services.Connector.Hl7.Mapping;

/// <summary>SCH with its resources (AIS, AIG, AIL, AIP) to Appointment.</summary>
internal static class AppointmentMap
{
    private const string Roles = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";

    /// <summary>The appointment. Known by the filler's number (SCH-2), else the placer's (SCH-1).</summary>
    public static void Map(MapContext context, SegmentGroup group)
    {
        Noted noted = group.FirstNoted("SCH")!;
        Hl7Segment schedule = noted.Segment;
        string key = schedule.Peek(2)[1].Text is { } filler ? $"F/{filler}@{schedule.Peek(2)[2].Text}"
            : $"P/{schedule.Peek(1)[1].Text}@{schedule.Peek(1)[2].Text}";
        string id = context.IdOf("Appointment", key);
        FhirObject body = MapContext.Begin("Appointment", id);
        body.Append("identifier", DataTypes.Entity(schedule[1], "PLAC")).Append("identifier", DataTypes.Entity(schedule[2], "FILL"));
        (string? start, string? end, int? minutes) = Times(context, group, schedule);
        string status = Status(context.Message.Event, schedule[25][1].Text);
        // FHIR wants both times of an appointment that is booked; without them it is one that was asked for.
        if ((start is null || end is null) && status is not ("cancelled" or "waitlist" or "entered-in-error" or "noshow"))
            status = "proposed";
        body.Add("status", status);
        if (status == "cancelled") body.Add("cancelationReason", DataTypes.Concept(schedule[6]));
        foreach (Hl7Segment service in group.All("AIS"))
        {
            service.Ignore(1, 2);
            body.Append("serviceType", DataTypes.Concept(service[3]));
        }
        body.Add("appointmentType", DataTypes.Concept(schedule[8])).Append("reasonCode", DataTypes.Concept(schedule[7]));
        if (start is not null && end is not null) body.Add("start", start).Add("end", end);
        if (minutes is { } duration) body.Add("minutesDuration", duration);
        string[] notes = [.. group.Segments.Where(s => s.Segment.Name is "SCH" or "TQ1" or "AIS" or "AIG" or "AIL" or "AIP")
            .SelectMany(s => s.Texts())];
        body.Add("comment", string.Join('\n', notes));
        Participants(context, group, schedule, body, status);
        context.Put("Appointment", id, body);
    }

    private static void Participants(MapContext context, SegmentGroup group, Hl7Segment schedule, FhirObject body, string status)
    {
        string answer = status is "cancelled" or "entered-in-error" ? "declined" : "accepted";
        body.Append("participant", new FhirObject().Add("actor", context.Subject).Add("status", answer));
        foreach (Hl7Segment person in group.All("AIP"))
        {
            person.Ignore(1, 2);
            foreach (FhirObject actor in PeopleMap.Practitioners(context, person[3]))
                body.Append("participant", new FhirObject().Append("type", DataTypes.Concept(person[4])).Add("actor", actor)
                    .Add("status", answer));
        }
        foreach (Hl7Segment place in group.All("AIL"))
        {
            place.Ignore(1, 2);
            if (PeopleMap.Location(context, place[3]) is { } actor)
                body.Append("participant", new FhirObject().Add("actor", actor).Add("status", answer));
        }
        foreach (Hl7Segment thing in group.All("AIG"))
        {
            thing.Ignore(1, 2);
            if ((thing[3][2].Text ?? thing[3][1].Text) is not { } name) continue;
            FhirObject actor = new FhirObject().Add("identifier", new FhirObject().Add("value", thing[3][1].Text)).Add("display", name);
            body.Append("participant", new FhirObject().Append("type", DataTypes.Concept(thing[4])).Add("actor", actor)
                .Add("status", answer));
        }
        if (PeopleMap.Practitioner(context, schedule[16]) is { } contact)
            body.Append("participant", new FhirObject().Append("type", DataTypes.Concept(Roles, "CALLBCK")).Add("actor", contact)
                .Add("status", answer));
    }

    private static (string? Start, string? End, int? Minutes) Times(MapContext context, SegmentGroup group, Hl7Segment schedule)
    {
        Hl7Segment? timing = group.First("TQ1"), service = group.First("AIS");
        timing?.Ignore(1);
        string? from = timing?[7].Text ?? service?[4].Text ?? schedule[11][4].Text, to = timing?[8].Text ?? schedule[11][5].Text;
        string? start = context.Dates.Instant(from), end = context.Dates.Instant(to);
        int? minutes = Minutes(schedule[9].Text, schedule[10][1].Text ?? schedule[10][2].Text)
            ?? Minutes(service?[7].Text, service?[8][1].Text);
        bool known = DateTimeOffset.TryParse(start, CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind, out DateTimeOffset begin);
        bool backwards = known && DateTimeOffset.TryParse(
            end, CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind, out DateTimeOffset finish) && finish < begin;
        if (known && (end is null || backwards)) end = minutes is { } length ? Written(begin.AddMinutes(length)) : null;
        return (start, end, minutes);
    }

    private static string Written(DateTimeOffset time) => time.Offset == TimeSpan.Zero
        ? time.ToString("yyyy-MM-ddTHH:mm:ss'Z'", CultureInfo.InvariantCulture)
            : time.ToString("yyyy-MM-ddTHH:mm:sszzz", CultureInfo.InvariantCulture);

    private static int? Minutes(string? amount, string? unit)
    {
        if (!int.TryParse(amount, NumberStyles.None, CultureInfo.InvariantCulture, out int number) || number is < 1 or > 100_000)
            return null;
        return unit?.ToUpperInvariant() switch { "S" or "SEC" or "SECOND" => Math.Max(1, number / 60),
            "HR" or "H" or "HOUR" => number * 60, "D" or "DAY" => number * 1440, _ => number };
    }

    /// <summary>The filler's status (table 0278) where it says more than the event.</summary>
    private static string Status(string trigger, string? said) => trigger switch
    {
        "S15" or "S16" => "cancelled",
        "S17" => "entered-in-error",
        "S26" => "noshow",
        _ => said?.ToUpperInvariant() switch
        {
            "PENDING" => "pending", "WAITLIST" => "waitlist", "STARTED" => "arrived", "COMPLETE" => "fulfilled", "CANCELLED" or "DC" => "cancelled", "DELETED" => "entered-in-error",
            "NOSHOW" => "noshow", "BLOCKED" or "OVERBOOK" => "booked", _ => "booked",
        },
    };
}
