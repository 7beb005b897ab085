using System.Text.Json;
using NUnit.Framework;

namespace Ptoy.Vm.Tests.Contracts;

[TestFixture]
public sealed class ProviderTests
{
    private static string B => Hospital.OrgContract("B");

    private static object NewKey(string name) => new { publicKey = World.Sealing(name).ToString() };

    [Test]
    public void Only_the_organisation_manages_itself()
    {
        var h = new Hospital();
        foreach (string caller in new[] { Hospital.Clinician, Hospital.Org("A"), Hospital.Patient, "" })
        {
            Assert.That(h.World.Refusal(caller, B, "hire", Hospital.Connector, "clinician"), Does.Contain("only the organisation"));
            Assert.That(h.World.Refusal(caller, B, "dismiss", Hospital.Clinician), Does.Contain("only the organisation"));
            Assert.That(h.World.Refusal(caller, B, "setTeamKey", "clinician", NewKey("x")), Does.Contain("only the organisation"));
            Assert.That(h.World.Refusal(caller, B, "setSealingKey", World.Sealing("x").ToString()), Does.Contain("only the organisation"));
        }
    }

    [Test]
    public void It_is_set_up_once_by_a_certified_organisation()
    {
        var h = new Hospital();
        object facts = new { name = "Practice", sealingKey = World.Sealing("practice").ToString() };
        string practice = World.Account("practice");
        Assert.That(h.World.Refusal(practice, "Provider/" + practice, "create", facts), Does.Contain("not certified as an organisation"));
        Assert.That(h.World.Refusal(Hospital.Org("B"), B, "create", facts), Does.Contain("set up before"));
        h.Certify("practice", "organisation");
        Assert.That(h.World.Refusal(practice, "Provider/" + practice, "hire", Hospital.Clinician, "clinician"), Does.Contain("create first"));
        Assert.That(h.World.Refusal(practice, "Provider/" + practice, "create", new { name = "", sealingKey = "2:00" }), Does.Contain("name"));
        h.World.Send(practice, "Provider/" + practice, "create", facts);
        Assert.That(h.World.View("", "Provider/" + practice, "of").GetProperty("name").GetString(), Is.EqualTo("Practice"));
    }

    [Test]
    public void A_dismissed_employee_is_refused_at_once_and_the_team_key_waits_for_its_replacement()
    {
        var h = new Hospital();
        h.Grant(Hospital.Permit());
        Assert.That(h.Permits(), Is.True);
        h.World.Send(Hospital.Org("B"), B, "dismiss", Hospital.Clinician);
        Assert.That(h.Permits(), Is.False);
        Assert.That(h.World.View("", B, "isEmployee", Hospital.Clinician).GetBoolean(), Is.False);
        Assert.That(h.World.View("", B, "teamKey", "clinician").GetProperty("stale").GetBoolean(), Is.True);
        Assert.That(h.Recipients("medications"), Is.Empty, "nothing is sealed to a key that the dismissed employee holds");
        Assert.That(h.World.Send(Hospital.Org("B"), B, "setTeamKey", "clinician", NewKey("team B 2")).GetInt32(), Is.EqualTo(2));
        Assert.That(h.Recipients("medications"), Is.EqualTo(new[] { Protocol.Crypto.KeyId.Of(World.Sealing("team B 2")).ToString() }));
        Assert.That(h.World.Refusal(Hospital.Org("B"), B, "dismiss", Hospital.Clinician), Does.Contain("not an employee"));
    }

    [Test]
    public void Dismissal_and_new_team_key_go_in_one_step()
    {
        var h = new Hospital();
        h.World.Send(Hospital.Org("B"), B, "dismiss", Hospital.Clinician, NewKey("team B 2"));
        JsonElement key = h.World.View("", B, "teamKey", "clinician");
        Assert.That(key.GetProperty("version").GetInt32(), Is.EqualTo(2));
        Assert.That(key.GetProperty("stale").GetBoolean(), Is.False);
    }

    [Test]
    public void A_team_key_is_never_used_twice_and_its_id_must_be_its_own()
    {
        var h = new Hospital();
        Assert.That(h.World.Refusal(Hospital.Org("B"), B, "setTeamKey", "billing", NewKey("team B 1")), Does.Contain("make a new one"));
        h.World.Send(Hospital.Org("B"), B, "setTeamKey", "clinician", NewKey("team B 2"));
        Assert.That(h.World.Refusal(Hospital.Org("B"), B, "setTeamKey", "clinician", NewKey("team B 1")), Does.Contain("make a new one"));
        Assert.That(h.World.Refusal(Hospital.Org("B"), B, "setTeamKey", "clinician", new { publicKey = World.Sealing("t").ToString(), keyId = World.Hex("other") }),
            Does.Contain("does not belong"));
    }

    [TestCase("Clinician")]
    [TestCase("")]
    [TestCase("owner")]
    [TestCase("__proto__")]
    [TestCase("constructor")]
    [TestCase("head nurse")]
    public void Roles_have_a_plain_form(string role)
    {
        var h = new Hospital();
        Assert.That(h.World.Refusal(Hospital.Org("B"), B, "hire", Hospital.Connector, role), Does.Contain("a role is"));
    }

    [Test]
    public void Only_certified_accounts_are_hired()
    {
        var h = new Hospital();
        Assert.That(h.World.Refusal(Hospital.Org("B"), B, "hire", World.Account("stranger"), "clinician"), Does.Contain("not certified"));
        Assert.That(h.World.Refusal(Hospital.Org("B"), B, "hire", Hospital.Org("B"), "clinician"), Does.Contain("another ptoy1 account"));
    }

    [Test]
    public void An_employee_whose_key_is_revoked_is_none_any_more()
    {
        var h = new Hospital();
        h.World.Send(Hospital.Authority, "Identity", "revoke", Hospital.Clinician);
        Assert.That(h.World.View("", B, "isEmployee", Hospital.Clinician, "clinician").GetBoolean(), Is.False);
    }

    [Test]
    public void A_change_of_role_makes_the_old_roles_key_stale()
    {
        var h = new Hospital();
        h.World.Send(Hospital.Org("B"), B, "hire", Hospital.Clinician, "billing");
        Assert.That(h.World.View("", B, "roleOf", Hospital.Clinician).GetString(), Is.EqualTo("billing"));
        Assert.That(h.World.View("", B, "teamKey", "clinician").GetProperty("stale").GetBoolean(), Is.True);
        Assert.That(h.World.View("", B, "employees").GetArrayLength(), Is.EqualTo(1));
    }

    [Test]
    public void The_customer_list_follows_the_patients_grants_and_nobody_else_edits_it()
    {
        var h = new Hospital();
        string[] List() => [.. h.World.View(Hospital.Clinician, B, "customers").EnumerateArray().Select(e => e.GetString()!)];
        Assert.That(List(), Is.Empty);
        int first = h.Grant(Hospital.Permit()), second = h.Grant(Hospital.Permit(purpose: "HPAYMT"));
        Assert.That(List(), Is.EqualTo(new[] { Hospital.Patient }));
        foreach (string caller in new[] { Hospital.Org("B"), Hospital.Clinician, Hospital.Patient, "Records", "Patient/" + World.Account("other"), "" })
        {
            Assert.That(h.World.Refusal(caller, B, "removeCustomer", Hospital.Patient), Does.Contain("only the contract of the patient"));
            Assert.That(h.World.Refusal(caller, B, "addCustomer", World.Account("victim")), Does.Contain("only the contract of the patient"));
        }
        h.World.Send(Hospital.Patient, Hospital.PatientContract, "revoke", first);
        Assert.That(List(), Has.Length.EqualTo(1));
        h.World.Send(Hospital.Patient, Hospital.PatientContract, "revoke", second);
        Assert.That(List(), Is.Empty);
    }

    [Test]
    public void Removing_a_customer_keeps_the_others()
    {
        var h = new Hospital();
        string[] patients = [.. Enumerable.Range(0, 4).Select(i => World.Account($"customer {i}"))];
        foreach (string p in patients) h.World.Send("Patient/" + p, B, "addCustomer", p);
        h.World.Send("Patient/" + patients[1], B, "removeCustomer", patients[1]);
        h.World.Send("Patient/" + patients[3], B, "removeCustomer", patients[3]);
        string[] left = [.. h.World.View(Hospital.Org("B"), B, "customers").EnumerateArray().Select(e => e.GetString()!)];
        Assert.That(left, Is.EquivalentTo(new[] { patients[0], patients[2] }));
    }

    [Test]
    public void Strangers_do_not_see_the_customer_list()
    {
        var h = new Hospital();
        foreach (string caller in new[] { "", Hospital.Patient, Hospital.Connector })
        {
            string message = Assert.Throws<RefusedException>(() => h.World.View(caller, B, "customers"))!.Message;
            Assert.That(message, Does.Contain("for this organisation and its employees"));
        }
    }

    [Test]
    public void Records_of_the_organisation_are_decided_by_employment()
    {
        var h = new Hospital();
        bool Permits(string requester, string? org) => h.World.View("", B, "decide", new { requester, onBehalfOf = org, action = "read", purpose = "TREAT", tag = Hospital.Tag("x") })
            .GetProperty("permit").GetBoolean();
        Assert.Multiple(() =>
        {
            Assert.That(Permits(Hospital.Org("B"), null), Is.True);
            Assert.That(Permits(Hospital.Clinician, Hospital.Org("B")), Is.True);
            Assert.That(Permits(Hospital.Clinician, Hospital.Org("C")), Is.False);
            Assert.That(Permits(Hospital.Connector, Hospital.Org("A")), Is.False);
            Assert.That(Permits(Hospital.Patient, null), Is.False);
        });
    }
}
