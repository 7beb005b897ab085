using System.Text;
using NUnit.Framework;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Records;
using Ptoy.Protocol.Wire;

namespace Ptoy.Protocol.Tests.Wire;

/// <summary>
/// Locks every byte format: <c>golden.txt</c> holds name and hexadecimal, one a line. A difference means that nodes of two
/// versions no longer understand each other; run with PTOY_UPDATE_GOLDEN=1 only for a new or deliberately changed format.
/// </summary>
public sealed class GoldenTests
{
    private static IEnumerable<WireCase> Cases => Samples.All;

    [Test]
    public void EveryFormatHasItsGoldenBytes()
    {
        string path = Path.Combine(Folder(), "golden.txt");
        SortedDictionary<string, string> actual = Actual();
        if (Environment.GetEnvironmentVariable("PTOY_UPDATE_GOLDEN") == "1")
            File.WriteAllLines(path, actual.Select(a => $"{a.Key} {a.Value}"));
        Dictionary<string, string> golden = File.ReadAllLines(path).Select(l => l.Split(' ')).ToDictionary(p => p[0], p => p[1]);
        using (Assert.EnterMultipleScope())
        {
            foreach ((string name, string hex) in actual) Assert.That(hex, Is.EqualTo(golden.GetValueOrDefault(name)), name);
            Assert.That(golden.Keys.Except(actual.Keys), Is.Empty, "golden bytes of formats that are gone");
        }
    }

    [Test]
    public void EveryWireTypeHasASample()
    {
        IEnumerable<Type> types = typeof(IWire).Assembly.GetTypes().Where(t => typeof(IWire).IsAssignableFrom(t) && t != typeof(IWire));
        Assert.That(types.Except(Samples.All.Select(c => c.Type)), Is.Empty, "add a sample to Samples.cs and its golden bytes");
    }

    [TestCaseSource(nameof(Cases))]
    public void ASampleIsWellFormedAndDecodesToItself(WireCase sample)
    {
        Assert.That(sample.Problem, Is.Null);
        Assert.That(sample.Reencode(sample.Bytes), Is.EqualTo(sample.Bytes));
    }

    private static SortedDictionary<string, string> Actual()
    {
        var actual = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (WireCase sample in Samples.All) actual[sample.ToString()] = Convert.ToHexStringLower(sample.Bytes);
        actual["Records.SealedRecord"] = Convert.ToHexStringLower(Samples.SealedRecord);
        actual["Records.LetterTag"] = Compartments.LetterTag.ToString();
        actual["Records.StorageStatement"] = Text(StorageStatement.For(Samples.ChainId, Samples.Package()).ToString());
        actual["Records.ManifestRoot"] = Samples.Manifest.Root().ToString();
        actual["Records.GrantLetter"] = Convert.ToHexStringLower(LetterTests.Grant.ToJson());
        actual["Records.TeamLetter"] = Convert.ToHexStringLower(LetterTests.Team.ToJson());
        actual["Crypto.KeyId"] = KeyId.Of(Samples.Team.Public).ToString();
        actual["Crypto.Address"] = Text(Samples.Alice.Address.ToString());
        return actual;
    }

    private static string Text(string text) => Convert.ToHexStringLower(Encoding.UTF8.GetBytes(text));

    /// <summary>Found from the test's directory: in a deterministic build the compiler's paths are not those of this machine.</summary>
    private static string Folder()
    {
        DirectoryInfo? at = new(TestContext.CurrentContext.TestDirectory);
        while (at is not null && !File.Exists(Path.Combine(at.FullName, "Ptoy.sln"))) at = at.Parent;
        return Path.Combine(at?.FullName ?? throw new InvalidOperationException("Ptoy.sln is not above the test directory"), "tests", "Ptoy.Protocol.Tests", "Wire");
    }
}
