using System.Text.Json;
using NUnit.Framework;

namespace Ptoy.Vm.Tests.Contracts;

[TestFixture]
public sealed class AuditAndDirectoryTests
{
    private static object Segment(string node, long segment, long count = 10) =>
        new { node = Hospital.NodeKey(node), segment, count, root = World.Hex("root"), head = World.Hex("head") };

    [Test]
    public void A_node_anchors_its_own_log_in_increasing_segments()
    {
        var h = new Hospital();
        string node = World.Account("node A");
        h.World.Send(node, "Audit", "anchor", Segment("A", 0));
        Assert.That(h.World.Refusal(node, "Audit", "anchor", Segment("A", 0)), Does.Contain("not after the latest"));
        h.World.Send(node, "Audit", "anchor", Segment("A", 1));
        JsonElement latest = h.World.View("", "Audit", "latest", Hospital.NodeKey("A"));
        Assert.That(latest.GetProperty("segment").GetInt64(), Is.EqualTo(1));
        Assert.That(latest.GetProperty("root").GetString(), Is.EqualTo(World.Hex("root")));
        Assert.That(h.World.View("", "Audit", "segment", Hospital.NodeKey("A"), 0).GetProperty("count").GetInt64(), Is.EqualTo(10));
        Assert.That(h.World.View("", "Audit", "latest", Hospital.NodeKey("B")).ValueKind, Is.EqualTo(JsonValueKind.Null));
    }

    [Test]
    public void Nobody_anchors_for_another_node()
    {
        var h = new Hospital();
        Assert.That(h.World.Refusal(World.Account("node B"), "Audit", "anchor", Segment("A", 0)), Does.Contain("only the node itself"));
        Assert.That(h.World.Refusal(Hospital.Org("A"), "Audit", "anchor", Segment("A", 0)), Does.Contain("only the node itself"));
        Assert.That(h.World.Refusal(World.Account("node X"), "Audit", "anchor", Segment("X", 0)), Does.Contain("not the key of a member"));
        Assert.That(h.World.Refusal(World.Account("node A"), "Audit", "anchor", Segment("A", -1)), Does.Contain("segment"));
        Assert.That(h.World.Refusal(World.Account("node A"), "Audit", "anchor", Segment("A", 0, 0)), Does.Contain("count"));
    }

    [Test]
    public void Organisations_publish_replace_and_withdraw_their_entry()
    {
        var h = new Hospital();
        object entry = new { name = "Hospital A", kind = "hospital", endpoints = new[] { "https://a.example" } };
        h.World.Send(Hospital.Org("A"), "Directory", "publish", entry);
        h.World.Send(Hospital.Org("B"), "Directory", "publish", entry);
        h.World.Send(Hospital.Org("A"), "Directory", "publish", new { name = "Hospital A+", kind = "hospital", endpoints = Array.Empty<string>() });
        JsonElement list = h.World.View("", "Directory", "list");
        Assert.That(list.EnumerateArray().Select(e => e.GetProperty("name").GetString()), Is.EqualTo(new[] { "Hospital A+", "Hospital A" }));
        h.World.Send(Hospital.Org("A"), "Directory", "withdraw");
        Assert.That(h.World.View("", "Directory", "list").GetArrayLength(), Is.EqualTo(1));
        Assert.That(h.World.View("", "Directory", "get", Hospital.Org("A")).ValueKind, Is.EqualTo(JsonValueKind.Null));
        Assert.That(h.World.Refusal(Hospital.Org("A"), "Directory", "withdraw"), Does.Contain("no entry"));
    }

    [Test]
    public void Patients_and_malformed_entries_are_refused()
    {
        var h = new Hospital();
        string Refusal(string caller, string name = "A", string kind = "hospital", string url = "https://a.example") =>
            h.World.Refusal(caller, "Directory", "publish", new { name, kind, endpoints = new[] { url } });
        Assert.That(Refusal(Hospital.Patient), Does.Contain("only certified organisations"));
        Assert.That(Refusal(Hospital.Org("A"), name: ""), Does.Contain("name"));
        Assert.That(Refusal(Hospital.Org("A"), kind: "castle"), Does.Contain("kind"));
        Assert.That(Refusal(Hospital.Org("A"), url: "ftp://a.example"), Does.Contain("endpoints"));
    }
}
