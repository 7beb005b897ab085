using System.Security.Cryptography;
using System.Text;
using CsCheck;
using NUnit.Framework;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Protocol.Tests.Crypto;

/// <summary>RFC 9180, appendix A.1.1, and the CFRG's test-vectors.json for the AEAD that the appendix leaves out.</summary>
public sealed class HpkeTests
{
    private const string Info = "4f6465206f6e2061204772656369616e2055726e";
    private const string Plaintext = "4265617574792069732074727574682c20747275746820626561757479";

    private static readonly Vector A11 = new(
        HpkeAead.Aes128Gcm,
        IkmE: "7268600d403fce431561aef583ee1613527cff655c1343f29812e66706df3234",
        SkE: "52c4a758a802cd8b936eceea314432798d5baf2d7e9235dc084ab1b9cfa2f736",
        Enc: "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431",
        IkmR: "6db9df30aa07dd42ee5e8181afdb977e538f5e1fec8a06223f33f7013e525037",
        SkR: "4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8",
        PkR: "3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d",
        [
            (0, "f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a"),
            (1, "af2d7e9ac9ae7e270f46ba1f975be53c09f8d875bdc8535458c2494e8a6eab251c03d0c22a56b8ca42c2063b84"),
            (2, "498dfcabd92e8acedc281e85af1cb4e3e31c7dc394a1ca20e173cb72516491588d96a19ad4a683518973dcc180"),
            (4, "583bd32bc67a5994bb8ceaca813d369bca7b2a42408cddef5e22f880b631215a09fc0012bc69fccaa251c0246d"),
            (255, "7175db9717964058640a3a11fb9007941a5d1757fda1a6935c805c21af32505bf106deefec4a49ac38d71c9e0a"),
            (256, "957f9800542b0b8891badb026d79cc54597cb2d225b54c00c5238c25d05c30e3fbeda97d2e0e1aba483a2df9f2"),
        ],
        [
            ("", "3853fe2b4035195a573ffc53856e77058e15d9ea064de3e59f4961d0095250ee"),
            ("00", "2e8f0b54673c7029649d4eb9d5e33bf1872cf76d623ff164ac185da9e88c21a5"),
            ("54657374436f6e74657874", "e9e43065102c3836401bed8c3c3c75ae46be1639869391d62c61f1ec7af54931"),
        ]);

    private static readonly Vector Cfrg256 = new(
        HpkeAead.Aes256Gcm,
        IkmE: "2cd7c601cefb3d42a62b04b7a9041494c06c7843818e0ce28a8f704ae7ab20f9",
        SkE: "179d4b53b6365c45b600c4163b61d95cbc2f4d9e36f1695558dce265ab8bab11",
        Enc: "6c93e09869df3402d7bf231bf540fadd35cd56be14f97178f0954db94b7fc256",
        IkmR: "dac33b0e9db1b59dbbea58d59a14e7b5896e9bdf98fad6891e99d1686492b9ee",
        SkR: "497b4502664cfea5d5af0b39934dac72242a74f8480451e1aee7d6a53320333d",
        PkR: "430f4b9859665145a6b1ba274024487bd66f03a2dd577d7753c68d7d7d00c00c",
        [
            (0, "e5d84cd531cfb583096e7cfa9641bd3079cf3a91cda813c52deb5f512be9931980a41de125a925cdad859d5b7a"),
        ],
        [
            ("", "ded6cffafaea6b812cbf3e241e88332adbc077aca81512914213810ee291770a"),
            ("00", "04d3cb6cc116b28ffd22ad5bc276c60d31fec71ceb87ae24db811c64b7507339"),
            ("54657374436f6e74657874", "7c5ded445732c14fe09727d29b4251c0fd38455fe8440571e687f0886aac94d2"),
        ]);

    private static IEnumerable<Vector> Vectors => [A11, Cfrg256];

    [TestCaseSource(nameof(Vectors))]
    public void KeyPairsDeriveFromTheVectorsMaterial(Vector v)
    {
        Assert.That(Hex.Text(Hpke.DeriveKeyPair(Hex.Bytes(v.IkmE))), Is.EqualTo(v.SkE));
        Assert.That(Hex.Text(Hpke.DeriveKeyPair(Hex.Bytes(v.IkmR))), Is.EqualTo(v.SkR));
        Assert.That(Hex.Text(X25519.PublicOf(Hex.Bytes(v.SkR))), Is.EqualTo(v.PkR));
    }

    [TestCaseSource(nameof(Vectors))]
    public void TheSenderMakesTheVectorsBytes(Vector v)
    {
        using HpkeSender sender = Hpke.SetupSender(Recipient(v), Hex.Bytes(Info), Hex.Bytes(v.IkmE), v.Aead);
        Assert.That(Hex.Text(sender.Enc), Is.EqualTo(v.Enc));
        foreach ((int sequence, string ciphertext) in v.Encryptions)
            Assert.That(Hex.Text(sender.Seal((ulong)sequence, Aad(sequence), Hex.Bytes(Plaintext))), Is.EqualTo(ciphertext), $"sequence {sequence}");
    }

    [TestCaseSource(nameof(Vectors))]
    public void TheRecipientOpensTheVectorsBytesInAnyOrder(Vector v)
    {
        using var key = new SealingKey(Hex.Bytes(v.SkR));
        using HpkeRecipient recipient = Hpke.SetupRecipient(key, Hex.Bytes(v.Enc), Hex.Bytes(Info), v.Aead);
        foreach ((int sequence, string ciphertext) in v.Encryptions.Reverse())
            Assert.That(recipient.Open((ulong)sequence, Aad(sequence), Hex.Bytes(ciphertext)), Is.EqualTo(Hex.Bytes(Plaintext)), $"sequence {sequence}");
    }

    [TestCaseSource(nameof(Vectors))]
    public void BothSidesExportTheVectorsSecrets(Vector v)
    {
        using var key = new SealingKey(Hex.Bytes(v.SkR));
        using HpkeRecipient recipient = Hpke.SetupRecipient(key, Hex.Bytes(v.Enc), Hex.Bytes(Info), v.Aead);
        using HpkeSender sender = Hpke.SetupSender(Recipient(v), Hex.Bytes(Info), Hex.Bytes(v.IkmE), v.Aead);
        foreach ((string context, string value) in v.Exports)
        {
            Assert.That(Hex.Text(recipient.Export(Hex.Bytes(context), 32)), Is.EqualTo(value));
            Assert.That(Hex.Text(sender.Export(Hex.Bytes(context), 32)), Is.EqualTo(value));
        }
    }

    [Test]
    public void OtherInfoKeyAadSequenceOrCiphertextDoesNotOpen()
    {
        using var key = new SealingKey(Hex.Bytes(Cfrg256.SkR));
        using var other = new SealingKey(Hex.Bytes(A11.SkR));
        byte[] ciphertext = Hex.Bytes(Cfrg256.Encryptions[0].Ciphertext);
        Assert.That(Open(key, Info, 0, "Count-0", ciphertext), Is.Not.Null);
        Assert.That(Open(key, Info + "00", 0, "Count-0", ciphertext), Is.Null);
        Assert.That(Open(other, Info, 0, "Count-0", ciphertext), Is.Null);
        Assert.That(Open(key, Info, 1, "Count-0", ciphertext), Is.Null);
        Assert.That(Open(key, Info, 0, "Count-1", ciphertext), Is.Null);
        for (int i = 0; i < ciphertext.Length; i++)
        {
            byte[] changed = [.. ciphertext];
            changed[i] ^= 0x10;
            Assert.That(Open(key, Info, 0, "Count-0", changed), Is.Null, $"byte {i}");
        }
        Assert.That(Open(key, Info, 0, "Count-0", ciphertext[..15]), Is.Null);
    }

    [Test]
    public void ASequenceNumberIsUsedOnce()
    {
        using HpkeSender sender = Hpke.SetupSender(Recipient(Cfrg256), default, new byte[32]);
        sender.Seal(3, default, default);
        Assert.That(() => sender.Seal(3, default, default), Throws.InvalidOperationException);
        Assert.That(() => sender.Seal(2, default, default), Throws.InvalidOperationException);
        Assert.That(() => sender.Seal(ulong.MaxValue, default, default), Throws.InvalidOperationException);
        Assert.That(sender.Seal(4, default, default), Has.Length.EqualTo(Hpke.TagSize));
    }

    [Test]
    public void AnEncapsulatedKeyOfSmallOrderIsRefused()
    {
        using var key = new SealingKey(Hex.Bytes(Cfrg256.SkR));
        Assert.That(() => Hpke.SetupRecipient(key, new byte[32], default), Throws.TypeOf<CryptographicException>());
    }

    [Test]
    public void ASigningKeyIsNotARecipient()
    {
        using var signing = new SigningKey(new byte[32]);
        Assert.That(() => Hpke.SetupSender(signing.Public, default, new byte[32]), Throws.ArgumentException);
        Assert.That(() => Hpke.SetupSender(Recipient(A11), default, new byte[31]), Throws.ArgumentException.With.Message.Contains("seed"));
    }

    [Test]
    public void WhatIsSealedOpens() =>
        Gen.Select(Gen.Byte.Array[32], Gen.Byte.Array[32], Gen.Byte.Array[0, 300], Gen.Byte.Array[0, 40], Gen.ULong).Sample((seed, secret, message, aad, sequence) =>
        {
            ulong at = sequence >> 1;
            using var key = new SealingKey(secret);
            using HpkeSender sender = Hpke.SetupSender(key.Public, aad, seed);
            byte[] ciphertext = sender.Seal(at, aad, message);
            using HpkeRecipient recipient = Hpke.SetupRecipient(key, sender.Enc, aad);
            Assert.That(recipient.Open(at, aad, ciphertext), Is.EqualTo(message));
        }, iter: 100);

    private static byte[]? Open(SealingKey key, string info, ulong sequence, string aad, byte[] ciphertext)
    {
        using HpkeRecipient recipient = Hpke.SetupRecipient(key, Hex.Bytes(Cfrg256.Enc), Hex.Bytes(info));
        return recipient.Open(sequence, Encoding.ASCII.GetBytes(aad), ciphertext);
    }

    private static byte[] Aad(int sequence) => Encoding.ASCII.GetBytes($"Count-{sequence}");

    private static PublicKey Recipient(Vector v) => new(SuiteId.HpkeX25519, Hex.Bytes(v.PkR));

    public sealed record Vector(
        HpkeAead Aead, string IkmE, string SkE, string Enc, string IkmR, string SkR, string PkR,
        (int Sequence, string Ciphertext)[] Encryptions, (string Context, string Value)[] Exports)
    {
        public override string ToString() => Aead.ToString();
    }
}
