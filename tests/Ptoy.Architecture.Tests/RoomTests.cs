using System.Xml.Linq;
using NetArchTest.Rules;
using NUnit.Framework;

namespace Ptoy.Architecture.Tests;

/// <summary>Who may reference whom (README, "The parts"). Checked in the project files and in the compiled assemblies.</summary>
public class RoomTests
{
    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["Ptoy.Protocol"] = [],
        ["Ptoy.Consensus"] = ["Ptoy.Protocol"],
        ["Ptoy.Vm"] = ["Ptoy.Protocol"],
        ["Ptoy.Storage"] = ["Ptoy.Protocol"],
        ["Ptoy.Node"] = ["Ptoy.Protocol", "Ptoy.Consensus", "Ptoy.Vm", "Ptoy.Storage"],
        ["Ptoy.Client"] = ["Ptoy.Protocol"],
        ["Ptoy.Services"] = ["Ptoy.Protocol", "Ptoy.Client"],
        ["Ptoy.Cli"] = ["Ptoy.Protocol", "Ptoy.Client", "Ptoy.Node", "Ptoy.Services"],
    };

    private static string Root
    {
        get
        {
            DirectoryInfo? at = new(TestContext.CurrentContext.TestDirectory);
            while (at is not null && !File.Exists(Path.Combine(at.FullName, "Ptoy.sln"))) at = at.Parent;
            return at?.FullName ?? throw new InvalidOperationException("Ptoy.sln is not above the test directory");
        }
    }

    [Test]
    public void EverySourceProjectIsInTheTable() =>
        Assert.That(Directory.GetDirectories(Path.Combine(Root, "src")).Select(Path.GetFileName), Is.EquivalentTo(Allowed.Keys));

    [TestCaseSource(nameof(Rooms))]
    public void ProjectReferencesStayInTheirDirection(string room)
    {
        XDocument project = XDocument.Load(Path.Combine(Root, "src", room, room + ".csproj"));
        IEnumerable<string> references = project.Descendants("ProjectReference")
            .Select(r => Path.GetFileNameWithoutExtension(r.Attribute("Include")!.Value));
        Assert.That(references, Is.SubsetOf(Allowed[room]));
    }

    [TestCaseSource(nameof(Rooms))]
    public void CompiledTypesDependOnlyOnAllowedRooms(string room)
    {
        System.Reflection.Assembly assembly = System.Reflection.Assembly.Load(room == "Ptoy.Cli" ? "ptoy" : room);
        string[] forbidden = [.. Allowed.Keys.Where(other => other != room && !Allowed[room].Contains(other))];
        TestResult result = Types.InAssembly(assembly).ShouldNot().HaveDependencyOnAny(forbidden).GetResult();
        Assert.That(result.FailingTypeNames ?? [], Is.Empty);
    }

    [TestCase("Ptoy.Protocol")]
    [TestCase("Ptoy.Consensus")]
    [TestCase("Ptoy.Vm")]
    public void DeterministicRoomsBanClocksAndRandomness(string room)
    {
        XDocument project = XDocument.Load(Path.Combine(Root, "src", room, room + ".csproj"));
        Assert.That(project.Descendants("PackageReference").Select(p => p.Attribute("Include")!.Value),
            Does.Contain("Microsoft.CodeAnalysis.BannedApiAnalyzers"));
        Assert.That(project.Descendants("AdditionalFiles").Select(a => a.Attribute("Include")!.Value), Has.One.EndsWith("BannedSymbols.txt"));
    }

    [Test]
    public void NoSourceFileIsCrowded()
    {
        IEnumerable<string> crowded = Directory.EnumerateFiles(Path.Combine(Root, "src"), "*.cs", SearchOption.AllDirectories)
            .Where(f => !f.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal))
            .Where(f => File.ReadLines(f).Count() > 500)
            .Select(f => Path.GetRelativePath(Root, f));
        Assert.That(crowded, Is.Empty);
    }

    private static IEnumerable<string> Rooms => Allowed.Keys;
}
