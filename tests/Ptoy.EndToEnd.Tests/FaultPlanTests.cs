using NUnit.Framework;
using Ptoy.EndToEnd.Chaos.Storm;

namespace Ptoy.EndToEnd.Tests;

public sealed class FaultPlanTests
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(8);

    private static FaultPlan Plan(int seed, params FaultKind[] left) => new(seed, 4, 2, left, Longest);

    private static List<PlannedFault> Faults(FaultPlan plan, int episodes) =>
        [.. Enumerable.Range(0, episodes).SelectMany(_ => plan.Next().Faults)];

    [Test]
    public void The_seed_alone_decides()
    {
        List<PlannedFault> once = Faults(Plan(7), 50), again = Faults(Plan(7), 50);
        Assert.That(again, Is.EqualTo(once));
        Assert.That(Faults(Plan(8), 50), Is.Not.EqualTo(once));
    }

    [Test]
    public void Every_kind_comes_once_before_any_comes_again([Values(1, 2, 3)] int seed)
    {
        FaultPlan plan = Plan(seed);
        List<FaultKind> first = [.. Enumerable.Range(0, FaultPlan.Kinds.Count).Select(_ => plan.Next().Faults[0].Kind)];
        Assert.That(first, Is.EquivalentTo(FaultPlan.Kinds));
    }

    [Test]
    public void What_is_left_out_never_comes() =>
        Assert.That(Faults(Plan(3, FaultKind.FullDisk, FaultKind.ClockAhead), 200).Select(f => f.Kind),
            Has.None.AnyOf(FaultKind.FullDisk, FaultKind.ClockAhead));

    [Test]
    public void At_most_one_fault_of_a_node_and_one_of_the_links_act_together()
    {
        FaultPlan plan = Plan(5);
        Episode[] episodes = [.. Enumerable.Range(0, 300).Select(_ => plan.Next())];
        foreach (Episode episode in episodes)
        {
            Assert.That(episode.Faults.Count(f => f.IsOfLinks), Is.LessThanOrEqualTo(1));
            Assert.That(episode.Faults.Count(f => !f.IsOfLinks), Is.LessThanOrEqualTo(1));
        }
        Assert.That(episodes.Count(e => e.Faults.Count == 2), Is.GreaterThan(30));
    }

    [Test]
    public void Every_fault_ends_and_the_full_disk_is_the_small_one()
    {
        List<PlannedFault> faults = Faults(Plan(9), 300);
        Assert.That(faults.Select(f => f.Length), Has.All.InRange(TimeSpan.FromSeconds(0.5), Longest));
        Assert.That(faults.Where(f => f.Kind == FaultKind.FullDisk).Select(f => f.Victim), Has.All.EqualTo(2));
        Assert.That(faults.Select(f => f.Victim).Distinct(), Is.EquivalentTo(new[] { 0, 1, 2, 3 }));
    }
}
