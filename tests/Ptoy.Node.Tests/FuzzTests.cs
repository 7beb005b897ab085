using NUnit.Framework;
using Ptoy.Fuzz;

namespace Ptoy.Node.Tests;

/// <summary>The short form of <c>./dev fuzz</c>: every target on its seeds, on what was found before, and on mutations for a moment.</summary>
[TestFixture]
internal sealed class FuzzTests
{
    private static readonly TimeSpan All = TimeSpan.FromSeconds(10);

    [Test]
    public void No_input_breaks_a_decoder()
    {
        IReadOnlyList<FuzzTarget> targets = Targets.All();
        var runner = new FuzzRunner(seed: 7, Corpus.Folder());
        TargetResult[] results = [.. targets.Select(t => runner.Run(t, All / targets.Count))];
        Assert.That(results.Where(r => r.Finding is not null).Select(r => $"{r.Target}: {r.Finding!.Problem}"), Is.Empty);
        Assert.That(results.Select(r => r.Executions), Is.All.Positive);
    }
}
