using System.Text.Json;
using NUnit.Framework;

namespace Ptoy.Vm.Tests.Contracts;

[TestFixture]
public sealed class GovernanceTests
{
    private static JsonElement Propose(Hospital h, string letter, long value = 5_000) =>
        h.World.Send(Hospital.Org(letter), "Governance", "propose", new { parameter = "storagePricePerMbMonth", value });

    private static string Vote(Hospital h, string letter, int id, bool approve) =>
        h.World.Send(Hospital.Org(letter), "Governance", "vote", id, approve).GetString()!;

    private static long Price(Hospital h) => h.World.View("", "Governance", "parameter", "storagePricePerMbMonth").GetInt64();

    [Test]
    public void A_quorum_of_hospitals_changes_a_parameter()
    {
        var h = new Hospital();
        int id = Propose(h, "A").GetInt32();
        Assert.That(Vote(h, "B", id, true), Is.EqualTo("open"));
        Assert.That(Price(h), Is.EqualTo(10_000));
        Assert.That(Vote(h, "C", id, true), Is.EqualTo("passed"));
        Assert.That(Price(h), Is.EqualTo(5_000));
        Assert.That(h.World.Refusal(Hospital.Org("D"), "Governance", "vote", id, true), Does.Contain("is passed"));
    }

    [Test]
    public void A_proposal_that_cannot_reach_the_quorum_is_rejected()
    {
        var h = new Hospital();
        int id = Propose(h, "A").GetInt32();
        Assert.That(Vote(h, "B", id, false), Is.EqualTo("open"));
        Assert.That(Vote(h, "C", id, false), Is.EqualTo("rejected"));
        Assert.That(Price(h), Is.EqualTo(10_000));
    }

    [Test]
    public void Votes_are_for_members_once_and_in_time()
    {
        var h = new Hospital();
        int id = Propose(h, "A").GetInt32();
        Assert.That(h.World.Refusal(Hospital.Org("A"), "Governance", "vote", id, true), Does.Contain("voted already"));
        Assert.That(h.World.Refusal(Hospital.Patient, "Governance", "vote", id, true), Does.Contain("only a member"));
        Assert.That(h.World.Refusal(Hospital.Org("B"), "Governance", "vote", 99, true), Does.Contain("no proposal 99"));
        Assert.That(h.World.Refusal(Hospital.Org("B"), "Governance", "vote", id, "yes"), Does.Contain("true or false"));
        h.World.TimeMs += 604_800_000;
        Assert.That(h.World.Refusal(Hospital.Org("B"), "Governance", "vote", id, true), Does.Contain("run out"));
    }

    [Test]
    public void Wrong_proposals_are_refused()
    {
        var h = new Hospital();
        string Refusal(string caller, object? proposal) => h.World.Refusal(caller, "Governance", "propose", proposal);
        Assert.Multiple(() =>
        {
            Assert.That(Refusal(Hospital.Patient, new { parameter = "maxBlockInterval", value = 1_000 }), Does.Contain("only a member"));
            Assert.That(Refusal(Hospital.Org("A"), null), Does.Contain("object"));
            Assert.That(Refusal(Hospital.Org("A"), new { parameter = "toString", value = 1 }), Does.Contain("no parameter of that name"));
            Assert.That(Refusal(Hospital.Org("A"), new { parameter = "maxBlockInterval", value = 1.5 }), Does.Contain("whole number"));
            Assert.That(Refusal(Hospital.Org("A"), new { parameter = "maxBlockInterval", value = 99 }), Does.Contain("from 100 to 60000"));
            Assert.That(Refusal(Hospital.Org("A"), new { addMember = Hospital.Org("D") }), Does.Contain("one of parameter, add"));
            Assert.That(Refusal(Hospital.Org("A"), new { remove = "1:00", suspend = "1:00" }), Does.Contain("one of parameter, add"));
        });
    }

    [Test]
    public void Quorums_are_those_of_the_protocol()
    {
        var h = new Hospital();
        int[] quorums = [.. new[] { 4, 5, 6, 7, 10 }.Select(n => h.World.View("", "Governance", "quorum", n).GetInt32())];
        Assert.That(quorums, Is.EqualTo(new[] { 3, 4, 4, 5, 7 }));
        Assert.That(h.World.View("", "Governance", "faulty").GetInt32(), Is.EqualTo(1));
    }

    [Test]
    public void Members_carry_their_nodes_accounts()
    {
        var h = new Hospital();
        JsonElement member = h.World.View("", "Governance", "member", Hospital.NodeKey("B"));
        Assert.That(member.GetProperty("nodeAccount").GetString(), Is.EqualTo(World.Account("node B")));
        Assert.That(member.GetProperty("organisation").GetString(), Is.EqualTo(Hospital.Org("B")));
        Assert.That(h.World.View("", "Governance", "members").GetArrayLength(), Is.EqualTo(4));
        Assert.That(h.World.View("", "Governance", "keyAuthority").GetString(), Is.EqualTo(Hospital.Authority));
    }

    [Test]
    public void Fewer_than_four_members_are_refused()
    {
        var world = new World();
        object[] members = [.. "ABC".Select(l => (object)new { nodeKey = Hospital.NodeKey(l.ToString()), organisation = Hospital.Org(l.ToString()), name = "H" })];
        Assert.That(world.Refusal("", "Governance", "init", new { members, keyAuthority = Hospital.Authority }), Does.Contain("4 to 64"));
    }
}
