using CsCheck;
using NUnit.Framework;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Protocol.Tests.Crypto;

/// <summary>BIP-350.</summary>
public sealed class Bech32mTests
{
    [TestCase("A1LQFN3A")]
    [TestCase("a1lqfn3a")]
    [TestCase("an83characterlonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11sg7hg6")]
    [TestCase("abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx")]
    [TestCase("11llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllludsr8")]
    [TestCase("split1checkupstagehandshakeupstreamerranterredcaperredlc445v")]
    [TestCase("?1v759aa")]
    public void ValidVectors(string text) => Assert.That(Bech32m.TryDecodeData(text, out _, out _), Is.True);

    [TestCase("\u00201xj0phk", "prefix out of range")]
    [TestCase("\u007f1g6xzxy", "prefix out of range")]
    [TestCase("\u00801vctc34", "prefix out of range")]
    [TestCase("an84characterslonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11d6pts4", "too long")]
    [TestCase("qyrz8wqd2c9m", "no separator")]
    [TestCase("1qyrz8wqd2c9m", "empty prefix")]
    [TestCase("y1b0jsk6g", "invalid character")]
    [TestCase("lt1igcx5c0", "invalid character")]
    [TestCase("in1muywd", "checksum too short")]
    [TestCase("mm1crxm3i", "invalid character in checksum")]
    [TestCase("au1s5cgom", "invalid character in checksum")]
    [TestCase("M1VUXWEZ", "checksum made of the upper-case prefix")]
    [TestCase("16plkw9", "empty prefix")]
    [TestCase("1p2gdwpf", "empty prefix")]
    [TestCase("A1lqfn3a", "mixed case")]
    public void InvalidVectors(string text, string why) => Assert.That(Bech32m.TryDecodeData(text, out _, out _), Is.False, why);

    [TestCase("BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", Description = "BIP-173 checksum, which BIP-350 replaced")]
    [TestCase("a12uel5l")]
    public void TheOlderChecksumIsRefused(string text) => Assert.That(Bech32m.TryDecodeData(text, out _, out _), Is.False);

    [Test]
    public void WhatIsEncodedDecodes() => Gen.Byte.Array[0, 45].Sample(bytes =>
        Assert.That(Bech32m.TryDecode(Bech32m.Encode("ptoy", bytes), "ptoy", out byte[]? back) ? back : null, Is.EqualTo(bytes)));

    [Test]
    public void UpToFourWrongCharactersOfAnAddressAreFound() =>
        Gen.Select(Gen.Byte.Array[32], Gen.Int[5, 62].Array[1, 4], Gen.Int[1, 31]).Sample((bytes, places, shift) =>
        {
            const string Charset = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
            char[] text = new Address(new Hash(bytes)).ToString().ToCharArray();
            foreach (int place in places.Distinct()) text[place] = Charset[Charset.IndexOf(text[place], StringComparison.Ordinal) ^ shift];
            Assert.That(Address.TryParse(new string(text), out _), Is.False);
        });

    [Test]
    public void AnAddressHasOneText()
    {
        using var key = new SigningKey(new byte[32]);
        string text = key.Address.ToString();
        Assert.That(Address.Parse(text), Is.EqualTo(key.Address));
        Assert.That(() => Address.Parse(text[..^1]), Throws.TypeOf<FormatException>());
        Assert.That(Address.TryParse("ptox" + text[4..], out _), Is.False);
        Assert.That(Address.TryParse(Bech32m.Encode("ptoy", new byte[31]), out _), Is.False);
    }
}
