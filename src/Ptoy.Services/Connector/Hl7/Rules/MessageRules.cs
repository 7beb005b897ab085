using System.Text.RegularExpressions;
using Ptoy.Services.Connector.Hl7.Parsing;

namespace Ptoy.Services.Connector.Hl7.Rules;

/// <summary>
/// What a message must have to be acknowledged. Strict about what decides whose record it goes to and whether all of it came; what is only
/// badly written inside is taken, mapped as far as it can be read, and counted.
/// </summary>
internal sealed partial class MessageRules(PatientKeys keys, IReadOnlySet<string> processingIds)
{
    /// <summary>Segments that speak of the patient before them.</summary>
    private static readonly HashSet<string> OfPatient =
        ["PV1", "PV2", "PD1", "NK1", "OBR", "ORC", "OBX", "DG1", "AL1", "PR1", "RXA", "RXE", "TXA", "FT1", "IN1", "PRB"];

    /// <summary>The first thing that is wrong, or null.</summary>
    public Hl7Problem? Check(Hl7Message message) => CheckHeader(message) ?? CheckBody(message);

    private Hl7Problem? CheckHeader(Hl7Message message)
    {
        if (message.ControlId.Length == 0) return new Hl7Problem(101, "MSH-10", "missing");
        if (message.ControlId.Length > 199) return new Hl7Problem(102, "MSH-10", "longer than 199 characters");
        if (message.Version.Length == 0) return new Hl7Problem(101, "MSH-12", "missing");
        if (!Versions().IsMatch(message.Version)) return new Hl7Problem(203, "MSH-12", "not a version from 2.1 to 2.8");
        if (message.Type.Length == 0) return new Hl7Problem(101, "MSH-9", "missing");
        if (message.Header.Peek(11)[1].Text is not { } processing) return new Hl7Problem(101, "MSH-11", "missing");
        if (!processingIds.Contains(processing)) return new Hl7Problem(202, "MSH-11", "messages of this kind are not taken here");
        if (!MessageTypes.Knows(message.Type))
            return new Hl7Problem(200, "MSH-9", "messages of this type are not taken; kept for staff to see");
        return MessageTypes.Takes(message.Type, message.Event) ? null
            : new Hl7Problem(201, "MSH-9", "this event is not taken; kept for staff to see");
    }

    private Hl7Problem? CheckBody(Hl7Message message)
    {
        foreach (string name in MessageTypes.Needs(message.Type, message.Event))
        {
            if (message.First(name) is null)
                return new Hl7Problem(100, name, $"missing in {message.Type}^{message.Event}; was the message cut short?");
        }
        bool person = false;
        foreach (Hl7Segment segment in message.Segments)
        {
            if (segment.Name == "PID") person = true;
            else if (!person && OfPatient.Contains(segment.Name)) return new Hl7Problem(100, segment.Name, "comes before PID");
        }
        foreach (Hl7Segment pid in message.All("PID"))
        {
            if (CheckPatient(pid, message.Header) is { } problem) return problem;
        }
        return MessageTypes.Merges(message.Type, message.Event) ? CheckMerge(message) : null;
    }

    private Hl7Problem? CheckPatient(Hl7Segment pid, Hl7Segment header)
    {
        string place = pid.Occurrence == 1 ? "PID" : $"PID({pid.Occurrence})";
        PatientKey? key = keys.Of(pid, header);
        if (key is null) return new Hl7Problem(101, $"{place}-3", "missing: whose record is it?");
        if (key.Text.Any(char.IsControl)) return new Hl7Problem(102, $"{place}-3", "a control character");
        if (key.Number.Length + key.Authority.Length > 200) return new Hl7Problem(102, $"{place}-3", "longer than 200 characters");
        if (!Hl7Dates.IsValid(pid.Peek(7).Text)) return new Hl7Problem(102, $"{place}-7", "not a date");
        return null;
    }

    /// <summary>A34, A40 and A47 merge patients; A41 merges accounts, and an A47 of an account's number does too.</summary>
    private static Hl7Problem? CheckMerge(Hl7Message message)
    {
        int field = message.Event == "A41" ? 3 : 1;
        foreach (Hl7Segment merge in message.All("MRG"))
        {
            if (merge.Peek(field)[1].Text is null) return new Hl7Problem(101, $"MRG-{field}", "missing: what is merged?");
        }
        return message.All("MRG").Count() == message.All("PID").Count() ? null : new Hl7Problem(100, "MRG", "not one for each PID");
    }

    [GeneratedRegex(@"^2\.[1-8](\.[0-9])?$")]
    private static partial Regex Versions();
}
