using System.Text.Json;
using NUnit.Framework;

namespace Ptoy.Vm.Tests.Contracts;

[TestFixture]
public sealed class MembershipTests
{
    private const int Window = 128;

    private static object Endpoint(int port = 29_000) => new { host = "node.example", votePort = port, bulkPort = port + 1, rpc = "https://node.example" };

    private static Hospital WithFifth()
    {
        var h = new Hospital();
        h.Certify("hospital E", "organisation");
        h.World.Height = 10;
        return h;
    }

    private static object Fifth(string letter = "E") =>
        new { nodeKey = Hospital.NodeKey(letter), organisation = Hospital.Org("E"), name = "Hospital E", endpoint = Endpoint() };

    private static int Propose(Hospital h, object proposal, string letter = "A") => h.World.Send(Hospital.Org(letter), "Governance", "propose", proposal).GetInt32();

    private static string Pass(Hospital h, object proposal)
    {
        int id = Propose(h, proposal);
        string outcome = "open";
        foreach (string letter in new[] { "B", "C", "D", "E" })
        {
            if (outcome == "open") outcome = h.World.Send(Hospital.Org(letter), "Governance", "vote", id, true).GetString()!;
        }
        return outcome;
    }

    private static string ChainHash(int height) => World.Hex($"chain {height}");

    private static string Node(string letter) => World.Account("node " + letter);

    private static void Follow(Hospital h, string letter, string members = "AB", int back = 3)
    {
        int height = (int)h.World.Height - back;
        h.World.Send(Node(letter), "Governance", "following", height, ChainHash(height));
        foreach (char member in members) h.World.Send(Node(member.ToString()), "Governance", "confirm", Hospital.NodeKey(letter), height, ChainHash(height));
    }

    private static void Activate(Hospital h)
    {
        h.World.Height = h.World.View("", "Governance", "next").GetProperty("barrier").GetUInt64();
        h.World.Send("", "Governance", "activate");
    }

    private static string[] Keys(Hospital h, string view = "members") =>
        [.. h.World.View("", "Governance", view).EnumerateArray().Select(m => m.GetProperty("nodeKey").GetString()!)];

    private static string[] KeysOf(string letters) => [.. letters.Select(l => Hospital.NodeKey(l.ToString()))];

    private static int[] Order(Hospital h) => [.. h.World.View("", "Governance", "epoch").GetProperty("order").EnumerateArray().Select(i => i.GetInt32())];

    [Test]
    public void A_fifth_hospital_is_a_candidate_until_it_is_seen_to_follow_and_a_member_after_the_barrier()
    {
        Hospital h = WithFifth();
        Assert.That(Pass(h, new { add = Fifth() }), Is.EqualTo("passed"));
        Assert.That(Keys(h, "candidates"), Is.EqualTo(KeysOf("E")));
        Assert.That(h.World.State("Governance", "next"), Is.EqualTo("null"));
        h.World.Height = 20;
        Follow(h, "E");
        Assert.That(h.World.View("", "Governance", "next").GetProperty("barrier").GetInt32(), Is.EqualTo(20 + Window));
        Assert.That(Keys(h), Is.EqualTo(KeysOf("ABCD")));
        Activate(h);
        Assert.That(Keys(h), Is.EqualTo(KeysOf("ABCDE")));
        JsonElement epoch = h.World.View("", "Governance", "epoch");
        Assert.That((epoch.GetProperty("epoch").GetInt32(), epoch.GetProperty("first").GetInt32()), Is.EqualTo((1, 21 + Window)));
        Assert.That(Order(h), Is.EqualTo(new[] { 0, 1, 2, 3, 4 }));
        Assert.That(Keys(h, "candidates"), Is.Empty);
        Assert.That(h.World.View("", "Governance", "quorum").GetInt32(), Is.EqualTo(4));
    }

    [Test]
    public void One_member_alone_cannot_confirm_and_a_claim_is_recent_and_the_candidates_own()
    {
        Hospital h = WithFifth();
        Pass(h, new { add = Fifth() });
        h.World.Height = 2_000;
        string Refusal(string caller, string method, params object[] args) => h.World.Refusal(caller, "Governance", method, args);
        Assert.That(Refusal(Node("A"), "following", 1_990, ChainHash(1)), Does.Contain("only a candidate"));
        Assert.That(Refusal(Node("E"), "following", 2_000, ChainHash(1)), Does.Contain("last 1000"));
        Assert.That(Refusal(Node("E"), "following", 999, ChainHash(1)), Does.Contain("last 1000"));
        Assert.That(Refusal(Node("E"), "following", 1_990, "zz"), Does.Contain("64 hexadecimal"));
        h.World.Send(Node("E"), "Governance", "following", 1_990, ChainHash(1));
        Assert.That(Refusal(Node("A"), "confirm", Hospital.NodeKey("E"), 1_990, ChainHash(2)), Does.Contain("not what the candidate claims"));
        Assert.That(Refusal(Hospital.Org("A"), "confirm", Hospital.NodeKey("E"), 1_990, ChainHash(1)), Does.Contain("only a member node"));
        for (int i = 0; i < 3; i++) h.World.Send(Node("A"), "Governance", "confirm", Hospital.NodeKey("E"), 1_990, ChainHash(1));
        Assert.That(h.World.State("Governance", "next"), Is.EqualTo("null"));
        h.World.Send(Node("C"), "Governance", "confirm", Hospital.NodeKey("E"), 1_990, ChainHash(1));
        Assert.That(h.World.State("Governance", "next"), Does.Contain("\"barrier\":2128"));
    }

    [Test]
    public void A_new_claim_needs_confirmations_of_its_own()
    {
        Hospital h = WithFifth();
        Pass(h, new { add = Fifth() });
        h.World.Height = 50;
        Follow(h, "E", "A");
        h.World.Height = 60;
        Follow(h, "E", "B");
        Assert.That(h.World.State("Governance", "next"), Is.EqualTo("null"));
    }

    [Test]
    public void A_member_is_removed_at_the_barrier_and_never_below_four()
    {
        Hospital h = WithFifth();
        Assert.That(h.World.Refusal(Hospital.Org("A"), "Governance", "propose", new { remove = Hospital.NodeKey("D") }), Does.Contain("fewer than 4"));
        Assert.That(h.World.Refusal(Hospital.Org("A"), "Governance", "propose", new { suspend = Hospital.NodeKey("D") }), Does.Contain("fewer than 4"));
        Pass(h, new { add = Fifth() });
        Follow(h, "E");
        Activate(h);
        Assert.That(Pass(h, new { remove = Hospital.NodeKey("B") }), Is.EqualTo("passed"));
        Assert.That(h.World.Refusal(Hospital.Org("A"), "Governance", "propose", new { remove = Hospital.NodeKey("C") }), Does.Contain("fewer than 4"), "what is planned counts");
        Assert.That(h.World.Send(Hospital.Org("B"), "Governance", "propose", new { parameter = "tenure", value = 20 }).GetInt32(), Is.GreaterThan(0), "a member until the barrier");
        Activate(h);
        Assert.That(Keys(h), Is.EqualTo(KeysOf("ACDE")));
        Assert.That(h.World.Refusal(Hospital.Org("B"), "Governance", "propose", new { parameter = "tenure", value = 20 }), Does.Contain("only a member"));
        Assert.That(h.World.View("", "Governance", "epoch").GetProperty("epoch").GetInt32(), Is.EqualTo(2));
    }

    [Test]
    public void A_wiped_node_comes_back_with_a_new_key_in_the_same_place()
    {
        Hospital h = WithFifth();
        Assert.That(Pass(h, new { rotate = new { nodeKey = Hospital.NodeKey("C"), newKey = Hospital.NodeKey("C again") } }), Is.EqualTo("passed"));
        Follow(h, "C again");
        Activate(h);
        string again = Hospital.NodeKey("C again");
        Assert.That(Keys(h), Is.EqualTo(new[] { Hospital.NodeKey("A"), Hospital.NodeKey("B"), again, Hospital.NodeKey("D") }));
        JsonElement member = h.World.View("", "Governance", "member", again);
        Assert.That(member.GetProperty("organisation").GetString(), Is.EqualTo(Hospital.Org("C")));
        Assert.That(member.GetProperty("nodeAccount").GetString(), Is.EqualTo(Node("C again")));
    }

    [Test]
    public void Changes_that_pass_before_the_barrier_join_it_and_leave_its_height()
    {
        Hospital h = WithFifth();
        Pass(h, new { add = Fifth() });
        Follow(h, "E");
        h.World.Height = 50;
        Pass(h, new { suspend = Hospital.NodeKey("A") });
        Pass(h, new { parameter = "maxBlockInterval", value = 700 });
        Assert.That(h.World.View("", "Governance", "next").GetProperty("barrier").GetInt32(), Is.EqualTo(10 + Window));
        Assert.That(h.World.View("", "Governance", "parameter", "maxBlockInterval").GetInt32(), Is.EqualTo(5_000));
        Activate(h);
        Assert.That(Keys(h), Is.EqualTo(KeysOf("BCDE")));
        Assert.That(Keys(h, "suspended"), Is.EqualTo(KeysOf("A")));
        Assert.That(h.World.View("", "Governance", "parameter", "maxBlockInterval").GetInt32(), Is.EqualTo(700));
    }

    [Test]
    public void Only_the_chain_itself_activates_and_only_at_the_barrier()
    {
        Hospital h = WithFifth();
        Assert.That(h.World.Refusal("", "Governance", "activate"), Does.Contain("at the barrier"));
        Pass(h, new { parameter = "tenure", value = 50 });
        Assert.That(h.World.Refusal("", "Governance", "activate"), Does.Contain("at the barrier"));
        h.World.Height = 10 + Window;
        Assert.That(h.World.Refusal(Hospital.Org("A"), "Governance", "activate"), Does.Contain("the chain itself"));
        h.World.Send("", "Governance", "activate");
        Assert.That(h.World.View("", "Governance", "parameter", "tenure").GetInt32(), Is.EqualTo(50));
    }

    [Test]
    public void Wrong_changes_are_refused()
    {
        Hospital h = WithFifth();
        string Refusal(object proposal) => h.World.Refusal(Hospital.Org("A"), "Governance", "propose", proposal);
        object Add(string node = "E", string org = "E", object? endpoint = null) =>
            new { add = new { nodeKey = Hospital.NodeKey(node), organisation = Hospital.Org(org), name = "X", endpoint = endpoint ?? Endpoint() } };
        Assert.Multiple(() =>
        {
            Assert.That(Refusal(Add("A")), Does.Contain("in use"));
            Assert.That(Refusal(Add(org: "F")), Does.Contain("not certified"));
            Assert.That(Refusal(Add(endpoint: new { host = "", votePort = 1, bulkPort = 2 })), Does.Contain("host"));
            Assert.That(Refusal(Add(endpoint: new { host = "h", votePort = 0, bulkPort = 2 })), Does.Contain("1 to 65535"));
            Assert.That(Refusal(Add(endpoint: new { host = "h", votePort = 1, bulkPort = 2, rpc = "ftp://x" })), Does.Contain("http or https"));
            Assert.That(Refusal(new { rotate = new { nodeKey = Hospital.NodeKey("X"), newKey = Hospital.NodeKey("Y") } }), Does.Contain("not a member's"));
            Assert.That(Refusal(new { rotate = new { nodeKey = Hospital.NodeKey("A"), newKey = Hospital.NodeKey("B") } }), Does.Contain("in use"));
            Assert.That(Refusal(new { remove = Hospital.NodeKey("X") }), Does.Contain("no such member"));
            Assert.That(Refusal(new { add = 5 }), Is.Not.Empty);
        });
    }

    [Test]
    public void A_proposal_that_cannot_be_carried_out_any_more_is_void_when_it_passes()
    {
        Hospital h = WithFifth();
        int twice = Propose(h, new { add = Fifth() }, "D");
        Pass(h, new { add = Fifth() });
        h.World.Send(Hospital.Org("A"), "Governance", "vote", twice, true);
        Assert.That(h.World.Send(Hospital.Org("B"), "Governance", "vote", twice, true).GetString(), Is.EqualTo("void"));
        Assert.That(h.World.View("", "Governance", "proposal", twice).GetProperty("note").GetString(), Does.Contain("in use"));
        Assert.That(Keys(h, "candidates"), Has.Length.EqualTo(1));
        Assert.That(h.World.View("", "Governance", "proposals").EnumerateArray().Select(p => p.GetProperty("id").GetInt32()), Is.EqualTo(new[] { twice + 1, twice }));
    }

    [Test]
    public void A_candidate_can_be_turned_away_and_an_organisation_moves_its_own_node()
    {
        Hospital h = WithFifth();
        Pass(h, new { add = Fifth() });
        h.World.Send(Hospital.Org("E"), "Governance", "setEndpoint", Hospital.NodeKey("E"), Endpoint(31_000));
        Assert.That(h.World.State("Governance", "candidates"), Does.Contain("31000"));
        Assert.That(h.World.Refusal(Hospital.Org("A"), "Governance", "setEndpoint", Hospital.NodeKey("B"), Endpoint()), Does.Contain("no such node"));
        Assert.That(Pass(h, new { remove = Hospital.NodeKey("E") }), Is.EqualTo("passed"));
        Assert.That(Keys(h, "candidates"), Is.Empty);
        Assert.That(h.World.State("Governance", "next"), Is.EqualTo("null"));
    }
}
