using System.Text;
using CsCheck;
using NSec.Cryptography;
using NUnit.Framework;
using Ptoy.Protocol.Crypto;
using BouncyEd25519 = Org.BouncyCastle.Math.EC.Rfc8032.Ed25519;

namespace Ptoy.Protocol.Tests.Crypto;

/// <summary>RFC 8032 section 7.1, and the pinned verifier (libsodium) against BouncyCastle.</summary>
public sealed class SigningTests
{
    private const string Domain = "ptoy/test/v1";

    [TestCase(
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b")]
    [TestCase(
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00")]
    [TestCase(
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7", "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a")]
    public void Section71Vectors(string seed, string publicKey, string message, string signature)
    {
        using var key = Key.Import(SignatureAlgorithm.Ed25519, Hex.Bytes(seed), KeyBlobFormat.RawPrivateKey);
        Assert.That(Hex.Text(SignatureAlgorithm.Ed25519.Sign(key, Hex.Bytes(message))), Is.EqualTo(signature));
        using var ours = new SigningKey(Hex.Bytes(seed));
        Assert.That(Hex.Text(ours.Public.Bytes), Is.EqualTo(publicKey));
        Assert.That(SignatureAlgorithm.Ed25519.Verify(key.PublicKey, Hex.Bytes(message), Hex.Bytes(signature)), Is.True);
    }

    [Test]
    public void SigningAndVerifyingAgreeWithBouncyCastle() =>
        Gen.Select(Gen.Byte.Array[32], Gen.Byte.Array[0, 200], Gen.Int[0, 511]).Sample((seed, message, bit) =>
        {
            using var key = new SigningKey(seed);
            Protocol.Crypto.Signature signature = key.Sign(Domain, message);
            byte[] framed = [(byte)Domain.Length, .. Encoding.ASCII.GetBytes(Domain), .. message];
            var expected = new byte[64];
            BouncyEd25519.Sign(seed, 0, framed, 0, framed.Length, expected, 0);
            Assert.That(signature.Bytes, Is.EqualTo(expected));
            Assert.That(Signing.Verify(key.Public, Domain, message, signature), Is.True);
            byte[] changed = [.. signature.Bytes];
            changed[bit / 8] ^= (byte)(1 << (bit % 8));
            bool bouncy = BouncyEd25519.Verify(changed, 0, key.Public.Bytes, 0, framed, 0, framed.Length);
            Assert.That(Signing.Verify(key.Public, Domain, message, signature with { Bytes = changed }), Is.EqualTo(bouncy).And.False);
        }, iter: 200);

    [Test]
    public void RandomKeysAndSignaturesAreJudgedAlike() =>
        Gen.Select(Gen.Byte.Array[32], Gen.Byte.Array[64]).Sample((key, signature) =>
        {
            byte[] framed = [(byte)Domain.Length, .. Encoding.ASCII.GetBytes(Domain)];
            bool bouncy = BouncyEd25519.ValidatePublicKeyFull(key, 0) && BouncyEd25519.Verify(signature, 0, key, 0, framed, 0, framed.Length);
            Assert.That(Verify(key, signature), Is.EqualTo(bouncy));
        }, iter: 500);

    [Test]
    public void ASignatureIsForOneDomain()
    {
        using var key = new SigningKey(new byte[32]);
        Protocol.Crypto.Signature signature = key.Sign(Domain, "message"u8);
        Assert.That(Signing.Verify(key.Public, "ptoy/test/v2", "message"u8, signature), Is.False);
        Assert.That(Signing.Verify(key.Public, Domain, "message"u8, signature), Is.True);
    }

    [Test]
    public void SAboveTheGroupOrderIsRefused()
    {
        using var key = new SigningKey(new byte[32]);
        Protocol.Crypto.Signature signature = key.Sign(Domain, "message"u8);
        var order = new System.Numerics.BigInteger(Hex.Bytes("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010"), isUnsigned: true);
        var s = new System.Numerics.BigInteger(signature.Bytes.AsSpan(32), isUnsigned: true) + order;
        byte[] malleable = [.. signature.Bytes[..32], .. s.ToByteArray(isUnsigned: true)];
        Assert.That(malleable, Has.Length.EqualTo(64));
        Assert.That(Signing.Verify(key.Public, Domain, "message"u8, signature with { Bytes = malleable }), Is.False);
    }

    [Test]
    public void KeysOfAnotherSuiteOrLengthVerifyNothing()
    {
        using var key = new SigningKey(new byte[32]);
        Protocol.Crypto.Signature signature = key.Sign(Domain, default);
        Assert.That(Signing.Verify(key.Public with { Suite = SuiteId.HpkeX25519 }, Domain, default, signature), Is.False);
        Assert.That(Verify(new byte[31], signature.Bytes), Is.False);
        Assert.That(Verify(key.Public.Bytes, new byte[63]), Is.False);
    }

    private static bool Verify(byte[] key, byte[] signature) =>
        Signing.Verify(new(SuiteId.Ed25519, key), Domain, default, new(SuiteId.Ed25519, signature));
}
