using System.Text.Json;
using NUnit.Framework;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Vm.Tests.Contracts;

[TestFixture]
public sealed class RecordsTests
{
    private static string Refused(Hospital h, string author, object[] arguments) => h.World.Refusal(author, "Records", "register", arguments);

    private static string Id(string name) => KeyId.Of(World.Sealing(name)).ToString();

    [Test]
    public void A_hospital_registers_a_visit_while_the_patient_is_away()
    {
        var h = new Hospital();
        h.Grant(Hospital.Permit());
        h.World.Send(Hospital.Connector, "Records", "register", h.Visit("visit"));
        JsonElement manifest = h.World.View("", "Records", "manifest", World.Hex("visit"));
        Assert.Multiple(() =>
        {
            Assert.That(manifest.GetProperty("owner").GetString(), Is.EqualTo(Hospital.Patient));
            Assert.That(manifest.GetProperty("author").GetString(), Is.EqualTo(Hospital.Connector));
            Assert.That(manifest.GetProperty("onBehalfOf").GetString(), Is.EqualTo(Hospital.Org("A")));
            Assert.That(manifest.GetProperty("count").GetInt32(), Is.EqualTo(3));
            Assert.That(manifest.GetProperty("nodes").GetArrayLength(), Is.EqualTo(3));
            Assert.That(h.World.View("", "Records", "ofOwner", Hospital.Patient).GetArrayLength(), Is.EqualTo(1));
            Assert.That(h.World.EventsNamed("registered"), Is.EqualTo(1));
        });
        Assert.That(Refused(h, Hospital.Connector, h.Visit("visit")), Does.Contain("registered already"));
    }

    [Test]
    public void A_quorum_of_genuine_receipts_is_needed()
    {
        var h = new Hospital();
        Assert.That(Refused(h, Hospital.Connector, h.Visit("v", nodes: "AB")), Does.Contain("2 storage receipts, fewer than the 3 needed"));
        Assert.That(Refused(h, Hospital.Connector, h.Visit("v", nodes: "AAB")), Does.Contain("same node"));
        Assert.That(Refused(h, Hospital.Connector, h.Visit("v", nodes: "ABX")), Does.Contain("not from a member"));
        object[] forged = h.Visit("v");
        forged[2] = Hospital.Receipts(World.Hex("v"), Hospital.Patient, 4_999, 3, "ABC", Hospital.Facts(forged[1]));
        Assert.That(Refused(h, Hospital.Connector, forged), Does.Contain("signature of a storage receipt is wrong"));
        object[] elsewhere = h.Visit("v");
        elsewhere[2] = Hospital.Receipts(World.Hex("v"), World.Account("other"), 5_000, 3, "ABC", Hospital.Facts(elsewhere[1]));
        Assert.That(Refused(h, Hospital.Connector, elsewhere), Does.Contain("signature of a storage receipt is wrong"));
        h.World.Send(Hospital.Connector, "Records", "register", h.Visit("v", nodes: "ABCD"));
    }

    [Test]
    public void Tags_and_recipients_are_those_that_the_members_saw()
    {
        var h = new Hospital();
        object[] seen = h.Visit("v", tag: "encounters");
        object[] told = h.Visit("v", tag: "medications");
        told[2] = seen[2];
        Assert.That(Refused(h, Hospital.Connector, told), Does.Contain("signature of a storage receipt is wrong"));
        h.World.Send(Hospital.Connector, "Records", "register", seen);
    }

    [Test]
    public void Under_replicated_records_say_so_until_a_quorum_holds_them()
    {
        var h = new Hospital();
        Assert.That(Refused(h, Hospital.Connector, h.Visit("v", nodes: "A", underReplicated: true)), Does.Contain("fewer than the 2 needed"));
        object[] visit = h.Visit("v", nodes: "AB", underReplicated: true);
        h.World.Send(Hospital.Connector, "Records", "register", visit);
        object[] Signed(string nodes) => Hospital.Receipts(World.Hex("v"), Hospital.Patient, 5_000, 3, nodes, Hospital.Facts(visit[1]));
        string root = World.Hex("v");
        bool Under() => h.World.View("", "Records", "manifest", root).GetProperty("underReplicated").GetBoolean();
        Assert.That(Under(), Is.True);
        Assert.That(h.World.Refusal(Hospital.Org("C"), "Records", "repaired", root, Signed("AB")), Does.Contain("fewer than the 3"));
        h.World.Send(Hospital.Org("C"), "Records", "repaired", root, Signed("ABC"));
        Assert.That(Under(), Is.False);
    }

    [Test]
    public void Authors_without_a_write_permit_are_refused()
    {
        var h = new Hospital();
        h.Grant(Hospital.Permit());
        object[] visit = h.Visit("v");
        object[] For(string? org) => [visit[0], visit[1], visit[2], org!];
        Assert.Multiple(() =>
        {
            Assert.That(Refused(h, Hospital.Clinician, For(Hospital.Org("B"))), Does.Contain("not permitted to write"));
            Assert.That(Refused(h, Hospital.Clinician, For(Hospital.Org("A"))), Does.Contain("not an active employee"));
            Assert.That(Refused(h, Hospital.Connector, For(null)), Does.Contain("not permitted to write"));
            Assert.That(Refused(h, World.Account("stranger"), For(null)), Does.Contain("not certified"));
            Assert.That(Refused(h, "Patient/" + Hospital.Patient, For(null)), Does.Contain("the author is an account"));
        });
        h.World.Send(Hospital.Org("A"), Hospital.OrgContract("A"), "dismiss", Hospital.Connector);
        Assert.That(Refused(h, Hospital.Connector, visit), Does.Contain("not an active employee"));
    }

    [Test]
    public void The_wrap_to_the_vault_may_not_be_missing()
    {
        var h = new Hospital();
        h.Grant(Hospital.Permit());
        object[] noWraps = [.. Hospital.Manifest(Hospital.Patient, "v", 0, [], ["medications"]), Hospital.Org("A")];
        Assert.That(Refused(h, Hospital.Connector, noWraps), Does.Contain("vault"));
        object[] wrongEpoch = [.. Hospital.Manifest(Hospital.Patient, "v", 0, [Hospital.Wrap(Hospital.Tag("medications"), Id("vault 1 medications"))], ["medications"]), Hospital.Org("A")];
        Assert.That(Refused(h, Hospital.Connector, wrongEpoch), Does.Contain("vault"));
        object[] unknownTag = [.. Hospital.Manifest(Hospital.Patient, "v", 0, [], ["tarot"]), Hospital.Org("A")];
        Assert.That(Refused(h, Hospital.Connector, unknownTag), Does.Contain("not one of this vault"));
    }

    [Test]
    public void A_retired_epoch_team_key_or_recipient_is_refused()
    {
        var h = new Hospital();
        int id = h.Grant(Hospital.Permit());
        object[] prepared = h.Visit("v");
        h.World.Send(Hospital.Org("B"), Hospital.OrgContract("B"), "setTeamKey", "clinician", new { publicKey = World.Sealing("team B 2").ToString() });
        Assert.That(Refused(h, Hospital.Connector, prepared), Does.Contain("team key of role clinician").And.Contain("retired"));
        object[] second = h.Visit("v");
        h.World.Send(Hospital.Patient, Hospital.PatientContract, "revoke", id);
        Assert.That(Refused(h, Hospital.Connector, second), Does.Contain("epoch 0 is retired; the current epoch is 1"));
        object withRevoked = Hospital.Wrap(Hospital.Tag("medications"), Id("team B 2"));
        object[] third = [.. Hospital.Manifest(Hospital.Patient, "v", 1, [.. h.Wraps(Hospital.PatientContract, "medications"), withRevoked], ["medications"]), Hospital.Org("A")];
        Assert.That(Refused(h, Hospital.Connector, third), Does.Contain("not the current key of anyone permitted"));
        h.World.Send(Hospital.Connector, "Records", "register", h.Visit("v"));
    }

    [Test]
    public void A_grantee_of_another_tag_is_no_recipient()
    {
        var h = new Hospital();
        h.Grant(Hospital.Permit());
        string tag = Hospital.Tag("encounters");
        object[] visit = [.. Hospital.Manifest(Hospital.Patient, "v", 0, [Hospital.Wrap(tag, Id("vault 0 encounters")), Hospital.Wrap(tag, Id("team B 1"))], ["encounters"]), Hospital.Org("A")];
        Assert.That(Refused(h, Hospital.Connector, visit), Does.Contain("not the current key"));
    }

    [Test]
    public void Only_the_patient_writes_letters_and_they_need_no_vault_wrap()
    {
        var h = new Hospital();
        h.Grant(Hospital.Permit());
        object[] letter = Hospital.Manifest(Hospital.Patient, "letter", 0, [Hospital.Wrap(Hospital.Tag(Hospital.Letter), Id("team B 1"))], [Hospital.Letter]);
        Assert.That(Refused(h, Hospital.Connector, [.. letter, Hospital.Org("A")]), Does.Contain("only the patient writes letters"));
        h.World.Send(Hospital.Patient, "Records", "register", letter);
    }

    [Test]
    public void Custody_is_kept_by_employees_and_retired_after_resealing()
    {
        var h = new Hospital();
        object[] custody = [.. Hospital.Manifest(Hospital.Org("A"), "custody", 0, h.Wraps(Hospital.OrgContract("A"), "x"), ["x"]), Hospital.Org("A")];
        Assert.That(Refused(h, Hospital.Clinician, custody), Does.Contain("not an active employee"));
        object[] noKey = [.. Hospital.Manifest(Hospital.Org("A"), "custody", 0, [], ["x"]), Hospital.Org("A")];
        Assert.That(Refused(h, Hospital.Connector, noKey), Does.Contain("nobody could open"));
        object[] stranger = [.. Hospital.Manifest(Hospital.Org("A"), "custody", 0, [Hospital.Wrap(Hospital.Tag("x"), Id("clinician"))], ["x"]), Hospital.Org("A")];
        Assert.That(Refused(h, Hospital.Connector, stranger), Does.Contain("not a current key"));
        h.World.Send(Hospital.Connector, "Records", "register", custody);
        string root = World.Hex("custody");
        Assert.That(h.World.Refusal(Hospital.Clinician, "Records", "retire", root), Does.Contain("only the owner"));
        h.World.Send(Hospital.Connector, "Records", "retire", root);
        Assert.That(h.World.View("", "Records", "manifest", root).GetProperty("retired").GetBoolean(), Is.True);
        Assert.That(h.World.Refusal(Hospital.Connector, "Records", "retire", root), Does.Contain("is retired"));
    }

    [Test]
    public void A_team_letter_is_sealed_to_active_employees()
    {
        var h = new Hospital();
        object[] Letter(string to) => Hospital.Manifest(Hospital.Org("B"), "team " + to, 0, [Hospital.Wrap(Hospital.Tag(Hospital.Letter), Id(to))], [Hospital.Letter]);
        h.World.Send(Hospital.Org("B"), "Records", "register", Letter("clinician"));
        Assert.That(Refused(h, Hospital.Org("B"), Letter("connector")), Does.Contain("not a current key"));
    }

    [Test]
    public void A_hospital_cannot_retire_a_patients_records()
    {
        var h = new Hospital();
        h.World.Send(Hospital.Connector, "Records", "register", h.Visit("v"));
        Assert.That(h.World.Refusal(Hospital.Connector, "Records", "retire", World.Hex("v")), Does.Contain("only the owner"));
        Assert.That(h.World.Refusal(Hospital.Org("A"), "Records", "retire", World.Hex("v")), Does.Contain("only the owner"));
        h.World.Send(Hospital.Patient, "Records", "retire", World.Hex("v"));
        Assert.That(h.World.View("", "Token", "quota", Hospital.Patient).GetProperty("freeUsed").GetInt64(), Is.Zero);
    }

    [Test]
    public void Later_wraps_are_for_permitted_recipients_only()
    {
        var h = new Hospital();
        h.World.Send(Hospital.Connector, "Records", "register", h.Visit("v"));
        object Added(string key, string tag = "medications") => new { recipients = new[] { Hospital.Wrap(Hospital.Tag(tag), Id(key)) }, commitment = World.Hex("salted") };
        string Refusal(string caller, object added) => h.World.Refusal(caller, "Records", "addWraps", World.Hex("v"), added);
        Assert.That(Refusal(Hospital.Patient, Added("team B 1")), Does.Contain("not the current key"));
        h.Grant(Hospital.Permit());
        Assert.That(Refusal(Hospital.Connector, Added("team B 1")), Does.Contain("only the owner"));
        Assert.That(Refusal(Hospital.Patient, Added("team B 1", "encounters")), Does.Contain("not one of the manifest"));
        Assert.That(Refusal(Hospital.Patient, new { recipients = Array.Empty<object>(), commitment = World.Hex("salted") }), Does.Contain("one or more"));
        Assert.That(Refusal(Hospital.Patient, new { recipients = Array.Empty<object>(), commitment = "medications" }), Does.Contain("commitment"));
        h.World.Send(Hospital.Patient, "Records", "addWraps", World.Hex("v"), Added("team B 1"));
        Assert.That(h.World.View("", "Records", "wraps", World.Hex("v")).GetArrayLength(), Is.EqualTo(1));
    }

    [TestCase(0, 3, 0, "bytes")]
    [TestCase(5_000, 0, 0, "count")]
    [TestCase(5_000, 1_001, 0, "count")]
    [TestCase(5_000, 3, -1, "epoch")]
    [TestCase(5_000, 3, 64, "epoch")]
    public void Malformed_manifests_are_refused(long bytes, int count, int epoch, string named)
    {
        var h = new Hospital();
        object[] arguments = [.. Hospital.Manifest(Hospital.Patient, "v", epoch, [], ["medications"], bytes, count), Hospital.Org("A")];
        Assert.That(Refused(h, Hospital.Connector, arguments), Does.Contain(named));
    }

    [Test]
    public void Names_of_compartments_are_refused_as_tags()
    {
        var h = new Hospital();
        object manifest = new { root = World.Hex("v"), bytes = 1, count = 1, epoch = 0, tags = new[] { "MedicationRequest" }, recipients = Array.Empty<object>() };
        Assert.That(Refused(h, Hospital.Connector, [Hospital.Patient, manifest, Array.Empty<object>()]), Does.Contain("a tag is 64 hexadecimal digits"));
    }

    [Test]
    public void Uploads_over_quota_are_refused_until_storage_is_bought()
    {
        var h = new Hospital();
        h.World.Send(Hospital.Connector, "Records", "register", h.Visit("v1", bytes: 9_999_999));
        Assert.That(Refused(h, Hospital.Connector, h.Visit("v2", bytes: 2)), Does.Contain("over quota: 2 bytes are needed and 1 are left"));
        h.World.Send(Hospital.Patient, "Token", "buyStorage", Hospital.Patient, 5, 1);
        h.World.Send(Hospital.Connector, "Records", "register", h.Visit("v2", bytes: 2));
        JsonElement quota = h.World.View("", "Token", "quota", Hospital.Patient);
        Assert.That(quota.GetProperty("freeUsed").GetInt64(), Is.EqualTo(10_000_000));
        Assert.That(quota.GetProperty("paidUsed").GetInt64(), Is.EqualTo(1));
    }

    [Test]
    public void A_full_page_of_manifests_fits_an_answer()
    {
        var h = new Hospital();
        string[] tags = ["medications", "encounters", "conditions"];
        for (int i = 0; i < 201; i++)
        {
            object[] visit = [.. Hospital.Manifest(Hospital.Patient, $"v{i}", 0, h.Wraps(Hospital.PatientContract, tags), tags, 10), Hospital.Org("A")];
            h.World.Send(Hospital.Connector, "Records", "register", visit);
        }
        JsonElement Page(int from) => h.World.View("", "Records", "ofOwner", Hospital.Patient, from, 200);
        Assert.That(Page(0).GetArrayLength(), Is.EqualTo(200));
        Assert.That(Page(200)[0].GetProperty("root").GetString(), Is.EqualTo(World.Hex("v200")));
    }
}
