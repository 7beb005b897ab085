namespace Ptoy.Services.Connector.Hl7.Rules;

/// <summary>What the connector takes, and which segments each needs to mean anything.</summary>
internal static class MessageTypes
{
    private static readonly HashSet<string> AdtEvents =
    [
        "A01", "A02", "A03", "A04", "A05", "A06", "A07", "A08", "A09", "A10", "A11", "A12", "A13", "A14", "A16", "A26", "A28", "A29", "A31",
        "A34", "A40", "A41", "A47",
    ];

    /// <summary>The letter that events of a type begin with, and the segments it needs.</summary>
    private static readonly Dictionary<string, (string Events, string[] Needs)> Types = new(StringComparer.Ordinal)
    {
        ["ADT"] = ("A", ["PID"]),
        ["ORU"] = ("R", ["PID", "OBR"]),
        ["OUL"] = ("R", ["PID", "OBX"]),
        ["ORM"] = ("O", ["PID", "ORC"]),
        ["OMG"] = ("O", ["PID", "OBR"]),
        ["OML"] = ("O", ["PID", "OBR"]),
        ["MDM"] = ("T", ["PID", "TXA"]),
        ["VXU"] = ("V", ["PID", "RXA"]),
        ["RDE"] = ("O", ["PID", "RXE"]),
        ["SIU"] = ("S", ["SCH", "PID"]),
        ["DFT"] = ("P", ["PID", "FT1"]),
        ["REF"] = ("I", ["RF1", "PID"]),
        ["BAR"] = ("P", ["PID"]),
        ["PPR"] = ("P", ["PID", "PRB"]),
    };

    /// <summary>Events that merge, which need MRG.</summary>
    public static bool Merges(string type, string trigger) => type == "ADT" && trigger is "A34" or "A40" or "A41" or "A47";

    /// <summary>True for a type that is taken, in some event at least.</summary>
    public static bool Knows(string type) => Types.ContainsKey(type);

    /// <summary>True for a type and event that are taken.</summary>
    public static bool Takes(string type, string trigger) =>
        Types.TryGetValue(type, out (string Events, string[] Needs) rule) && trigger.StartsWith(rule.Events, StringComparison.Ordinal)
        && (type == "ADT" ? AdtEvents.Contains(trigger) : trigger.Length == 3);

    /// <summary>Segments without which a message of this type and event is refused.</summary>
    public static IEnumerable<string> Needs(string type, string trigger) => Merges(type, trigger) ? [.. Types[type].Needs, "MRG"]
        : Types[type].Needs;
}
