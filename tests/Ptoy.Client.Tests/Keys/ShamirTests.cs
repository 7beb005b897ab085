using CsCheck;
using NUnit.Framework;
using Ptoy.Client.Keys;

namespace Ptoy.Client.Tests.Keys;

public sealed class ShamirTests
{
    [Test]
    public void MultiplicationIsThatOfAes()
    {
        Assert.That(Shamir.Multiply(0x57, 0x83), Is.EqualTo(0xc1)); // FIPS 197, section 4.2
        Assert.That(Shamir.Multiply(0x57, 0x13), Is.EqualTo(0xfe));
        for (int a = 1; a < 256; a++) Assert.That(Shamir.Multiply((byte)a, Shamir.Invert((byte)a)), Is.EqualTo(1));
    }

    [Test]
    public void AnyThresholdOfSharesGivesTheSecret() =>
        Gen.Select(Gen.Byte.Array[1, 40], Gen.Int[2, 8], Gen.Int[0, 6], Gen.Int).Sample((secret, threshold, more, shuffle) =>
        {
            var random = new Random(shuffle);
            var coefficients = new byte[Shamir.RandomSize(secret.Length, threshold)];
            random.NextBytes(coefficients);
            ShamirShare[] shares = [.. Shamir.Split(secret, threshold, threshold + more, coefficients)];
            random.Shuffle(shares);
            Assert.That(Shamir.Combine(shares[..threshold]), Is.EqualTo(secret));
            Assert.That(Shamir.Combine(shares), Is.EqualTo(secret));
        }, iter: 300);

    [Test]
    public void OneShareBelowTheThresholdFitsEverySecret()
    {
        // Perfect secrecy, exhaustively: for one byte and threshold 2, each value of share 1 occurs once over all coefficients.
        foreach (byte secret in new byte[] { 0, 1, 0x53, 0xff })
        {
            HashSet<byte> seen = [];
            for (int c = 0; c < 256; c++) seen.Add(Shamir.Split([secret], 2, 2, [(byte)c])[0].Bytes[0]);
            Assert.That(seen, Has.Count.EqualTo(256));
        }
    }

    [Test]
    public void ImpossibleSplitsAreRefused()
    {
        Assert.That(() => Shamir.Split([1], 1, 3, []), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => Shamir.Split([1], 3, 2, [1, 2]), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => Shamir.Split([1], 2, 256, [1]), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => Shamir.Split([], 2, 3, []), Throws.ArgumentException);
        Assert.That(() => Shamir.Split([1], 2, 3, []), Throws.ArgumentException.With.Message.Contains("random"));
    }

    [Test]
    public void SharesThatCannotBelongTogetherAreRefused()
    {
        IReadOnlyList<ShamirShare> shares = Shamir.Split([1, 2], 2, 3, [7, 8]);
        Assert.That(() => Shamir.Combine([shares[0], shares[0]]), Throws.TypeOf<FormatException>().With.Message.Contains("twice"));
        Assert.That(() => Shamir.Combine([shares[0]]), Throws.TypeOf<FormatException>());
        Assert.That(() => Shamir.Combine([shares[0], new ShamirShare(2, [1])]), Throws.TypeOf<FormatException>().With.Message.Contains("lengths"));
        Assert.That(() => Shamir.Combine([shares[0], new ShamirShare(0, [1, 2])]), Throws.TypeOf<FormatException>());
    }

    [Test]
    public void AShareSurvivesItsText()
    {
        ShamirShare share = Shamir.Split([1, 2], 2, 12, [7, 8])[11];
        Assert.That(ShamirShare.Parse(share.ToString()), Is.EqualTo(share));
        foreach (string wrong in new[] { "", "0c", "0c-", "0c-1", "zz-11", "00-1122", "0c_1122" })
            Assert.That(() => ShamirShare.Parse(wrong), Throws.TypeOf<FormatException>(), wrong);
    }
}
