using System.Security.Cryptography;
using CsCheck;
using NUnit.Framework;
using Org.BouncyCastle.Crypto.Agreement;
using Org.BouncyCastle.Crypto.Parameters;
using X25519 = Ptoy.Protocol.Crypto.X25519;

namespace Ptoy.Protocol.Tests.Crypto;

/// <summary>RFC 7748.</summary>
public sealed class X25519Tests
{
    [TestCase(
        "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4", "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
        "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552")]
    [TestCase(
        "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d", "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
        "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957")]
    public void Section52Vectors(string scalar, string point, string expected) =>
        Assert.That(Hex.Text(X25519.Agree(Hex.Bytes(scalar), Hex.Bytes(point))), Is.EqualTo(expected));

    [TestCase(1, "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079")]
    [TestCase(1000, "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51")]
    public void Section52Iterated(int times, string expected)
    {
        byte[] k = new byte[32], u = new byte[32];
        k[0] = u[0] = 9;
        for (int i = 0; i < times; i++) (k, u) = (X25519.Agree(k, u), k);
        Assert.That(Hex.Text(k), Is.EqualTo(expected));
    }

    [Test]
    public void Section61DiffieHellman()
    {
        byte[] alice = Hex.Bytes("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
        byte[] bob = Hex.Bytes("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
        byte[] alicePublic = X25519.PublicOf(alice), bobPublic = X25519.PublicOf(bob);
        Assert.That(Hex.Text(alicePublic), Is.EqualTo("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"));
        Assert.That(Hex.Text(bobPublic), Is.EqualTo("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"));
        Assert.That(Hex.Text(X25519.Agree(alice, bobPublic)), Is.EqualTo("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"));
        Assert.That(X25519.Agree(bob, alicePublic), Is.EqualTo(X25519.Agree(alice, bobPublic)));
    }

    [TestCase("0000000000000000000000000000000000000000000000000000000000000000")]
    [TestCase("0100000000000000000000000000000000000000000000000000000000000000")]
    [TestCase("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800")]
    [TestCase("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")]
    public void PublicKeysOfSmallOrderAreRefused(string point)
    {
        var key = new byte[32];
        key[5] = 77;
        Assert.That(() => X25519.Agree(key, Hex.Bytes(point)), Throws.TypeOf<CryptographicException>().With.Message.Contains("small order"));
    }

    [TestCase(31)]
    [TestCase(33)]
    public void OtherLengthsAreRefused(int length) =>
        Assert.That(() => X25519.PublicOf(new byte[length]), Throws.ArgumentException.With.Message.Contains("32 bytes"));

    [Test]
    public void AgreesWithNSecsLibsodium() => Gen.Byte.Array[32].Select(Gen.Byte.Array[32]).Sample((a, b) =>
    {
        using var key = NSec.Cryptography.Key.Import(
            NSec.Cryptography.KeyAgreementAlgorithm.X25519, a, NSec.Cryptography.KeyBlobFormat.RawPrivateKey,
            new NSec.Cryptography.KeyCreationParameters { ExportPolicy = NSec.Cryptography.KeyExportPolicies.AllowPlaintextArchiving });
        Assert.That(key.PublicKey.Export(NSec.Cryptography.KeyBlobFormat.RawPublicKey), Is.EqualTo(X25519.PublicOf(a)));
        var agreement = new X25519Agreement();
        agreement.Init(new X25519PrivateKeyParameters(a));
        var secret = new byte[32];
        agreement.CalculateAgreement(new X25519PublicKeyParameters(X25519.PublicOf(b)), secret, 0);
        Assert.That(X25519.Agree(a, X25519.PublicOf(b)), Is.EqualTo(secret));
    }, iter: 200);
}
