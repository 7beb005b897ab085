using NUnit.Framework;
using Ptoy.Services.Analytics.Reading;
using Ptoy.Services.Monitoring;
using Ptoy.Services.Tests.Analytics;

namespace Ptoy.Services.Tests.Monitoring;

[TestFixture]
internal sealed class AdherenceTests
{
    private static readonly MonitorOptions Options = new();

    private static int Day(string date) => Ptoy.Services.Analytics.Cohort.PatientFacts.DayOf(At(date));

    private static DateTimeOffset At(string date) => DateTimeOffset.Parse(date + "Z", System.Globalization.CultureInfo.InvariantCulture);

    private static void Dispense(Resources r, string drug, string day, int days) => r.Add("MedicationDispense",
        $$"""{"status":"completed","medicationCodeableConcept":{"coding":[{"system":"rx","code":"{{drug}}"}]},"whenHandedOver":"{{day}}","daysSupply":{"value":{{days}},"code":"d"} }""", compartment: "medications");

    private static void Take(Resources r, string drug, string day, string status = "completed") => r.Add("MedicationAdministration",
        $$"""{"status":"{{status}}","medicationCodeableConcept":{"coding":[{"system":"rx","code":"{{drug}}"}]},"effectiveDateTime":"{{day}}"}""", author: Resources.Patient.ToString());

    /// <summary>
    /// By the calendar: 1 to 30 January; the second supply, handed over on the 25th, begins on the 31st and lasts to 1 March; the third covers 20 to 31 March.
    /// 30 + 30 + 12 = 72 of 90 days.
    /// </summary>
    [Test]
    public void Early_refills_are_used_up_one_after_another()
    {
        Supply[] supplies = [new(Day("2025-01-25"), 30), new(Day("2025-01-01"), 30), new(Day("2025-03-20"), 30)];
        HashSet<int> covered = Adherence.Covered(supplies, Day("2025-01-01"), Day("2025-03-31"));
        Assert.That(covered, Has.Count.EqualTo(72));
        Assert.That(covered, Does.Contain(Day("2025-03-01")).And.Not.Contain(Day("2025-03-02")).And.Not.Contain(Day("2025-04-01")));
    }

    [Test]
    public void Days_covered_are_of_the_days_from_the_first_supply_to_yesterday()
    {
        var r = new Resources();
        r.Order("1", "2024-12-20");
        foreach (string day in new[] { "2025-01-01", "2025-01-25", "2025-03-20" }) Dispense(r, "1", day, 30);
        Coverage coverage = Adherence.Of(RecordView.Of(r.Records.Records), At("2025-04-01T09:00:00"), Options).Single();
        Assert.That((coverage.Covered, coverage.Days, coverage.Proportion, coverage.Basis), Is.EqualTo((72, 90, 0.8m, "dispensed")));
        Assert.That(coverage.RecordIds, Has.Count.EqualTo(4));
        Assert.That(MonitorRules.Look(r.Records, Options, At("2025-04-01T09:00:00")).Findings, Is.Empty, "0.8 is enough");
        Finding finding = MonitorRules.Look(r.Records, Options with { AdherenceAtLeast = 0.81m }, At("2025-04-01T09:00:00")).Findings.Single();
        Assert.That((finding.Kind, finding.IsUrgent), Is.EqualTo((FindingKind.Adherence, false)));
    }

    [Test]
    public void A_skipped_dose_of_the_diary_uncovers_its_day()
    {
        var r = new Resources();
        r.Order("1", "2025-01-01");
        Dispense(r, "1", "2025-01-01", 60);
        Take(r, "1", "2025-01-10", "not-done");
        Take(r, "1", "2025-01-11", "not-done");
        Coverage coverage = Adherence.Of(RecordView.Of(r.Records.Records), At("2025-02-10T00:00:00"), Options).Single();
        Assert.That((coverage.Covered, coverage.Days), Is.EqualTo((38, 40)));
    }

    [Test]
    public void Without_supplies_the_days_of_recorded_intake_count_with_all_their_doses()
    {
        var r = new Resources();
        r.Order("1", "2025-01-01", ""","dosageInstruction":[{"timing":{"repeat":{"frequency":2,"period":1,"periodUnit":"d"}}}]""");
        for (int day = 1; day <= 31; day++)
        {
            Take(r, "1", $"2025-01-{day:d2}T08:00:00Z");
            if (day % 2 == 0) Take(r, "1", $"2025-01-{day:d2}T20:00:00Z");
        }
        Coverage coverage = Adherence.Of(RecordView.Of(r.Records.Records), At("2025-02-01T00:00:00"), Options).Single();
        Assert.That((coverage.Covered, coverage.Days, coverage.Basis), Is.EqualTo((15, 31, "taken")));
    }

    [Test]
    public void A_prescription_that_nothing_is_known_of_or_that_is_young_or_over_is_not_judged()
    {
        var r = new Resources();
        r.Order("1", "2024-01-01");
        r.Order("2", "2025-03-25");
        Dispense(r, "2", "2025-03-25", 1);
        r.Order("3", "2024-01-01", status: "stopped");
        Dispense(r, "3", "2025-01-01", 1);
        Assert.That(Adherence.Of(RecordView.Of(r.Records.Records), At("2025-04-01T00:00:00"), Options), Is.Empty);
    }
}
