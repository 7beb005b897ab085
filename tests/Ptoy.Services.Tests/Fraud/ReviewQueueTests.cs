using NUnit.Framework;
using Ptoy.Services.Common;
using Ptoy.Services.Fraud.Detectors;
using Ptoy.Services.Fraud.Review;
using Ptoy.Services.Fraud.Scoring;

namespace Ptoy.Services.Tests.Fraud;

public class ReviewQueueTests
{
    private static readonly DateTimeOffset Today = new(2026, 3, 2, 8, 0, 0, TimeSpan.Zero);
    private static readonly byte[] Key = [.. Enumerable.Repeat((byte)7, 32)];

    private string _folder = "";
    private SealedStore _store = null!;

    [SetUp]
    public void Open()
    {
        _folder = Path.Combine(TestContext.CurrentContext.WorkDirectory, "fraud-queue-" + Guid.NewGuid().ToString("N"));
        _store = SealedStore.Open(_folder, Key);
    }

    [TearDown]
    public void Close()
    {
        _store.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private ReviewQueue Queue(int budget = 2) => new(_store, budget, Key);

    private static Finding Found(string matter, double probability, params string[] patients) => new(
        new Candidate("duplicate", [], probability, [.. patients.Select((p, i) => new Evidence($"{matter}-{i}", p))], $"about {matter}", matter, Today), probability);

    [Test]
    public void No_more_than_the_budget_is_opened_a_day_and_the_most_probable_first()
    {
        ReviewQueue queue = Queue();
        Finding[] ranking = [Found("a", 0.9, "p1"), Found("b", 0.7, "p2"), Found("c", 0.5, "p3"), Found("d", 0.3, "p4"), Found("e", 0.1, "p5")];
        Assert.That(queue.Offer(ranking, Today), Is.EqualTo(2));
        Assert.That(queue.Offer(ranking, Today.AddHours(5)), Is.Zero);
        Assert.That(queue.List(AlertState.Open).Select(a => a.Why), Is.EqualTo(new[] { "about a", "about b" }));
        Assert.That(queue.Offer(ranking, Today.AddDays(1)), Is.EqualTo(2));
        Assert.That(queue.Counts, Is.EqualTo((4, 1)));
    }

    [Test]
    public void What_waits_and_is_found_no_more_goes_and_what_is_open_stays()
    {
        ReviewQueue queue = Queue(1);
        queue.Offer([Found("a", 0.9, "p1"), Found("b", 0.7, "p2")], Today);
        queue.Offer([], Today);
        Assert.That(queue.List().Single().Why, Is.EqualTo("about a"));
    }

    [Test]
    public void Everything_is_there_again_after_a_restart()
    {
        ReviewQueue queue = Queue(1);
        queue.Offer([Found("a", 0.9, "p1", "p2"), Found("b", 0.7, "p2")], Today);
        string id = queue.List(AlertState.Open).Single().Id;
        queue.Decide(id, confirm: true);
        _store.Dispose();
        _store = SealedStore.Open(_folder, Key);
        ReviewQueue again = Queue(1);
        Alert alert = again.Get(id);
        Assert.That((alert.State, alert.Probability, alert.Why), Is.EqualTo((AlertState.Confirmed, 0.9, "about a")));
        Assert.That(alert.Records.Select(r => r.Patient), Is.EquivalentTo(new[] { "p1", "p2" }));
        Assert.That(again.Counts, Is.EqualTo((0, 1)));
        Assert.That(again.ShiftOf("duplicate"), Is.EqualTo(queue.ShiftOf("duplicate")));
        Assert.That(again.Offer([Found("a", 0.9, "p1", "p2"), Found("b", 0.7, "p2")], Today.AddHours(1)), Is.Zero, "the day's budget was used before the restart");
    }

    [Test]
    public void Decisions_shift_their_kind_up_or_down_within_bounds()
    {
        ReviewQueue queue = Queue(50);
        queue.Offer([.. Enumerable.Range(0, 40).Select(i => Found($"m{i}", 0.5, $"p{i}"))], Today);
        Assert.That(queue.ShiftOf("duplicate"), Is.Zero);
        foreach (Alert alert in queue.List(AlertState.Open).Take(10)) queue.Decide(alert.Id, confirm: false);
        double after10 = queue.ShiftOf("duplicate");
        foreach (Alert alert in queue.List(AlertState.Open)) queue.Decide(alert.Id, confirm: false);
        Assert.That(after10, Is.LessThan(-0.5));
        Assert.That(queue.ShiftOf("duplicate"), Is.LessThan(after10).And.GreaterThanOrEqualTo(-2));
        Assert.That(queue.ShiftOf("burst"), Is.Zero);
    }

    [Test]
    public void What_was_dismissed_stays_so_until_there_is_twice_as_much_behind_it()
    {
        ReviewQueue queue = Queue();
        queue.Offer([Found("a", 0.9, "p1")], Today);
        string id = queue.List().Single().Id;
        queue.Decide(id, confirm: false);
        queue.Offer([Found("a", 0.95, "p1")], Today.AddDays(1));
        Assert.That(queue.Get(id).State, Is.EqualTo(AlertState.Dismissed));
        queue.Offer([Found("a", 0.95, "p1", "p1")], Today.AddDays(2));
        Assert.That(queue.Get(id).State, Is.EqualTo(AlertState.Open));
    }

    [Test]
    public void Wrong_decisions_are_refused_with_the_reason()
    {
        ReviewQueue queue = Queue(1);
        queue.Offer([Found("a", 0.9, "p1"), Found("b", 0.7, "p2")], Today);
        string open = queue.List(AlertState.Open).Single().Id, waiting = queue.List(AlertState.Waiting).Single().Id;
        Assert.That(() => queue.Decide("no-such", true), Throws.TypeOf<AlertException>().With.Message.EqualTo("there is no alert 'no-such'"));
        Assert.That(() => queue.Decide(waiting, true), Throws.TypeOf<AlertException>().With.Message.Contains("waits for its day"));
        queue.Decide(open, true);
        Assert.That(() => queue.Decide(open, false), Throws.TypeOf<AlertException>().With.Message.Contains("was confirmed before"));
    }

    [Test]
    public void When_reviewers_fall_behind_nothing_new_is_opened()
    {
        ReviewQueue queue = Queue(1);
        for (int day = 0; day < ReviewQueue.MostOpenDays + 3; day++) queue.Offer([.. Enumerable.Range(0, 40).Select(i => Found($"m{i}", 0.5, $"p{i}"))], Today.AddDays(day));
        Assert.That((queue.Counts.Open, queue.IsFull), Is.EqualTo((ReviewQueue.MostOpenDays, true)));
    }

    [Test]
    public void A_patient_who_leaves_takes_every_alert_along_decided_ones_and_shared_ones_too()
    {
        ReviewQueue queue = Queue(10);
        queue.Offer([Found("alone", 0.9, "p1"), Found("shared", 0.8, "p1", "p2"), Found("other", 0.7, "p2")], Today);
        queue.Decide(queue.List().First(a => a.Why == "about alone").Id, confirm: true);
        Assert.That(queue.Forget("p1"), Is.EqualTo(2));
        Assert.That(queue.List().Single().Why, Is.EqualTo("about other"));
        Assert.That(Queue(10).List().Single().Why, Is.EqualTo("about other"), "nothing comes back from the store");
    }

    [Test]
    public void What_a_revocation_cut_while_the_service_was_down_is_gone_at_the_next_start()
    {
        Queue(10).Offer([Found("alone", 0.9, "p1"), Found("shared", 0.8, "p1", "p2"), Found("other", 0.7, "p2")], Today);
        _store.Destroy("p1");
        ReviewQueue after = Queue(10);
        Assert.That(after.List().Single().Why, Is.EqualTo("about other"));
        Assert.That(_store.Table("fraud-heads").Keys(), Has.Count.EqualTo(1));
        Assert.That(_store.Partition("p2").Table("fraud-alerts").Keys(), Has.Count.EqualTo(1));
    }
}
