using NUnit.Framework;
using Ptoy.Client.Keys;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Client.Tests.Keys;

public sealed class AccountKeysTests
{
    private const string Phrase = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";

    [Test]
    public void TheEtherAddressIsTheOneEveryWalletShows()
    {
        using AccountKeys keys = AccountKeys.FromPhrase(Mnemonic.Parse(Phrase));
        Assert.That(keys.Ether.Address, Is.EqualTo("0x9858EfFD232B4033E47d90003D41EC34EcaEda94"));
    }

    [TestCase("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")]
    [TestCase("0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359")]
    [TestCase("0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB")]
    [TestCase("0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb")]
    [TestCase("0x52908400098527886E0F7030069857D2E4169EE7")]
    [TestCase("0xde709f2102306220921060314715629080e2fb77")]
    public void Eip55Vectors(string address) =>
        Assert.That(EtherKey.Checksummed(Convert.FromHexString(address[2..])), Is.EqualTo(address));

    [Test]
    public void KeysFollowTheirDocumentedPaths()
    {
        byte[] seed = Mnemonic.Parse(Phrase).ToSeed();
        using AccountKeys keys = AccountKeys.FromSeed(seed, 2);
        using var signing = new SigningKey(Derivation.Ed25519(seed, "m/44'/1347702617'/2'/0'").PrivateKey);
        using var sealing = new SealingKey(Derivation.Curve25519(seed, "m/44'/1347702617'/2'/1'").PrivateKey);
        Assert.That(keys.Signing.Public, Is.EqualTo(signing.Public));
        Assert.That(keys.Sealing.Public, Is.EqualTo(sealing.Public));
        Assert.That(keys.Address, Is.EqualTo(signing.Address));
        Assert.That(keys.Ether.Export(), Is.EqualTo(Derivation.Bip32(seed, "m/44'/60'/0'/0/2").PrivateKey));
    }

    [Test]
    public void TheFirstAccountOfAPhraseNeverChanges()
    {
        using AccountKeys keys = AccountKeys.FromPhrase(Mnemonic.Parse(Phrase));
        Assert.That(keys.Address.ToString(), Is.EqualTo("ptoy1g0hpz0kqmh2tr9teu4l6ahz2drz75hywacwklvsaa6aum0pdm5cs6j3qll"));
        Assert.That(keys.Sealing.Public.ToString(), Is.EqualTo("2:6c40b106412f27ec41017b58ff95d23180b68a64a4362915389909b11a96784f"));
    }

    [Test]
    public void AccountsOfOnePhraseDiffer()
    {
        using AccountKeys first = AccountKeys.FromPhrase(Mnemonic.Parse(Phrase)), second = AccountKeys.FromPhrase(Mnemonic.Parse(Phrase), account: 1);
        Assert.That(first.Address, Is.Not.EqualTo(second.Address));
        Assert.That(first.Sealing.Public, Is.Not.EqualTo(second.Sealing.Public));
        Assert.That(first.Ether.Address, Is.Not.EqualTo(second.Ether.Address));
    }

    [Test]
    public void ASeedHas64Bytes() => Assert.That(() => AccountKeys.FromSeed(new byte[32]), Throws.ArgumentException.With.Message.Contains("64"));
}
