using NUnit.Framework;
using Ptoy.Services.Fhir;
using Ptoy.Services.Monitoring;

namespace Ptoy.Services.Tests.Monitoring;

/// <summary>Notices in virtual time: nothing waits, the test moves the clock to when the plan wants to be asked again.</summary>
[TestFixture]
internal sealed class NoticePlanTests
{
    private static readonly DateTimeOffset Noon = new(2026, 3, 2, 12, 0, 0, TimeSpan.Zero);
    private static readonly NoticeOptions Options = new();

    private static Finding Of(FindingKind kind, string key = "k", bool isUrgent = false) => new(kind, key, isUrgent, "vital-signs", ["r"], "secret");

    [Test]
    public void A_finding_is_told_once_and_again_only_after_the_reminder_time()
    {
        Finding[] findings = [Of(FindingKind.Adherence)];
        NoticeStep first = NoticePlan.Step(findings, NoticeState.Empty, Options, Noon);
        Assert.That(first.Notices, Is.EqualTo(new[] { new Notice(FindingKind.Adherence, false, false, "") }));
        Assert.That(first.NextAt, Is.EqualTo(Noon.AddDays(7)));
        NoticeStep soon = NoticePlan.Step(findings, first.State, Options, Noon.AddDays(6));
        Assert.That(soon.Notices, Is.Empty);
        NoticeStep later = NoticePlan.Step(findings, soon.State, Options, Noon.AddDays(7));
        NoticeStep last = NoticePlan.Step(findings, later.State, Options, Noon.AddDays(14));
        Assert.That((later.Notices.Count, last.Notices.Count), Is.EqualTo((1, 1)));
        Assert.That(NoticePlan.Step(findings, last.State, Options, Noon.AddDays(21)), Has.Property("Notices").Empty.And.Property("NextAt").Null, "two reminders are enough");
    }

    [Test]
    public void What_comes_and_goes_within_two_days_is_one_matter()
    {
        NoticeStep told = NoticePlan.Step([Of(FindingKind.Threshold)], NoticeState.Empty, Options, Noon);
        NoticeStep gone = NoticePlan.Step([], told.State, Options, Noon.AddDays(1));
        Assert.That(NoticePlan.Step([Of(FindingKind.Threshold)], gone.State, Options, Noon.AddDays(1.5)).Notices, Is.Empty);
        NoticeStep forgotten = NoticePlan.Step([], gone.State, Options, Noon.AddDays(2));
        Assert.That(NoticePlan.Step([Of(FindingKind.Threshold)], forgotten.State, Options, Noon.AddDays(3)).Notices, Has.Count.EqualTo(1));
    }

    [Test]
    public void In_quiet_hours_only_the_urgent_is_sent_and_the_rest_at_their_end()
    {
        var options = new NoticeOptions { TimeZone = "Europe/Berlin" };
        // 22:30 in Berlin.
        var night = new DateTimeOffset(2026, 3, 2, 21, 30, 0, TimeSpan.Zero);
        Finding[] findings = [Of(FindingKind.Adherence), Of(FindingKind.Threshold, isUrgent: true)];
        NoticeStep step = NoticePlan.Step(findings, NoticeState.Empty, options, night);
        Assert.That(step.Notices.Select(n => n.Kind), Is.EqualTo(new[] { FindingKind.Threshold }));
        NoticeStep early = NoticePlan.Step(findings, step.State, options with { EscalateAfter = TimeSpan.FromDays(9) }, night);
        Assert.That(early.NextAt, Is.EqualTo(new DateTimeOffset(2026, 3, 3, 7, 0, 0, TimeSpan.Zero)), "eight o'clock in Berlin");
        NoticeStep morning = NoticePlan.Step(findings, early.State, options, early.NextAt!.Value);
        Assert.That(morning.Notices.Select(n => (n.Kind, n.ToCareTeam)), Is.EqualTo(new[] { (FindingKind.Adherence, false), (FindingKind.Threshold, true) }));
    }

    [Test]
    public void Quiet_hours_end_at_the_local_hour_when_the_clocks_change()
    {
        var options = new NoticeOptions { TimeZone = "Europe/Berlin" };
        // On 29 March 2026 clocks in Berlin go from 2 to 3: eight o'clock is 06:00 UTC, the day before it was 07:00.
        var night = new DateTimeOffset(2026, 3, 28, 23, 0, 0, TimeSpan.Zero);
        Assert.That(NoticePlan.Step([Of(FindingKind.Trend)], NoticeState.Empty, options, night).NextAt, Is.EqualTo(new DateTimeOffset(2026, 3, 29, 6, 0, 0, TimeSpan.Zero)));
        Assert.That(NoticePlan.IsQuiet(new NoticeOptions { QuietFrom = new(8, 0), QuietUntil = new(8, 0) }, night), Is.False, "never");
    }

    [Test]
    public void Findings_of_one_kind_are_one_notice_and_a_day_has_a_bound()
    {
        Finding[] findings = [.. Enum.GetValues<FindingKind>().SelectMany(k => new[] { Of(k, "a"), Of(k, "b") })];
        NoticeStep step = NoticePlan.Step(findings, NoticeState.Empty, Options, Noon);
        Assert.That(step.Notices.Select(n => n.Kind), Is.EqualTo(new[] { FindingKind.Threshold, FindingKind.Trend, FindingKind.GoalMissed }));
        Assert.That(step.NextAt, Is.EqualTo(Noon.AddDays(1)));
        NoticeStep next = NoticePlan.Step(findings, step.State, Options, Noon.AddDays(1));
        Assert.That(next.Notices.Select(n => n.Kind), Is.EqualTo(new[] { FindingKind.GoalMet, FindingKind.NoData, FindingKind.Adherence }));
    }

    [Test]
    public void An_urgent_matter_goes_to_the_care_team_once_when_it_still_stands()
    {
        Finding[] findings = [Of(FindingKind.Threshold, isUrgent: true)];
        NoticeStep told = NoticePlan.Step(findings, NoticeState.Empty, Options, Noon);
        Assert.That(told.NextAt, Is.EqualTo(Noon.AddHours(4)));
        Assert.That(NoticePlan.Step([], told.State, Options, Noon.AddHours(4)).Notices, Is.Empty, "it is over");
        NoticeStep escalated = NoticePlan.Step(findings, told.State, Options, Noon.AddHours(4));
        Assert.That(escalated.Notices, Is.EqualTo(new[] { new Notice(FindingKind.Threshold, true, true, "vital-signs") }));
        Assert.That(NoticePlan.Step(findings, escalated.State, Options, Noon.AddHours(8)).Notices, Is.Empty);
    }

    /// <summary>Sixty days of findings that come and go, each seed another story; the rules hold at every step.</summary>
    [Test]
    public void Over_many_days_the_rules_hold_for_every_seed([Range(1, 20)] int seed)
    {
        var random = new SeededRandom((ulong)seed);
        var options = new NoticeOptions { TimeZone = random.Pick(["UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]) };
        Finding[] pool = [.. Enum.GetValues<FindingKind>().SelectMany(k => Enumerable.Range(0, 2).Select(i => Of(k, $"{i}", k == FindingKind.Threshold && i == 0)))];
        var standing = new HashSet<Finding>();
        NoticeState state = NoticeState.Empty;
        DateTimeOffset now = Noon, end = Noon.AddDays(60);
        var calm = new List<DateTimeOffset>();
        var since = new Dictionary<Finding, DateTimeOffset>();
        int sent = 0;
        while (now < end)
        {
            foreach (Finding f in pool.Where(_ => random.Below(20) == 0))
            {
                if (!standing.Remove(f)) standing.Add(f);
            }
            NoticeStep step = NoticePlan.Step([.. standing], state, options, now);
            foreach (Notice notice in step.Notices)
            {
                sent++;
                Assert.That(standing.Any(f => f.Kind == notice.Kind && f.IsUrgent == notice.IsUrgent), "only what stands is told");
                if (notice.IsUrgent) continue;
                Assert.That(NoticePlan.IsQuiet(options, now), Is.False);
                Assert.That(notice.ToCareTeam, Is.False);
                calm.Add(now);
            }
            Assert.That(calm.Count(t => now - t < TimeSpan.FromHours(24)), Is.LessThanOrEqualTo(options.MaxPerDay));
            foreach (Finding f in pool)
            {
                if (!standing.Contains(f) || step.State.Matters.Single(m => m.Kind == f.Kind && m.Key == f.Key).Told is not null) since.Remove(f);
                else Assert.That(now - since.GetOrAdd(f, now), Is.LessThan(TimeSpan.FromDays(5)), "what stands is told in the end");
            }
            Assert.That(step.NextAt is null || step.NextAt > now);
            state = step.State;
            DateTimeOffset random6 = now.AddMinutes(random.Between(1, 360));
            now = step.NextAt is { } next && next < random6 ? next : random6;
        }
        Assert.That(sent, Is.GreaterThan(20));
    }
}

internal static class DictionaryExtensions
{
    public static TValue GetOrAdd<TKey, TValue>(this Dictionary<TKey, TValue> map, TKey key, TValue value) where TKey : notnull
    {
        if (!map.TryGetValue(key, out TValue? found)) map[key] = found = value;
        return found;
    }
}
