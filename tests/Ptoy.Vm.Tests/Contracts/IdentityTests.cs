using System.Text.Json;
using NUnit.Framework;

namespace Ptoy.Vm.Tests.Contracts;

[TestFixture]
public sealed class IdentityTests
{
    private static object Facts(string name, string? person = null, string role = "patient") =>
        new { sealingKey = World.Sealing(name).ToString(), roles = new[] { role }, personCommitment = person is null ? null : World.Hex(person) };

    [Test]
    public void Only_the_key_authority_certifies()
    {
        var h = new Hospital();
        string message = h.World.Refusal(Hospital.Org("A"), "Identity", "certify", World.Account("new"), Facts("new"));
        Assert.That(message, Does.Contain("only the key authority"));
    }

    [Test]
    public void Init_is_refused_after_genesis()
    {
        var h = new Hospital();
        Assert.That(h.World.Refusal("", "Identity", "init", Hospital.Patient), Does.Contain("genesis"));
        Assert.That(h.World.Refusal(Hospital.Patient, "Identity", "init", Hospital.Patient), Does.Contain("genesis"));
    }

    [Test]
    public void A_certified_account_has_its_facts()
    {
        var h = new Hospital();
        h.World.Send(Hospital.Authority, "Identity", "certify", World.Account("new"), new
        {
            sealingKey = World.Sealing("new").ToString(), roles = new[] { "patient" }, signingKey = World.Key("new").Public.ToString(),
        });
        JsonElement of = h.World.View("", "Identity", "of", World.Account("new"));
        Assert.Multiple(() =>
        {
            Assert.That(of.GetProperty("active").GetBoolean(), Is.True);
            Assert.That(of.GetProperty("sealingKeyId").GetString(), Is.EqualTo(Protocol.Crypto.KeyId.Of(World.Sealing("new")).ToString()));
            Assert.That(of.GetProperty("certifiedAt").GetInt64(), Is.EqualTo(h.World.TimeMs));
            Assert.That(h.World.View("", "Identity", "hasRole", World.Account("new"), "patient").GetBoolean(), Is.True);
            Assert.That(h.World.View("", "Identity", "hasRole", World.Account("new"), "practitioner").GetBoolean(), Is.False);
            Assert.That(h.World.View("", "Identity", "of", World.Account("stranger")).ValueKind, Is.EqualTo(JsonValueKind.Null));
        });
    }

    [Test]
    public void A_second_live_key_of_the_same_person_is_refused_until_the_first_is_revoked()
    {
        var h = new Hospital();
        h.World.Send(Hospital.Authority, "Identity", "certify", World.Account("first"), Facts("first", "person"));
        string message = h.World.Refusal(Hospital.Authority, "Identity", "certify", World.Account("second"), Facts("second", "person"));
        Assert.That(message, Does.Contain("live key already"));
        h.World.Send(Hospital.Authority, "Identity", "revoke", World.Account("first"));
        h.World.Send(Hospital.Authority, "Identity", "certify", World.Account("second"), Facts("second", "person"));
        Assert.That(h.World.View("", "Identity", "isActive", World.Account("second")).GetBoolean(), Is.True);
        Assert.That(h.World.View("", "Identity", "isActive", World.Account("first")).GetBoolean(), Is.False);
    }

    [Test]
    public void Rotation_ends_the_old_key_and_names_its_successor()
    {
        var h = new Hospital();
        h.World.Send(Hospital.Authority, "Identity", "certify", World.Account("old"), Facts("old", "person"));
        h.World.Send(Hospital.Authority, "Identity", "rotate", World.Account("old"), World.Account("new"), new { sealingKey = World.Sealing("new").ToString() });
        Assert.Multiple(() =>
        {
            Assert.That(h.World.View("", "Identity", "isActive", World.Account("old")).GetBoolean(), Is.False);
            Assert.That(h.World.View("", "Identity", "successor", World.Account("old")).GetString(), Is.EqualTo(World.Account("new")));
            Assert.That(h.World.View("", "Identity", "hasRole", World.Account("new"), "patient").GetBoolean(), Is.True);
            Assert.That(h.World.Refusal(Hospital.Authority, "Identity", "certify", World.Account("third"), Facts("third", "person")), Does.Contain("live key already"));
            Assert.That(h.World.Refusal(Hospital.Authority, "Identity", "certify", World.Account("old"), Facts("old")), Does.Contain("replaced by another"));
        });
    }

    [TestCase("2:abc", "sealingKey")]
    [TestCase("1:0000000000000000000000000000000000000000000000000000000000000000", "sealingKey")]
    [TestCase("2:000000000000000000000000000000000000000000000000000000000000000g", "sealingKey")]
    [TestCase("2:00000000000000000000000000000000000000000000000000000000000000 0", "sealingKey")]
    [TestCase("2:000000000000000000000000000000000000000000000000000000000000000 ", "sealingKey")]
    [TestCase("2:AB00000000000000000000000000000000000000000000000000000000000000", "sealingKey")]
    public void A_malformed_sealing_key_is_refused(string key, string named)
    {
        var h = new Hospital();
        string message = h.World.Refusal(Hospital.Authority, "Identity", "certify", World.Account("new"), new { sealingKey = key, roles = new[] { "patient" } });
        Assert.That(message, Does.Contain(named));
    }

    [Test]
    public void Bad_facts_are_refused()
    {
        var h = new Hospital();
        string Certify(string account, object? facts) => h.World.Refusal(Hospital.Authority, "Identity", "certify", account, facts);
        string key = World.Sealing("new").ToString();
        string account = World.Account("new");
        Assert.Multiple(() =>
        {
            Assert.That(Certify("ptoy1nonsense", Facts("new")), Does.Contain("not a ptoy1 account"));
            Assert.That(Certify(account.ToUpperInvariant(), Facts("new")), Does.Contain("not a ptoy1 account"));
            Assert.That(Certify(account, null), Does.Contain("object"));
            Assert.That(Certify(account, new { sealingKey = key, roles = Array.Empty<string>() }), Does.Contain("roles"));
            Assert.That(Certify(account, new { sealingKey = key, roles = new[] { "emperor" } }), Does.Contain("not known"));
            Assert.That(Certify(account, new { sealingKey = key, roles = new[] { "patient", "organisation" } }), Does.Contain("cannot be a patient"));
            Assert.That(Certify(account, new { sealingKey = World.Sealing("patient").ToString(), roles = new[] { "patient" } }), Does.Contain("another account"));
            Assert.That(Certify(account, new { sealingKey = key, roles = new[] { "patient" }, signingKey = World.Key("other").Public.ToString() }),
                Does.Contain("does not belong"));
            Assert.That(Certify(account, new { sealingKey = key, roles = new[] { "patient" }, personCommitment = "Anna" }), Does.Contain("personCommitment"));
        });
    }

    [Test]
    public void Ownership_of_a_sealing_key_ends_with_certification_or_a_new_key()
    {
        var h = new Hospital();
        string id = Protocol.Crypto.KeyId.Of(World.Sealing("clinician")).ToString();
        Assert.That(h.World.View("", "Identity", "ownerOfKey", id).GetString(), Is.EqualTo(Hospital.Clinician));
        h.World.Send(Hospital.Authority, "Identity", "certify", Hospital.Clinician,
            new { sealingKey = World.Sealing("clinician 2").ToString(), roles = new[] { "practitioner" } });
        Assert.That(h.World.View("", "Identity", "ownerOfKey", id).ValueKind, Is.EqualTo(JsonValueKind.Null));
    }
}
