using System.Text.Json;
using NUnit.Framework;

namespace Ptoy.Vm.Tests.Contracts;

[TestFixture]
public sealed class ResearchTests
{
    private static object Study(long budget = 1_000_000, string purpose = "HRESCH", params string[] analysts) =>
        new { budget, purpose, protocol = World.Hex("protocol"), analysts };

    private static int Open(Hospital h, string letter = "A", long budget = 1_000_000, params string[] analysts) =>
        h.World.Send(Hospital.Org(letter), "Research", "open", Study(budget, "HRESCH", analysts)).GetInt32();

    private static long Spend(Hospital h, int id, long epsilon, string query, string letter = "A") =>
        h.World.Send(Hospital.Org(letter), "Research", "spend", id, epsilon, World.Hex(query)).GetInt64();

    private static string Refusal(Hospital h, int id, long epsilon, string query, string letter = "A") =>
        h.World.Refusal(Hospital.Org(letter), "Research", "spend", id, epsilon, World.Hex(query));

    private static long Left(Hospital h, int id) => h.World.View("", "Research", "left", id).GetInt64();

    private static void SetParameter(Hospital h, int value)
    {
        int id = h.World.Send(Hospital.Org("A"), "Governance", "propose", new { parameter = "researchBudget", value }).GetInt32();
        foreach (string letter in new[] { "B", "C" }) h.World.Send(Hospital.Org(letter), "Governance", "vote", id, true);
    }

    [Test]
    public void A_study_spends_down_to_nothing_and_never_further()
    {
        var h = new Hospital();
        int id = Open(h);
        Assert.That(Spend(h, id, 400_000, "one"), Is.EqualTo(600_000));
        Assert.That(Refusal(h, id, 600_001, "two"), Does.Contain("more than the 600000 left"));
        Assert.That(Spend(h, id, 600_000, "two"), Is.Zero);
        Assert.That(Refusal(h, id, 1, "three"), Does.Contain("more than the 0 left"));
        Assert.That(Left(h, id), Is.Zero);
        JsonElement spends = h.World.View("", "Research", "spends", id);
        Assert.That(spends.EnumerateArray().Select(s => s.GetProperty("epsilon").GetInt64()), Is.EqualTo(new[] { 400_000L, 600_000L }));
        Assert.That(h.World.EventsNamed("spent"), Is.EqualTo(2));
    }

    [Test]
    public void A_query_is_paid_once()
    {
        var h = new Hospital();
        int id = Open(h);
        Assert.That(h.World.View("", "Research", "paid", id, World.Hex("one")).GetBoolean(), Is.False);
        Spend(h, id, 1, "one");
        Assert.That(Refusal(h, id, 1, "one"), Does.Contain("paid for already"));
        Assert.That(h.World.View("", "Research", "paid", id, World.Hex("one")).GetBoolean(), Is.True);
    }

    [Test]
    public void All_studies_of_an_owner_share_what_governance_allows()
    {
        var h = new Hospital();
        int first = Open(h, budget: 7_000_000);
        Assert.That(h.World.Refusal(Hospital.Org("A"), "Research", "open", Study(3_000_001)), Does.Contain("more than 10000000"));
        Open(h, "B", 10_000_000);
        int second = Open(h, budget: 3_000_000);
        Spend(h, first, 2_000_000, "one");
        h.World.Send(Hospital.Org("A"), "Research", "close", first);
        int third = Open(h, budget: 5_000_000);
        Assert.That(h.World.Refusal(Hospital.Org("A"), "Research", "open", Study(1)), Does.Contain("more than 10000000"), "what was spent stays spent");
        Assert.That(new[] { Left(h, first), Left(h, second), Left(h, third) }, Is.EqualTo(new[] { 0L, 3_000_000L, 5_000_000L }));
    }

    [Test]
    public void Governance_stops_spending_by_lowering_the_parameter()
    {
        var h = new Hospital();
        int id = Open(h, budget: 5_000_000);
        Spend(h, id, 1_000_000, "one");
        SetParameter(h, 1_500_000);
        Assert.That(Left(h, id), Is.EqualTo(500_000));
        Assert.That(Refusal(h, id, 500_001, "two"), Does.Contain("that governance allows"));
        SetParameter(h, 0);
        Assert.That(Left(h, id), Is.Zero);
        Assert.That(Refusal(h, id, 1, "two"), Does.Contain("that governance allows"));
    }

    [Test]
    public void Only_the_owner_spends_and_only_the_appointed_ask()
    {
        var h = new Hospital();
        int id = Open(h, "B", 1_000, Hospital.Connector);
        bool May(string account) => h.World.View("", "Research", "mayAsk", id, account).GetBoolean();
        Assert.Multiple(() =>
        {
            Assert.That(May(Hospital.Connector), Is.True, "an analyst");
            Assert.That(May(Hospital.Clinician), Is.True, "an employee of the owner");
            Assert.That(May(Hospital.Org("B")), Is.True, "the owner");
            Assert.That(May(Hospital.Org("A")), Is.False);
            Assert.That(May(Hospital.Patient), Is.False);
            Assert.That(Refusal(h, id, 1, "one"), Does.Contain("only the owner"));
            Assert.That(h.World.Refusal(Hospital.Connector, "Research", "appoint", id, Hospital.Patient), Does.Contain("only the owner"));
        });
        h.World.Send(Hospital.Org("B"), "Research", "dismiss", id, Hospital.Connector);
        Assert.That(May(Hospital.Connector), Is.False);
        h.World.Send(Hospital.Org("B"), "Research", "appoint", id, Hospital.Connector);
        h.World.Send(Hospital.Authority, "Identity", "revoke", Hospital.Connector);
        Assert.That(May(Hospital.Connector), Is.False, "a revoked account");
        h.World.Send(Hospital.Org("B"), "Research", "close", id);
        Assert.That(May(Hospital.Org("B")), Is.False, "closed");
        Assert.That(Refusal(h, id, 1, "one", "B"), Does.Contain("closed"));
    }

    [TestCase(0L), TestCase(-1L), TestCase(100_000_001L)]
    public void Amounts_out_of_bounds_are_refused(long amount)
    {
        var h = new Hospital();
        int id = Open(h);
        Assert.That(h.World.Refusal(Hospital.Org("A"), "Research", "open", Study(amount)), Does.Contain("budget is a whole number"));
        Assert.That(Refusal(h, id, amount, "one"), Does.Contain("epsilon is a whole number"));
    }

    [Test]
    public void What_is_malformed_or_not_entitled_is_refused()
    {
        var h = new Hospital();
        string Refused(string caller, object facts) => h.World.Refusal(caller, "Research", "open", facts);
        Assert.Multiple(() =>
        {
            Assert.That(Refused(Hospital.Patient, Study()), Does.Contain("only a certified organisation"));
            Assert.That(Refused(Hospital.Org("A"), Study(purpose: "TREAT")), Does.Contain("purpose"));
            Assert.That(Refused(Hospital.Org("A"), new { budget = 1, purpose = "HRESCH", protocol = "x" }), Does.Contain("protocol"));
            Assert.That(Refused(Hospital.Org("A"), Study(1, "HRESCH", "nobody")), Does.Contain("analyst"));
            Assert.That(Refused(Hospital.Org("A"), new { budget = 0.5, purpose = "HRESCH", protocol = World.Hex("p") }), Does.Contain("whole number"));
            Assert.That(h.World.Refusal(Hospital.Org("A"), "Research", "spend", 99, 1, World.Hex("q")), Does.Contain("no such study"));
        });
    }

    [Test]
    public void Studies_are_listed_for_everybody()
    {
        var h = new Hospital();
        Open(h);
        Open(h, "B", 5);
        JsonElement list = h.World.View("", "Research", "studies");
        Assert.That(list.EnumerateArray().Select(s => s.GetProperty("budget").GetInt64()), Is.EqualTo(new[] { 1_000_000L, 5L }));
        Assert.That(h.World.View("", "Research", "study", 3).ValueKind, Is.EqualTo(JsonValueKind.Null));
    }
}
