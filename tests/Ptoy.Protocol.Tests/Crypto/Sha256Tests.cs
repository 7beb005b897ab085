using NUnit.Framework;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Protocol.Tests.Crypto;

/// <summary>Both ways of hashing give what FIPS 180-4 says.</summary>
internal sealed class Sha256Tests
{
    [TestCase("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    [TestCase("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")]
    public void Published_vectors(string text, string digest)
    {
        byte[] bytes = System.Text.Encoding.ASCII.GetBytes(text), result = new byte[32];
        Sha256.Hash(bytes, [], [], result);
        Assert.That(Convert.ToHexStringLower(result), Is.EqualTo(digest));
    }

    [Test]
    public void The_direct_way_and_the_platforms_agree_for_all_lengths_and_splits()
    {
        var random = new Random(7);
        byte[] data = new byte[Sha256.Short + 200], direct = new byte[32], platform = new byte[32];
        random.NextBytes(data);
        for (int length = 0; length <= data.Length; length += length < 300 ? 1 : 97)
        {
            int a = random.Next(length + 1), b = random.Next(a, length + 1);
            Sha256.Hash(data.AsSpan(0, a), data.AsSpan(a, b - a), data.AsSpan(b, length - b), direct);
            Sha256.HashByPlatform(data.AsSpan(0, length), [], [], platform);
            Assert.That(direct, Is.EqualTo(platform), $"{length} bytes split at {a} and {b}");
        }
    }
}
