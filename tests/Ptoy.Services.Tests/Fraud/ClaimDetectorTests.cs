using NUnit.Framework;
using Ptoy.Services.Fraud.Detectors;
using Ptoy.Services.Fraud.Facts;

namespace Ptoy.Services.Tests.Fraud;

public class ClaimDetectorTests
{
    private static readonly DateTimeOffset Monday = FraudWorld.Monday;

    private static FraudWorld World() => new FraudWorld().Hospital("north", 47.0, 8.0).Hospital("south", 46.0, 9.0)
        .Staff("dr-a", "north", "primary care").Staff("dr-b", "north", "primary care").Staff("dr-s", "south", "cardiology");

    [Test]
    public void The_same_claim_twice_is_found_with_both_records_behind_it()
    {
        FraudWorld world = World();
        ClaimFact first = world.Claim("p1", "dr-a", "north", Monday, "99213 85025"), second = world.Claim("p1", "dr-a", "north", Monday, "99213 85025", claimedAfter: 20);
        var detector = new DuplicateDetector();
        Candidate found = world.Find(detector).Single();
        Assert.That(found.Evidence.Select(e => e.Id), Is.EqualTo(new[] { first.Id, second.Id }));
        Assert.That(FraudWorld.Feature(detector, found, "identical"), Is.EqualTo(1));
        Assert.That(found.Why, Does.Contain("the same claim again").And.Contain("99213"));
    }

    [Test]
    public void A_correction_that_names_what_it_replaces_is_no_duplicate()
    {
        FraudWorld world = World();
        ClaimFact first = world.Claim("p1", "dr-a", "north", Monday, "99213 85025");
        world.Claim("p1", "dr-a", "north", Monday, "99213 85025", replaces: first.Id);
        Assert.That(world.Find(new DuplicateDetector()), Is.Empty);
    }

    [Test]
    public void A_disguised_copy_is_found_and_weaker_than_an_exact_one()
    {
        FraudWorld world = World();
        world.Claim("p1", "dr-a", "north", Monday, "99213 85025", 100);
        world.Claim("p1", "dr-b", "north", Monday.AddDays(2), "99213 85025", 108);
        Candidate found = world.Find(new DuplicateDetector()).Single();
        Assert.That(found.Strength, Is.InRange(0.1, 0.6));
    }

    [Test]
    public void Twins_with_the_same_visit_are_two_patients_and_no_duplicate()
    {
        FraudWorld world = World();
        world.Claim("twin-1", "dr-a", "north", Monday, "99213 87880");
        world.Claim("twin-2", "dr-a", "north", Monday.AddMinutes(5), "99213 87880");
        Assert.That(world.Find(new DuplicateDetector()), Is.Empty);
    }

    [Test]
    public void Other_services_and_other_weeks_are_no_duplicate()
    {
        FraudWorld world = World();
        world.Claim("p1", "dr-a", "north", Monday, "99213");
        world.Claim("p1", "dr-a", "north", Monday, "73721");
        world.Claim("p1", "dr-a", "north", Monday.AddDays(30), "99213");
        Assert.That(world.Find(new DuplicateDetector()), Is.Empty);
    }

    [Test]
    public void A_repeat_modifier_makes_a_duplicate_nearly_believable()
    {
        FraudWorld world = World();
        world.Claim("p1", "dr-a", "north", Monday, "85025");
        world.Claim("p1", "dr-a", "north", Monday.AddHours(2), "85025-91");
        Assert.That(world.Find(new DuplicateDetector()).Single().Strength, Is.LessThanOrEqualTo(0.1));
    }

    [Test]
    public void A_part_beside_its_whole_is_unbundling_and_a_modifier_excuses_it()
    {
        FraudWorld plain = World(), marked = World();
        plain.Claim("p1", "dr-s", "south", Monday, "45380 45378");
        marked.Claim("p1", "dr-s", "south", Monday, "45380 45378-59");
        var detector = new UnbundlingDetector();
        Candidate bad = plain.Find(detector).Single(), fair = marked.Find(detector).Single();
        Assert.That(bad.Strength, Is.GreaterThan(fair.Strength));
        Assert.That(bad.Why, Does.Contain("45378").And.Contain("45380"));
        Assert.That(FraudWorld.Feature(detector, fair, "marked as separate"), Is.EqualTo(1));
    }

    [Test]
    public void All_parts_in_place_of_the_whole_are_found_over_two_claims_of_a_day()
    {
        FraudWorld world = World();
        ClaimFact one = world.Claim("p1", "dr-a", "north", Monday, "82465 83718"), two = world.Claim("p1", "dr-a", "north", Monday.AddHours(1), "84478");
        Candidate found = world.Find(new UnbundlingDetector()).Single();
        Assert.That(found.Evidence.Select(e => e.Id), Is.EquivalentTo(new[] { one.Id, two.Id }));
        Assert.That(found.Why, Does.Contain("80061"));
    }

    [Test]
    public void Two_of_three_parts_or_parts_on_other_days_or_of_other_patients_are_no_unbundling()
    {
        FraudWorld world = World();
        world.Claim("p1", "dr-a", "north", Monday, "82465 83718");
        world.Claim("p1", "dr-a", "north", Monday.AddDays(1), "84478");
        world.Claim("p2", "dr-a", "north", Monday, "84478 99213");
        Assert.That(world.Find(new UnbundlingDetector()), Is.Empty);
    }

    [Test]
    public void A_doctor_in_two_towns_at_once_is_found_and_the_place_where_he_is_seldom_is_the_odd_one()
    {
        FraudWorld world = World();
        for (int day = 1; day < 30; day++) world.Claim($"q{day}", "dr-a", "north", Monday.AddDays(-day), "99213");
        world.Claim("p1", "dr-a", "north", Monday, "99213");
        ClaimFact phantom = world.Claim("p2", "dr-a", "south", Monday.AddMinutes(15), "99213");
        var detector = new TravelDetector();
        Candidate found = world.Find(detector).Single();
        Assert.That(found.Evidence[0].Id, Is.EqualTo(phantom.Id));
        Assert.That(FraudWorld.Feature(detector, found, "overlap"), Is.EqualTo(1));
        Assert.That(found.Why, Does.Contain("practitioner").And.Contain("km apart"));
    }

    [Test]
    public void A_patient_in_two_towns_within_minutes_is_found()
    {
        FraudWorld world = World();
        world.Claim("p1", "dr-a", "north", Monday, "99213");
        world.Claim("p1", "dr-s", "south", Monday.AddMinutes(40), "99213");
        Assert.That(world.Find(new TravelDetector()).Single().Why, Does.Contain("The same patient"));
    }

    [Test]
    public void A_locum_with_time_for_the_way_and_a_call_by_telephone_are_no_impossible_travel()
    {
        FraudWorld world = World();
        world.Claim("p1", "dr-a", "north", Monday, "99213");
        world.Claim("p2", "dr-a", "south", Monday.AddHours(5), "99213");
        world.Claim("p3", "dr-b", "north", Monday, "99213");
        world.Claim("p4", "dr-b", "south", Monday, "99441", inPerson: false);
        Assert.That(world.Find(new TravelDetector()), Is.Empty);
    }

    [Test]
    public void A_service_after_death_is_found_and_a_late_bill_is_not()
    {
        FraudWorld world = World().Person("p1", died: Monday);
        ClaimFact late = world.Claim("p1", "dr-a", "north", Monday.AddDays(-2), "99213", claimedAfter: 60);
        ClaimFact after = world.Claim("p1", "dr-a", "north", Monday.AddDays(9), "99213");
        ClaimFact sameDay = world.Claim("p1", "dr-a", "north", Monday.AddHours(3), "99284");
        Candidate found = world.Find(new AfterDeathDetector()).Single();
        Assert.That(found.Evidence.Single().Id, Is.EqualTo(after.Id).And.Not.EqualTo(late.Id).And.Not.EqualTo(sameDay.Id));
    }

    [TestCase("88027")]
    [TestCase("308646001")]
    public void An_examination_after_death_and_its_certificate_are_told_apart(string code)
    {
        FraudWorld world = World().Person("p1", died: Monday);
        world.Claim("p1", "dr-a", "north", Monday.AddDays(2), code);
        Assert.That(world.Find(new AfterDeathDetector()).Single().Strength, Is.LessThan(0.1));
    }

    [Test]
    public void Three_prescribers_of_two_houses_with_overlapping_supplies_are_doctor_shopping()
    {
        FraudWorld world = World();
        world.Prescribe("p1", "dr-a", Monday, "oxycodone", 30).Prescribe("p1", "dr-b", Monday.AddDays(5), "oxycodone", 30).Prescribe("p1", "dr-s", Monday.AddDays(9), "oxycodone", 30);
        var detector = new DoctorShoppingDetector();
        Candidate found = world.Find(detector).Single();
        Assert.That(found.Evidence, Has.Count.EqualTo(3));
        Assert.That(FraudWorld.Feature(detector, found, "houses"), Is.EqualTo(Math.Log(2)));
        Assert.That(found.Why, Does.Contain("3 prescribers in 2 houses"));
    }

    [Test]
    public void One_prescriber_every_month_and_drugs_without_control_are_no_doctor_shopping()
    {
        FraudWorld world = World();
        for (int month = 0; month < 6; month++) world.Prescribe("p1", "dr-a", Monday.AddDays(28 * month), "tramadol", 28);
        foreach (string doctor in new[] { "dr-a", "dr-b", "dr-s" }) world.Prescribe("p2", doctor, Monday, null, 90);
        Assert.That(world.Find(new DoctorShoppingDetector()), Is.Empty);
    }

    [Test]
    public void A_claim_unlike_all_others_is_the_first_of_the_unusual()
    {
        FraudWorld world = World();
        for (int i = 0; i < 200; i++) world.Claim($"p{i}", "dr-a", "north", Monday.AddDays(i % 40).AddMinutes(i), i % 2 == 0 ? "99213" : "99213 85025", 100 + (i % 7));
        ClaimFact odd = world.Claim("p7", "dr-b", "north", Monday.AddHours(-7), "99213 73721 45380 47562 88305", 9000, minutes: 400, claimedAfter: 300);
        Assert.That(world.Find(new UnusualClaimDetector())[0].Evidence.Single().Id, Is.EqualTo(odd.Id));
    }
}
