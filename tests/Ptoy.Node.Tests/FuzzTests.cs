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

    [Test]
    public void What_breaks_a_target_is_made_small_and_saved_with_the_seed_that_finds_it_again()
    {
        using var folder = new TestFolder();
        var target = new FuzzTarget("made.up", [new byte[300]], bytes => bytes.Contains((byte)0xAB) ? throw new InvalidOperationException("it broke") : true);
        TargetResult result = new FuzzRunner(seed: 3, folder.Path).Run(target, TimeSpan.FromMinutes(1));
        Assert.That(result.Finding!.Input, Is.EqualTo(new byte[] { 0xAB }));
        string[] saved = [.. Directory.GetFiles(Path.Combine(folder.Path, "made.up")).Order(StringComparer.Ordinal)];
        Assert.That(saved, Has.Length.EqualTo(2));
        Assert.That(File.ReadAllBytes(saved[0]), Is.EqualTo(new byte[] { 0xAB }));
        Assert.That(File.ReadAllText(saved[1]), Does.StartWith("./dev fuzz --seed 3 --only made.up").And.Contain("it broke"));
        // The next run begins with it.
        Assert.That(new FuzzRunner(seed: 4, folder.Path).Run(target, TimeSpan.Zero).Executions, Is.LessThan(10));
    }

    [Test]
    public void What_is_refused_in_a_new_way_is_kept()
    {
        using var folder = new TestFolder();
        FuzzTarget target = FuzzTarget.Of<FormatException>("made.up", [[1, 2, 3, 4, 5, 6, 7, 8]], bytes =>
        {
            if (bytes.Length > 4) throw new FormatException("too long");
            if (bytes.Length > 2) throw new FormatException("too long by less");
        });
        new FuzzRunner(seed: 5, folder.Path, keep: true).Run(target, TimeSpan.FromSeconds(3));
        byte[][] kept = [.. Directory.GetFiles(Path.Combine(folder.Path, "made.up")).Select(File.ReadAllBytes)];
        Assert.That(kept.Select(k => k.Length), Is.EqualTo(new[] { 3 }), "the seed itself shows the other way");
    }
}
