namespace Ptoy.Services.Connector.Hl7.State;

/// <summary>Why a message is kept for staff to see.</summary>
internal enum KeptBecause
{
    /// <summary>Its type or event is none that is taken; answered AR.</summary>
    NotTaken,
    /// <summary>It was acknowledged, and mapping it failed.</summary>
    Failed,
    /// <summary>A merge in it is for staff to decide.</summary>
    Review,
}

/// <summary>A line about a kept message. No personal data.</summary>
/// <param name="Number">By which it is asked for.</param>
/// <param name="Because">Why.</param>
/// <param name="Kind">Message type and event.</param>
/// <param name="Time">When it came.</param>
/// <param name="Reason">For a person.</param>
internal sealed record KeptLine(long Number, KeptBecause Because, string Kind, DateTimeOffset Time, string Reason);

/// <summary>A message that is to be written: into the spool, or with a line for staff among the kept.</summary>
/// <param name="Number">Grows with the order in which messages came.</param>
/// <param name="Name">See <see cref="Hl7Store.NameOf"/>.</param>
/// <param name="Time">When it came.</param>
/// <param name="Bytes">Exactly as it came.</param>
/// <param name="Kept">Null for one that is taken.</param>
internal sealed record Accepted(long Number, string Name, DateTimeOffset Time, ReadOnlyMemory<byte> Bytes, KeptLine? Kept);

/// <summary>What working on a message came to, written at once.</summary>
/// <param name="Known">What is known now, under full keys.</param>
/// <param name="Counts">Counters that changed, with their new values.</param>
/// <param name="Lines">For staff.</param>
/// <param name="Keep">Keep the message for them.</param>
internal sealed record Finished(
    IReadOnlyDictionary<string, string[]> Known, IReadOnlyDictionary<string, long> Counts, IReadOnlyList<KeptLine> Lines, bool Keep);
