using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Ptoy.Services.Common;
using Ptoy.Services.Connector.Back;
using Ptoy.Services.Connector.Fhir;
using Ptoy.Services.Tests.Connector.Fhir;

namespace Ptoy.Services.Tests.Connector.Back;

public sealed class BackWriterTests
{
    private const string Patient = "ptoy1patient";
    private const string Other = "ptoy1other";
    private static readonly byte[] Key = Enumerable.Repeat((byte)3, 32).ToArray();
    private string _folder = "";
    private SealedStore _store = null!;
    private BackOutbox _outbox = null!;
    private TestFhirServer _server = null!;
    private HttpClient _http = null!;

    [SetUp]
    public async Task SetUp()
    {
        _folder = Directory.CreateTempSubdirectory("ptoy-back-").FullName;
        _store = SealedStore.Open(Path.Combine(_folder, "store"), Key);
        _outbox = new BackOutbox(_store);
        _server = await TestFhirServer.StartAsync();
        _http = new HttpClient();
    }

    [TearDown]
    public async Task TearDown()
    {
        _http.Dispose();
        await _server.DisposeAsync();
        _store.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private BackWriter Writer(IBackTarget? target = null, BackOptions? options = null)
    {
        var server = new FhirServerOptions { BaseUrl = _server.Address.ToString(), MaxAttempts = 3, RequestsPerSecond = 1000 };
        var client = new FhirClient(_http, server, new ManualTime(), () => 0, (_, _) => Task.CompletedTask);
        return new BackWriter(
            options ?? new BackOptions { Server = server, PerTransaction = 3, MaxRefusals = 2 }, _outbox, target ?? new ServerTarget(client), p => p == Patient ? "ehr-7" : null,
            NullLogger.Instance);
    }

    private int Put(string type, string id, string rest, ulong height = 1, string author = Other, string patient = Patient) => _outbox.Put(
        patient, [(new BackRecord(author, type, id, Encoding.UTF8.GetBytes($$"""{"resourceType":"{{type}}","id":"{{id}}"{{rest}}}"""), false), height)]);

    private JsonElement One(string type) => JsonDocument.Parse(_server.Shelf.All.Single(r => r.Type == type).Bytes).RootElement;

    [Test]
    public async Task WhatOthersWroteIsCreatedAboutTheEhrsOwnPatient()
    {
        Put("Encounter", "e", ""","subject":{"reference":"urn:uuid:p"},"serviceProvider":{"reference":"Organization/o","display":"Ward"}""");
        Put("Observation", "o", ""","subject":{"reference":"Patient/p"},"encounter":{"reference":"urn:uuid:e"},"valueQuantity":{"value":1.00}""");
        Assert.That(await Writer().DeliverAsync(default), Is.EqualTo(2));
        JsonElement observation = One("Observation"), encounter = One("Encounter");
        Assert.That(observation.GetProperty("subject").GetProperty("reference").GetString(), Is.EqualTo("Patient/ehr-7"));
        Assert.That(observation.GetProperty("valueQuantity").GetProperty("value").GetRawText(), Is.EqualTo("1.00"));
        Assert.That(observation.GetProperty("encounter").GetProperty("reference").GetString(), Is.EqualTo("Encounter/" + encounter.GetProperty("id").GetString()));
        JsonElement provider = encounter.GetProperty("serviceProvider");
        Assert.That(provider.TryGetProperty("reference", out _), Is.False, "an Organization/o of the EHR's own is another one");
        Assert.That(provider.GetProperty("identifier").GetProperty("value").GetString(), Is.EqualTo($"{Other}/Organization/o"));
        Assert.That(provider.GetProperty("display").GetString(), Is.EqualTo("Ward"));
        Assert.That(encounter.GetProperty("meta").GetProperty("source").GetString(), Is.EqualTo($"urn:ptoy:account:{Other}"));
    }

    [Test]
    public async Task RepeatsMakeNoDuplicates()
    {
        Put("Condition", "c", "");
        Put("QuestionnaireResponse", "q", ""","identifier":{"value":"single"}""");
        await Writer().DeliverAsync(default);
        Assert.That(await Writer().DeliverAsync(default), Is.Zero);
        // After a loss of the connector's memory everything is delivered again.
        _outbox.Forget(Patient);
        Put("Condition", "c", "");
        Put("QuestionnaireResponse", "q", ""","identifier":{"value":"single"}""");
        Assert.That(await Writer().DeliverAsync(default), Is.EqualTo(2));
        Assert.That(_server.Shelf.All, Has.Count.EqualTo(2));
    }

    [Test]
    public async Task AnAnswerThatIsLostOnTheWayMakesNoDuplicate()
    {
        Put("Condition", "c", "");
        _server.Faults = number => number == 1 ? Fault.Dropped : Fault.None;
        await Writer().DeliverAsync(default);
        Assert.That(_server.Shelf.All, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task ANewVersionTakesTheOldOnesPlaceAndAnOlderOneDoesNot()
    {
        Put("Condition", "c", ""","note":[{"text":"first"}]""", height: 5);
        await Writer().DeliverAsync(default);
        Assert.That(Put("Condition", "c", ""","note":[{"text":"second"}]""", height: 6), Is.EqualTo(1));
        Assert.That(Put("Condition", "c", ""","note":[{"text":"first"}]""", height: 5), Is.Zero);
        await Writer().DeliverAsync(default);
        Assert.That(One("Condition").GetProperty("note")[0].GetProperty("text").GetString(), Is.EqualTo("second"));
        Assert.That(One("Condition").GetProperty("meta").GetProperty("versionId").GetString(), Is.EqualTo("2"));
    }

    [Test]
    public async Task ReferencesToWhatWasDeliveredEarlierAreFoundByItsIdentifier()
    {
        Put("Encounter", "e", "");
        await Writer().DeliverAsync(default);
        Put("Observation", "o", ""","encounter":{"reference":"Encounter/e"}""");
        await Writer().DeliverAsync(default);
        Assert.That(One("Observation").GetProperty("encounter").GetProperty("reference").GetString(), Is.EqualTo("Encounter/" + One("Encounter").GetProperty("id").GetString()));
    }

    [Test]
    public async Task OneThatIsRefusedHoldsUpNoOtherAndIsListedInTheEnd()
    {
        for (int i = 0; i < 7; i++) Put("Observation", $"o{i}", i == 4 ? ""","bad":true""" : "");
        _server.Refuses = resource => resource.ContainsKey("bad");
        BackWriter writer = Writer();
        Assert.That(await writer.DeliverAsync(default), Is.EqualTo(6));
        Assert.That(writer.Failures(), Is.Empty, "it is tried again first");
        await writer.DeliverAsync(default);
        Assert.That(writer.Failures(), Is.EqualTo(new[] { new BackFailure(Patient, Other, "Observation", "the server did not answer the request (HTTP 422)") }));
        int requests = _server.Requests;
        await writer.DeliverAsync(default);
        Assert.That(_server.Requests, Is.EqualTo(requests), "what is listed is left to people");
        _server.Refuses = _ => false;
        writer.TryAgain();
        Assert.That(await writer.DeliverAsync(default), Is.EqualTo(1));
        Assert.That(writer.Failures(), Is.Empty);
    }

    [Test]
    public async Task AnEhrThatIsAwayGetsEverythingLater()
    {
        Put("Condition", "c", "");
        _server.Faults = _ => Fault.Busy;
        BackWriter writer = Writer();
        Assert.That(await writer.DeliverAsync(default), Is.Zero);
        Assert.That((writer.TargetOk, writer.Failures().Count), Is.EqualTo((false, 0)));
        _server.Faults = _ => Fault.None;
        Assert.That(await writer.DeliverAsync(default), Is.EqualTo(1));
        Assert.That(writer.TargetOk, Is.True);
    }

    [Test]
    public async Task WhoEndedTheGrantOrIsNoPatientHereIsPassedOver()
    {
        Put("Condition", "c", "");
        Put("Condition", "d", "", patient: "ptoy1nobody");
        _outbox.Forget(Patient);
        Assert.That(await Writer().DeliverAsync(default), Is.Zero);
        Assert.That(_server.Shelf.All, Is.Empty);
        Assert.That(_outbox.Rows(Patient), Is.Empty);
    }

    [Test]
    public async Task AGrantThatEndsBetweenTwoTransactionsStopsTheSecond()
    {
        for (int i = 0; i < 6; i++) Put("Observation", $"o{i}", "");
        var target = new Once(() => _outbox.Forget(Patient));
        Assert.That(await Writer(target).DeliverAsync(default), Is.EqualTo(3));
        Assert.That(target.Calls, Is.EqualTo(1));
        Assert.That(_outbox.Rows(Patient), Is.Empty);
    }

    [Test]
    public async Task FilesAreWholeAndWrittenOnce()
    {
        string folder = Directory.CreateDirectory(Path.Combine(_folder, "out")).FullName;
        Put("Condition", "c", "");
        await Writer(new FolderTarget(folder)).DeliverAsync(default);
        _outbox.Forget(Patient);
        Put("Condition", "c", "");
        await Writer(new FolderTarget(folder)).DeliverAsync(default);
        using JsonDocument bundle = JsonDocument.Parse(File.ReadAllBytes(Directory.GetFiles(folder).Single()));
        Assert.That(bundle.RootElement.GetProperty("type").GetString(), Is.EqualTo("transaction"));
        JsonElement request = bundle.RootElement.GetProperty("entry")[0].GetProperty("request");
        Assert.That(request.GetProperty("ifNoneExist").GetString(), Is.EqualTo("identifier=urn:ptoy:resource|" + BackBundle.KeyOf(Other, "Condition", "c")));
        Assert.That(bundle.RootElement.GetRawText(), Does.Not.Contain(Patient));
    }

    [Test]
    public void WrongOptionsAreNamed()
    {
        var wrong = new BackOptions { Purpose = "x", Source = "", PerTransaction = 0, MaxRefusals = 0, RetrySeconds = 0 };
        Assert.That(wrong.Problems().Select(p => p.Split(':')[0]), Is.EquivalentTo(new[] { "server, folder", "purpose", "source", "perTransaction", "maxRefusals", "retrySeconds" }));
        Assert.That(new BackOptions { Folder = "/no/such" }.Problems().Single(), Does.StartWith("folder:"));
        Assert.That(new BackOptions { Server = new FhirServerOptions { BaseUrl = "x" } }.Problems().Single(), Does.StartWith("server.baseUrl:"));
    }

    private sealed class Once(Action afterwards) : IBackTarget
    {
        public int Calls { get; private set; }

        public Task DeliverAsync(byte[] transaction, CancellationToken cancellation)
        {
            Calls++;
            afterwards();
            return Task.CompletedTask;
        }
    }
}
