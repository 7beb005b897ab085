using System.Text;
using NUnit.Framework;
using Ptoy.Services.Common;
using Ptoy.Services.Fraud;
using Ptoy.Services.Fraud.Review;
using Ptoy.Services.Fraud.Scoring;

namespace Ptoy.Services.Tests.Fraud;

public class FraudDeskTests
{
    private static readonly byte[] Key = [.. Enumerable.Repeat((byte)9, 32)];

    private string _folder = "";
    private SealedStore _store = null!;
    private ManualTime _time = null!;

    [SetUp]
    public void Open()
    {
        _folder = Path.Combine(TestContext.CurrentContext.WorkDirectory, "fraud-desk-" + Guid.NewGuid().ToString("N"));
        (_store, _time) = (SealedStore.Open(_folder, Key), new ManualTime());
    }

    [TearDown]
    public void Close()
    {
        _store.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private FraudDesk Desk() => new(_store, FraudModel.Shipped(), 10, _time);

    private static (string, ReadOnlyMemory<byte>) Record(string id, string json) => (id, Encoding.UTF8.GetBytes(json));

    private static (string, ReadOnlyMemory<byte>) Claim(string id) => Record("record-" + id, $$$"""
        {"resourceType":"Claim","id":"{{{id}}}","status":"active","use":"claim","patient":{"reference":"Patient/x"},"created":"2026-02-05",
         "billablePeriod":{"start":"2026-02-02T09:00:00Z","end":"2026-02-02T09:30:00Z"},"provider":{"reference":"Organization/o"},"facility":{"reference":"Location/l1"},
         "careTeam":[{"sequence":1,"provider":{"reference":"Practitioner/dr"}}],
         "item":[{"sequence":1,"productOrService":{"coding":[{"code":"99213"}]},"net":{"value":92.5,"currency":"USD"}}]}
        """);

    private static void TakeDuplicate(FraudDesk desk, string patient) => desk.Take(patient, [Claim(patient + "1"), Claim(patient + "2")], []);

    [Test]
    public void A_duplicate_in_a_patients_records_becomes_an_alert_that_names_them()
    {
        FraudDesk desk = Desk();
        TakeDuplicate(desk, "p1");
        desk.Scan();
        Alert alert = desk.Queue.List(AlertState.Open).Single();
        Assert.That((alert.Kind, alert.Records.Select(r => r.Record).Order().First()), Is.EqualTo(("duplicate", "record-p11")));
        Assert.That(alert.Probability, Is.GreaterThan(0.5));
    }

    [Test]
    public void Facts_survive_a_restart_without_being_told_again()
    {
        TakeDuplicate(Desk(), "p1");
        _store.Dispose();
        _store = SealedStore.Open(_folder, Key);
        FraudDesk again = Desk();
        Assert.That(again.Patients, Is.EqualTo(new[] { "p1" }));
        again.Scan();
        Assert.That(again.Queue.List(), Has.Count.EqualTo(1));
    }

    [TestCase(true)]
    [TestCase(false)]
    public void Revocation_deletes_facts_and_alerts_at_once_and_for_good(bool partitionFirst)
    {
        FraudDesk desk = Desk();
        TakeDuplicate(desk, "p1");
        TakeDuplicate(desk, "p2");
        desk.Scan();
        Assert.That(desk.Queue.List(), Has.Count.EqualTo(2));
        if (partitionFirst) _store.Destroy("p1");
        desk.Forget("p1");
        Assert.That(desk.Queue.List().SelectMany(a => a.Records).Select(r => r.Patient).Distinct(), Is.EqualTo(new[] { "p2" }));
        Assert.That(desk.Patients, Is.EqualTo(new[] { "p2" }));
        desk.Scan();
        Assert.That(desk.Queue.List(), Has.Count.EqualTo(1), "nothing of that patient is found again");
        desk.TakeLog("p1", []);
        Assert.That(_store.HasPartition("p1") ? _store.Partition("p1").Table("fraud-facts").Keys().Count : 0, Is.Zero, "a log that comes late is not kept");
        Assert.That(Desk().Patients, Is.EqualTo(new[] { "p2" }), "nothing comes back from the store");
    }

    [Test]
    public void A_record_that_is_no_fhir_resource_is_counted_and_stops_nothing()
    {
        FraudDesk desk = Desk();
        desk.Take("p1", [Record("r0", "MSH|^~\\&"), Claim("a"), Claim("b")], []);
        desk.Scan();
        Assert.That((desk.Unreadable, desk.Queue.List().Count), Is.EqualTo((1, 1)));
    }

    [Test]
    public void A_directory_with_a_bad_line_or_a_patient_is_refused_naming_it()
    {
        FraudDesk desk = Desk();
        Assert.That(() => desk.TakeDirectory(["""{"resourceType":"Practitioner","id":"a"}""", "{"], "staff.ndjson"), Throws.TypeOf<FormatException>().With.Message.StartsWith("staff.ndjson: line 2"));
        Assert.That(() => desk.TakeDirectory(["""{"resourceType":"Patient","id":"a"}"""], "staff.ndjson"), Throws.TypeOf<FormatException>().With.Message.Contains("nothing about patients"));
    }

    [Test]
    public void New_records_of_a_patient_do_not_undo_a_known_new_device()
    {
        FraudDesk desk = Desk();
        DateTimeOffset device = new(2026, 2, 1, 0, 0, 0, TimeSpan.Zero);
        desk.Take("p1", [Claim("a")], []);
        desk.TakeNewDevice("p1", device);
        desk.Take("p1", [Claim("a")], [("far-hospital", device.AddDays(1))]);
        desk.Scan();
        Assert.That(desk.Queue.List().Select(a => a.Kind), Is.EqualTo(new[] { "takeover" }));
    }
}
