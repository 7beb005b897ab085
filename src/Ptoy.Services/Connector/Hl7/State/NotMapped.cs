using Ptoy.Services.Connector.Hl7.Parsing;

namespace Ptoy.Services.Connector.Hl7.State;

/// <summary>What a message held that was not mapped: names of segments and fields, never values.</summary>
internal static class NotMapped
{
    /// <summary>Prefix of the counts of whole segments.</summary>
    public const string Segment = "not mapped/segment/";

    /// <summary>Prefix of the counts of fields.</summary>
    public const string Field = "not mapped/field/";

    /// <summary>Names to count, after mapping: a segment of which nothing was used, or the fields of one that were not.</summary>
    public static IEnumerable<string> Of(Hl7Message message)
    {
        foreach (Hl7Segment segment in message.Segments)
        {
            if (!segment.IsUsed)
            {
                yield return $"{Segment}{segment.Name}";
                continue;
            }
            foreach (int field in segment.Unused()) yield return $"{Field}{segment.Name}-{field}";
        }
    }
}
