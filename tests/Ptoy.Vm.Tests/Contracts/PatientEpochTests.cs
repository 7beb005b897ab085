using CsCheck;
using NUnit.Framework;

namespace Ptoy.Vm.Tests.Contracts;

/// <summary>How epochs move: by revocation, and by time alone.</summary>
[TestFixture]
public sealed class PatientEpochTests
{
    private static void Revoke(Hospital h, int id) => h.World.Send(Hospital.Patient, Hospital.PatientContract, "revoke", id);

    [Test]
    public void Expiry_advances_the_epoch_with_nobody_online()
    {
        var h = new Hospital();
        long now = h.World.TimeMs;
        h.Grant(Hospital.Permit(end: now + 1_000));
        h.Grant(Hospital.Permit("C", end: now + 3_000));
        string before = h.World.State(Hospital.PatientContract, "meta")!;
        int[] epochs = [.. new[] { 0, 999, 1_000, 2_999, 3_000, 90_000 }.Select(t => { h.World.TimeMs = now + t; return h.Epoch; })];
        Assert.That(epochs, Is.EqualTo(new[] { 0, 0, 1, 1, 2, 2 }));
        Assert.That(h.World.State(Hospital.PatientContract, "meta"), Is.EqualTo(before), "views wrote nothing");
        Assert.That(h.Recipients("medications"), Is.Empty);
    }

    [Test]
    public void The_next_write_uses_the_advanced_epoch_and_makes_it_definite()
    {
        var h = new Hospital();
        h.Grant(Hospital.Permit(end: h.World.TimeMs + 1_000));
        object[] old = h.Visit("too late");
        h.World.TimeMs += 1_000;
        Assert.That(h.World.Refusal(Hospital.Connector, "Records", "register", old), Does.Contain("epoch 0 is retired; the current epoch is 1"));
        h.World.Send(Hospital.Connector, "Records", "register", h.Visit("in time"));
        Assert.That(h.World.State(Hospital.PatientContract, "meta"), Does.StartWith("{\"epoch\":1,"));
        Assert.That(h.World.EventsNamed("epoch"), Is.EqualTo(1));
        Assert.That(h.World.View(Hospital.Org("B"), Hospital.OrgContract("B"), "customers").GetArrayLength(), Is.Zero);
    }

    [Test]
    public void Ends_at_the_same_instant_advance_once()
    {
        var h = new Hospital();
        long end = h.World.TimeMs + 1_000;
        int first = h.Grant(Hospital.Permit(end: end));
        h.Grant(Hospital.Permit("C", end: end));
        h.World.TimeMs = end;
        Assert.That(h.Epoch, Is.EqualTo(1));
        Assert.That(h.World.Refusal(Hospital.Patient, Hospital.PatientContract, "revoke", first), Does.Contain("no provision"));
    }

    [Test]
    public void A_revoked_provision_does_not_advance_a_second_time_at_its_end()
    {
        var h = new Hospital();
        int id = h.Grant(Hospital.Permit(end: h.World.TimeMs + 1_000));
        Revoke(h, id);
        h.World.TimeMs += 5_000;
        Assert.That(h.Epoch, Is.EqualTo(1));
    }

    [Test]
    public void The_beginning_of_a_deny_advances_the_epoch_and_its_end_does_not()
    {
        var h = new Hospital();
        long now = h.World.TimeMs;
        h.Grant(Hospital.Permit());
        h.Grant(Hospital.Deny(new { organisation = Hospital.Org("B") }, start: now + 1_000, end: now + 2_000));
        Assert.That(h.Permits(), Is.True);
        h.World.TimeMs = now + 1_000;
        Assert.That(h.Epoch, Is.EqualTo(1));
        Assert.That(h.Permits(), Is.False);
        Assert.That(h.Recipients("medications"), Is.Empty);
        h.World.TimeMs = now + 2_000;
        Assert.That(h.Epoch, Is.EqualTo(1));
        Assert.That(h.Permits(), Is.True);
        h.Grant(Hospital.Deny(new { organisation = Hospital.Org("B") }));
        Assert.That(h.Epoch, Is.EqualTo(2), "a deny in force at once closes the epoch at once");
    }

    [Test]
    public void A_permit_that_had_not_begun_is_revoked_without_a_new_epoch()
    {
        var h = new Hospital();
        int id = h.Grant(Hospital.Permit(start: h.World.TimeMs + 1_000));
        Revoke(h, id);
        Assert.That(h.Epoch, Is.Zero);
    }

    [Test]
    public void The_epoch_stays_at_the_last_published_and_moves_again_after_more_keys()
    {
        var h = new Hospital();
        h.Certify("other", "patient");
        string other = World.Account("other"), contract = "Patient/" + other;
        h.World.Send(other, contract, "create", new { vaultKeys = Hospital.VaultKeys(0, 2) });
        Assert.That(h.World.Send(other, contract, "advanceEpoch").GetInt32(), Is.EqualTo(1));
        Assert.That(h.World.Refusal(other, contract, "advanceEpoch"), Does.Contain("publish more keys"));
        int id = h.World.Send(other, contract, "grant", Hospital.Permit()).GetInt32();
        Assert.That(h.World.Send(other, contract, "revoke", id).GetInt32(), Is.EqualTo(1), "revocation is never refused");
        h.World.Send(other, contract, "publishKeys", 2, Hospital.VaultKeys(2, 1));
        Assert.That(h.World.Send(other, contract, "advanceEpoch").GetInt32(), Is.EqualTo(2));
    }

    [Test]
    public void Over_random_grants_and_revocations_the_epoch_never_falls()
    {
        Gen.Select(Gen.Int[0, 3], Gen.Int[1, 6]).Array[1, 12].Sample(steps =>
        {
            var h = new Hospital();
            var live = new List<int>();
            int epoch = 0;
            foreach ((int what, int amount) in steps)
            {
                if (what == 0) live.Add(h.Grant(Hospital.Permit("BCD"[amount % 3].ToString(), end: h.World.TimeMs + amount * 100)));
                if (what == 1) live.Add(h.Grant(Hospital.Permit(amount % 2 == 0 ? "B" : "C")));
                if (what == 2 && live.Count > 0)
                {
                    try { Revoke(h, live[amount % live.Count]); }
                    catch (RefusedException e) when (e.Message.StartsWith("there is no provision", StringComparison.Ordinal)) { }
                }
                Assert.That(h.Epoch, Is.GreaterThanOrEqualTo(epoch));
                epoch = h.Epoch;
                h.World.TimeMs += amount * 70;
                Assert.That(h.Epoch, Is.GreaterThanOrEqualTo(epoch));
                epoch = h.Epoch;
            }
        }, iter: 100, threads: 1);
    }
}
