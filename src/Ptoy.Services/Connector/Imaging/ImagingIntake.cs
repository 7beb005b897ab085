using Ptoy.Protocol.Records;
using Ptoy.Services.Common;
using Ptoy.Services.Connector.Fhir;
using Ptoy.Services.Matching;

namespace Ptoy.Services.Connector.Imaging;

/// <summary>What a look at the DICOM server came to.</summary>
/// <param name="Studies">Studies listed.</param>
/// <param name="Taken">Studies taken whole, or completed.</param>
/// <param name="Review">Studies whose patient is for staff to say.</param>
internal sealed record ImagingRound(int Studies, int Taken, int Review);

/// <summary>
/// Takes studies in: each instance's file as it is, then an ImagingStudy over them. A study goes to the patient who has the DICOM server's
/// patient id as identifier, if there is exactly one and the birth dates do not contradict; else staff say whose it is, and its files stay where
/// they are until then. What was taken of a study is not fetched again.
/// </summary>
internal sealed class ImagingIntake
{
    /// <summary>Kind of the items in the review queue; subjects: study UID, patient id, patient name.</summary>
    public const string ReviewKind = "imaging";

    private const long BatchBytes = 48L * 1024 * 1024;
    private readonly ImagingOptions _options;
    private readonly DicomWebClient _client;
    private readonly ConnectorState _state;
    private readonly IIntake _intake;
    private readonly Func<CancellationToken, Task> _makeRoom;
    private readonly TimeProvider _time;
    private readonly SealedTable _studies;

    public ImagingIntake(
        ImagingOptions options, DicomWebClient client, ConnectorState state, IIntake intake, Func<CancellationToken, Task> makeRoom, TimeProvider time)
    {
        (_options, _client, _state, _intake, _makeRoom, _time) = (options, client, state, intake, makeRoom, time);
        _studies = state.Store.Table("imaging");
    }

    /// <summary>One look at all studies, or at those dated from a day on. Throws <see cref="FhirServerException"/>.</summary>
    public async Task<ImagingRound> RunAsync(DateOnly? from, CancellationToken cancellation)
    {
        int studies = 0, taken = 0, review = 0;
        await foreach (DicomStudy study in _client.StudiesAsync(from, cancellation))
        {
            studies++;
            StudyRow? row = _studies.Get(study.Uid) is { } bytes ? ConnectorState.Read<StudyRow>(bytes) : null;
            if (row is { Complete: true } && study.Instances > 0 && row.Instances == study.Instances) continue;
            if (PatientOf(study, row, out string reason) is not { } patient)
            {
                _state.Reviews.Add(ReviewKind, [study.Uid, study.PatientId, study.PatientName], reason, _time.GetUtcNow());
                review++;
                continue;
            }
            if (await TakeAsync(study, patient, row, cancellation)) taken++;
            CloseReview(study.Uid);
        }
        return new ImagingRound(studies, taken, review);
    }

    /// <summary>Staff: this study is this patient's. It is taken at the next look. Throws <see cref="ArgumentException"/> for an unknown patient.</summary>
    public static void Assign(ConnectorState state, string studyUid, string patientId)
    {
        if (!DicomJson.IsUid(studyUid)) throw new ArgumentException("not a study's UID", nameof(studyUid));
        if (!state.Patients.TryGetValue(patientId, out ConnectorPatient? patient)) throw new ArgumentException("there is no patient with this id", nameof(patientId));
        SealedTable studies = state.Store.Table("imaging");
        state.Store.Write(batch => batch.Put(studies, studyUid, ConnectorState.Bytes(new StudyRow(patient.Number, 0, Complete: false))));
    }

    private ConnectorPatient? PatientOf(DicomStudy study, StudyRow? row, out string reason)
    {
        reason = "";
        // A study does not change its patient by itself once some of it was taken.
        if (row is not null) return _state.ByNumber(row.Patient);
        ConnectorPatient[] found = study.PatientId.Length == 0 ? []
            : [.. _state.Identifiers.Find(_options.PatientSource, _options.IdentifierSystem, study.PatientId).Select(_state.Survivor).Distinct()];
        reason = found.Length switch { 0 => "no patient has this patient id", 1 => "the birth dates contradict", _ => "several patients have this patient id" };
        if (found.Length != 1) return null;
        bool contradicts = study.BirthDate is { } ours && found[0].Seen?.BirthDate is { } theirs && !BirthDates.Agree(theirs, ours);
        return contradicts ? null : found[0];
    }

    private async Task<bool> TakeAsync(DicomStudy study, ConnectorPatient patient, StudyRow? row, CancellationToken cancellation)
    {
        IReadOnlyList<DicomInstance> instances = await _client.InstancesAsync(study.Uid, cancellation);
        if (instances.Count == 0) return false;
        Remember(study.Uid, new StudyRow(patient.Number, row?.Instances ?? 0, Complete: false));
        foreach (DicomInstance instance in instances)
        {
            if (IsHeld(patient, instance.Uid)) continue;
            await _client.FileAsync(study.Uid, instance, (stream, token) => TakeFileAsync(patient, instance, stream, token), cancellation);
        }
        byte[] resource = ImagingStudyResource.Make(study, instances, patient.SourceId);
        var whole = new IntakeResource(resource, "ImagingStudy", ImagingStudyResource.IdOf(study.Uid), FhirScan.CompartmentOf(resource));
        bool changed = await TakeAsync(patient, [whole], isCurrent: true, cancellation) > 0;
        Remember(study.Uid, new StudyRow(patient.Number, instances.Count, Complete: true));
        return changed;
    }

    /// <summary>A file in parts is held when its end mark is: that is taken together with its last part, or after it.</summary>
    private bool IsHeld(ConnectorPatient patient, string uid) =>
        _state.Resources.VersionsOf(patient.Number, IntakeTypes.Dicom, DicomParts.IdOf(uid, 0, isOnly: true), "").Count > 0
        || _state.Resources.VersionsOf(patient.Number, IntakeTypes.Dicom, EndOf(uid), "").Count > 0;

    private async Task TakeFileAsync(ConnectorPatient patient, DicomInstance instance, Stream stream, CancellationToken cancellation)
    {
        string compartment = Compartments.Of("ImagingStudy", []);
        var batch = new List<IntakeResource>();
        long bytes = 0;
        int parts = 0;
        await foreach ((byte[] record, int part, bool isOnly) in DicomParts.DivideAsync(stream, cancellation))
        {
            if (part == 0 && !IsDicomFile(record)) throw new FormatException("the answer is not a DICOM file");
            batch.Add(new IntakeResource(record, IntakeTypes.Dicom, DicomParts.IdOf(instance.Uid, part, isOnly), compartment));
            bytes += record.Length;
            parts = isOnly ? 0 : part + 1;
            if (bytes < BatchBytes) continue;
            await TakeAsync(patient, batch, isCurrent: false, cancellation);
            (batch, bytes) = ([], 0);
        }
        if (parts > 0) batch.Add(new IntakeResource(EndMark(instance.Uid, parts), IntakeTypes.Dicom, EndOf(instance.Uid), compartment));
        await TakeAsync(patient, batch, isCurrent: false, cancellation);
    }

    private async Task<int> TakeAsync(ConnectorPatient patient, IReadOnlyList<IntakeResource> resources, bool isCurrent, CancellationToken cancellation)
    {
        while (true)
        {
            try { return (await _intake.TakeAsync(new IntakeBatch(patient.Source, patient.SourceId, resources) { IsCurrent = isCurrent }, cancellation)).Stored; }
            catch (IntakeFullException) { await _makeRoom(cancellation); }
        }
    }

    /// <summary>PS3.10: 128 bytes of anything (or of parts already), then "DICM".</summary>
    private static bool IsDicomFile(byte[] record)
    {
        int head = DicomParts.IsPart(record) ? DicomParts.HeadBytes : 0;
        return record.Length >= head + 132 && record.AsSpan(head + 128, 4).SequenceEqual("DICM"u8);
    }

    private static string EndOf(string uid) => uid + "#end";

    private static byte[] EndMark(string uid, int parts) => System.Text.Encoding.ASCII.GetBytes($"PTOYDCE1{uid}#{parts}");

    private void Remember(string uid, StudyRow row) => _state.Store.Write(batch => batch.Put(_studies, uid, ConnectorState.Bytes(row)));

    private void CloseReview(string uid)
    {
        foreach (ReviewItem item in _state.Reviews.Open.Where(i => i.Kind == ReviewKind && i.Subjects[0] == uid)) _state.Reviews.Close(item.Number);
    }

    private sealed record StudyRow(uint Patient, int Instances, bool Complete);
}
