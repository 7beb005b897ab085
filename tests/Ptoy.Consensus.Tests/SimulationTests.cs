using Ptoy.Simulation;

namespace Ptoy.Consensus.Tests;

/// <summary>A short run of the simulator; <c>./dev sim --seeds 10000</c> is the long one.</summary>
public sealed class SimulationTests
{
    [Test]
    public void A_hundred_seeds_keep_every_invariant()
    {
        var output = new StringWriter();
        Assert.That(Commands.Many(1, 100, null, output), Is.True, output.ToString());
    }

    [TestCase("QuorumTwoF")]
    [TestCase("VoteBeforePersist")]
    [TestCase("NewViewDropsPrepared")]
    [TestCase("DigestNotCompared")]
    [TestCase("VoteForgottenAtRestart")]
    public void A_planted_fault_is_found(string name)
    {
        var fault = Enum.Parse<PlantedFault>(name);
        RunResult? found = Enumerable.Range(1, 200).Select(seed => World.Run((ulong)seed, null, fault)).FirstOrDefault(r => r.Failure is not null);
        Assert.That(found, Is.Not.Null, $"{name} is not found in 200 seeds");
    }

    [Test]
    public void A_failing_seed_replays_exactly()
    {
        ulong seed = (ulong)Enumerable.Range(1, 200).First(s => World.Run((ulong)s, null, PlantedFault.DigestNotCompared).Failure is not null);
        RunResult Fails(IWorldObserver? observer) => World.Run(seed, null, PlantedFault.DigestNotCompared, observer);
        var trace = new StringWriter();
        RunResult first = Fails(null), second = Fails(new TextTrace(trace));
        Assert.That(first.Failure, Is.Not.Null);
        Assert.That((second.Failure, second.TraceHash, second.EndedAt), Is.EqualTo((first.Failure, first.TraceHash, first.EndedAt)));
        Assert.That(trace.ToString(), Does.Contain("decided"));
    }

    [Test]
    public void Wrong_arguments_are_refused_with_the_usage()
    {
        var errors = new StringWriter();
        Assert.That(Commands.Run(["--sedes", "5"], TextWriter.Null, errors), Is.EqualTo(2));
        Assert.That(errors.ToString(), Does.StartWith("not understood: --sedes").And.Contain("usage: sim"));
    }
}
