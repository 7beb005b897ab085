using System.Security.Cryptography;
using CsCheck;
using NUnit.Framework;
using Org.BouncyCastle.Crypto.Digests;
using Org.BouncyCastle.Crypto.Generators;
using Org.BouncyCastle.Crypto.Parameters;

namespace Ptoy.Protocol.Tests.Crypto;

/// <summary>RFC 5869: the platform's HKDF is what HPKE and sealing rest on.</summary>
public sealed class HkdfTests
{
    [TestCase(
        "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9", 42,
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865")]
    [TestCase(
        "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "", 42,
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8")]
    public void AppendixAVectors(string material, string salt, string info, int length, string expected) =>
        Assert.That(
            Hex.Text(HKDF.DeriveKey(HashAlgorithmName.SHA256, Hex.Bytes(material), length, Hex.Bytes(salt), Hex.Bytes(info))), Is.EqualTo(expected));

    [Test]
    public void AgreesWithBouncyCastle() =>
        Gen.Select(Gen.Byte.Array[1, 80], Gen.Byte.Array[0, 80], Gen.Byte.Array[0, 80], Gen.Int[1, 200]).Sample((material, salt, info, length) =>
        {
            var generator = new HkdfBytesGenerator(new Sha256Digest());
            generator.Init(new HkdfParameters(material, salt, info));
            var expected = new byte[length];
            generator.GenerateBytes(expected, 0, length);
            Assert.That(HKDF.DeriveKey(HashAlgorithmName.SHA256, material, length, salt, info), Is.EqualTo(expected));
        }, iter: 200);
}
