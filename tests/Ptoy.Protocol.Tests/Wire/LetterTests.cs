using System.Text;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Ptoy.Protocol.Records;

namespace Ptoy.Protocol.Tests.Wire;

public sealed class LetterTests
{
    internal static readonly GrantLetter Grant = new(
        Samples.Fill(7),
        [new("goals", Compartments.Tag(Samples.Fill(7), "goals")), new("encounters", Compartments.Tag(Samples.Fill(7), "encounters"))],
        [new(Compartments.Tag(Samples.Fill(7), "goals"), 3, Samples.Fill(8))]);

    internal static readonly TeamLetter Team = new(Samples.Bob.Address, [new("physician", 2, Samples.Fill(9))]);

    [Test]
    public void LettersComeBack()
    {
        Assert.That(GrantLetter.Parse(Grant.ToJson()).ToJson(), Is.EqualTo(Grant.ToJson()));
        Assert.That(TeamLetter.Parse(Team.ToJson()).ToJson(), Is.EqualTo(Team.ToJson()));
        Assert.That(GrantLetter.Parse(Grant.ToJson()).VaultKeys[0].PrivateKey, Is.EqualTo(Samples.Fill(8)));
    }

    [TestCase("""{"tagKey":1}""", "compartments is missing")]
    [TestCase("{}", "tagKey is missing")]
    [TestCase("[]", "not an object")]
    [TestCase("{", "not JSON")]
    [TestCase("", "not JSON")]
    [TestCase("""{"tagKey":"00","tagKey":"00"}""", "twice")]
    [TestCase("""{"secret":1}""", "not known")]
    [TestCase("""{"tagKey":"zz","compartments":[],"vaultKeys":[]}""", "32 bytes")]
    [TestCase("""{"tagKey":null,"compartments":[],"vaultKeys":[]}""", "not text")]
    public void WrongJsonIsRefusedWithTheReason(string json, string reason) =>
        Assert.That(() => GrantLetter.Parse(Encoding.UTF8.GetBytes(json)), Throws.TypeOf<FormatException>().With.Message.Contains(reason));

    [Test]
    public void ATagThatIsNotTheTagKeysIsRefused()
    {
        JsonNode json = JsonNode.Parse(Grant.ToJson())!;
        json["compartments"]![0]!["name"] = "hiv";
        Refused(json, "tag key");
    }

    [TestCase(64)]
    [TestCase(-1)]
    public void EpochsHaveBounds(int epoch)
    {
        JsonNode json = JsonNode.Parse(Grant.ToJson())!;
        json["vaultKeys"]![0]!["epoch"] = epoch;
        Refused(json, "vaultKeys[0].epoch");
    }

    [Test]
    public void AVaultKeyForACompartmentNotListedIsRefused()
    {
        JsonNode json = JsonNode.Parse(Grant.ToJson())!;
        json["compartments"]!.AsArray().RemoveAt(0);
        Refused(json, "does not list");
    }

    [Test]
    public void ATeamLetterNamesAnOrganisation() =>
        Assert.That(
            () => TeamLetter.Parse("""{"organisation":"hospital","keys":[]}"""u8.ToArray()),
            Throws.TypeOf<FormatException>().With.Message.Contains("address"));

    private static void Refused(JsonNode json, string reason) =>
        Assert.That(() => GrantLetter.Parse(Encoding.UTF8.GetBytes(json.ToJsonString())), Throws.TypeOf<FormatException>().With.Message.Contains(reason));
}
