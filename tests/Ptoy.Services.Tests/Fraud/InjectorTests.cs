using System.Text.Json;
using NUnit.Framework;
using Ptoy.FraudInjector;

namespace Ptoy.Services.Tests.Fraud;

public class InjectorTests
{
    private static readonly InjectorOptions Small = new(3, Patients: 200, Rate: 0.01, Hospitals: 3);

    [Test]
    public void The_same_seed_gives_the_same_lines_and_another_seed_others()
    {
        InjectedSet a = Injector.Make(Small), b = Injector.Make(Small), c = Injector.Make(Small with { Seed = 4 });
        Assert.That(b.Lines, Is.EqualTo(a.Lines));
        Assert.That(b.Labels, Is.EqualTo(a.Labels));
        Assert.That(c.Lines, Is.Not.EqualTo(a.Lines));
    }

    [Test]
    public void Labels_name_resources_that_are_there_and_resources_say_nothing_of_labels()
    {
        InjectedSet set = Injector.Make(Small);
        HashSet<string> there = [.. set.Lines.Select(Reference)];
        foreach (string label in set.Labels)
        {
            using JsonDocument document = JsonDocument.Parse(label);
            foreach (JsonElement reference in document.RootElement.GetProperty("label").GetProperty("references").EnumerateArray())
                Assert.That(there, Does.Contain(reference.GetString()));
        }
        Assert.That(set.Lines, Has.None.Contains("fraud").IgnoreCase);
        Assert.That(set.Labels, Is.Not.Empty);
    }

    [Test]
    public void Without_a_rate_there_is_no_fraud()
    {
        InjectedSet set = Injector.Make(Small with { Rate = 0 });
        Assert.That(set.Labels, Is.Empty);
        Assert.That(set.Lines, Is.Not.Empty);
    }

    [TestCase(10, 0.01, 3, "patients")]
    [TestCase(500, 0.5, 3, "rate")]
    [TestCase(500, double.NaN, 3, "rate")]
    [TestCase(500, 0.01, 99, "hospitals")]
    public void Options_out_of_bounds_are_named(int patients, double rate, int hospitals, string named) =>
        Assert.That(() => Injector.Make(new InjectorOptions(1, patients, rate, hospitals)), Throws.ArgumentException.With.Message.StartsWith(named));

    [Test]
    public void The_injector_references_nothing_of_this_project() =>
        Assert.That(typeof(Injector).Assembly.GetReferencedAssemblies().Select(a => a.Name), Has.None.StartsWith("Ptoy"));

    private static string Reference(string line)
    {
        using JsonDocument document = JsonDocument.Parse(line);
        return $"{document.RootElement.GetProperty("resourceType").GetString()}/{document.RootElement.GetProperty("id").GetString()}";
    }
}
