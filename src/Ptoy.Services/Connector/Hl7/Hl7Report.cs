using Ptoy.Services.Connector.Hl7.State;

namespace Ptoy.Services.Connector.Hl7;

/// <summary>How often something was counted.</summary>
public sealed record ReportCount(string Name, long Count);

/// <summary>A message that is kept for staff to see.</summary>
/// <param name="Number">By which it is shown, dropped or retried.</param>
/// <param name="Because"><c>NotTaken</c>, <c>Failed</c> or <c>Review</c>.</param>
/// <param name="Kind">Message type and event.</param>
/// <param name="Time">When it came.</param>
/// <param name="Reason">For a person.</param>
public sealed record ReportLine(long Number, string Because, string Kind, DateTimeOffset Time, string Reason);

/// <summary>
/// What <c>ptoy connector report</c> shows of the HL7 v2 feed: counts and names of segments and fields, no values of messages.
/// </summary>
/// <param name="Received">Messages that came, replays and refused ones included.</param>
/// <param name="Replayed">Recognised as sent before.</param>
/// <param name="Waiting">Acknowledged and not yet worked on.</param>
/// <param name="ResourcesStored">New resources and new versions.</param>
/// <param name="CharsetNotAsDeclared">Read by the rule for wrong or missing character sets.</param>
/// <param name="Taken">By type and event.</param>
/// <param name="NotTaken">By type and event: kept sealed, answered AR.</param>
/// <param name="Refused">By error code (HL7 table 0357).</param>
/// <param name="Merges">By outcome.</param>
/// <param name="SegmentsNotMapped">Segments of which nothing was mapped.</param>
/// <param name="FieldsNotMapped">Fields that had a value and were not mapped.</param>
/// <param name="Kept">For staff, oldest first; at most 1,000.</param>
public sealed record Hl7Report(
    long Received, long Replayed, long Waiting, long ResourcesStored, long CharsetNotAsDeclared, IReadOnlyList<ReportCount> Taken,
        IReadOnlyList<ReportCount> NotTaken,
    IReadOnlyList<ReportCount> Refused, IReadOnlyList<ReportCount> Merges, IReadOnlyList<ReportCount> SegmentsNotMapped,
        IReadOnlyList<ReportCount> FieldsNotMapped,
    IReadOnlyList<ReportLine> Kept)
{
    private const int MaxLines = 1_000;

    internal static Hl7Report Of(Tally tally, Hl7Store store, long waiting)
    {
        SortedDictionary<string, long> all = tally.All();
        IReadOnlyList<ReportCount> Named(string prefix) =>
            [.. all.Where(c => c.Key.StartsWith(prefix, StringComparison.Ordinal))
                .Select(c => new ReportCount(c.Key[prefix.Length..], c.Value))];

        ReportLine[] kept = [.. store.Lines().Take(MaxLines)
            .Select(l => new ReportLine(l.Number, l.Because.ToString(), l.Kind, l.Time, l.Reason))];
        return new Hl7Report(
            tally.Of("received"), tally.Of("replayed"), waiting, tally.Of("resources stored"), tally.Of("character set not as declared"),
                Named("taken/"), Named("not taken/"),
            Named("refused/"), Named("merge/"), Named(NotMapped.Segment), Named(NotMapped.Field), kept);
    }
}
