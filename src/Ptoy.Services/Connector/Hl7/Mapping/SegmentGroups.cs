using Ptoy.Services.Connector.Hl7.Parsing;

namespace Ptoy.Services.Connector.Hl7.Mapping;

/// <summary>A segment with the notes that follow it.</summary>
internal sealed record Noted(Hl7Segment Segment, IReadOnlyList<Hl7Segment> Notes)
{
    /// <summary>The notes as annotations.</summary>
    public IEnumerable<FhirObject> Annotations() => Texts().Select(t => new FhirObject().Add("text", t));

    /// <summary>The notes' texts: NTE-3, repetitions as lines.</summary>
    public IEnumerable<string> Texts()
    {
        foreach (Hl7Segment note in Notes)
        {
            note.Ignore(1, 2, 4);
            string text = string.Join('\n', note[3].Repetitions.Select(r => r.WholeText).OfType<string>());
            if (text.Length > 0) yield return text;
        }
    }
}

/// <summary>What belongs to one order, charge, problem or document: the segments from its first on.</summary>
internal sealed class SegmentGroup
{
    private readonly List<Noted> _segments = [];

    public IReadOnlyList<Noted> Segments => _segments;

    /// <summary>A specimen that was described before the order, as in OUL.</summary>
    public Hl7Segment? EarlierSpecimen { get; init; }

    public Hl7Segment? First(string name) => FirstNoted(name)?.Segment;

    public Noted? FirstNoted(string name) => _segments.Find(s => s.Segment.Name == name);

    public IEnumerable<Hl7Segment> All(string name) => _segments.Where(s => s.Segment.Name == name).Select(s => s.Segment);

    public bool Has(string name) => _segments.Exists(s => s.Segment.Name == name);

    internal void Add(Noted segment) => _segments.Add(segment);
}

/// <summary>
/// A message divided: what is about the patient and the visit, and the groups. Grammar differs from version to version and from sender to
/// sender, so groups are found by the segments that begin them, not by the grammar of one version.
/// </summary>
internal sealed class SegmentGroups
{
    /// <summary>About patient and visit wherever they stand.</summary>
    private static readonly HashSet<string> OfVisit =
        ["MSH", "SFT", "EVN", "PID", "PD1", "NK1", "MRG", "PV1", "PV2", "AL1", "GT1", "IN1", "IN2", "IN3", "ACC", "DB1", "UB1", "UB2",
            "ARV"];

    private static readonly HashSet<string> Beginning = ["FT1", "PRB", "GOL", "SCH", "RF1"];

    private SegmentGroups(List<Noted> visit, List<SegmentGroup> groups) => (Visit, Groups) = (visit, groups);

    /// <summary>Patient and visit, with observations, diagnoses and procedures that belong to no order.</summary>
    public IReadOnlyList<Noted> Visit { get; }

    public IReadOnlyList<SegmentGroup> Groups { get; }

    public static SegmentGroups Of(Hl7Message message)
    {
        var visit = new List<Noted>();
        var groups = new List<SegmentGroup>();
        SegmentGroup? current = null;
        Hl7Segment? specimen = null;
        bool specimenFirst = message.Type == "OUL";
        foreach (Noted noted in WithNotes(message))
        {
            string name = noted.Segment.Name;
            if (OfVisit.Contains(name))
            {
                visit.Add(noted);
                continue;
            }
            if (specimenFirst && name == "SPM")
            {
                specimen = noted.Segment;
                current = new SegmentGroup { EarlierSpecimen = specimen };
                groups.Add(current);
            }
            else if (Begins(name, current, message.Type, specimenFirst))
            {
                current = new SegmentGroup { EarlierSpecimen = specimen };
                groups.Add(current);
            }
            if (current is null) visit.Add(noted);
            else current.Add(noted);
        }
        return new SegmentGroups(visit, groups);
    }

    private static bool Begins(string name, SegmentGroup? current, string type, bool specimenFirst) => name switch
    {
        "ORC" => !(specimenFirst && current is not null && current.Has("OBR") && !current.Has("ORC")),
        "OBR" => current is null || current.Has("OBR") || !current.Has("ORC"),
        "RXA" => current is null || current.Has("RXA"),
        "TXA" => type == "MDM",
        _ => Beginning.Contains(name),
    };

    private static IEnumerable<Noted> WithNotes(Hl7Message message)
    {
        Hl7Segment? open = null;
        var notes = new List<Hl7Segment>();
        foreach (Hl7Segment segment in message.Segments)
        {
            if (segment.Name == "NTE")
            {
                notes.Add(segment);
                continue;
            }
            if (open is not null) yield return new Noted(open, [.. notes]);
            notes.Clear();
            open = segment;
        }
        if (open is not null) yield return new Noted(open, [.. notes]);
    }
}
