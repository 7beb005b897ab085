using NUnit.Framework;
using Ptoy.Protocol.Matching;
using Ptoy.Services.Common;
using Ptoy.Services.Matching;

namespace Ptoy.Services.Tests.Matching;

public class TokenTests
{
    private static readonly TokenMaker Maker = new(new byte[32]);

    private static IReadOnlyList<MatchToken> Tokens(string name, string phone, string? born = null) => Maker.Make(new PersonIdentity([name], [phone], born));

    private static IReadOnlyList<MatchCandidate> Find(string name, string phone, string? born)
    {
        var logic = new MatchLogic();
        logic.Put("one", Tokens("Amélie Featherstone", "(617) 555-0123", "1980-02-29"));
        logic.Put("two", Tokens("Gwendal Thornburski", "(617) 555-0124", "1971-01-01"));
        return logic.Find(Tokens(name, phone, born));
    }

    [TestCase("Amélie Featherstone", "+1 617 555 0123", "1980-02-29", true)]
    [TestCase("AMELIE FEATHERSTONE", "617.555.0123", null, true)]
    [TestCase("Dr. Featherstone, Amelie", "6175550123", "1980-02-29", true)]
    [TestCase("Amelie Fetherston", "6175550123", "1980-02-29", true)]
    [TestCase("Amelie Featherstone", "6175559999", "1980-02-29", true)]
    [TestCase("Amelie Nobody", "6175550123", "1980-02-29", false)]
    public void SpellingsOfOnePersonAreFound(string name, string phone, string? born, bool automatic)
    {
        IReadOnlyList<MatchCandidate> found = Find(name, phone, born);
        Assert.That(found.Select(c => c.PatientId), Is.EqualTo(new[] { "one" }));
        Assert.That(found[0].Automatic, Is.EqualTo(automatic));
    }

    [TestCase("Rosalind Kirkbridholm", "6175550199", "1990-01-01")]
    [TestCase("Rosalind Kirkbridholm", "6175550123", null)]
    [TestCase("Amélie Thornburski", "6175550000", "1980-02-29")]
    public void OthersAreNot(string name, string phone, string? born) => Assert.That(Find(name, phone, born), Is.Empty);

    [Test]
    public void TwoEquallyGoodCandidatesGoToReview()
    {
        var logic = new MatchLogic();
        logic.Put("one", Tokens("Amélie Featherstone", "6175550123", "1980-02-29"));
        logic.Put("copy", Tokens("Amélie Featherstone", "6175550123", "1980-02-29"));
        IReadOnlyList<MatchCandidate> found = logic.Find(Tokens("Amélie Featherstone", "6175550123", "1980-02-29"));
        Assert.That(found, Has.Count.EqualTo(2));
        Assert.That(found.Any(c => c.Automatic), Is.False);
    }

    [Test]
    public void ForgottenPeopleAreNotFound()
    {
        var logic = new MatchLogic();
        IReadOnlyList<MatchToken> tokens = Tokens("Amélie Featherstone", "6175550123");
        logic.Put("one", tokens);
        logic.Remove("one");
        Assert.That(logic.Find(tokens), Is.Empty);
    }

    [Test]
    public void AnotherKeyGivesOtherTokens()
    {
        using var other = new TokenMaker([.. Enumerable.Repeat((byte)1, 32)]);
        var person = new PersonIdentity(["Amélie Featherstone"], ["6175550123"], null);
        Assert.That(other.Make(person).Intersect(Maker.Make(person)), Is.Empty);
    }

    [Test]
    public void TokensStayWithinTheirBound() => Assert.That(Maker.Make(new PersonIdentity(
        [.. Enumerable.Range(0, 20).Select(i => $"Given{(char)('a' + i)} Family{(char)('a' + i)}")],
        [.. Enumerable.Range(0, 20).Select(i => $"61755501{i:D2}")], "1980-02-29"))!, Has.Count.LessThanOrEqualTo(MatchClaim.MaxTokens));

    [TestCase("robert", "r163")]
    [TestCase("rupert", "r163")]
    [TestCase("ashcraft", "a261")]
    [TestCase("tymczak", "t522")]
    [TestCase("pfister", "p236")]
    [TestCase("honeyman", "h555")]
    public void SoundexIsAsPublished(string name, string code) => Assert.That(PersonNames.Sound(name), Is.EqualTo(code));

    [TestCase(null, "fullName: missing")]
    [TestCase("   ", "fullName: missing")]
    [TestCase("Amélie", "fullName: give the full name")]
    [TestCase("Mr. Amélie", "fullName: give the full name")]
    [TestCase("A\u0007 B", "fullName: has a control character")]
    public void WrongNamesAreExplained(string? name, string message) =>
        Assert.That(() => PersonNames.Parts(name), Throws.TypeOf<FieldException>().With.Message.StartsWith(message));

    [TestCase("(617) 555-0123", "+16175550123")]
    [TestCase("555-393-2687", "+15553932687")]
    [TestCase("+49 30 901820", "+4930901820")]
    public void PhonesHaveOneSpelling(string written, string expected) => Assert.That(PhoneText.Normalise(written), Is.EqualTo(expected));

    [TestCase(null, "phone: missing")]
    [TestCase("not a number", "phone: not a phone number")]
    [TestCase("555-0123", "phone: too short")]
    [TestCase("617 555 0123 456 78", "phone: too long")]
    [TestCase("+999 123 4567", "phone: the country code is not known")]
    public void WrongPhonesAreExplained(string? phone, string message) =>
        Assert.That(() => PhoneText.Normalise(phone), Throws.TypeOf<FieldException>().With.Message.StartsWith(message));

    [TestCase("1980-02-30", "birthDate: not a date")]
    [TestCase("29.2.1980", "birthDate: not a date")]
    [TestCase("2999-01-01", "birthDate: not a plausible")]
    [TestCase("", "birthDate: missing")]
    public void WrongBirthDatesAreExplained(string born, string message) => Assert.That(
        () => BirthDates.Check(born, new DateOnly(2026, 3, 1)), Throws.TypeOf<FieldException>().With.Message.StartsWith(message));

    [TestCase("1980-02-29", "1980-02-29", true)]
    [TestCase("1980", "1980", false)]
    [TestCase(null, "1980-02-29", false)]
    [TestCase("1980-02-28", "1980-02-29", false)]
    public void OnlyWholeDaysAgree(string? recorded, string given, bool agree) => Assert.That(BirthDates.Agree(recorded, given), Is.EqualTo(agree));
}
