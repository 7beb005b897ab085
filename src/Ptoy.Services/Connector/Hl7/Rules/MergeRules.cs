using Ptoy.Services.Connector.Hl7.Mapping;
using Ptoy.Services.Connector.Hl7.Parsing;

namespace Ptoy.Services.Connector.Hl7.Rules;

/// <summary>
/// Which merges a message may cause by itself. A hospital's own system is believed, but not against what it said before: two numbers with
/// different birth dates and no family name in common are two people, and a number that does not say whose it is may be somebody else's.
/// </summary>
internal static class MergeRules
{
    /// <summary>Most authorities remembered for one number.</summary>
    public const int MaxAuthorities = 16;

    /// <summary>Under what the authorities of a number are remembered.</summary>
    public static string ByNumber(string number) => $"number {number}";

    /// <summary>Why staff have to decide, or null.</summary>
    public static string? Doubt(PlannedMerge merge, Func<string, string, string[]?> known)
    {
        string[]? from = known(merge.From.Text, "PID"), into = known(merge.Into.Text, "PID");
        string[] authorities = known(ByNumber(merge.From.Number), "authorities") ?? [];
        if (merge.AuthorityGuessed && from is null && authorities.Length > 0)
            return "merge: MRG-1 does not say which authority gave the number, and it is known under another than the survivor's";
        if (merge.AuthorityGuessed && authorities.Length > 1)
            return "merge: MRG-1 does not say which authority gave the number, and several did";
        return from is not null && into is not null && AreTwoPeople(Segment(from), Segment(into))
            ? "merge: the two records have different birth dates and no family name in common" : null;
    }

    private static bool AreTwoPeople(Hl7Segment one, Hl7Segment other)
    {
        string? born = Hl7Dates.Date(one[7].Text), otherBorn = Hl7Dates.Date(other[7].Text);
        if (born is not { Length: 10 } || otherBorn is not { Length: 10 } || born == otherBorn) return false;
        HashSet<string> names = [.. Families(one)];
        return names.Count > 0 && Families(other).Any() && !Families(other).Any(names.Contains);
    }

    private static IEnumerable<string> Families(Hl7Segment pid) =>
        pid[5].Repetitions.Concat(pid[9].Repetitions).Concat(pid[6].Repetitions).Select(n => n[1].Text?.ToUpperInvariant())
            .OfType<string>();

    private static Hl7Segment Segment(string[] fields) => new("PID", 1, fields, Hl7Syntax.Standard);
}
