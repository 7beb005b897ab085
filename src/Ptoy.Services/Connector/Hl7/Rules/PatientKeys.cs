using Ptoy.Services.Connector.Hl7.Parsing;

namespace Ptoy.Services.Connector.Hl7.Rules;

/// <summary>A number of a patient and who gave it. Two hospitals may give the same number: the authority tells them apart.</summary>
/// <param name="Authority">Universal id or namespace; empty when neither the identifier nor the header names one.</param>
/// <param name="Number">As written.</param>
internal sealed record PatientKey(string Authority, string Number)
{
    /// <summary>The id under which the intake knows the patient.</summary>
    public string Text => $"{Authority}|{Number}";
}

/// <summary>Finds the number that stands for a patient among the identifiers of a message.</summary>
/// <param name="aliases">Names of one authority that mean another: namespaces and universal ids of the same hospital.</param>
internal sealed class PatientKeys(IReadOnlyDictionary<string, string> aliases)
{
    /// <summary>Kinds of number (table 0203) that name a person at a hospital, the best first.</summary>
    private static readonly string[] Preferred = ["MR", "PI", "PT", "MRN", "U", "AN", ""];

    /// <summary>Kinds that several persons may share or that are not the hospital's own: used only when there is nothing else.</summary>
    private static readonly HashSet<string> Foreign = ["SS", "SSN", "DL", "PPN", "NI", "NIIP", "HC", "MA", "MC", "VN", "ACSN", "BA"];

    /// <summary>The patient of a PID: PID-3, else PID-2, else PID-4; null when none holds a number.</summary>
    public PatientKey? Of(Hl7Segment pid, Hl7Segment header) =>
        Best(pid.Peek(3), header) ?? Best(pid.Peek(2), header) ?? Best(pid.Peek(4), header);

    /// <summary>The patient that a list of identifiers names.</summary>
    public PatientKey? Best(Hl7Value identifiers, Hl7Segment header)
    {
        Hl7Value[] numbered = [.. identifiers.Repetitions.Where(i => i[1].Text is not null)];
        Hl7Value? best = numbered.Select((v, i) => (Value: v, Rank: Rank(v[5].Text), Order: i)).OrderBy(c => c.Rank).ThenBy(c => c.Order)
            .Select(c => (Hl7Value?)c.Value).FirstOrDefault();
        return best is { } found ? new PatientKey(Authority(found, header), found[1].Text!) : null;
    }

    /// <summary>True when an identifier itself says who gave it.</summary>
    public static bool NamesAuthority(Hl7Value identifier) => identifier[4].HasValue || identifier[6].HasValue;

    private string Authority(Hl7Value identifier, Hl7Segment header)
    {
        string name = Name(identifier[4]) ?? Name(identifier[6]) ?? Name(header.Peek(4)[1]) ?? Name(header.Peek(3)[1]) ?? "";
        return aliases.GetValueOrDefault(name, name).Replace('|', ' ');
    }

    private static string? Name(Hl7Value authority) => authority.Sub(2).Text ?? authority.Text;

    private static int Rank(string? kind)
    {
        string known = (kind ?? "").ToUpperInvariant();
        int place = Array.IndexOf(Preferred, known);
        return place >= 0 ? place : Foreign.Contains(known) ? 100 : 50;
    }
}
