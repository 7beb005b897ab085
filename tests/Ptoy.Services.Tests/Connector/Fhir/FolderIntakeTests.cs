using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Ptoy.Services.Connector;
using Ptoy.Services.Connector.Fhir;
using Ptoy.Services.Fhir;

namespace Ptoy.Services.Tests.Connector.Fhir;

public sealed class FolderIntakeTests
{
    private static readonly byte[] Key = Enumerable.Repeat((byte)3, 32).ToArray();
    private string _folder = "";
    private string _export = "";
    private ConnectorState _state = null!;
    private Intake _intake = null!;

    [SetUp]
    public void SetUp()
    {
        _folder = Directory.CreateTempSubdirectory("ptoy-folder-").FullName;
        _export = Directory.CreateDirectory(Path.Combine(_folder, "export")).FullName;
        _state = ConnectorState.Open(Path.Combine(_folder, "state"), Key);
        _intake = new Intake(_state, TimeProvider.System);
    }

    [TearDown]
    public void TearDown()
    {
        _intake.Dispose();
        _state.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private void Write(string name, string text) => File.WriteAllText(Path.Combine(_export, name), text);

    private Task<ImportResult> Take() =>
        new FolderIntake("ehr", _intake, new SharedResources("ehr", _state, _intake), _ => Task.CompletedTask, NullLogger.Instance).TakeAsync(_export, null, CancellationToken.None);

    private string[] Held(string patient) => [.. _state.Resources.SlicesOf(_state.Patients["ehr|" + patient].Number).Select(s => $"{s.Slice.Type}/{s.Slice.Id}")];

    [Test]
    public async Task ABulkExportIsSortedByPatientWhateverTheOrderOfItsFiles()
    {
        Write("Observation.ndjson", """
            {"resourceType":"Observation","id":"o1","subject":{"reference":"Patient/a"},"performer":[{"reference":"Practitioner/p"}],"valueQuantity":{"value":1.00}}
            { "resourceType":"Observation","id":"o2","subject":{"reference":"https://ehr.example.org/fhir/Patient/b"} }

            {"resourceType":"Observation","id":"o3","subject":{"reference":"Patient/a"}}
            """);
        Write("Patient.ndjson", """{"resourceType":"Patient","id":"a"}""" + "\r\n" + """{"resourceType":"Patient","id":"b"}""");
        Write("Practitioner.ndjson", """{"resourceType":"Practitioner","id":"p"}""" + "\n");
        ImportResult result = await Take();
        Assert.That(result, Is.EqualTo(new ImportResult(3, 6, 7, result.Bytes, result.Failures)));
        Assert.That(result.Failures, Is.Empty);
        Assert.That(Held("a"), Is.EquivalentTo(new[] { "Patient/a", "Observation/o1", "Observation/o3", "Practitioner/p" }));
        Assert.That(Held("b"), Is.EquivalentTo(new[] { "Patient/b", "Observation/o2" }));
        Assert.That(Held(""), Is.EqualTo(new[] { "Practitioner/p" }));
        var waiting = _state.Resources.Waiting(_state.Patients["ehr|b"].Number, 10, 10_000);
        Assert.That(waiting.Select(w => Encoding.UTF8.GetString(w.Bytes)), Does.Contain("""{ "resourceType":"Observation","id":"o2","subject":{"reference":"https://ehr.example.org/fhir/Patient/b"} }"""));
        Assert.That((await Take()).Stored, Is.Zero);
    }

    [Test]
    public async Task ABadLineIsReportedAndTheOthersAreTaken()
    {
        Write("mixed.ndjson", """
            {"resourceType":"Patient","id":"a"}
            {"resourceType":"Observation","id":"o1","subject":{"reference":"Patient/a"}
            {"id":"nothing"}
            ["no object"]
            {"resourceType":"Practitioner","id":"\ud800"}
            {"resourceType":"Observation","id":"o2","subject":{"reference":"Patient/a"}}
            """);
        ImportResult result = await Take();
        Assert.That(result.Files, Is.Zero);
        Assert.That(result.Failures.Select(f => f[^8..]), Is.EquivalentTo(new[] { "(line 2)", "(line 3)", "(line 4)", "(line 5)" }));
        Assert.That(Held("a"), Is.EqualTo(new[] { "Patient/a", "Observation/o2" }));
    }

    [Test]
    public async Task BundlesAndListsAreTakenTogether()
    {
        GeneratedBundle bundle = BundleGenerator.Bundle(new GeneratorOptions(2, 1, 20), 0);
        File.WriteAllBytes(Path.Combine(_export, bundle.FileName), bundle.Bytes);
        Write("broken.json", "{");
        Write("Patient.ndjson", """{"resourceType":"Patient","id":"a"}""");
        ImportResult result = await Take();
        Assert.That(result.Files, Is.EqualTo(2));
        Assert.That(result.Failures.Single(), Does.StartWith("broken.json: byte"));
        Assert.That(_state.Patients, Has.Count.EqualTo(2));
        ConnectorPatient patient = _state.Patients.Values.First(p => p.Id != "ehr|a");
        var waiting = _state.Resources.Waiting(patient.Number, 1000, long.MaxValue);
        Assert.That(BundleFolder.Rebuild([.. waiting.Select(w => w.Bytes)]).Single(), Is.EqualTo(bundle.Bytes));
    }

    [Test]
    public async Task AnImportWaitsForRoomInsteadOfGivingUp()
    {
        _intake.Dispose();
        _intake = new Intake(_state, TimeProvider.System, new IntakeLimits { MaxWaitingBytes = 60 });
        Write("Patient.ndjson", string.Join('\n', Enumerable.Range(0, 5).Select(i => $$"""{"resourceType":"Patient","id":"p{{i}}"}""")));
        int asked = 0;
        Task MakeRoom(CancellationToken _)
        {
            asked++;
            foreach (uint number in _state.Resources.PatientsWaiting)
            {
                PlacedSlice[] all = [.. _state.Resources.SlicesOf(number)];
                _state.Resources.Stored(number, [.. all.Select(s => s with { Slice = s.Slice with { RecordId = "r", Manifest = "m" } })]);
            }
            return Task.CompletedTask;
        }
        var import = new FolderIntake("ehr", _intake, new SharedResources("ehr", _state, _intake), MakeRoom, NullLogger.Instance);
        ImportResult result = await import.TakeAsync(_export, null, CancellationToken.None);
        Assert.That((result.Stored, result.Failures.Count), Is.EqualTo((5, 0)));
        Assert.That(asked, Is.GreaterThan(1));
    }

    [TestCase("Patient/1", "Patient", "1")]
    [TestCase("https://x.org/fhir/Patient/1", "Patient", "1")]
    [TestCase("https://x.org/fhir/Patient/1/_history/3", "Patient", "1")]
    [TestCase("urn:uuid:0c3151bd", null, "0c3151bd")]
    public void LiteralReferencesAreUnderstood(string reference, string? type, string id) =>
        Assert.That(FhirReference.Parse(reference), Is.EqualTo(new FhirReference(type, id)));

    [TestCase("Patient?identifier=1")]
    [TestCase("nothing")]
    [TestCase("urn:oid:1.2.3")]
    [TestCase("https://example.org/")]
    public void OtherReferencesLeadNowhere(string reference) => Assert.That(FhirReference.Parse(reference), Is.Null);

    [Test]
    public async Task LinesOfAnyLengthAreReadAsTheyAre()
    {
        string[] lines = [.. Enumerable.Range(0, 50).Select(i => $"{{\"n\":{i},\"x\":\"{new string('y', i * 4001)}\"}}")];
        using var stream = new MemoryStream(Encoding.UTF8.GetBytes(string.Join("\n", lines)));
        var read = new List<NdjsonLine>();
        await foreach (NdjsonLine line in NdjsonReader.ReadAsync(stream, 100_000)) read.Add(line);
        Assert.That(read.Select(l => l.Number), Is.EqualTo(Enumerable.Range(1, 50)));
        for (int i = 0; i < 50; i++)
        {
            if (lines[i].Length > 100_000) Assert.That(read[i].Bytes, Is.Null);
            else Assert.That(Encoding.UTF8.GetString(read[i].Bytes!), Is.EqualTo(lines[i]));
        }
    }
}
