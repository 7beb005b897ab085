using CsCheck;
using NUnit.Framework;
using Ptoy.Node.Transport;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Node.Tests.Transport;

/// <summary>The session above UDP: what it lets through and what not.</summary>
public class SecureSessionTests
{
    private static readonly byte[] One = [.. Enumerable.Repeat((byte)1, 32)], Two = [.. Enumerable.Repeat((byte)2, 32)];

    [Test]
    public void WhatWasSealedOpensOnceAndReplaysDoNot()
    {
        (SecureSession a, SecureSession b) = Pair();
        byte[] packet = a.Seal(0, "prepare"u8);
        Assert.That(b.TryOpen(packet, out byte lane, out byte[]? plain), Is.True);
        Assert.That(plain, Is.EqualTo("prepare"u8.ToArray()));
        Assert.That(lane, Is.Zero);
        Assert.That(b.TryOpen(packet, out _, out _), Is.False, "a replay");
        Assert.That(a.TryOpen(packet, out _, out _), Is.False, "a reflection");
    }

    [Test]
    public void EveryChangedByteIsRefusedAndTheOriginalStillOpens() =>
        Gen.Select(Gen.Byte.Array[0, 200], Gen.Int[0, 10_000], Gen.Byte[1, 255]).Sample((plain, position, change) =>
        {
            (SecureSession a, SecureSession b) = Pair();
            byte[] packet = a.Seal(1, plain), changed = [.. packet];
            changed[position % packet.Length] ^= change;
            return !b.TryOpen(changed, out _, out _) && b.TryOpen(packet, out _, out byte[]? opened) && opened.AsSpan().SequenceEqual(plain);
        });

    [Test]
    public void AnyBytesAreRefusedWithoutHarm() =>
        Gen.Byte.Array[0, 300].Sample(bytes =>
        {
            (SecureSession a, SecureSession b) = Pair();
            return !b.TryOpen(bytes, out _, out _) && b.TryOpen(a.Seal(0, bytes), out _, out _);
        });

    [Test]
    public void LanesMayOvertakeOneAnotherAcrossARekey()
    {
        (SecureSession a, SecureSession b) = Pair(rekeyAfter: 2);
        byte[][] packets = [a.Seal(0, [1]), a.Seal(1, [2]), a.Seal(0, [3]), a.Seal(1, [4])];
        Assert.That(a.Generation, Is.EqualTo(1));
        foreach (int i in (int[])[0, 2, 1, 3]) Assert.That(b.TryOpen(packets[i], out _, out _), Is.True, $"packet {i}");
        foreach (byte[] packet in packets) Assert.That(b.TryOpen(packet, out _, out _), Is.False);
    }

    [TestCase(0, false)]
    [TestCase(1, true)]
    [TestCase(2, false)]
    public void OnlyTheUnorderedLaneTakesWhatComesLate(byte lane, bool taken)
    {
        (SecureSession a, SecureSession b) = Pair();
        byte[] early = a.Seal(lane, [1]), late = a.Seal(lane, [2]);
        Assert.That(b.TryOpen(late, out _, out _), Is.True);
        Assert.That(b.TryOpen(early, out _, out _), Is.EqualTo(taken));
    }

    [Test]
    public void AThousandRekeysLoseNothing()
    {
        (SecureSession a, SecureSession b) = Pair(rekeyAfter: 1);
        for (int i = 0; i < 1000; i++) Assert.That(b.TryOpen(a.Seal((byte)(i % 3), BitConverter.GetBytes(i)), out _, out _), Is.True);
        Assert.That(a.Generation, Is.EqualTo(999));
    }

    [Test]
    public void KeysAlsoChangeAfterSoManyBytes()
    {
        (SecureSession a, SecureSession b) = Pair(rekeyBytes: 1000);
        for (int i = 0; i < 50; i++) Assert.That(b.TryOpen(a.Seal(0, new byte[100]), out _, out _), Is.True);
        Assert.That(a.Generation, Is.EqualTo(4));
    }

    [TestCase(2)]
    [TestCase(3)]
    [TestCase(1000)]
    public void KeysAgreedAnewTakeOverWhateverTheRatchetDoes(int rekeyAfter)
    {
        (SecureSession a, SecureSession b) = Pair(rekeyAfter);
        byte[] fresh = [.. Enumerable.Repeat((byte)7, 32)];
        Assert.That(b.TryOpen(a.Seal(0, [1]), out _, out _), Is.True);
        b.OfferReceiving([.. fresh]);
        byte[] onTheWay = a.Seal(1, [2]);
        Assert.That(b.TryOpen(a.Seal(0, [3]), out _, out _), Is.True, "still under the keys of before");
        Assert.That(b.IsOffered, Is.True);
        a.RenewSending([.. fresh]);
        byte[] renewed = a.Seal(0, [4]);
        Assert.That(b.TryOpen(renewed, out _, out byte[]? plain), Is.True);
        Assert.That(plain, Is.EqualTo(new byte[] { 4 }));
        Assert.That(b.IsOffered, Is.False);
        Assert.That(b.TryOpen(renewed, out _, out _), Is.False, "counters go on: a replay stays one");
        if (rekeyAfter > 2) Assert.That(b.TryOpen(onTheWay, out _, out _), Is.True, "another lane's packet of the generation before");
        for (int i = 0; i < 20; i++) Assert.That(b.TryOpen(a.Seal(2, [5]), out _, out _), Is.True);
    }

    [Test]
    public void WhoKnowsTheKeysOfBeforeCannotOpenWhatIsSealedUnderKeysAgreedAnew()
    {
        (SecureSession a, SecureSession b) = Pair();
        (_, SecureSession thief) = Pair(); // holds the very same keys
        a.RenewSending([.. Enumerable.Repeat((byte)7, 32)]);
        Assert.That(thief.TryOpen(a.Seal(0, [1]), out _, out _), Is.False);
        Assert.That(b.TryOpen(a.Seal(0, [1]), out _, out _), Is.False, "nor can a peer that was not offered the key");
    }

    [Test]
    public void TheReplayWindowTakesEachCounterOnceAndNoneTooOld() =>
        Gen.Int[0, 3 * ReplayWindow.Size].Array[0, 300].Sample(counters =>
        {
            var window = new ReplayWindow();
            var taken = new HashSet<int>();
            foreach (int counter in counters)
            {
                bool expected = !taken.Contains(counter) && (taken.Count == 0 || taken.Max() - counter < ReplayWindow.Size);
                if (window.IsNew((ulong)counter) != expected) return false;
                if (!expected) continue;
                window.Take((ulong)counter);
                taken.Add(counter);
            }
            return true;
        });

    [Test]
    public void TheHandshakeGivesBothSidesTheSameKeys()
    {
        using SigningKey dialler = TestNode.Signer(1), listener = TestNode.Signer(2);
        VoteHandshake d = Handshake(dialler), l = Handshake(listener);
        using VoteHandshake.Dial dial = d.Begin(listener.Public);
        Assert.That(l.Claimed(dial.Hello), Is.EqualTo(dialler.Public));
        (byte[] reply, SessionKeys keys) = l.Answer(dialler.Public, dial.Hello)!.Value;
        SecureSession atListener = Session(keys);
        SecureSession atDialler = Session(d.Finish(dial, reply)!);
        Assert.That(atListener.TryOpen(atDialler.Seal(0, [1]), out _, out _), Is.True);
        Assert.That(atDialler.TryOpen(atListener.Seal(0, [1]), out _, out _), Is.True);
    }

    [Test]
    public void AHandshakeWithAnyByteChangedGivesNoSession()
    {
        using SigningKey dialler = TestNode.Signer(1), listener = TestNode.Signer(2);
        VoteHandshake d = Handshake(dialler), l = Handshake(listener);
        using VoteHandshake.Dial dial = d.Begin(listener.Public);
        byte[] reply = l.Answer(dialler.Public, dial.Hello)!.Value.Reply;
        for (int i = 0; i < dial.Hello.Length; i++)
        {
            byte[] changed = [.. dial.Hello];
            changed[i] ^= 1;
            Assert.That(l.Claimed(changed) is { } claimed && l.Answer(claimed, changed) is not null, Is.False, $"hello byte {i}");
        }
        for (int i = 0; i < reply.Length; i++)
        {
            byte[] changed = [.. reply];
            changed[i] ^= 1;
            Assert.That(d.Finish(dial, changed), Is.Null, $"reply byte {i}");
        }
    }

    [Test]
    public void AHelloMeantForAnotherNodeOrChainIsWorthNothing()
    {
        using SigningKey dialler = TestNode.Signer(1), listener = TestNode.Signer(2), other = TestNode.Signer(3);
        using VoteHandshake.Dial dial = Handshake(dialler).Begin(listener.Public);
        Assert.That(Handshake(other).Answer(dialler.Public, dial.Hello), Is.Null);
        Assert.That(new VoteHandshake(new NodeIdentity(listener, Protocol.Hash.Zero)).Claimed(dial.Hello), Is.Null);
    }

    private static VoteHandshake Handshake(SigningKey key) => new(new NodeIdentity(key, TestNode.Chain));

    private static SecureSession Session(SessionKeys keys) => new(keys, 1000, long.MaxValue);

    private static (SecureSession A, SecureSession B) Pair(int rekeyAfter = 1000, long rekeyBytes = long.MaxValue) =>
        (new SecureSession(new SessionKeys([.. One], [.. Two]), rekeyAfter, rekeyBytes), new SecureSession(new SessionKeys([.. Two], [.. One]), rekeyAfter, rekeyBytes));
}
