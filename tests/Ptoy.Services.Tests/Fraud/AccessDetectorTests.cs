using NUnit.Framework;
using Ptoy.Services.Fraud.Detectors;
using Ptoy.Services.Fraud.Facts;

namespace Ptoy.Services.Tests.Fraud;

public class AccessDetectorTests
{
    private static readonly DateTimeOffset Monday = FraudWorld.Monday;

    private static FraudWorld World() => new FraudWorld().Hospital("north", 47.0, 8.0).Hospital("south", 46.0, 9.0)
        .Staff("dr-a", "north", "primary care", household: "h1", street: "s1", family: "f1").Staff("dr-b", "north", "primary care").Staff("dr-c", "north", "cardiology")
        .Staff("clerk", "north", "billing").Staff("officer", "north", "quality").Staff("dr-s", "south", "cardiology");

    private static Candidate[] Unexplained(FraudWorld world) => world.Find(new UnexplainedAccessDetector());

    [Test]
    public void A_look_without_any_reason_is_a_candidate_with_its_log_entry_behind_it()
    {
        Candidate found = Unexplained(World().Person("p1").Look("dr-c", "p1", Monday)).Single();
        Assert.That(found.Evidence.Single().Id, Does.StartWith("AuditEvent/"));
        Assert.That(found.Why, Does.Contain("No visit"));
    }

    [TestCase("visit")]
    [TestCase("appointment")]
    [TestCase("claim")]
    [TestCase("care team")]
    [TestCase("referral to the department")]
    [TestCase("prescription")]
    [TestCase("emergency")]
    [TestCase("same department")]
    [TestCase("inpatient")]
    public void Any_documented_reason_explains_a_look(string reason)
    {
        FraudWorld world = World().Person("p1");
        switch (reason)
        {
            case "visit": world.Visit("p1", "dr-c", "north", Monday.AddDays(-3)); break;
            case "appointment": world.Visit("p1", "dr-c", "north", Monday.AddDays(10), happened: false); break;
            case "claim": world.Claim("p1", "dr-c", "north", Monday.AddDays(-3), "99213"); break;
            case "care team": world.Tie("p1", "care team", Monday.AddDays(-300), DateTimeOffset.MaxValue, doctor: "dr-c"); break;
            case "referral to the department": world.Tie("p1", "referral or order", Monday.AddDays(-5), Monday.AddDays(80), hospital: "north", department: "Cardiology"); break;
            case "prescription": world.Prescribe("p1", "dr-c", Monday.AddDays(-20), null, 30); break;
            case "same department": world.Staff("dr-d", "north", "cardiology").Visit("p1", "dr-d", "north", Monday.AddDays(-1)); break;
            case "inpatient": world.Visit("p1", "dr-a", "north", Monday.AddDays(-2), inpatient: true, minutes: 4000); break;
        }
        Assert.That(Unexplained(world.Look("dr-c", "p1", Monday, emergency: reason == "emergency")), Is.Empty);
    }

    [TestCase("visit long ago")]
    [TestCase("another doctor's visit in another house")]
    [TestCase("ended care team")]
    [TestCase("referral to another department")]
    public void What_is_no_reason_does_not_explain(string reason)
    {
        FraudWorld world = World().Person("p1");
        switch (reason)
        {
            case "visit long ago": world.Visit("p1", "dr-c", "north", Monday.AddDays(-400)); break;
            case "another doctor's visit in another house": world.Visit("p1", "dr-s", "south", Monday.AddDays(-1)); break;
            case "ended care team": world.Tie("p1", "care team", Monday.AddDays(-900), Monday.AddDays(-500), doctor: "dr-c"); break;
            case "referral to another department": world.Tie("p1", "referral or order", Monday.AddDays(-5), Monday.AddDays(80), hospital: "north", department: "orthopaedics"); break;
        }
        Assert.That(Unexplained(world.Look("dr-c", "p1", Monday)), Has.Length.EqualTo(1));
    }

    [Test]
    public void The_billing_office_and_a_quality_review_are_explained_by_a_visit_to_their_house_only()
    {
        FraudWorld world = World().Person("p1").Person("p2").Visit("p1", "dr-a", "north", Monday.AddDays(-6)).Visit("p2", "dr-s", "south", Monday.AddDays(-6));
        world.Look("clerk", "p1", Monday, "HPAYMT").Look("officer", "p1", Monday, "HQUALIMP").Look("clerk", "p2", Monday, "HPAYMT").Look("officer", "p2", Monday, "HQUALIMP");
        Assert.That(Unexplained(world).Select(c => c.Evidence.Single().Patient), Is.All.EqualTo("p2"));
    }

    [Test]
    public void Looking_after_a_neighbour_colleague_or_relative_is_stronger_than_after_a_stranger()
    {
        FraudWorld world = World().Person("stranger").Person("neighbour", household: "h2", street: "s1").Person("colleague", employer: "north").Person("relative", household: "h1", street: "s1", family: "f1");
        foreach (string patient in new[] { "stranger", "neighbour", "colleague", "relative" }) world.Look("dr-a", patient, Monday);
        Dictionary<string, Candidate> found = Unexplained(world).ToDictionary(c => c.Evidence[0].Patient);
        Assert.That(found["neighbour"].Strength, Is.GreaterThan(found["stranger"].Strength));
        Assert.That(found["colleague"].Strength, Is.GreaterThan(found["stranger"].Strength));
        Assert.That(found["relative"].Strength, Is.GreaterThan(found["neighbour"].Strength));
        Assert.That(found["neighbour"].Why, Does.Contain("street"));
    }

    [Test]
    public void Looks_on_several_days_are_one_matter()
    {
        FraudWorld world = World().Person("p1").Look("dr-c", "p1", Monday).Look("dr-c", "p1", Monday.AddDays(4)).Look("dr-c", "p1", Monday.AddDays(9));
        Assert.That(Unexplained(world).Single().Evidence, Has.Count.EqualTo(3));
    }

    [Test]
    public void A_wrong_chart_opened_a_minute_before_the_right_one_is_hardly_suspicious()
    {
        FraudWorld world = World().Person("p1").Person("p2").Visit("p2", "dr-a", "north", Monday).Look("dr-a", "p1", Monday).Look("dr-a", "p2", Monday.AddMinutes(1));
        Assert.That(Unexplained(world).Single().Strength, Is.LessThan(0.1));
    }

    [Test]
    public void The_patients_own_looks_and_denied_ones_are_no_candidates()
    {
        FraudWorld world = World().Person("p1").Look("p1", "p1", Monday).Look("dr-c", "p1", Monday, permitted: false);
        Assert.That(Unexplained(world), Is.Empty);
    }

    [Test]
    public void A_day_of_many_records_without_reason_is_a_burst_and_a_busy_day_with_reasons_is_none()
    {
        FraudWorld world = World();
        for (int i = 0; i < 20; i++)
        {
            world.Person($"p{i}").Look("dr-c", $"p{i}", Monday.AddMinutes(i));
            world.Person($"q{i}").Visit($"q{i}", "dr-a", "north", Monday.AddMinutes(i * 20)).Look("dr-a", $"q{i}", Monday.AddMinutes(i * 20));
        }
        Candidate found = world.Find(new BurstDetector()).Single();
        Assert.That(found.Evidence, Has.Count.EqualTo(20));
        Assert.That(found.Why, Does.Contain("20 patients"));
    }

    [Test]
    public void Five_unexplained_records_in_a_day_are_no_burst()
    {
        FraudWorld world = World();
        for (int i = 0; i < 5; i++) world.Person($"p{i}").Look("dr-c", $"p{i}", Monday.AddMinutes(i));
        Assert.That(world.Find(new BurstDetector()), Is.Empty);
    }

    [Test]
    public void One_telephone_of_many_households_is_found_and_that_of_a_family_or_couple_is_not()
    {
        FraudWorld world = World();
        for (int i = 0; i < 5; i++) world.Person($"p{i}", household: $"h{i}", family: $"f{i}", phone: "ring");
        for (int i = 0; i < 5; i++) world.Person($"q{i}", household: "home", family: "f", phone: "family");
        world.Person("r1", household: "x", phone: "couple").Person("r2", household: "y", phone: "couple");
        Candidate found = world.Find(new SharedPhoneDetector()).Single();
        Assert.That(found.Evidence.Select(e => e.Patient), Is.EquivalentTo(new[] { "p0", "p1", "p2", "p3", "p4" }));
    }

    [Test]
    public void A_new_device_and_then_a_new_far_hospital_is_found_with_both_events_behind_it()
    {
        FraudWorld world = World().Person("p1", home: new GeoPoint(47.0, 8.0)).Change("p1", Monday, newDevice: true).Change("p1", Monday.AddHours(20), newDevice: false, hospital: "south");
        Candidate found = world.Find(new TakeoverDetector()).Single();
        Assert.That(found.Evidence, Has.Count.EqualTo(2));
        Assert.That(found.Why, Does.Contain("had never been").And.Contain("km from home"));
    }

    [Test]
    public void A_new_device_alone_or_months_before_or_after_a_new_hospital_is_nothing()
    {
        FraudWorld world = World().Person("p1").Change("p1", Monday, newDevice: true).Change("p1", Monday.AddDays(60), newDevice: false, hospital: "south")
            .Person("p2").Change("p2", Monday, newDevice: false, hospital: "south").Change("p2", Monday.AddDays(1), newDevice: true).Person("p3").Change("p3", Monday, newDevice: true);
        Assert.That(world.Find(new TakeoverDetector()), Is.Empty);
    }
}
