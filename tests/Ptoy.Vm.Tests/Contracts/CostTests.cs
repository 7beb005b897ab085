using NUnit.Framework;

namespace Ptoy.Vm.Tests.Contracts;

/// <summary>What the calls that decide throughput cost. Gas is bounded; the microseconds of processor time (the best batch) are
/// printed only.</summary>
[TestFixture]
public sealed class CostTests
{
    private const int Batches = 5;
    private const int Rounds = 100;

    private static void Measure(string what, ulong mostGas, Func<Hospital> start, Func<Hospital, int, ulong> step)
    {
        ulong gas = 0;
        double micros = VmThread.Run(() => Enumerable.Range(0, Batches).Min(_ =>
        {
            Hospital h = start();
            TimeSpan begin = Environment.CpuUsage.TotalTime;
            for (int i = 0; i < Rounds; i++) gas = step(h, i);
            return (Environment.CpuUsage.TotalTime - begin).TotalMicroseconds / Rounds;
        }));
        TestContext.Out.WriteLine($"{what}: {gas} gas, {micros:F0} µs of processor time");
        Assert.That(gas, Is.LessThanOrEqualTo(mostGas));
    }

    [Test]
    public void A_transfer_is_cheap() => Measure("Token.transfer", 6_000, () => new Hospital(),
        (h, _) =>
        {
            h.World.Send(Hospital.Patient, "Token", "transfer", Hospital.Clinician, "1");
            return h.World.LastGas;
        });

    [Test]
    public void A_first_grant_is_cheap() => Measure("Patient.grant, first to a hospital", 30_000, () => new Hospital(),
        (h, _) => OnCopy(h, copy => copy.Send(Hospital.Patient, Hospital.PatientContract, "grant", Hospital.Permit())));

    [Test]
    public void A_later_grant_to_the_same_hospital_is_one_frame() => Measure("Patient.grant, later", 25_000, Granted,
        (h, _) => OnCopy(h, copy => copy.Send(Hospital.Patient, Hospital.PatientContract, "grant", Hospital.Permit())));

    [Test]
    public void A_decision_is_cheap() => Measure("Patient.decide", 20_000, Granted, (h, _) =>
    {
        h.Decide();
        return h.World.LastGas;
    });

    [Test]
    public void A_registration_is_affordable() => Measure("Records.register", 150_000, Granted, (h, i) =>
    {
        h.World.Send(Hospital.Connector, "Records", "register", h.Visit($"visit {i}", 1_000));
        return h.World.LastGas;
    });

    [Test]
    public void A_whole_vault_fits_one_transactions_gas()
    {
        var h = new Hospital();
        h.Certify("other", "patient");
        string other = World.Account("other");
        Dictionary<string, string>[] sets = [.. Enumerable.Range(0, 64).Select(e =>
            Enumerable.Range(0, 20).ToDictionary(t => World.Hex($"tag {t}"), t => World.Sealing($"{e} {t}").ToString()))];
        h.World.Send(other, "Patient/" + other, "create", new { vaultKeys = sets[..32] });
        TestContext.Out.WriteLine($"Patient.create with 32 epochs of 20 keys: {h.World.LastGas} gas");
        Assert.That(h.World.LastGas, Is.LessThan(VmLimits.DefaultGas));
    }

    // Each round from the same state, so that lists do not grow.
    private static ulong OnCopy(Hospital h, Action<World> step)
    {
        World copy = h.World.Copy();
        step(copy);
        return copy.LastGas;
    }

    private static Hospital Granted()
    {
        var h = new Hospital();
        h.Grant(Hospital.Permit());
        return h;
    }
}
