using System.Security.Cryptography;
using Ptoy.Protocol.Records;
using Ptoy.Services.Common;
using Ptoy.Services.Connector.Fhir;
using Ptoy.Services.Fhir;

namespace Ptoy.Services.Connector;

/// <summary>Bounds of what comes in.</summary>
public sealed record IntakeLimits
{
    /// <summary>Bytes that may wait for the nodes; beyond it batches are refused with <see cref="IntakeFullException"/>.</summary>
    public long MaxWaitingBytes { get; init; } = 1L << 30;

    /// <summary>Largest resource in bytes: with its seals it has to fit into one upload.</summary>
    public int MaxResourceBytes { get; init; } = 32 * 1024 * 1024;
}

/// <summary>
/// Takes what comes in: keeps it durable in the sealed store and wakes who hands it to the nodes. A batch is taken whole or not at all, and
/// one after another, so that two feeds of the same patient do not overtake each other.
/// </summary>
public sealed class Intake : IIntake, IDisposable
{
    private const int MaxSource = 64;
    private const int MaxId = 512;
    private readonly ConnectorState _state;
    private readonly IntakeLimits _limits;
    private readonly TimeProvider _time;
    private readonly SemaphoreSlim _one = new(1, 1);

    /// <summary>An intake into a state; the state stays the caller's to dispose.</summary>
    public Intake(ConnectorState state, TimeProvider time, IntakeLimits? limits = null) => (_state, _time, _limits) = (state, time, limits ?? new IntakeLimits());

    /// <summary>Raised after something new is on disk.</summary>
    public event Action? Taken;

    /// <inheritdoc/>
    public async Task<IntakeOutcome> TakeAsync(IntakeBatch batch, CancellationToken cancellation = default)
    {
        PatientRecord? who = Check(batch);
        IntakeOutcome outcome;
        await _one.WaitAsync(cancellation);
        try
        {
            long waiting = _state.Resources.WaitingBytes, coming = batch.Resources.Sum(r => (long)r.Bytes.Length);
            if (waiting > 0 && waiting + coming > _limits.MaxWaitingBytes) throw new IntakeFullException(waiting, _limits.MaxWaitingBytes);
            ConnectorPatient patient = _state.Ensure(ConnectorPatient.IdOf(batch.Source, batch.PatientId));
            // Demographics first: after a crash between the two, taking the batch again brings the rest.
            if (who is not null && IsNewest(patient, who, batch.IsCurrent)) Remember(patient, who);
            outcome = _state.Resources.Take(patient.Number, batch.Resources, batch.IsCurrent);
        }
        finally
        {
            _one.Release();
        }
        if (outcome.Stored > 0) Taken?.Invoke();
        return outcome;
    }

    /// <inheritdoc/>
    public Task<MergeOutcome> MergeAsync(string source, string from, string into, CancellationToken cancellation = default) =>
        DecideAsync("merge", source, from, into, (f, i) => MergeLogic.Merge(_state, f, i), i => i, cancellation);

    /// <inheritdoc/>
    public Task<MergeOutcome> UndoMergeAsync(string source, string from, string into, CancellationToken cancellation = default) =>
        DecideAsync("undo-merge", source, from, into, (f, i) => MergeLogic.Undo(_state, f, i), _ => null, cancellation);

    /// <inheritdoc/>
    public void Dispose() => _one.Dispose();

    private async Task<MergeOutcome> DecideAsync(
        string kind, string source, string from, string into, Func<ConnectorPatient, ConnectorPatient, MergeOutcome> decide, Func<string, string?> target,
        CancellationToken cancellation)
    {
        CheckSource(source);
        CheckId("from", from);
        CheckId("into", into);
        await _one.WaitAsync(cancellation);
        try
        {
            ConnectorPatient first = _state.Ensure(ConnectorPatient.IdOf(source, from)), second = _state.Ensure(ConnectorPatient.IdOf(source, into));
            MergeOutcome outcome = decide(first, second);
            if (outcome.Result == MergeResult.Done) _state.Record(new MergeChanged(first.Id, target(second.Id)));
            if (outcome.Result == MergeResult.Review) _state.Reviews.Add(kind, [first.Id, second.Id], outcome.Reason!, _time.GetUtcNow());
            return outcome;
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>A feed that is replayed must not bring old demographics back; an answer of the source is what holds now.</summary>
    private bool IsNewest(ConnectorPatient patient, PatientRecord who, bool isCurrent)
    {
        string digest = new Ptoy.Protocol.Hash(SHA256.HashData(who.Resource.Bytes.Span)).ToString();
        IReadOnlyList<string> versions = _state.Resources.VersionsOf(patient.Number, "Patient", who.Resource.Id, digest);
        return patient.Seen is null || isCurrent || !versions.Contains(digest);
    }

    private void Remember(ConnectorPatient patient, PatientRecord who)
    {
        var seen = new PatientSeen(patient.Id, [.. who.Person.Names.Select(n => n.Text)], [.. who.Person.Phones], who.Person.BirthDate);
        if (!seen.Agrees(patient.Seen)) _state.Record(seen);
        _state.Identifiers.Put(patient, who.Person.Identifiers);
    }

    private PatientRecord? Check(IntakeBatch batch)
    {
        CheckSource(batch.Source);
        if (batch.PatientId.Length > 0) CheckId("patientId", batch.PatientId);
        if (batch.Resources.Count is 0 or > IntakeBatch.MaxResources)
            throw new FieldException("resources", $"{batch.Resources.Count} resources; a batch has 1 to {IntakeBatch.MaxResources}");
        if (batch.Resources.Sum(r => (long)r.Bytes.Length) > IntakeBatch.MaxBytes) throw new FieldException("resources", $"together more than {IntakeBatch.MaxBytes} bytes");
        PatientRecord? who = null;
        for (int i = 0; i < batch.Resources.Count; i++)
        {
            IntakeResource resource = batch.Resources[i];
            string field = $"resources[{i}]";
            if (resource.Bytes.Length is 0) throw new FieldException(field, "it is empty");
            if (resource.Bytes.Length > _limits.MaxResourceBytes) throw new FieldException(field, $"{resource.Bytes.Length} bytes, more than {_limits.MaxResourceBytes}");
            if (!IsType(resource.Type)) throw new FieldException($"{field}.type", "not the name of a type");
            if (resource.Id is not null) CheckId($"{field}.id", resource.Id);
            if (!Compartments.Names.Contains(resource.Compartment)) throw new FieldException($"{field}.compartment", "not one of the compartments");
            if (resource.Type != "Patient" || batch.PatientId.Length == 0) continue;
            try { who = new PatientRecord(resource, PatientDemographics.Read(resource.Bytes)); }
            catch (FormatException e) { throw new FieldException(field, e.Message); }
        }
        return who;
    }

    private static void CheckSource(string source)
    {
        if (source.Length is 0 or > MaxSource || source.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('-' or '_' or '.')))
            throw new FieldException("source", $"a source's name has 1 to {MaxSource} letters, digits, '-', '_' and '.'");
    }

    /// <summary>What would have a batch refused because of this resource; null when nothing would.</summary>
    internal static string? Problem(ResourceHead head) =>
        !IsType(head.Type) ? "resourceType: not the name of a type"
        : (head.Id is { } id && !IsId(id)) || (ResourceSorter.PatientOf(head) is { Length: > 0 } patient && !IsId(patient))
            ? $"an id has 1 to {MaxId} printable characters" : null;

    private static bool IsType(string type) => type.Length is > 0 and <= MaxSource && type.All(char.IsAsciiLetterOrDigit);

    private static bool IsId(string id) => id.Length is > 0 and <= MaxId && !id.Any(char.IsControl);

    private static void CheckId(string field, string id)
    {
        if (!IsId(id)) throw new FieldException(field, $"an id has 1 to {MaxId} printable characters");
    }

    private sealed record PatientRecord(IntakeResource Resource, PatientDemographics Person);
}
