using NUnit.Framework;
using Ptoy.Services.Monitoring;
using Ptoy.Services.Tests.Analytics;

namespace Ptoy.Services.Tests.Monitoring;

[TestFixture]
internal sealed class MonitorRulesTests
{
    private static readonly DateTimeOffset Now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    private static string Goal(Resources r, string target, string status = "active") => r.Add("Goal",
        $$"""{"resourceType":"Goal","lifecycleStatus":"{{status}}","startDate":"2026-01-01","target":[{"measure":{"coding":[{"system":"http://loinc.org","code":"4548-4"}]},{{target}} }]}""", compartment: "goals");

    private static string Quantity(string comparator, string value, string unit = "%") =>
        $"\"detailQuantity\":{{\"value\":{value},\"comparator\":\"{comparator}\",\"system\":\"http://unitsofmeasure.org\",\"code\":\"{unit}\"}}";

    [TestCase("<", "7.0", "6.9", "2026-06-01", GoalState.Met)]
    [TestCase("<", "7.0", "7.0", "2026-06-01", GoalState.Open)]
    [TestCase("<=", "7.0", "7.0", "2026-06-01", GoalState.Met)]
    [TestCase("<", "7.0", "7.4", "2026-02-28", GoalState.Missed)]
    [TestCase("<", "7.0", "7.4", "2026-03-01", GoalState.Open)]
    [TestCase(">", "7.0", "7.1", "2026-02-28", GoalState.Met)]
    public void A_goal_is_judged_by_the_latest_value_and_its_due_date(string comparator, string target, string value, string due, GoalState expected)
    {
        var r = new Resources();
        string goal = Goal(r, $"{Quantity(comparator, target)},\"dueDate\":\"{due}\"");
        r.Observe("4548-4", "9.9", "%", "2026-01-05");
        string latest = r.Observe("4548-4", value, "%", "2026-02-05");
        r.Observe("4548-4", "1", "%", "2026-03-02");
        GoalProgress progress = MonitorRules.Look(r.Records, new MonitorOptions(), Now).Goals.Single();
        Assert.That((progress.State, progress.RecordId, progress.ValueRecordId), Is.EqualTo((expected, goal, latest)));
    }

    [Test]
    public void A_goal_without_a_value_since_it_began_or_without_a_measure_says_so()
    {
        var r = new Resources();
        Goal(r, Quantity("<", "7.0") + ",\"dueDate\":\"2026-02-01\"");
        r.Add("Goal", """{"lifecycleStatus":"active","description":{"text":"HbA1c below 7"}}""", compartment: "goals");
        Goal(r, Quantity("<", "7.0"), "completed");
        Goal(r, Quantity("<", "53", "mmol/mol"));
        r.Observe("4548-4", "6.9", "%", "2025-12-31");
        MonitorReport before = MonitorRules.Look(r.Records, new MonitorOptions(), Now);
        Assert.That(before.Goals.Select(g => g.State), Is.EqualTo(new[] { GoalState.NoData, GoalState.NotMeasurable, GoalState.Open }));
        Assert.That(before.Findings.Select(f => f.Kind), Is.EqualTo(new[] { FindingKind.NoData }));
        r.Observe("4548-4", "6.9", "%", "2026-02-01");
        Assert.That(MonitorRules.Look(r.Records, new MonitorOptions(), Now).Goals[2].State, Is.EqualTo(GoalState.NotMeasurable), "mmol/mol is another method's unit");
    }

    [Test]
    public void A_threshold_needs_as_many_values_in_a_row_as_the_rule_says()
    {
        var options = new MonitorOptions { Thresholds = [new ThresholdRule("8480-6", "mm[Hg]", 160, 90, Consecutive: 2, IsUrgent: true)] };
        var r = new Resources();
        r.Pressure("2026-02-27", 170, 80, Resources.Patient.ToString());
        Assert.That(MonitorRules.Look(r.Records, options, Now).Findings, Is.Empty);
        r.Pressure("2026-02-28", 150, 80);
        r.Pressure("2026-03-01T06:00:00Z", 165, 80);
        Assert.That(MonitorRules.Look(r.Records, options, Now).Findings, Is.Empty, "one value in between is within");
        string last = r.Pressure("2026-03-01T08:00:00Z", 161, 80);
        Finding finding = MonitorRules.Look(r.Records, options, Now).Findings.Single();
        Assert.That((finding.Kind, finding.IsUrgent, finding.Compartment, finding.RecordIds[1]), Is.EqualTo((FindingKind.Threshold, true, "vital-signs", last)));
        Assert.That(MonitorRules.Look(r.Records, options, Now.AddDays(3)).Findings, Is.Empty, "old values are no news");
    }

    [Test]
    public void A_value_in_another_unit_and_a_bound_of_a_meter_count()
    {
        var options = new MonitorOptions { Thresholds = [new ThresholdRule("8310-5", "Cel", 39, null), new ThresholdRule("2339-0", "mg/dL", 400, null)] };
        var r = new Resources();
        r.Observe("8310-5", "103", "[degF]", "2026-03-01");
        r.Add("Observation", """{"status":"final","code":{"coding":[{"system":"http://loinc.org","code":"2339-0"}]},"effectiveDateTime":"2026-03-01","valueQuantity":{"value":600,"comparator":">","system":"http://unitsofmeasure.org","code":"mg/dL"}}""");
        Assert.That(MonitorRules.Look(r.Records, options, Now).Findings, Has.Count.EqualTo(2), "103 degrees Fahrenheit are 39.4 Celsius");
    }

    [TestCase(0.0, true)]
    [TestCase(1.9, true)]
    [TestCase(3.0, false)]
    public void A_trend_is_noticed_when_its_whole_interval_lies_beyond_the_bound(double bound, bool isNoticed)
    {
        var r = new Resources();
        // A tenth of a kilogramme a day: three in 30 days, with a scatter of 0.05.
        for (int day = 1; day <= 28; day++) r.Observe("29463-7", FormattableString.Invariant($"{70 + (0.1 * day) + (day % 3 == 0 ? 0.05 : 0)}"), "kg", $"2026-02-{day:d2}", compartment: "vital-signs");
        TrendRule rule = new("29463-7", "kg", IsRising: true, (decimal)bound);
        Assert.That(MonitorRules.Look(r.Records, new MonitorOptions { Trends = [rule] }, Now).Findings.Any(f => f.Kind == FindingKind.Trend), Is.EqualTo(isNoticed));
        Assert.That(MonitorRules.Look(r.Records, new MonitorOptions { Trends = [rule with { IsRising = false }] }, Now).Findings, Is.Empty);
    }

    [Test]
    public void What_is_expected_regularly_is_missed_when_it_stays_away()
    {
        var options = new MonitorOptions { Expected = [new ExpectedRule("29463-7", 7)] };
        var r = new Resources();
        Assert.That(MonitorRules.Look(r.Records, options, Now).Findings, Is.Empty, "never begun");
        r.Observe("29463-7", "70", "kg", "2026-02-22T12:00:00Z");
        Assert.That(MonitorRules.Look(r.Records, options, Now).Findings, Is.Empty);
        Assert.That(MonitorRules.Look(r.Records, options, Now.AddMinutes(1)).Findings.Single().Kind, Is.EqualTo(FindingKind.NoData));
    }

    /// <summary>Sodium ordered: 2 g. Entries of three days: 1.5 + 1.0, 2.4 and 1.4 g: mean 6.3 / 3 = 2.1.</summary>
    [Test]
    public void Entries_of_a_day_add_up_and_the_mean_of_the_days_is_compared_with_the_order()
    {
        var r = new Resources();
        r.Add("NutritionOrder", """{"status":"active","oralDiet":{"nutrient":[{"modifier":{"coding":[{"system":"http://snomed.info/sct","code":"39972003"}]},"amount":{"value":2,"system":"http://unitsofmeasure.org","code":"g"}}]}}""", compartment: "care-plans");
        void Eat(string day, string milligrams, string status = "final") => r.Add("Observation",
            $$"""{"status":"{{status}}","code":{"coding":[{"system":"http://snomed.info/sct","code":"39972003"}]},"effectiveDateTime":"{{day}}","valueQuantity":{"value":{{milligrams}},"system":"http://unitsofmeasure.org","code":"mg"} }""");
        Eat("2026-02-26T08:00:00Z", "1500");
        Eat("2026-02-26T18:00:00Z", "1000");
        Eat("2026-02-27", "2400");
        Assert.That(MonitorRules.Look(r.Records, new MonitorOptions(), Now).Findings, Is.Empty, "two days are too few");
        Eat("2026-02-28", "1400");
        Eat("2026-02-28", "9000", "entered-in-error");
        Eat("2026-03-01", "9000");
        Eat("2026-02-21", "9000");
        Finding finding = MonitorRules.Look(r.Records, new MonitorOptions(), Now).Findings.Single();
        Assert.That(finding.Kind, Is.EqualTo(FindingKind.Nutrition));
        Assert.That(finding.Text, Does.Contain("2.1 g a day, ordered 2"));
        Assert.That(finding.RecordIds, Has.Count.EqualTo(5));
        NutrientRule aim = new("http://snomed.info/sct|39972003", [], IsCeiling: false);
        Assert.That(MonitorRules.Look(r.Records, new MonitorOptions { Nutrients = [aim] }, Now).Findings, Is.Empty, "an aim may be missed by a quarter");
    }

    [Test]
    public void The_dead_are_not_reminded()
    {
        var r = new Resources();
        Goal(r, Quantity("<", "7.0") + ",\"dueDate\":\"2026-02-01\"");
        r.Person(more: ",\"deceasedBoolean\":true");
        Assert.That(MonitorRules.Look(r.Records, new MonitorOptions(), Now).Findings, Is.Empty);
    }

    [Test]
    public void Wrong_options_are_named()
    {
        var options = new MonitorOptions
        {
            Thresholds = [new ThresholdRule("x", "", null, null, 0)], Trends = [new TrendRule("x", "kg", true, -1)], Expected = [new ExpectedRule("x", 0)], AdherenceAtLeast = 2,
        };
        Assert.That(options.Problems().Select(p => p[..p.IndexOf(':', StringComparison.Ordinal)]), Is.EqualTo(new[]
        {
            "thresholds[0]", "thresholds[0]", "thresholds[0].consecutive", "trends[0].changePer30Days", "expected[0]", "adherenceAtLeast",
        }));
        Assert.That(new NoticeOptions { TimeZone = "Nowhere/City", MaxPerDay = 0 }.Problems(), Has.Count.EqualTo(2));
        Assert.That(new MonitorOptions().Problems().Concat(new NoticeOptions().Problems()), Is.Empty);
    }
}
