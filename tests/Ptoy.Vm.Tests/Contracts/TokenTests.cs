using System.Text.Json;
using NUnit.Framework;

namespace Ptoy.Vm.Tests.Contracts;

[TestFixture]
public sealed class TokenTests
{
    public const long Supply = 100_000_000_000_000;

    private static string Balance(Hospital h, string account) => h.World.View("", "Token", "balanceOf", account).GetString()!;

    [Test]
    public void A_transfer_moves_exactly_the_amount()
    {
        var h = new Hospital();
        string to = World.Account("shop");
        h.World.Send(Hospital.Patient, "Token", "transfer", to, "1234567");
        Assert.That(Balance(h, to), Is.EqualTo("1234567"));
        Assert.That(Balance(h, Hospital.Patient), Is.EqualTo("39999998765433"));
        h.World.Send(to, "Token", "transfer", to, "1234567");
        Assert.That(Balance(h, to), Is.EqualTo("1234567"), "a transfer to oneself changes nothing");
        Assert.That(h.World.EventsNamed("transfer"), Is.EqualTo(2));
    }

    [TestCase("-1")]
    [TestCase("0")]
    [TestCase("")]
    [TestCase("1.5")]
    [TestCase("1.0")]
    [TestCase("01")]
    [TestCase(" 1")]
    [TestCase("1 ")]
    [TestCase("+1")]
    [TestCase("1e3")]
    [TestCase("0x10")]
    [TestCase("1_000")]
    [TestCase("NaN")]
    [TestCase("Infinity")]
    [TestCase("9007199254740992")]
    [TestCase("9007199254740993")]
    [TestCase("99999999999999999999999")]
    [TestCase(5)]
    [TestCase(null)]
    [TestCase(true)]
    public void Amounts_that_are_not_whole_canonical_and_in_range_are_refused(object? amount)
    {
        var h = new Hospital();
        Assert.That(h.World.Refusal(Hospital.Patient, "Token", "transfer", World.Account("shop"), amount), Does.Contain("an amount is a decimal string"));
    }

    [Test]
    public void Objects_that_read_like_amounts_are_refused()
    {
        var h = new Hospital();
        Assert.That(h.World.Refusal(Hospital.Patient, "Token", "transfer", World.Account("shop"), (object)new[] { "5" }), Does.Contain("an amount is"));
    }

    [Test]
    public void More_than_the_balance_and_wrong_receivers_are_refused()
    {
        var h = new Hospital();
        Assert.That(h.World.Refusal(World.Account("poor"), "Token", "transfer", Hospital.Patient, "1"), Does.Contain("the balance is 0"));
        Assert.That(h.World.Refusal(Hospital.Patient, "Token", "transfer", Hospital.Patient, "40000000000001"), Does.Contain("the balance is 40000000000000"));
        string account = World.Account("shop");
        string typo = account[..^1] + (account[^1] == 'q' ? 'p' : 'q');
        foreach (string bad in new[] { typo, account.ToUpperInvariant(), "Records", "", "ptoy1", account + "q" })
        {
            Assert.That(h.World.Refusal(Hospital.Patient, "Token", "transfer", bad, "1"), Does.Contain("not a ptoy1 account"), bad);
        }
    }

    [Test]
    public void The_supply_is_allotted_once_and_whole()
    {
        var world = new World();
        string a = World.Account("a"), b = World.Account("b");
        string Refusal(params object[] allotments) => world.Refusal("", "Token", "init", (object)allotments);
        Assert.That(Refusal(new { account = a, amount = "99999999999999" }), Does.Contain("not to 100000000000000"));
        Assert.That(Refusal(new { account = a, amount = "100000000000000" }, new { account = b, amount = "1" }), Does.Contain("exceed"));
        Assert.That(Refusal(new { account = a, amount = "1" }, new { account = a, amount = "99999999999999" }), Does.Contain("twice"));
        world.Send("", "Token", "init", (object)new[] { new { account = a, amount = "100000000000000" } });
        Assert.That(Refusal(new { account = b, amount = "100000000000000" }), Does.Contain("already allotted"));
        world.Height = 1;
        Assert.That(Refusal(new { account = b, amount = "100000000000000" }), Does.Contain("genesis only"));
    }

    [Test]
    public void Storage_is_paid_to_those_who_keep_it_and_the_rest_comes_back()
    {
        var h = new Hospital();
        h.World.Send(Hospital.Connector, "Records", "register", h.Visit("free", bytes: 10_000_000));
        Assert.That(h.World.Send(Hospital.Patient, "Token", "buyStorage", Hospital.Patient, 10, 2).GetProperty("amount").GetString(), Is.EqualTo("200000"));
        Assert.That(h.World.View("", "Token", "escrowed").GetString(), Is.EqualTo("200000"));
        h.World.Send(Hospital.Connector, "Records", "register", h.Visit("paid", bytes: 2_500_000, nodes: "BCD"));
        long paid = 2_500_000L * 20_000 / 1_000_000;
        Assert.That(new[] { "B", "C", "D" }.Select(l => Balance(h, Hospital.Org(l))), Is.EqualTo(new[] { "16667", "16667", "16666" }));
        Assert.That(h.World.View("", "Token", "escrowed").GetString(), Is.EqualTo((200_000 - paid).ToString()));
        h.World.TimeMs += 60L * 86_400_000;
        Assert.That(h.World.View("", "Token", "quota", Hospital.Patient).GetProperty("paidBytes").GetInt64(), Is.Zero);
        Assert.That(h.World.Send(World.Account("anybody"), "Token", "settleStorage", Hospital.Patient).GetString(), Is.EqualTo((200_000 - paid).ToString()));
        Assert.That(h.World.View("", "Token", "escrowed").GetString(), Is.EqualTo("0"));
        Assert.That(Balance(h, Hospital.Patient), Is.EqualTo((40_000_000_000_000 - paid).ToString()));
    }

    [Test]
    public void Only_Records_charges_and_releases_storage()
    {
        var h = new Hospital();
        foreach (string caller in new[] { Hospital.Patient, Hospital.Org("A"), Hospital.PatientContract, "" })
        {
            Assert.That(h.World.Refusal(caller, "Token", "chargeStorage", Hospital.Patient, 1, new[] { Hospital.Org("A") }), Does.Contain("only Records"));
            Assert.That(h.World.Refusal(caller, "Token", "releaseStorage", Hospital.Patient, 1), Does.Contain("only Records"));
        }
    }

    [Test]
    public void Bad_purchases_are_refused()
    {
        var h = new Hospital();
        string Buy(params object?[] arguments) => h.World.Refusal(Hospital.Patient, "Token", "buyStorage", arguments);
        Assert.Multiple(() =>
        {
            Assert.That(Buy("nobody", 1, 1), Does.Contain("beneficiary"));
            Assert.That(Buy(Hospital.Patient, 0, 1), Does.Contain("megabytes"));
            Assert.That(Buy(Hospital.Patient, 1.5, 1), Does.Contain("megabytes"));
            Assert.That(Buy(Hospital.Patient, "1", 1), Does.Contain("megabytes"));
            Assert.That(Buy(Hospital.Patient, 1, 121), Does.Contain("months"));
            Assert.That(h.World.Refusal(World.Account("poor"), "Token", "buyStorage", Hospital.Patient, 1, 1), Does.Contain("the balance is 0"));
            Assert.That(h.World.Refusal(Hospital.Org("B"), "Token", "buyStorage", Hospital.Patient, 10_000_000, 120), Does.Contain("the balance is 0"));
        });
    }

    [Test]
    public void Members_store_their_own_custody_free()
    {
        var h = new Hospital();
        object[] custody = [.. Hospital.Manifest(Hospital.Org("A"), "c", 0, h.Wraps(Hospital.OrgContract("A"), "x"), ["x"], bytes: 50_000_000), Hospital.Org("A")];
        h.World.Send(Hospital.Connector, "Records", "register", custody);
        JsonElement quota = h.World.View("", "Token", "quota", Hospital.Org("A"));
        Assert.That(quota.GetProperty("freeUsed").GetInt64(), Is.Zero);
    }
}
