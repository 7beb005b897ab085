using Ptoy.Simulation;

namespace Ptoy.Consensus.Tests;

/// <summary>Short runs of the simulator; <c>./dev sim --short</c> is the next longer one, <c>./dev sim --seeds 100000</c> the long one.</summary>
public sealed class SimulationTests
{
    private static string Folder => Path.Combine(AppContext.BaseDirectory, "Scripts");

    private static IEnumerable<string> Scripts() => Directory.GetFiles(Folder, "*.txt").Select(p => Path.GetFileNameWithoutExtension(p)!).Order();

    [Test]
    public void Sixty_seeds_keep_every_invariant()
    {
        var output = new StringWriter();
        Assert.That(Commands.Many(1, 60, null, output), Is.True, output.ToString());
    }

    [TestCaseSource(nameof(Scripts))]
    public void A_script_plays_as_its_transcript_says(string name) =>
        Assert.That(ScriptRunner.Play(Path.Combine(Folder, name + ".txt"), accept: false), Is.Null);

    [TestCase("run 100\nexpect committed >= 1000", "line 2: 'expect committed >= 1000', but n0 committed")]
    [TestCase("nodes 4\ncrsh 1", "line 2: no such step: crsh")]
    [TestCase("crash 7", "line 1: '7' is not a node: they are 0 to 3")]
    [TestCase("run 5\nnodes 7", "line 2: 'nodes 7' describes the network")]
    [TestCase("cast 0 Liar", "line 1: 'cast 0 Liar': cast NODE ROLE")]
    [TestCase("partition 0,1|2,3\nrun until committed 1 within 900", "line 2: 'run until committed 1 within 900' is not reached within 900 units")]
    public void A_script_that_is_wrong_says_where(string script, string message)
    {
        ScriptException? error = Assert.Throws<ScriptException>(() => Performance.Of(Script.Parse(script)));
        Assert.That(error!.Message, Does.StartWith(message));
    }

    [Test]
    public void The_power_can_go_at_every_write_of_the_log()
    {
        var output = new StringWriter();
        Assert.That(CrashPoints.Run(1, output), Is.True, output.ToString());
    }

    [TestCase("QuorumTwoF")]
    [TestCase("VoteBeforePersist")]
    [TestCase("NewViewDropsPrepared")]
    [TestCase("DigestNotCompared")]
    [TestCase("VoteForgottenAtRestart")]
    public void A_planted_fault_is_found(string name) =>
        Assert.That(MutantHunt.Find(Enum.Parse<PlantedFault>(name), 600).Found, Is.Not.Null, $"{name} is not found");

    [Test]
    public void A_failing_seed_replays_exactly()
    {
        ulong seed = MutantHunt.Find(PlantedFault.DigestNotCompared, 200).Found!.Seed;
        RunResult Fails(IWorldObserver? observer) => World.Run(seed, null, PlantedFault.DigestNotCompared, observer);
        var trace = new StringWriter();
        RunResult first = Fails(null), second = Fails(new TextTrace(trace));
        Assert.That(first.Failure, Is.Not.Null);
        Assert.That((second.Failure, second.TraceHash, second.EndedAt), Is.EqualTo((first.Failure, first.TraceHash, first.EndedAt)));
        Assert.That(trace.ToString(), Does.Contain("executed"));
    }

    [Test]
    public void Wrong_arguments_are_refused_with_the_usage()
    {
        var errors = new StringWriter();
        Assert.That(Commands.Run(["--sedes", "5"], TextWriter.Null, errors), Is.EqualTo(2));
        Assert.That(errors.ToString(), Does.StartWith("not understood: --sedes").And.Contain("usage: sim"));
    }
}
