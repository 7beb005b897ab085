using System.Text.Json;
using NUnit.Framework;
using Ptoy.Protocol;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Wire;

namespace Ptoy.Vm.Tests.Contracts;

[TestFixture]
public sealed class ConductTests
{
    private static string Node(string letter) => World.Account("node " + letter);

    private static void Absent(Hospital h, string reporter, string node) => h.World.Send(Node(reporter), "Conduct", "reportAbsent", 0, Hospital.NodeKey(node));

    private static string[] Marked(Hospital h) => [.. h.World.View("", "Conduct", "absent").EnumerateArray().Select(k => k.GetString()!)];

    /// <summary>Plans an epoch by changing a parameter of consensus, and tells who takes turns in it.</summary>
    private static int[] NextOrder(Hospital h)
    {
        int id = h.World.Send(Hospital.Org("A"), "Governance", "propose", new { parameter = "tenure", value = 77 }).GetInt32();
        foreach (string letter in new[] { "B", "C" }) h.World.Send(Hospital.Org(letter), "Governance", "vote", id, true);
        return [.. h.World.View("", "Governance", "next").GetProperty("order").EnumerateArray().Select(i => i.GetInt32())];
    }

    [Test]
    public void A_node_that_more_than_f_miss_takes_no_turn_from_the_next_epoch_on()
    {
        var h = new Hospital();
        Absent(h, "A", "C");
        Absent(h, "A", "C");
        Assert.That(Marked(h), Is.Empty);
        Absent(h, "B", "C");
        Assert.That(Marked(h), Is.EqualTo(new[] { Hospital.NodeKey("C") }));
        Assert.That(NextOrder(h), Is.EqualTo(new[] { 0, 1, 3 }));
    }

    [Test]
    public void At_most_f_are_left_out_and_who_is_back_is_taken_in_again()
    {
        var h = new Hospital();
        foreach (string node in new[] { "C", "D" })
        {
            Absent(h, "A", node);
            Absent(h, "B", node);
        }
        Assert.That(NextOrder(h), Is.EqualTo(new[] { 0, 1, 3 }), "f = 1");
        foreach (string reporter in new[] { "A", "D" }) h.World.Send(Node(reporter), "Conduct", "reportPresent", 0, Hospital.NodeKey("C"));
        Assert.That(Marked(h), Is.EqualTo(new[] { Hospital.NodeKey("D") }));
        JsonElement order = h.World.View("", "Governance", "next").GetProperty("order");
        Assert.That(order.EnumerateArray().Select(i => i.GetInt32()), Is.EqualTo(new[] { 0, 1, 2 }), "the planned epoch follows");
    }

    [Test]
    public void A_mark_plans_an_epoch_of_its_own_where_governance_wants_that()
    {
        var h = new Hospital();
        int id = h.World.Send(Hospital.Org("A"), "Governance", "propose", new { parameter = "exclusionInterval", value = 100 }).GetInt32();
        foreach (string letter in new[] { "B", "C" }) h.World.Send(Hospital.Org(letter), "Governance", "vote", id, true);
        Absent(h, "A", "C");
        Absent(h, "B", "C");
        Assert.That(h.World.State("Governance", "next"), Is.EqualTo("null"), "the last epoch began just now");
        h.World.Height = 200;
        foreach (string reporter in new[] { "A", "B" }) h.World.Send(Node(reporter), "Conduct", "reportPresent", 0, Hospital.NodeKey("C"));
        Assert.That(h.World.State("Governance", "next"), Does.Contain("\"barrier\":328"));
    }

    [Test]
    public void Reports_are_for_member_nodes_about_members_in_the_epoch_in_force()
    {
        var h = new Hospital();
        string Refusal(string caller, int epoch, string node) => h.World.Refusal(caller, "Conduct", "reportAbsent", epoch, node);
        Assert.That(Refusal(Hospital.Org("A"), 0, Hospital.NodeKey("C")), Does.Contain("only a member node"));
        Assert.That(Refusal(Node("A"), 1, Hospital.NodeKey("C")), Does.Contain("not the epoch in force"));
        Assert.That(Refusal(Node("A"), 0, Hospital.NodeKey("X")), Does.Contain("not a member's"));
        Assert.That(h.World.Refusal(Node("A"), "Governance", "reorder"), Does.Contain("only Conduct"));
    }

    private static object Vote(string node, string block, ulong height, ulong view = 200, string phase = "commit", ulong epoch = 0)
    {
        var statement = new VoteStatement(World.ChainId, epoch, view, height, Hash.Parse(World.Hex(block)));
        return new { blockHash = World.Hex(block), signature = Convert.ToHexStringLower(World.Key("node " + node).Sign($"ptoy/{phase}/v1", Codec.Encode(statement)).Bytes) };
    }

    private static object Proof(object first, object second, ulong height, string node = "C", string phase = "commit", ulong view = 200) =>
        new { nodeKey = Hospital.NodeKey(node), phase, epoch = 0, view, height, first, second };

    [Test]
    public void Two_votes_for_different_blocks_are_evidence([Values(1UL, 127UL, 128UL, 255UL, 256UL, 65_535UL, 65_536UL, 4_294_967_295UL, 4_294_967_296UL, 9_007_199_254_740_991UL)] ulong height)
    {
        var h = new Hospital();
        h.World.Send(Hospital.Patient, "Conduct", "accuse", Proof(Vote("C", "one", height), Vote("C", "two", height), height));
        JsonElement evidence = h.World.View("", "Conduct", "evidence", Hospital.NodeKey("C"));
        Assert.That(evidence.GetProperty("height").GetUInt64(), Is.EqualTo(height));
        Assert.That(h.World.Refusal(Hospital.Patient, "Conduct", "accuse", Proof(Vote("C", "one", height), Vote("C", "two", height), height)), Does.Contain("already"));
    }

    [Test]
    public void What_is_no_contradiction_is_refused()
    {
        var h = new Hospital();
        string Refusal(object proof) => h.World.Refusal(Hospital.Org("A"), "Conduct", "accuse", proof);
        object one = Vote("C", "one", 7), two = Vote("C", "two", 7);
        Assert.Multiple(() =>
        {
            Assert.That(Refusal(Proof(one, one, 7)), Does.Contain("the same block"));
            Assert.That(Refusal(Proof(one, two, 8)), Does.Contain("not of this node"), "another height than was signed");
            Assert.That(Refusal(Proof(one, Vote("D", "two", 7), 7)), Does.Contain("not of this node"));
            Assert.That(Refusal(Proof(one, Vote("C", "two", 7, view: 201), 7)), Does.Contain("not of this node"));
            Assert.That(Refusal(Proof(one, Vote("C", "two", 7, phase: "prepare"), 7)), Does.Contain("not of this node"));
            Assert.That(Refusal(Proof(one, two, 7, phase: "execution")), Does.Contain("prepare or commit"));
            Assert.That(Refusal(Proof(Vote("X", "one", 7), Vote("X", "two", 7), 7, node: "X")), Does.Contain("not a member's"));
            Assert.That(Refusal(Proof(new { blockHash = "zz", signature = "" }, two, 7)), Does.Contain("64 hexadecimal"));
        });
    }
}
