using System.Text;
using System.Text.Json;
using NUnit.Framework;
using Ptoy.Services.Connector;
using Ptoy.Services.Connector.Fhir;
using Ptoy.Services.Connector.Imaging;

namespace Ptoy.Services.Tests.Connector.Imaging;

public sealed class ImagingIntakeTests
{
    private const string StudyUid = "1.2.826.0.1.3680043.10.9.1";
    private static readonly byte[] Key = Enumerable.Repeat((byte)3, 32).ToArray();
    private readonly ManualTime _time = new();
    private string _folder = "";
    private ConnectorState _state = null!;
    private Intake _intake = null!;
    private HttpClient _http = null!;

    [SetUp]
    public async Task SetUp()
    {
        _folder = Directory.CreateTempSubdirectory("ptoy-imaging-").FullName;
        _state = ConnectorState.Open(Path.Combine(_folder, "state"), Key);
        _intake = new Intake(_state, _time);
        _http = new HttpClient();
        await PersonAsync("1", "M1", "1980-01-02");
    }

    [TearDown]
    public void TearDown()
    {
        _http.Dispose();
        _intake.Dispose();
        _state.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private Task<IntakeOutcome> PersonAsync(string id, string number, string born) => _intake.TakeAsync(new IntakeBatch("ehr", id, [new IntakeResource(
        Encoding.UTF8.GetBytes($$"""{"resourceType":"Patient","id":"{{id}}","birthDate":"{{born}}","identifier":[{"system":"urn:mrn","value":"{{number}}"}]}"""),
        "Patient", id, "demographics")]));

    private static TinyInstance Instance(int series, int number, string study = StudyUid) =>
        new(study, $"{study}.{series}", $"{study}.{series}.{number}", "M1", "Alpha^Ada", "19800102") { SeriesNumber = series, Number = number };

    private ImagingIntake Intake(Uri server, int failAfter = int.MaxValue)
    {
        var options = new ImagingOptions { BaseUrl = server.ToString(), IdentifierSystem = "urn:mrn", RequestsPerSecond = 1000, MaxAttempts = 1 };
        Assert.That(options.Problems(), Is.Empty);
        int requests = 0;
        var http = new HttpClient(new Counting(() => ++requests > failAfter) { InnerHandler = new SocketsHttpHandler() });
        var client = new FhirClient(http, options, _time, () => 0, (_, _) => Task.CompletedTask);
        return new ImagingIntake(options, new DicomWebClient(client), _state, _intake, _ => Task.CompletedTask, _time);
    }

    private Dictionary<string, byte[]> Held(string patient) =>
        _state.Resources.Waiting(_state.Patients["ehr|" + patient].Number, 1000, long.MaxValue).ToDictionary(w => $"{w.Slice.Slice.Type}/{w.Slice.Slice.Id}", w => w.Bytes);

    [Test]
    public async Task StudiesOfARealServerAreTakenFileByFileAsTheyAreAndDescribed()
    {
        if (Orthanc.Missing is { } missing) Assert.Ignore(missing);
        await using Orthanc server = await Orthanc.StartAsync();
        TinyInstance[] instances = [Instance(1, 1), Instance(1, 2), Instance(2, 1) with { Modality = "MR" }];
        foreach (TinyInstance instance in instances) await server.StoreAsync(TinyDicom.Make(instance));
        // The line breaks after some files: the next look fetches only the others.
        Assert.That(() => Intake(server.DicomWeb, failAfter: 3).RunAsync(null, CancellationToken.None), Throws.TypeOf<FhirServerException>());
        Assert.That(Held("1").Keys.Count(k => k.StartsWith("Dicom/", StringComparison.Ordinal)), Is.EqualTo(1));
        Assert.That(await Intake(server.DicomWeb).RunAsync(null, CancellationToken.None), Is.EqualTo(new ImagingRound(1, 1, 0)));
        Dictionary<string, byte[]> held = Held("1");
        foreach (TinyInstance instance in instances) Assert.That(held["Dicom/" + instance.Uid], Is.EqualTo(TinyDicom.Make(instance)), instance.Uid);
        using JsonDocument study = JsonDocument.Parse(held[$"ImagingStudy/{ImagingStudyResource.IdOf(StudyUid)}"]);
        JsonElement root = study.RootElement;
        Assert.That(root.GetProperty("identifier")[0].GetProperty("value").GetString(), Is.EqualTo($"urn:oid:{StudyUid}"));
        Assert.That(root.GetProperty("subject").GetProperty("reference").GetString(), Is.EqualTo("Patient/1"));
        Assert.That((root.GetProperty("numberOfSeries").GetInt32(), root.GetProperty("numberOfInstances").GetInt32()), Is.EqualTo((2, 3)));
        Assert.That(root.GetProperty("started").GetString(), Is.EqualTo("2026-01-05"));
        Assert.That(root.GetProperty("modality").EnumerateArray().Select(m => m.GetProperty("code").GetString()), Is.EqualTo(new[] { "CT", "MR" }));

        Assert.That((await Intake(server.DicomWeb).RunAsync(null, CancellationToken.None)).Taken, Is.Zero, "nothing new");
        await server.StoreAsync(TinyDicom.Make(Instance(2, 2)));
        Assert.That((await Intake(server.DicomWeb).RunAsync(new DateOnly(2026, 1, 1), CancellationToken.None)).Taken, Is.EqualTo(1), "a late instance");
        Assert.That((await Intake(server.DicomWeb).RunAsync(new DateOnly(2026, 2, 1), CancellationToken.None)).Studies, Is.Zero, "dated before");
        Assert.That(_state.Resources.VersionsOf(_state.Patients["ehr|1"].Number, "ImagingStudy", ImagingStudyResource.IdOf(StudyUid), ""), Has.Count.EqualTo(2));
    }

    [Test]
    public async Task AStudyWhosePatientIsNotCertainIsForReviewAndTakenOnceStaffSay()
    {
        if (Orthanc.Missing is { } missing) Assert.Ignore(missing);
        await using Orthanc server = await Orthanc.StartAsync();
        await server.StoreAsync(TinyDicom.Make(Instance(1, 1, "1.2.3.1") with { PatientId = "M9" }));
        await server.StoreAsync(TinyDicom.Make(Instance(1, 1, "1.2.3.2") with { BirthDate = "19990909" }));
        for (int i = 0; i < 2; i++) Assert.That(await Intake(server.DicomWeb).RunAsync(null, CancellationToken.None), Is.EqualTo(new ImagingRound(2, 0, 2)));
        Assert.That(_state.Reviews.Open.Select(r => (r.Subjects[0], r.Reason)), Is.EquivalentTo(new[]
        {
            ("1.2.3.1", "no patient has this patient id"), ("1.2.3.2", "the birth dates contradict"),
        }));
        Assert.That(Held("1"), Has.Count.EqualTo(1));
        await PersonAsync("9", "M9", "1980-01-02");
        ImagingIntake.Assign(_state, "1.2.3.2", "ehr|1");
        Assert.That(await Intake(server.DicomWeb).RunAsync(null, CancellationToken.None), Is.EqualTo(new ImagingRound(2, 2, 0)));
        Assert.That(_state.Reviews.Open, Is.Empty);
        Assert.That(Held("1").ContainsKey("Dicom/1.2.3.2.1.1"), Is.True);
        Assert.That(Held("9").ContainsKey("Dicom/1.2.3.1.1.1"), Is.True);
    }

    [TestCase(10)]
    [TestCase(DicomParts.PartBytes)]
    [TestCase(DicomParts.PartBytes + 1)]
    [TestCase((2 * DicomParts.PartBytes) + 5)]
    public async Task ALargeFileIsDividedAndPutTogetherAgain(int length)
    {
        var file = new byte[length];
        new Random(length).NextBytes(file);
        using var stream = new MemoryStream(file);
        var records = new List<ReadOnlyMemory<byte>>();
        await foreach ((byte[] record, int part, bool isOnly) in DicomParts.DivideAsync(stream))
        {
            Assert.That(part, Is.EqualTo(records.Count));
            Assert.That(isOnly, Is.EqualTo(length <= DicomParts.PartBytes));
            records.Add(record);
        }
        Assert.That(records, Has.Count.EqualTo((length + DicomParts.PartBytes - 1) / DicomParts.PartBytes));
        records.Reverse();
        Assert.That(DicomParts.Join(records).AsSpan().SequenceEqual(file), Is.True);
        if (records.Count < 2) return;
        Assert.That(() => DicomParts.Join(records[1..]), Throws.TypeOf<FormatException>());
        byte[] changed = records[^1].ToArray();
        changed[^1] ^= 1;
        Assert.That(() => DicomParts.Join([.. records[..^1], changed]), Throws.TypeOf<FormatException>());
    }

    [TestCase("""{"0020000D":{"vr":"UI","Value":["../../etc"]}}""")]
    [TestCase("""{}""")]
    public void AnAnswerWithoutAUsableUidIsRefused(string item) =>
        Assert.That(() => DicomJson.Studies(Encoding.UTF8.GetBytes($"[{item}]")), Throws.TypeOf<FormatException>().With.Message.Contains("0020000D"));

    /// <summary>Lets the line break from some request on.</summary>
    private sealed class Counting(Func<bool> breaks) : DelegatingHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            breaks() ? throw new HttpRequestException("the line broke") : base.SendAsync(request, cancellationToken);
    }
}
