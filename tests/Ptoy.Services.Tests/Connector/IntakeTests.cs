using System.Text;
using NUnit.Framework;
using Ptoy.Protocol.Records;
using Ptoy.Services.Common;
using Ptoy.Services.Connector;

namespace Ptoy.Services.Tests.Connector;

public sealed class IntakeTests
{
    private static readonly byte[] Key = Enumerable.Repeat((byte)3, 32).ToArray();
    private readonly ManualTime _time = new();
    private string _folder = "";
    private ConnectorState _state = null!;
    private Intake _intake = null!;

    [SetUp]
    public void SetUp()
    {
        _folder = Directory.CreateTempSubdirectory("ptoy-intake-").FullName;
        Open();
    }

    [TearDown]
    public void TearDown()
    {
        Close();
        Directory.Delete(_folder, recursive: true);
    }

    private void Open(IntakeLimits? limits = null)
    {
        _state = ConnectorState.Open(Path.Combine(_folder, "state"), Key);
        _intake = new Intake(_state, _time, limits);
    }

    private void Close()
    {
        _intake.Dispose();
        _state.Dispose();
    }

    private static IntakeResource Resource(string json, string? id = null)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(json);
        (string type, _) = FhirScan.Read(bytes);
        return new IntakeResource(bytes, type, id, FhirScan.CompartmentOf(bytes));
    }

    private static IntakeResource Weight(string id, string value) =>
        Resource($$$"""{"resourceType":"Observation","id":"{{{id}}}","valueQuantity":{"value":{{{value}}}}}""", id);

    private static IntakeResource Person(string id, string family, string phone = "555") => Resource(
        $$"""
        {"resourceType":"Patient","id":"{{id}}","name":[{"family":"{{family}}","given":["Ada"]}],"telecom":[{"system":"phone","value":"{{phone}}"}],
        "birthDate":"1980-01-02","identifier":[{"system":"urn:mrn","value":"M{{id}}"}]}
        """, id);

    private Task<IntakeOutcome> Take(string patient, params IntakeResource[] resources) => _intake.TakeAsync(new IntakeBatch("lab", patient, resources));

    private ConnectorPatient Patient(string id) => _state.Patients["lab|" + id];

    private IEnumerable<string> Digests(string patient) => _state.Resources.SlicesOf(Patient(patient).Number).Select(s => s.Slice.Digest);

    [Test]
    public async Task TakingTheSameAgainStoresNothing()
    {
        Assert.That(await Take("1", Person("1", "Alpha"), Weight("w", "1.00")), Is.EqualTo(new IntakeOutcome(2, 0, 0)));
        Assert.That(await Take("1", Person("1", "Alpha"), Weight("w", "1.00")), Is.EqualTo(new IntakeOutcome(0, 0, 2)));
        Assert.That(Digests("1").Count(), Is.EqualTo(2));
    }

    [Test]
    public async Task OtherBytesUnderTheSameIdAreANewVersionAndTheOldOneStays()
    {
        await Take("1", Weight("w", "1.00"));
        Assert.That(await Take("1", Weight("w", "1.0")), Is.EqualTo(new IntakeOutcome(0, 1, 0)));
        Assert.That(Digests("1").Count(), Is.EqualTo(2));
    }

    [Test]
    public async Task AFeedThatIsReplayedThreeTimesAddsNothing()
    {
        for (int i = 0; i < 3; i++)
        {
            await Take("1", Weight("w", "1.00"));
            await Take("1", Weight("w", "2.00"));
        }
        Assert.That(Digests("1").Count(), Is.EqualTo(2));
    }

    [Test]
    public async Task WhatASourceSaysIsCurrentBecomesTheNewestAgain()
    {
        foreach (string value in (string[])["1.00", "2.00", "1.00", "1.00"])
            await _intake.TakeAsync(new IntakeBatch("lab", "1", [Weight("w", value)]) { IsCurrent = true });
        string[] digests = [.. Digests("1")];
        Assert.That(digests, Has.Length.EqualTo(3));
        Assert.That(digests[2], Is.EqualTo(digests[0]));
    }

    [Test]
    public async Task WhatHasNoIdIsKeptByItsBytes()
    {
        var message = new IntakeResource("MSH|^~\\&|"u8.ToArray(), IntakeTypes.Hl7v2, null, "laboratory");
        Assert.That((await Take("1", message)).Fresh, Is.EqualTo(1));
        Assert.That((await Take("1", message)).Known, Is.EqualTo(1));
        Assert.That((await Take("1", message with { Bytes = "MSH|^~\\&|x"u8.ToArray() })).Fresh, Is.EqualTo(1));
    }

    [Test]
    public async Task WhatWasTakenIsThereAfterARestartByteForByte()
    {
        byte[] odd = Encoding.UTF8.GetBytes("{ \"resourceType\" :\"Observation\",\"id\":\"w\",\t\"valueQuantity\":{\"value\":1.00}}");
        await Take("1", Person("1", "Alpha"), new IntakeResource(odd, "Observation", "w", "observations"));
        Close();
        Open();
        var waiting = _state.Resources.Waiting(Patient("1").Number, 10, 1000);
        Assert.That(waiting.Select(w => w.Slice.Slice.Type), Is.EqualTo(new[] { "Patient", "Observation" }));
        Assert.That(waiting[1].Bytes, Is.EqualTo(odd));
        Assert.That(Patient("1").Seen!.Names, Is.EqualTo(new[] { "Ada Alpha" }));
        Assert.That((await Take("1", Weight("v", "1"))).Fresh, Is.EqualTo(1));
        Assert.That(Digests("1").Distinct().Count(), Is.EqualTo(3));
    }

    [Test]
    public async Task TheSameNumberAtTwoSourcesIsTwoPatients()
    {
        await Take("1", Weight("w", "1"));
        await _intake.TakeAsync(new IntakeBatch("ward", "1", [Weight("w", "1")]));
        Assert.That(_state.Patients.Keys, Is.EquivalentTo(new[] { "lab|1", "ward|1" }));
        Assert.That(_state.Patients.Values.Sum(p => _state.Resources.CountOf(p.Number)), Is.EqualTo(2));
    }

    [Test]
    public async Task AReplayDoesNotBringOldDemographicsBack()
    {
        await Take("1", Person("1", "Alpha"));
        await Take("1", Person("1", "Beta"));
        await Take("1", Person("1", "Alpha"));
        Assert.That(Patient("1").Seen!.Names, Is.EqualTo(new[] { "Ada Beta" }));
    }

    [Test]
    public async Task PatientsAreFoundByIdentifierAlsoAfterARestart()
    {
        await Take("1", Person("1", "Alpha"));
        Close();
        Open();
        Assert.That(_state.Identifiers.Find("lab", "urn:mrn", "M1").Single(), Is.SameAs(Patient("1")));
        Assert.That(_state.Identifiers.Find("lab", null, "M1").Single(), Is.SameAs(Patient("1")));
        Assert.That(_state.Identifiers.Find("ward", null, "M1"), Is.Empty);
    }

    [Test]
    public async Task WhenTooMuchWaitsABatchIsRefusedWholeAndTakenLater()
    {
        Close();
        Open(new IntakeLimits { MaxWaitingBytes = 300 });
        await Take("1", Weight("a", "1"), Weight("b", "1"));
        IntakeResource[] more = [.. Enumerable.Range(0, 4).Select(i => Weight($"c{i}", "1"))];
        Assert.That(() => Take("1", more), Throws.TypeOf<IntakeFullException>().With.Message.Contains("300"));
        Assert.That(Digests("1").Count(), Is.EqualTo(2));
        PlacedSlice[] all = [.. _state.Resources.SlicesOf(Patient("1").Number)];
        _state.Resources.Stored(Patient("1").Number, [.. all.Select(s => s with { Slice = s.Slice with { RecordId = "r", Manifest = "m" } })]);
        Assert.That(_state.Resources.WaitingBytes, Is.Zero);
        Assert.That((await Take("1", more)).Fresh, Is.EqualTo(4));
    }

    [Test]
    public async Task CustodyIsRememberedUntilItEnds()
    {
        await Take("1", Weight("a", "1"));
        uint number = Patient("1").Number;
        PlacedSlice slice = _state.Resources.SlicesOf(number).Single();
        _state.Resources.Stored(number, [slice with { Slice = slice.Slice with { RecordId = "r", Manifest = "m" } }]);
        Close();
        Open();
        Assert.That(_state.Resources.PatientsInCustody, Is.EqualTo(new[] { number }));
        Assert.That(_state.Resources.PatientsWaiting, Is.Empty);
        Assert.That(_state.Resources.CustodyOf(number), Is.EqualTo(new[] { "m" }));
        _state.Resources.CustodyEnded(number);
        Assert.That(_state.Resources.PatientsInCustody, Is.Empty);
    }

    [TestCase("", "1", "source")]
    [TestCase("a b", "1", "source")]
    [TestCase("lab", "a\nb", "patientId")]
    public void WhatCannotBeTakenIsNamed(string source, string patient, string field) =>
        Assert.That(() => _intake.TakeAsync(new IntakeBatch(source, patient, [Weight("w", "1")])), Throws.TypeOf<FieldException>().With.Property("Field").EqualTo(field));

    [Test]
    public void WhatIsWrongWithAResourceIsNamed()
    {
        IntakeResource good = Weight("w", "1");
        void Refused(string field, IntakeResource bad) =>
            Assert.That(() => Take("1", good, bad), Throws.TypeOf<FieldException>().With.Property("Field").EqualTo(field));
        Refused("resources[1]", good with { Bytes = default });
        Refused("resources[1].type", good with { Type = "no type" });
        Refused("resources[1].id", good with { Id = "" });
        Refused("resources[1].compartment", good with { Compartment = "secrets" });
        Refused("resources[1]", Person("1", "X") with { Bytes = "{}"u8.ToArray() });
        Assert.That(() => Take("1"), Throws.TypeOf<FieldException>().With.Property("Field").EqualTo("resources"));
        Assert.That(_state.Patients, Is.Empty);
    }

    private Task<MergeOutcome> Merge(string from, string into) => _intake.MergeAsync("lab", from, into);

    [Test]
    public async Task AMergedPatientIsFoundAsTheSurvivorAndAgainByItselfWhenTheMergeIsUndone()
    {
        await Take("1", Person("1", "Alpha"));
        await Take("2", Person("2", "Beta"));
        foreach (string id in (string[])["1", "2"]) _state.Record(new TokensKept("lab|" + id, [new MatchTokenText("name+phone", new string(id[0], 64))]));
        Assert.That((await Merge("1", "2")).Result, Is.EqualTo(MergeResult.Done));
        Assert.That((await Merge("1", "2")).Result, Is.EqualTo(MergeResult.Already));
        Close();
        Open();
        Assert.That(_state.Survivor(Patient("1")), Is.SameAs(Patient("2")));
        Assert.That(_state.Family(Patient("2")), Is.EquivalentTo(new[] { Patient("1"), Patient("2") }));
        Assert.That(_state.Index.Count, Is.EqualTo(1));
        Assert.That((await _intake.UndoMergeAsync("lab", "1", "2")).Result, Is.EqualTo(MergeResult.Done));
        Assert.That((await _intake.UndoMergeAsync("lab", "1", "2")).Result, Is.EqualTo(MergeResult.Already));
        Assert.That(_state.Index.Count, Is.EqualTo(2));
    }

    [Test]
    public async Task ACircleOfMergesIsForReviewOnceAndChangesNothing()
    {
        await Merge("1", "2");
        await Merge("2", "3");
        for (int i = 0; i < 3; i++) Assert.That((await Merge("3", "1")).Result, Is.EqualTo(MergeResult.Review));
        Assert.That(_state.Reviews.Open.Single().Reason, Does.Contain("circle"));
        Assert.That(_state.Survivor(Patient("1")), Is.SameAs(Patient("3")));
        Assert.That((await Merge("1", "3")).Result, Is.EqualTo(MergeResult.Already));
        Close();
        Open();
        Assert.That(_state.Reviews.Close(_state.Reviews.Open.Single().Number), Is.True);
        Assert.That(_state.Reviews.Open, Is.Empty);
    }

    [Test]
    public async Task WhoIsMergedIntoAnotherAlreadyIsForReview()
    {
        await Merge("1", "2");
        Assert.That((await Merge("1", "4")).Result, Is.EqualTo(MergeResult.Review));
        Assert.That((await _intake.UndoMergeAsync("lab", "1", "4")).Result, Is.EqualTo(MergeResult.Review));
    }

    [Test]
    public async Task AccountsAreNeverMergedWithoutPeople()
    {
        await Take("1", Person("1", "Alpha"));
        await Take("2", Person("2", "Beta"));
        _state.Record(new BindingChanged("lab|1", new Binding("ptoy1a", "2:00", "00", IsBound: true)));
        Assert.That((await Merge("1", "2")).Result, Is.EqualTo(MergeResult.Review), "into somebody without an account");
        _state.Record(new BindingChanged("lab|2", new Binding("ptoy1b", "2:00", "00", IsBound: true)));
        Assert.That((await Merge("1", "2")).Result, Is.EqualTo(MergeResult.Review), "two accounts");
        Assert.That(_state.Reviews.Open.Single().Kind, Is.EqualTo("merge"));
        _state.Record(new BindingChanged("lab|2", new Binding("ptoy1a", "2:00", "00", IsBound: true)));
        Assert.That((await Merge("1", "2")).Result, Is.EqualTo(MergeResult.Done), "the same account");
    }

    [Test]
    public async Task AMergeWhoseRecordsAreInAVaultIsNotUndoneWithoutPeople()
    {
        await Take("1", Weight("a", "1"));
        await Merge("1", "2");
        PlacedSlice slice = _state.Resources.SlicesOf(Patient("1").Number).Single();
        _state.Resources.Stored(slice.Patient, [slice with { Slice = slice.Slice with { RecordId = "r", Manifest = "m", InVault = true } }]);
        Assert.That((await _intake.UndoMergeAsync("lab", "1", "2")).Result, Is.EqualTo(MergeResult.Review));
        Assert.That(_state.Survivor(Patient("1")), Is.SameAs(Patient("2")));
    }
}
