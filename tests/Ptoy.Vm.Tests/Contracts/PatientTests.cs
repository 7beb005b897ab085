using System.Text.Json;
using NUnit.Framework;

namespace Ptoy.Vm.Tests.Contracts;

/// <summary>Provisions and decisions.</summary>
[TestFixture]
public sealed class PatientTests
{
    private static string Refused(Hospital h, object? provision) => h.World.Refusal(Hospital.Patient, Hospital.PatientContract, "grant", provision);

    [Test]
    public void What_nothing_permits_is_denied_and_the_owner_always_reads()
    {
        var h = new Hospital();
        Assert.That(h.Permits(), Is.False);
        Assert.That(h.Permits(Hospital.Patient, null, purpose: "PATRQT"), Is.True);
    }

    [Test]
    public void A_permit_covers_its_tags_purposes_actions_and_organisation_only()
    {
        var h = new Hospital();
        h.Grant(Hospital.Permit());
        Assert.Multiple(() =>
        {
            Assert.That(h.Permits(), Is.True);
            Assert.That(h.Permits(tag: "encounters"), Is.False);
            Assert.That(h.Permits(purpose: "HRESCH"), Is.False);
            Assert.That(h.Permits(action: "write"), Is.False);
            Assert.That(h.Permits(World.Account("stranger")), Is.False);
            Assert.That(h.Permits(org: "C"), Is.False);
            Assert.That(h.Permits(org: null), Is.False);
            Assert.That(h.Permits(Hospital.Connector), Is.False, "an employee of another organisation");
            Assert.That(h.Permits(Hospital.Connector, "A"), Is.False, "an organisation without the permit");
            Assert.That(h.Permits(purpose: "CURIOSITY"), Is.False);
        });
    }

    [Test]
    public void A_role_narrows_a_permit()
    {
        var h = new Hospital();
        h.Certify("clerk", "practitioner");
        h.World.Send(Hospital.Org("B"), Hospital.OrgContract("B"), "hire", World.Account("clerk"), "billing");
        h.Grant(Hospital.Permit(role: "clinician"));
        Assert.That(h.Permits(), Is.True);
        Assert.That(h.Permits(World.Account("clerk")), Is.False);
    }

    [Test]
    public void Deny_beats_permit_whatever_their_order()
    {
        foreach (bool denyFirst in new[] { false, true })
        {
            var h = new Hospital();
            object deny = Hospital.Deny(new { person = Hospital.Clinician });
            if (denyFirst) h.Grant(deny);
            h.Grant(Hospital.Permit());
            if (!denyFirst) h.Grant(deny);
            Assert.That(h.Decide().GetProperty("reason").GetString(), Does.StartWith("denied by provision"));
        }
    }

    [Test]
    public void A_deny_for_one_purpose_leaves_the_others()
    {
        var h = new Hospital();
        h.Grant(new { type = "permit", actor = new { organisation = Hospital.Org("B") }, actions = new[] { "read" }, purposes = new[] { "TREAT", "HRESCH" }, tags = "all" });
        h.Grant(Hospital.Deny(new { organisation = Hospital.Org("B") }, purposes: ["HRESCH"]));
        Assert.That(h.Permits(), Is.True);
        Assert.That(h.Permits(purpose: "HRESCH"), Is.False);
        Assert.That(h.Recipients("medications"), Has.Length.EqualTo(1));
    }

    [Test]
    public void Revoked_is_denied_at_once_and_no_recipient()
    {
        var h = new Hospital();
        int id = h.Grant(Hospital.Permit());
        Assert.That(h.Recipients("medications"), Is.EqualTo(new[] { Protocol.Crypto.KeyId.Of(World.Sealing("team B 1")).ToString() }));
        Assert.That(h.Recipients("encounters"), Is.Empty);
        int before = h.Epoch;
        Assert.That(h.World.Send(Hospital.Patient, Hospital.PatientContract, "revoke", id).GetInt32(), Is.EqualTo(before + 1));
        Assert.That(h.Permits(), Is.False);
        Assert.That(h.Recipients("medications"), Is.Empty);
        Assert.That(h.World.Refusal(Hospital.Patient, Hospital.PatientContract, "revoke", id), Does.Contain("no provision"));
    }

    [Test]
    public void A_deny_takes_recipients_away()
    {
        var h = new Hospital();
        h.Grant(Hospital.Permit(tags: "all"));
        h.Grant(Hospital.Deny(new { organisation = Hospital.Org("B"), role = "clinician" }, tags: new[] { Hospital.Tag("conditions") }));
        Assert.That(h.Recipients("medications"), Has.Length.EqualTo(1));
        Assert.That(h.Recipients("conditions"), Is.Empty);
    }

    [Test]
    public void A_permission_ends_at_the_later_clock_and_begins_at_the_earlier()
    {
        var h = new Hospital();
        long now = h.World.TimeMs;
        h.Grant(Hospital.Permit(start: now + 1_000, end: now + 2_000));
        Assert.That(h.Decide().GetProperty("until").GetInt64(), Is.EqualTo(now + 1_000));
        Assert.That(h.Permits(time: now + 1_500), Is.False, "block time is before the beginning");
        h.World.TimeMs = now + 1_500;
        Assert.That(h.Decide().GetProperty("until").GetInt64(), Is.EqualTo(now + 2_000));
        Assert.That(h.Permits(), Is.True);
        Assert.That(h.Permits(time: now + 2_000), Is.False, "the asker's clock is at the end");
        h.World.TimeMs = now + 2_000;
        Assert.That(h.Permits(time: now + 1_500), Is.False, "block time is at the end");
    }

    [Test]
    public void A_permitted_person_is_decided_by_its_own_key_and_sealed_to_by_it()
    {
        var h = new Hospital();
        h.Grant(new { type = "permit", actor = new { person = Hospital.Clinician }, actions = new[] { "read" }, purposes = new[] { "TREAT" }, tags = "all" });
        Assert.That(h.Permits(org: null), Is.True);
        Assert.That(h.Recipients("medications"), Is.EqualTo(new[] { Protocol.Crypto.KeyId.Of(World.Sealing("clinician")).ToString() }));
        h.World.Send(Hospital.Authority, "Identity", "revoke", Hospital.Clinician);
        Assert.That(h.Permits(org: null), Is.False);
        Assert.That(h.Recipients("medications"), Is.Empty);
    }

    [Test]
    public void Letters_are_read_by_whom_any_permit_names()
    {
        var h = new Hospital();
        Assert.That(h.Permits(tag: Hospital.Letter), Is.False);
        h.Grant(Hospital.Permit(action: "write"));
        Assert.That(h.Permits(tag: Hospital.Letter), Is.True);
        Assert.That(h.Permits(action: "write", tag: Hospital.Letter), Is.False);
        h.Grant(Hospital.Deny(new { organisation = Hospital.Org("B") }));
        Assert.That(h.Permits(tag: Hospital.Letter), Is.False);
    }

    [Test]
    public void Only_the_owner_and_delegates_manage_provisions()
    {
        var h = new Hospital();
        Assert.That(h.World.Refusal(Hospital.Org("B"), Hospital.PatientContract, "grant", Hospital.Permit()), Does.Contain("only the patient"));
        Assert.That(h.World.Refusal(Hospital.Org("A"), Hospital.PatientContract, "revoke", 1), Does.Contain("only the patient"));
        h.Certify("daughter", "guardian");
        string daughter = World.Account("daughter");
        h.World.Send(Hospital.Patient, Hospital.PatientContract, "appoint", daughter, h.World.TimeMs + 1_000);
        h.World.Send(daughter, Hospital.PatientContract, "grant", Hospital.Permit());
        Assert.That(h.Permits(daughter, null), Is.True);
        Assert.That(h.Recipients("conditions"), Is.EqualTo(new[] { Protocol.Crypto.KeyId.Of(World.Sealing("daughter")).ToString() }));
        h.World.TimeMs += 1_000;
        Assert.That(h.Epoch, Is.EqualTo(1), "the end of a delegation closes the epoch with nobody online");
        Assert.That(h.Permits(daughter, null), Is.False);
        Assert.That(h.World.Refusal(daughter, Hospital.PatientContract, "grant", Hospital.Permit()), Does.Contain("only the patient"));
    }

    [Test]
    public void Provisions_are_shown_to_the_owner_and_to_whom_they_concern()
    {
        var h = new Hospital();
        h.Grant(Hospital.Permit());
        int Shown(string caller, params object[] arguments) => h.World.View(caller, Hospital.PatientContract, "provisions", arguments).GetArrayLength();
        Assert.Multiple(() =>
        {
            Assert.That(Shown(Hospital.Patient), Is.EqualTo(2));
            Assert.That(Shown(Hospital.Org("B")), Is.EqualTo(1));
            Assert.That(Shown(Hospital.Clinician, Hospital.Org("B")), Is.EqualTo(1));
            Assert.That(Shown(Hospital.Clinician), Is.Zero);
            Assert.That(Shown(World.Account("stranger"), Hospital.Org("B")), Is.Zero);
            Assert.That(Shown(""), Is.Zero);
        });
    }

    [Test]
    public void Malformed_provisions_are_refused_by_member()
    {
        var h = new Hospital();
        object actor = new { organisation = Hospital.Org("B") };
        string[] read = ["read"], treat = ["TREAT"];
        Assert.Multiple(() =>
        {
            Assert.That(Refused(h, null), Does.Contain("object"));
            Assert.That(Refused(h, new { type = "maybe", actor, actions = read, purposes = treat, tags = "all" }), Does.Contain("type"));
            Assert.That(Refused(h, new { type = "permit", actor, actions = new[] { "own" }, purposes = treat, tags = "all" }), Does.Contain("actions"));
            Assert.That(Refused(h, new { type = "permit", actor, actions = read, purposes = Array.Empty<string>(), tags = "all" }), Does.Contain("purposes"));
            Assert.That(Refused(h, new { type = "permit", actor, actions = read, purposes = new[] { "FUN" }, tags = "all" }), Does.Contain("purposes"));
            Assert.That(Refused(h, new { type = "permit", actor, actions = read, purposes = treat, tags = new[] { "medications" } }), Does.Contain("tags"));
            Assert.That(Refused(h, new { type = "permit", actor, actions = read, purposes = treat, tags = "some" }), Does.Contain("tags"));
            Assert.That(Refused(h, new { type = "permit", actor = new { }, actions = read, purposes = treat, tags = "all" }), Does.Contain("actor"));
            Assert.That(Refused(h, new { type = "permit", actor = new { person = Hospital.Patient }, actions = read, purposes = treat, tags = "all" }), Does.Contain("patient"));
            Assert.That(Refused(h, Hospital.Permit(end: h.World.TimeMs)), Does.Contain("period.end"));
            Assert.That(Refused(h, Hospital.Permit(start: h.World.TimeMs + 10, end: h.World.TimeMs + 5)), Does.Contain("period.end"));
            Assert.That(Refused(h, new { type = "permit", actor = new { organisation = World.Account("nobody") }, actions = read, purposes = treat, tags = "all" }),
                Does.Contain("not set up"));
        });
    }

    [Test]
    public void Provisions_that_do_not_fit_one_answer_come_in_parts()
    {
        var h = new Hospital();
        string[] tags = [.. Enumerable.Range(0, 64).Select(i => World.Hex($"tag {i}"))];
        foreach (string letter in new[] { "B", "C" })
        {
            for (int i = 0; i < 10; i++) h.Grant(Hospital.Permit(letter, tags: tags));
        }
        var ids = new List<int>();
        int answers = 0;
        for (JsonElement part; (part = h.World.View(Hospital.Patient, Hospital.PatientContract, "provisions", null, ids.Count)).GetArrayLength() > 0; answers++)
        {
            ids.AddRange(part.EnumerateArray().Select(p => p.GetProperty("id").GetInt32()));
        }
        Assert.That(answers, Is.GreaterThan(1));
        Assert.That(ids, Is.EquivalentTo(Enumerable.Range(1, 21)));
    }

    [Test]
    public void At_most_64_provisions_are_in_force_for_one_actor()
    {
        var h = new Hospital();
        for (int i = 0; i < 64; i++) h.Grant(Hospital.Permit());
        Assert.That(Refused(h, Hospital.Permit()), Does.Contain("at most 64"));
    }

    /// <summary>The widest spread: every actor there may be, hospital A with its one among them. What is kept of them still fits a state value.</summary>
    [Test]
    public void At_most_2048_provisions_are_in_force_in_all()
    {
        var h = new Hospital();
        string[] actors = [.. Enumerable.Range(1, 255).Select(i => World.Account($"stranger {i}"))];
        for (int i = 1; i < 2_048; i++) h.Grant(Hospital.Deny(new { organisation = actors[i % actors.Length] }));
        object more = Hospital.Deny(new { organisation = actors[0] });
        Assert.That(Refused(h, more), Does.Contain("at most 2048"));
        h.World.Send(Hospital.Patient, Hospital.PatientContract, "revoke", 7);
        Assert.That(() => h.Grant(more), Throws.Nothing);
    }

    [Test]
    public void A_vault_is_created_once_by_a_certified_patient_with_well_formed_keys()
    {
        var h = new Hospital();
        string other = World.Account("other"), contract = "Patient/" + other;
        object setup = new { vaultKeys = Hospital.VaultKeys(0, 2) };
        Assert.That(h.World.Refusal(other, contract, "create", setup), Does.Contain("not certified as a patient"));
        h.Certify("other", "patient");
        Assert.That(h.World.Refusal(Hospital.Patient, contract, "create", setup), Does.Contain("only the patient"));
        Assert.That(h.World.Refusal(other, contract, "create", new { vaultKeys = Array.Empty<object>() }), Does.Contain("key sets"));
        Assert.That(h.World.Refusal(other, contract, "create", new { vaultKeys = new[] { new Dictionary<string, string> { ["medications"] = "2:00" } } }), Does.Contain("tag"));
        Assert.That(h.World.Refusal(other, contract, "create", new { vaultKeys = new[] { new Dictionary<string, string> { [Hospital.Tag("x")] = "2:00" } } }), Does.Contain("vault key"));
        h.World.Send(other, contract, "create", setup);
        Assert.That(h.World.Refusal(other, contract, "create", setup), Does.Contain("created before"));
        Assert.That(h.World.Refusal(other, contract, "publishKeys", 5, Hospital.VaultKeys(5, 1)), Does.Contain("first unpublished epoch is 2"));
        Assert.That(h.World.Refusal(other, contract, "publishKeys", 2, Hospital.VaultKeys(2, 63)), Does.Contain("64 epochs"));
        Assert.That(h.World.Send(other, contract, "publishKeys", 2, Hospital.VaultKeys(2, 62)).GetInt32(), Is.EqualTo(64));
        JsonElement keys = h.World.View("", contract, "vaultKeys", 63);
        Assert.That(keys.GetProperty(Hospital.Tag("medications")).GetString(), Is.EqualTo(World.Sealing("vault 63 medications").ToString()));
    }
}
