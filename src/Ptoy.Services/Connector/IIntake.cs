namespace Ptoy.Services.Connector;

/// <summary>One thing that a source system holds about a patient, in the exact bytes that it came in.</summary>
/// <param name="Bytes">Kept, sealed and given out again as they are.</param>
/// <param name="Type">FHIR resource type; <see cref="IntakeTypes"/> names those that are not FHIR.</param>
/// <param name="Id">
/// The source's id of it, by which a later version is recognised. Null: it has none and is kept by its digest, as an original message is.
/// </param>
/// <param name="Compartment">Name of the compartment that it is sealed in.</param>
public sealed record IntakeResource(ReadOnlyMemory<byte> Bytes, string Type, string? Id, string Compartment);

/// <summary>What is kept beside FHIR resources.</summary>
public static class IntakeTypes
{
    /// <summary>An original HL7 v2 message, as it came over the wire.</summary>
    public const string Hl7v2 = "Hl7v2";

    /// <summary>A bundle without its resources: see <see cref="Ptoy.Services.Fhir.BundleSkeleton"/>.</summary>
    public const string Skeleton = "BundleSkeleton";

    /// <summary>A DICOM instance (PS3.10 file), or a part of a large one.</summary>
    public const string Dicom = "Dicom";
}

/// <summary>Things about one patient that came together. They are taken as a whole, or not at all.</summary>
/// <param name="Source">Name of the source system: ids are unique within it only.</param>
/// <param name="PatientId">The source's own id of the patient; empty for what is about no patient (the hospital's staff, places, devices).</param>
/// <param name="Resources">At most <see cref="MaxResources"/>. Demographics come from the Patient resource among them.</param>
public sealed record IntakeBatch(string Source, string PatientId, IReadOnlyList<IntakeResource> Resources)
{
    /// <summary>Most resources in a batch.</summary>
    public const int MaxResources = 100_000;

    /// <summary>Most bytes in a batch.</summary>
    public const long MaxBytes = 128L * 1024 * 1024;

    /// <summary>
    /// True when the source says that this is what it holds now, as an answer to a query is: then bytes that are an older version's make a new
    /// version. False (a feed, which may be replayed): bytes seen before are nothing new.
    /// </summary>
    public bool IsCurrent { get; init; }
}

/// <summary>What taking a batch came to. When it is returned, everything in the batch is on disk.</summary>
/// <param name="Fresh">Resources that were not known.</param>
/// <param name="Versions">Resources that were known with other bytes.</param>
/// <param name="Known">Resources that were known with these bytes: nothing is stored.</param>
public sealed record IntakeOutcome(int Fresh, int Versions, int Known)
{
    /// <summary>How many were stored.</summary>
    public int Stored => Fresh + Versions;
}

/// <summary>What a merge, or undoing one, came to.</summary>
public enum MergeResult
{
    /// <summary>Done.</summary>
    Done,
    /// <summary>It was so already: nothing to do.</summary>
    Already,
    /// <summary>Not done by itself: it is in the review queue for the hospital's staff.</summary>
    Review,
}

/// <summary>A merge's outcome.</summary>
/// <param name="Result">What it came to.</param>
/// <param name="Reason">Why it is for review; without personal data.</param>
public sealed record MergeOutcome(MergeResult Result, string? Reason = null);

/// <summary>No room: what was taken before could not be handed to the nodes yet. Nothing of the batch was taken; try again later.</summary>
public sealed class IntakeFullException(long waiting, long limit)
    : Exception($"{waiting} bytes wait to be handed to the nodes; the limit is {limit}. Is the hospital's node up?")
{
    /// <summary>Bytes that wait.</summary>
    public long Waiting { get; } = waiting;
}

/// <summary>
/// Where everything that comes from a hospital's systems enters: files, FHIR servers, HL7 v2 feeds, DICOM servers. What was taken is durable
/// and is sealed into the hospital's custody, or into the vault of a patient who is bound. Safe for concurrent use.
/// </summary>
public interface IIntake
{
    /// <summary>
    /// Takes a batch. When this returns it is on disk, and it is handed to the nodes from there, also after a crash. Taking the same again
    /// changes nothing. Throws <see cref="Common.FieldException"/> for a batch that cannot be taken, naming the field, and
    /// <see cref="IntakeFullException"/> when too much waits for the nodes.
    /// </summary>
    Task<IntakeOutcome> TakeAsync(IntakeBatch batch, CancellationToken cancellation = default);

    /// <summary>
    /// The source says that two of its patients are one: what is held of <paramref name="from"/> belongs to <paramref name="into"/> from now on.
    /// What cannot end right by itself (a circle, or two accounts) is put into the review queue and changes nothing else.
    /// </summary>
    Task<MergeOutcome> MergeAsync(string source, string from, string into, CancellationToken cancellation = default);

    /// <summary>Takes a merge back. One whose records are in a patient's vault already is for review.</summary>
    Task<MergeOutcome> UndoMergeAsync(string source, string from, string into, CancellationToken cancellation = default);
}
