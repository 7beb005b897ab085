using System.Buffers;
using CsCheck;
using MessagePack;
using NUnit.Framework;
using Ptoy.Protocol.Wire;

namespace Ptoy.Protocol.Tests.Wire;

/// <summary>
/// Decoding is total and one-to-one: any bytes give a value that encodes to exactly them, or a <see cref="WireException"/>.
/// </summary>
public sealed class CanonicalTests
{
    private static IEnumerable<WireCase> Cases => Samples.All;

    [TestCaseSource(nameof(Cases))]
    public void BytesAfterTheEndAreRefused(WireCase sample) => Refused(sample, [.. sample.Bytes, 0xc0]);

    [TestCaseSource(nameof(Cases))]
    public void EveryTruncationIsRefused(WireCase sample)
    {
        byte[] bytes = sample.Bytes;
        for (int length = 0; length < bytes.Length; length += 1 + (bytes.Length / 300)) Refused(sample, bytes[..length]);
        Refused(sample, bytes[..^1]);
    }

    [TestCaseSource(nameof(Cases))]
    public void WiderHeadersThanNeededAreRefused(WireCase sample)
    {
        byte[] bytes = sample.Bytes;
        foreach ((int start, int end) in Tokens(bytes))
        {
            if (Widen(bytes.AsSpan(start, end - start)) is { } wider) Refused(sample, [.. bytes[..start], .. wider, .. bytes[end..]]);
        }
    }

    [TestCaseSource(nameof(Cases))]
    public void NilInPlaceOfAnyTokenIsRefusedOrAnOptionalField(WireCase sample)
    {
        byte[] bytes = sample.Bytes;
        foreach ((int start, int end) in Tokens(bytes))
        {
            if (bytes[start] is >= 0x90 and <= 0x9f or 0xdc or 0xdd) continue; // The elements would be left over.
            RefusedOrCanonical(sample, [.. bytes[..start], 0xc0, .. bytes[end..]]);
        }
        Refused(sample, [0xc0]);
    }

    [TestCaseSource(nameof(Cases))]
    public void DeepNestingIsRefused(WireCase sample)
    {
        foreach (int depth in new[] { 25, 1000, 100_000 })
        {
            Refused(sample, [.. Enumerable.Repeat((byte)0x91, depth)]);
            Refused(sample, [.. Enumerable.Repeat((byte)0x91, depth), 0xc0]);
        }
    }

    [TestCaseSource(nameof(Cases))]
    public void CountsThatTheBytesCannotHoldAreRefused(WireCase sample)
    {
        foreach (byte header in new byte[] { 0xdd, 0xdf, 0xdb, 0xc6, 0xc9 }) Refused(sample, [header, 0x7f, 0xff, 0xff, 0xff, 0x01]);
    }

    [TestCaseSource(nameof(Cases))]
    public void ArbitraryBytesAreRefusedOrCanonical(WireCase sample) =>
        Gen.Byte.Array[0, 200].Sample(bytes => RefusedOrCanonical(sample, bytes), iter: 300);

    [TestCaseSource(nameof(Cases))]
    public void ChangedBitsAreRefusedOrCanonical(WireCase sample)
    {
        byte[] bytes = sample.Bytes;
        Gen.Int[0, (bytes.Length * 8) - 1].Array[1, 4].Sample(bits =>
        {
            byte[] changed = [.. bytes];
            foreach (int bit in bits) changed[bit / 8] ^= (byte)(1 << (bit % 8));
            RefusedOrCanonical(sample, changed);
        }, iter: 300);
    }

    [TestCaseSource(nameof(Cases))]
    public void ExchangedPiecesAreRefusedOrCanonical(WireCase sample)
    {
        byte[] bytes = sample.Bytes;
        Gen.Select(Gen.Int[0, bytes.Length - 1], Gen.Int[0, 40], Gen.Byte.Array[0, 12]).Sample((at, length, piece) =>
            RefusedOrCanonical(sample, [.. bytes[..at], .. piece, .. bytes[Math.Min(bytes.Length, at + length)..]]), iter: 200);
    }

    [Test]
    public void MoreBytesThanTheBoundAreRefusedUnread() =>
        Assert.That(
            Codec.TryDecode<Protocol.Crypto.PublicKey>(new byte[65], 64, out _, out string error) ? "" : error, Is.EqualTo("PublicKey: 65 bytes, more than 64"));

    private static void Refused(WireCase sample, byte[] bytes) =>
        Assert.That(() => sample.Reencode(bytes), Throws.TypeOf<WireException>(), $"{bytes.Length} bytes");

    private static void RefusedOrCanonical(WireCase sample, byte[] bytes)
    {
        try
        {
            Assert.That(sample.Reencode(bytes), Is.EqualTo(bytes));
        }
        catch (WireException e)
        {
            Assert.That(e.Message, Is.Not.Empty);
        }
    }

    /// <summary>Start and end of every scalar, and of every header of an array or map.</summary>
    private static IEnumerable<(int Start, int End)> Tokens(byte[] bytes)
    {
        var tokens = new List<(int, int)>();
        var reader = new MessagePackReader(new ReadOnlySequence<byte>(bytes));
        while (!reader.End)
        {
            int start = (int)reader.Consumed;
            if (reader.NextMessagePackType == MessagePackType.Array) reader.ReadArrayHeader();
            else if (reader.NextMessagePackType == MessagePackType.Map) reader.ReadMapHeader();
            else reader.Skip();
            tokens.Add((start, (int)reader.Consumed));
        }
        return tokens;
    }

    /// <summary>The same token under the next wider header; null for the widest and for those with one form.</summary>
    private static byte[]? Widen(ReadOnlySpan<byte> token) => token[0] switch
    {
        <= 0x7f => [0xcc, token[0]],
        >= 0x90 and <= 0x9f => [0xdc, 0, (byte)(token[0] & 15)],
        >= 0xa0 and <= 0xbf => [0xd9, (byte)(token[0] & 31), .. token[1..]],
        0xc4 => [0xc5, 0, .. token[1..]],
        0xc5 => [0xc6, 0, 0, .. token[1..]],
        0xcc => [0xcd, 0, .. token[1..]],
        0xcd => [0xce, 0, 0, .. token[1..]],
        0xce => [0xcf, 0, 0, 0, 0, .. token[1..]],
        0xd9 => [0xda, 0, .. token[1..]],
        0xdc => [0xdd, 0, 0, .. token[1..]],
        _ => null,
    };
}
