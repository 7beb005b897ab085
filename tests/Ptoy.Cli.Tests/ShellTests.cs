namespace Ptoy.Cli.Tests;

/// <summary>A test with a directory of its own.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public abstract class ShellTests : IDisposable
{
    protected Shell Shell { get; } = new();

    public void Dispose()
    {
        Shell.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Refused with this code and words, without a stack trace.</summary>
    protected static void AssertRefused(Ran ran, int code, params string[] words)
    {
        Assert.That(ran.Code, Is.EqualTo(code), ran.Error);
        foreach (string word in words) Assert.That(ran.Error, Does.Contain(word));
        Assert.That(ran.Error, Does.Not.Contain("   at "), "a stack trace was shown");
    }
}
