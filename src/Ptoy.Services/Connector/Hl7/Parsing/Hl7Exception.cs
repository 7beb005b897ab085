namespace Ptoy.Services.Connector.Hl7.Parsing;

/// <summary>What is wrong with a message, in the terms of an acknowledgement. Names places, never values: it may be logged.</summary>
/// <param name="Code">HL7 table 0357: 100 segment sequence, 101 required field, 102 data type, 200 type, 201 event, 202 processing id, 203
/// version, 207 internal.</param>
/// <param name="Place">Segment, occurrence and field, as <c>PID-3</c> or <c>OBX(4)-5</c>.</param>
/// <param name="Reason">For a person.</param>
internal sealed record Hl7Problem(int Code, string Place, string Reason)
{
    /// <summary>Rejected (AR): nothing about the content could make it acceptable here. Otherwise an error in the content (AE).</summary>
    public bool Rejects => Code is >= 200 and <= 203;

    /// <inheritdoc/>
    public override string ToString() => $"{Place}: {Reason}";
}

/// <summary>A message cannot be taken. The text names places, never values.</summary>
internal sealed class Hl7Exception(Hl7Problem problem, bool headerReadable) : Exception(problem.ToString())
{
    /// <summary>What is wrong.</summary>
    public Hl7Problem Problem { get; } = problem;

    /// <summary>False when there is no header to answer to: the connection is closed.</summary>
    public bool HeaderReadable { get; } = headerReadable;

    /// <summary>There is no header to answer to.</summary>
    public static Hl7Exception Unreadable(string reason) => new(new Hl7Problem(100, "MSH", reason), headerReadable: false);

    /// <summary>The header can be read, the message cannot be taken.</summary>
    public static Hl7Exception Of(int code, string place, string reason) => new(new Hl7Problem(code, place, reason), headerReadable: true);
}
