using System.Text;
using NUnit.Framework;
using Ptoy.Services.Connector;
using Ptoy.Services.Hosting;

namespace Ptoy.Services.Tests.Hosting;

public sealed class DaemonConfigTests
{
    private const string Shared = "\"node\":\"http://127.0.0.1:1\",\"genesis\":\"g.json\",\"dataDir\":\"data\"";

    private sealed record ClockOptions(string Zone) : IPartOptions
    {
        public int Ticks { get; init; } = 1;

        public IReadOnlyList<string> Problems() => Ticks < 1 ? ["ticks: below 1"] : [];
    }

    private static PartCatalogue Catalogue() =>
        new PartCatalogue().Add("clock", "tells the time", new ClockOptions("UTC"), (_, _, _) => throw new InvalidOperationException("not made here"));

    [Test]
    public void AFileWithASectionIsRead()
    {
        DaemonConfig config = Parse($"{{{Shared},\"http\":{{\"listen\":\"127.0.0.1\",\"port\":0}},\"clock\":{{\"zone\":\"UTC\"}}}}");
        Assert.That((config.Settings.Http.Port, config.Sections.Keys.Single(), config.PathOf("x")), Is.EqualTo((0, "clock", "/etc/ptoy/x")));
    }

    [TestCase("\"clok\":{}", "'clok' is not known; known keys: node, genesis")]
    [TestCase("\"clock\":{\"zone\":\"UTC\",\"tick\":2}", "clock: 'tick' is not known")]
    [TestCase("\"clock\":{}", "clock: missing: zone")]
    [TestCase("\"clock\":{\"zone\":\"UTC\",\"ticks\":\"two\"}", "clock: 'ticks' is not of the form")]
    [TestCase("\"clock\":{\"zone\":\"UTC\",\"ticks\":0}", "clock.ticks: below 1")]
    [TestCase("\"clock\":{\"zone\":null}", "clock: 'zone' is not of the form")]
    [TestCase("\"clock\":7", "clock: the section is not of the form")]
    [TestCase("\"clock\":{\"zone\":\"UTC\"},\"http\":{\"prt\":1}", "'http.prt' is not known")]
    [TestCase("\"clock\":{\"zone\":\"UTC\"},\"http\":{\"listen\":\"0.0.0.0\"}", "http.certificate: missing; plain HTTP is for this machine only")]
    [TestCase("\"clock\":{\"zone\":\"UTC\"},\"http\":{\"listen\":\"here\"}", "http.listen: 'here' is not an IP address")]
    [TestCase("\"clock\":{\"zone\":\"UTC\"},\"log\":\"Loud\"", "log: 'Loud' is not Debug")]
    [TestCase("\"clock\":{\"zone\":\"UTC\"},\"clock\":{\"zone\":\"CET\"}", "not valid JSON")]
    [TestCase("\"log\":\"Debug\"", "no part is configured; there are: clock")]
    public void WhatIsWrongIsNamed(string rest, string problem) =>
        Assert.That(() => Parse($"{{{Shared},{rest}}}"), Throws.TypeOf<DaemonConfigException>().With.Message.Contains(problem));

    [Test]
    public void EverythingThatIsWrongIsNamedAtOnce() =>
        Assert.That(() => Parse("{\"node\":\"x\",\"genesis\":\"g\",\"dataDir\":\"d\",\"clok\":{},\"clock\":{\"zone\":\"UTC\",\"ticks\":0}}"),
            Throws.TypeOf<DaemonConfigException>().With.Message.Contains("'clok'").And.Message.Contains("node: 'x'").And.Message.Contains("clock.ticks"));

    [Test]
    public void AMissingSharedKeyIsNamed() =>
        Assert.That(() => Parse("{\"node\":\"http://h\",\"clock\":{\"zone\":\"UTC\"}}"), Throws.TypeOf<DaemonConfigException>().With.Message.Contains("missing: genesis, dataDir"));

    [Test]
    public void AMissingFileIsNamed() =>
        Assert.That(() => DaemonConfig.Load("/nowhere/c.json", Catalogue()), Throws.TypeOf<DaemonConfigException>().With.Message.Contains("there is no file '/nowhere/c.json'"));

    [Test]
    public void TheExamplesOfBothDaemonsCanBeRead()
    {
        var settings = new DaemonSettings("http://127.0.0.1:28502", "genesis.json", "data") { Account = new AccountOptions("k") };
        foreach (PartCatalogue catalogue in new[] { ConnectorParts.Catalogue(), ServiceParts.Catalogue() }.Where(c => c.Names.Count > 0))
        {
            string example = catalogue.Example(settings);
            DaemonConfig config = DaemonConfig.Parse(Encoding.UTF8.GetBytes(example), "example", "/etc/ptoy", catalogue);
            Assert.That(config.Sections.Keys, Is.EquivalentTo(catalogue.Names));
        }
    }

    private static DaemonConfig Parse(string json) => DaemonConfig.Parse(Encoding.UTF8.GetBytes(json), "file", "/etc/ptoy", Catalogue());
}
