using CsCheck;
using NUnit.Framework;
using Ptoy.Client.Sealing;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Records;
using Hash = Ptoy.Protocol.Hash;

namespace Ptoy.Client.Tests.Sealing;

public sealed class SealerTests
{
    private const int Chunk = SealedHeader.ChunkSize, SealedChunk = Chunk + SealedHeader.TagSize;
    private static readonly byte[] Key = [.. Enumerable.Range(1, 32).Select(i => (byte)i)];
    private static readonly Hash Id = new([.. Enumerable.Repeat((byte)3, 32)]);

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(3000)]
    [TestCase(Chunk - 1)]
    [TestCase(Chunk)]
    [TestCase(Chunk + 1)]
    [TestCase((3 * Chunk) + 17)]
    public void BytesAndStreamsComeBack(int length)
    {
        byte[] plaintext = Content(length);
        byte[] sealedBytes = Sealer.Seal(plaintext, Key, Id);
        Assert.That(sealedBytes, Has.Length.EqualTo((int)SealedHeader.SealedLength((ulong)length)));
        Assert.That(Sealer.Open(sealedBytes, Key), Is.EqualTo(plaintext));
        Assert.That(OpenStream(sealedBytes), Is.EqualTo(plaintext));
        using var streamed = new MemoryStream();
        Sealer.Seal(new DribblingStream(plaintext), length, streamed, Key, Id);
        Assert.That(Sealer.Open(streamed.ToArray(), Key), Is.EqualTo(plaintext));
    }

    [Test]
    public void ASmallRecordGrowsByAHundredBytes() => Assert.That(SealedHeader.SealedLength(3000) - 3000, Is.EqualTo(102));

    [Test]
    public void SealingTwiceGivesDifferentBytes()
    {
        byte[] first = Sealer.Seal(Content(10), Key, Id), second = Sealer.Seal(Content(10), Key, Id);
        Assert.That(first, Is.Not.EqualTo(second));
    }

    [Test]
    public void AChangedChunkIsNamed()
    {
        byte[] sealedBytes = Sealer.Seal(Content((2 * Chunk) + 5), Key, Id);
        sealedBytes[SealedHeader.Size + SealedChunk + 100] ^= 1;
        Fails(sealedBytes, SealFault.Corrupted, "chunk 1 of 3 is corrupted");
    }

    [Test]
    public void ReorderedChunksAreNamed()
    {
        byte[] s = Sealer.Seal(Content(3 * Chunk), Key, Id);
        int first = SealedHeader.Size, second = first + SealedChunk, third = second + SealedChunk;
        Fails([.. s[..first], .. s[second..third], .. s[first..second], .. s[third..]], SealFault.Reordered, "chunk 1 stands in the place of chunk 0");
        Fails([.. s[..first], .. s[first..second], .. s[third..], .. s[second..third]], SealFault.Reordered, "chunk 2 stands in the place of chunk 1");
    }

    [Test]
    public void ARepeatedChunkIsNamed()
    {
        byte[] s = Sealer.Seal(Content(3 * Chunk), Key, Id);
        int first = SealedHeader.Size, second = first + SealedChunk, third = second + SealedChunk;
        Fails([.. s[..second], .. s[first..second], .. s[third..]], SealFault.Reordered, "chunk 0 stands in the place of chunk 1");
    }

    [Test]
    public void EveryTruncationIsNoticed()
    {
        byte[] s = Sealer.Seal(Content(Chunk + 40), Key, Id);
        foreach (int length in new[] { 0, 1, SealedHeader.Size - 1, SealedHeader.Size, SealedHeader.Size + 5, SealedHeader.Size + SealedChunk, s.Length - 1 })
            Fails(s[..length], SealFault.Truncated, "truncated");
    }

    [Test]
    public void ATruncationHiddenByAShorterLengthInTheHeaderIsNoticed()
    {
        byte[] s = Sealer.Seal(Content(Chunk + 40), Key, Id);
        SealedHeader header = SealedHeader.Decode(s);
        byte[] forged = [.. (header with { PlaintextLength = Chunk }).Encode(), .. s.AsSpan(SealedHeader.Size, SealedChunk)];
        Fails(forged, SealFault.Corrupted, "chunk 0 of 1");
    }

    [Test]
    public void BytesAfterTheEndAreNoticed() => Fails([.. Sealer.Seal(Content(10), Key, Id), 0], SealFault.Trailing, "follow the end");

    [Test]
    public void AnotherKeyFailsTheCommitmentBeforeAnyChunk()
    {
        byte[] s = Sealer.Seal(Content(10), Key, Id);
        byte[] other = [.. Key];
        other[31] ^= 1;
        Assert.That(() => Sealer.Open(s, other), Throws.TypeOf<SealException>().With.Property("Fault").EqualTo(SealFault.Commitment));
    }

    [TestCase(0, SealFault.Header, "PTSR")]
    [TestCase(4, SealFault.Suite, "version")]
    [TestCase(5, SealFault.Suite, "suite 2")]
    [TestCase(6, SealFault.Suite, "chunk size")]
    [TestCase(7, SealFault.Header, "plaintext length")]
    [TestCase(20, SealFault.Commitment, "commitment")]
    [TestCase(48, SealFault.Corrupted, "chunk 0")]
    [TestCase(60, SealFault.Commitment, "commitment")]
    public void EveryHeaderFieldIsProtected(int at, SealFault fault, string message)
    {
        byte[] s = Sealer.Seal(Content(10), Key, Id);
        s[at] ^= 1;
        Fails(s, fault, message);
    }

    [Test]
    public void NoSingleBitCanChange()
    {
        byte[] s = Sealer.Seal(Content(30), Key, Id);
        for (int bit = 0; bit < s.Length * 8; bit++)
        {
            byte[] changed = [.. s];
            changed[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.That(() => Sealer.Open(changed, Key), Throws.TypeOf<SealException>(), $"bit {bit}");
        }
    }

    [Test]
    public void ArbitraryBytesGiveASealException() => Gen.Byte.Array[0, 300].Sample(bytes =>
    {
        byte[] dressed = [.. "PTSR"u8, 1, 3, 20, .. bytes];
        Assert.That(() => Sealer.Open(bytes, Key), Throws.TypeOf<SealException>());
        Assert.That(() => Sealer.Open(dressed, Key), Throws.TypeOf<SealException>());
        Assert.That(() => OpenStream(dressed), Throws.TypeOf<SealException>());
    }, iter: 500);

    [Test]
    public void AStreamOfAnotherLengthThanStatedIsRefused()
    {
        Assert.That(() => Sealer.Seal(new MemoryStream(new byte[9]), 10, new MemoryStream(), Key, Id), Throws.TypeOf<SealException>().With.Property("Fault").EqualTo(SealFault.Truncated));
        Assert.That(() => Sealer.Seal(new MemoryStream(new byte[11]), 10, new MemoryStream(), Key, Id), Throws.TypeOf<SealException>().With.Property("Fault").EqualTo(SealFault.Trailing));
    }

    [Test]
    public void ABoxOpensForItsKeyAndPurposeOnly()
    {
        using var key = new SealingKey(Key);
        SealedMessage message = SealedBox.Seal(key.Public, "ptoy/mail/v1", "hello"u8);
        Assert.That(SealedBox.Open(message, "ptoy/mail/v1", key), Is.EqualTo("hello"u8.ToArray()));
        Assert.That(() => SealedBox.Open(message, "ptoy/mail/v2", key), Throws.TypeOf<SealException>().With.Message.Contains("purpose"));
        Assert.That(() => SealedBox.Seal(key.Public, "p", new byte[SealedMessage.MaxPlaintext + 1]), Throws.ArgumentException);
    }

    [Test]
    public void TheLargestBoxFitsItsBound()
    {
        using var key = new SealingKey(Key);
        SealedMessage message = SealedBox.Seal(key.Public, "p", new byte[SealedMessage.MaxPlaintext]);
        Assert.That(Protocol.Wire.Codec.Encode(message), Has.Length.LessThanOrEqualTo(SealedMessage.MaxBytes));
    }

    private static void Fails(byte[] sealedBytes, SealFault fault, string message)
    {
        SealException? inMemory = Assert.Throws<SealException>(() => Sealer.Open(sealedBytes, Key));
        SealException? streamed = Assert.Throws<SealException>(() => OpenStream(sealedBytes));
        Assert.That(inMemory!.Fault, Is.EqualTo(fault), inMemory.Message);
        Assert.That(streamed!.Fault, Is.EqualTo(fault), streamed.Message);
        Assert.That(inMemory.Message, Does.Contain(message));
        Assert.That(streamed.Message, Does.Contain(message));
    }

    private static byte[] OpenStream(byte[] sealedBytes)
    {
        using var output = new MemoryStream();
        Sealer.Open(new DribblingStream(sealedBytes), output, Key);
        return output.ToArray();
    }

    private static byte[] Content(int length)
    {
        var bytes = new byte[length];
        for (int i = 0; i < length; i++) bytes[i] = (byte)((i * 31) ^ (i >> 8));
        return bytes;
    }

    /// <summary>Gives odd little pieces, as sockets do.</summary>
    private sealed class DribblingStream(byte[] bytes) : MemoryStream(bytes)
    {
        public override int Read(Span<byte> buffer) => base.Read(buffer.Length > 70_001 ? buffer[..70_001] : buffer);
    }
}
