using System.Text.Json;
using CsCheck;
using NUnit.Framework;

namespace Ptoy.Vm.Tests.Contracts;

/// <summary>Whatever happens, balances and escrow add up to the supply.</summary>
[TestFixture]
public sealed class TokenSupplyTests
{
    private static readonly string[] Accounts = [.. Enumerable.Range(0, 4).Select(i => World.Account($"holder {i}"))];
    private static readonly string[] Amounts = ["1", "7", "999999", "25000000000000", "60000000000000", "-3", "0", "1.5", "9007199254740991", "1e3"];

    private sealed record Operation(int What, int Who, int Whom, int Amount, int Size, long Wait);

    private static readonly Gen<Operation> Operations = Gen.Select(
        Gen.Int[0, 6], Gen.Int[0, 3], Gen.Int[0, 3], Gen.Int[0, 9], Gen.Int[1, 30_000_000], Gen.Long[0, 40],
        (what, who, whom, amount, size, wait) => new Operation(what, who, whom, amount, size, wait * 86_400_000));

    [Test]
    public void Supply_is_unchanged_over_10000_random_histories()
    {
        World start = Begin();
        int[] done = new int[7], refused = new int[7];
        VmThread.Run(() =>
        {
            Operations.Array[1, 8].Sample(history =>
            {
                World world = start.Copy();
                foreach (Operation operation in history)
                {
                    try
                    {
                        Apply(world, operation);
                        done[operation.What]++;
                    }
                    catch (RefusedException) { refused[operation.What]++; }
                    Assert.That(Sum(world), Is.EqualTo(TokenTests.Supply));
                }
            }, iter: 10_000, threads: 1);
            return 0;
        });
        TestContext.Out.WriteLine($"done {string.Join(' ', done)}, refused {string.Join(' ', refused)}");
        Assert.That(done, Has.All.GreaterThan(100), "every kind of operation took effect in many histories");
    }

    private static void Apply(World world, Operation o)
    {
        world.TimeMs += o.Wait;
        string who = Accounts[o.Who], whom = Accounts[o.Whom];
        switch (o.What)
        {
            case 0 or 1: world.Send(who, "Token", "transfer", whom, Amounts[o.Amount]); break;
            case 2: world.Send(who, "Token", "buyStorage", whom, 1 + o.Amount * 3, 1 + o.Who); break;
            case 3 or 4: world.Send("Records", "Token", "chargeStorage", whom, o.Size, Accounts[..(1 + o.Who)]); break;
            case 5: world.Send("Records", "Token", "releaseStorage", whom, o.Size); break;
            default: world.Send(who, "Token", "settleStorage", whom); break;
        }
    }

    private static long Sum(World world)
    {
        long sum = long.Parse(world.State("Token", "escrow")!);
        foreach (string balance in world.StateValues("Token", "b/"))
        {
            long value = long.Parse(balance);
            Assert.That(value, Is.InRange(0, TokenTests.Supply));
            sum += value;
        }
        return sum;
    }

    private static World Begin()
    {
        var world = new World();
        world.Send("", "Governance", "init", new
        {
            members = "ABCD".Select(l => new { nodeKey = Hospital.NodeKey(l.ToString()), organisation = Hospital.Org(l.ToString()), name = "Hospital" }),
            parameters = new { storagePricePerMbMonth = 999_999_937 }, keyAuthority = Hospital.Authority,
        });
        world.Send("", "Token", "init", (object)Accounts.Select(a => new { account = a, amount = "25000000000000" }).ToArray());
        world.Height = 1;
        return world;
    }
}
