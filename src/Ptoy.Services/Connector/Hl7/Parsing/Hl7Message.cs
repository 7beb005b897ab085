namespace Ptoy.Services.Connector.Hl7.Parsing;

/// <summary>One message: its header and everything after it, in order.</summary>
/// <param name="Segments">The first is MSH.</param>
/// <param name="Syntax">Delimiters and character set.</param>
/// <param name="CharsetAsDeclared">False when MSH-18 was wrong or missing where it was needed.</param>
internal sealed record Hl7Message(IReadOnlyList<Hl7Segment> Segments, Hl7Syntax Syntax, bool CharsetAsDeclared)
{
    /// <summary>MSH.</summary>
    public Hl7Segment Header => Segments[0];

    /// <summary>Message type: ADT, ORU and so on; upper case, empty when missing.</summary>
    public string Type => (Header.Peek(9)[1].Text ?? "").ToUpperInvariant();

    /// <summary>
    /// Trigger event. Version 2.1 and some senders since leave it out of MSH-9: then EVN-1, then the only one that the type had.
    /// </summary>
    public string Event
    {
        get
        {
            string? written = Header.Peek(9)[2].Text ?? (Type == "ADT" ? First("EVN")?.Peek(1).Text : null);
            return (written ?? Type switch { "ORU" => "R01", "ORM" => "O01", "VXU" => "V04", "DFT" => "P03", "MDM" => "T02",
                _ => "" }).ToUpperInvariant();
        }
    }

    /// <summary>MSH-10; empty when missing.</summary>
    public string ControlId => Header.Peek(10).Text ?? "";

    /// <summary>MSH-12, first component; empty when missing.</summary>
    public string Version => Header.Peek(12)[1].Text ?? "";

    /// <summary>MSH-3 and MSH-4, whole: who numbered the message.</summary>
    public string Sender => $"{Header.Peek(3).Raw}\n{Header.Peek(4).Raw}";

    /// <summary>The first segment of a name, or null.</summary>
    public Hl7Segment? First(string name) => Segments.FirstOrDefault(s => s.Name == name);

    /// <summary>All segments of a name.</summary>
    public IEnumerable<Hl7Segment> All(string name) => Segments.Where(s => s.Name == name);

    /// <summary>True for version 2.n or later, by number.</summary>
    public bool IsAtLeast(int minor)
    {
        string[] parts = Version.Split('.');
        return parts.Length > 1 && int.TryParse(parts[1], out int found) && found >= minor;
    }
}
