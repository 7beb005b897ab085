using CsCheck;
using NUnit.Framework;
using Ptoy.Node.Transport;

namespace Ptoy.Node.Tests.Transport;

/// <summary>Frames, the queue that makes them and the reader that takes them.</summary>
public class FrameTests
{
    [Test]
    public void WhatTheQueueWritesTheReaderReadsWhateverTheSizes() =>
        Gen.Int[0, 200_000].Array[1, 12].Sample(sizes =>
        {
            var queue = new SendQueue(100, int.MaxValue);
            for (int i = 0; i < sizes.Length; i++)
            {
                var payload = new byte[sizes[i]];
                Array.Fill(payload, (byte)i);
                queue.TryEnqueue(new Message(FrameType.OneWay, (ushort)i, 0, payload));
            }
            Message[] read = ReadAll(Drain(queue)).GetAwaiter().GetResult();
            int[] kinds = [.. read.Select(m => (int)m.Kind)];
            return kinds.Order().SequenceEqual(Enumerable.Range(0, sizes.Length))
                && read.All(m => m.Payload.Length == sizes[m.Kind] && !m.Payload.Span.ContainsAnyExcept((byte)m.Kind))
                && InOrder(read.Where(m => !m.IsLarge)) && InOrder(read.Where(m => m.IsLarge));
        }, iter: 200);

    [Test]
    public void ASmallMessageWaitsForOneChunkAtMost()
    {
        var queue = new SendQueue(100, int.MaxValue);
        queue.TryEnqueue(new Message(FrameType.OneWay, 1, 0, new byte[10 * FrameHead.Chunk]));
        var buffer = new byte[SendQueue.BufferSize];
        (int first, _) = queue.Fill(buffer);
        queue.TryEnqueue(new Message(FrameType.OneWay, 2, 0, new byte[5]));
        (int second, int completed) = queue.Fill(buffer);
        Assert.That(first, Is.EqualTo(FrameHead.Chunk + FrameHead.Size));
        Assert.That(completed, Is.EqualTo(1));
        Assert.That(FrameHead.Read(buffer).Kind, Is.EqualTo(2));
        Assert.That(second, Is.EqualTo(FrameHead.Size + 5 + FrameHead.Size + FrameHead.Chunk), "and the large one goes on beside it");
    }

    [Test]
    public void TheQueueIsBoundedInMessagesAndBytesPerSize()
    {
        var queue = new SendQueue(3, 1000);
        Assert.That(Enqueue(queue, 600), Is.True);
        Assert.That(Enqueue(queue, 600), Is.False, "bytes");
        Assert.That(Enqueue(queue, 100), Is.True);
        Assert.That(Enqueue(queue, 100), Is.True);
        Assert.That(Enqueue(queue, 1), Is.False, "messages");
        Assert.That(Enqueue(queue, FrameHead.Chunk + 1), Is.True, "a first large one");
        Assert.That(Enqueue(queue, FrameHead.Chunk + 1), Is.False, "a second");
        Assert.That(queue.Bytes, Is.EqualTo(800 + FrameHead.Chunk + 1));
        Drain(queue);
        Assert.That(queue.Bytes, Is.Zero);
        Assert.That(Enqueue(queue, 600), Is.True);
    }

    [Test]
    public async Task WaitingForRoomEndsWhenThereIsSomeOrTheQueueCloses()
    {
        var queue = new SendQueue(1, 1000);
        Assert.That(Enqueue(queue, 10), Is.True);
        ValueTask<bool> waiting = queue.EnqueueAsync(new Message(FrameType.OneWay, 1, 0, new byte[1]), CancellationToken.None);
        Assert.That(waiting.IsCompleted, Is.False);
        queue.Fill(new byte[SendQueue.BufferSize]);
        Assert.That(await waiting.AsTask().WaitAsync(TestNode.Patience), Is.True);
        ValueTask<bool> lost = queue.EnqueueAsync(new Message(FrameType.OneWay, 1, 0, new byte[1]), CancellationToken.None);
        Assert.That(queue.Close(), Is.EqualTo(1));
        Assert.That(await lost.AsTask().WaitAsync(TestNode.Patience), Is.False);
        Assert.That(Enqueue(queue, 1), Is.False);
    }

    [TestCase(0, 0, 0, "frame type 0 is not known")]
    [TestCase(9, 0, 0, "frame type 9 is not known")]
    [TestCase(1, ITransport.MaxMessageSize + 1, 1, "a message of 67108865 bytes is larger than 67108864")]
    [TestCase(1, -1, 1, "a message of 4294967295 bytes is larger than 67108864")]
    [TestCase(1, 10, 11, "a frame of 11 bytes does not fit its message of 10")]
    [TestCase(1, 10, -1, "a frame of 4294967295 bytes does not fit its message of 10")]
    [TestCase(1, 10, 0, "an empty frame of a message that is not")]
    public async Task ABadHeadIsRefusedBeforeAnythingIsAllocated(int type, int total, int length, string message)
    {
        var head = new byte[FrameHead.Size];
        new FrameHead((FrameType)type, 1, 1, total, length).Write(head);
        ProtocolViolationException error = (await Assert.ThrowsAsync<ProtocolViolationException>(() => ReadAll(head)))!;
        Assert.That(error.Message, Is.EqualTo(message));
    }

    [Test]
    public async Task PiecesOfTwoMessagesMayNotMix()
    {
        byte[] stream = [.. Piece(1, 100, 40), .. Piece(2, 100, 40)];
        ProtocolViolationException error = (await Assert.ThrowsAsync<ProtocolViolationException>(() => ReadAll(stream)))!;
        Assert.That(error.Message, Does.Contain("before the last one was complete"));
    }

    [Test]
    public void AnyBytesEndInAnErrorOrTheEnd() =>
        Gen.Byte.Array[0, 400].Sample(bytes =>
        {
            try { ReadAll(bytes).GetAwaiter().GetResult(); }
            catch (TransportException) { /* named what is wrong */ }
            return true;
        });

    private static bool Enqueue(SendQueue queue, int size) => queue.TryEnqueue(new Message(FrameType.OneWay, 1, 0, new byte[size]));

    private static byte[] Piece(uint id, int total, int length)
    {
        var piece = new byte[FrameHead.Size + length];
        new FrameHead(FrameType.Request, 1, id, total, length).Write(piece);
        return piece;
    }

    private static bool InOrder(IEnumerable<Message> messages)
    {
        int[] kinds = [.. messages.Select(m => (int)m.Kind)];
        return kinds.SequenceEqual(kinds.Order());
    }

    private static byte[] Drain(SendQueue queue)
    {
        using var all = new MemoryStream();
        var buffer = new byte[SendQueue.BufferSize];
        while (queue.Fill(buffer) is { Length: > 0 } filled) all.Write(buffer, 0, filled.Length);
        return all.ToArray();
    }

    private static async Task<Message[]> ReadAll(byte[] bytes)
    {
        var messages = new List<Message>();
        var reader = new FrameReader(new MemoryStream(bytes), static _ => { });
        try
        {
            while (true) messages.Add(await reader.ReadAsync(CancellationToken.None));
        }
        catch (EndOfStreamException)
        {
            return [.. messages];
        }
    }
}
