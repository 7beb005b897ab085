using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Ptoy.Node.Transport;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Tests.Wire;
using PublicKey = Ptoy.Protocol.Crypto.PublicKey;

namespace Ptoy.Fuzz;

/// <summary>What a stranger, or somebody in between, can send to the ports of the nodes' transport.</summary>
internal static class TransportTargets
{
    public static IEnumerable<FuzzTarget> All()
    {
        var dialler = new NodeIdentity(Samples.Alice, Samples.ChainId);
        var listener = new NodeIdentity(Samples.Bob, Samples.ChainId);
        return [.. Votes(new VoteHandshake(dialler), dialler, new VoteHandshake(listener), listener), .. Bulk(dialler, listener)];
    }

    private static IEnumerable<FuzzTarget> Votes(VoteHandshake dials, NodeIdentity dialler, VoteHandshake listens, NodeIdentity listener)
    {
        VoteHandshake.Dial dial = dials.Begin(listener.Self), shown = dials.Begin(listener.Self, Samples.Fill(5)[..CookieJar.Size]);
        (byte[] reply, SessionKeys atListener) = listens.Answer(dialler.Self, dial.Hello)!.Value;
        SessionKeys atDialler = dials.Finish(dial, reply)!;
        byte[][] hellos = [dial.Hello, shown.Hello];
        yield return new FuzzTarget("transport.voteHello", hellos, bytes =>
        {
            if (listens.Claimed(bytes) is not { } claimed || listens.Answer(claimed, bytes) is null) return false;
            Targets.Require(hellos.Any(h => h.AsSpan().SequenceEqual(bytes)), "a changed hello was taken");
            return true;
        });
        yield return new FuzzTarget("transport.voteReply", [reply], bytes =>
        {
            if (dials.Finish(dial, bytes) is null) return false;
            Targets.Require(reply.AsSpan().SequenceEqual(bytes), "a changed reply was taken");
            return true;
        });
        byte[][] packets = Packets(atDialler);
        yield return new FuzzTarget("transport.votePacket", packets, bytes =>
        {
            using var session = new SecureSession(Copy(atListener), 2, long.MaxValue);
            if (!session.TryOpen(bytes, out byte lane, out _)) return false;
            Targets.Require(lane < SecureSession.Lanes && packets.Any(p => p.AsSpan().SequenceEqual(bytes)), "a changed packet was opened");
            Targets.Require(!session.TryOpen(bytes, out _, out _), "a packet was opened twice");
            return true;
        });
    }

    /// <summary>Of all lanes, the last ones under the next key.</summary>
    private static byte[][] Packets(SessionKeys keys)
    {
        using var session = new SecureSession(Copy(keys), 2, long.MaxValue);
        return [.. Enumerable.Range(0, 4).Select(i => session.Seal((byte)i, new byte[i * 50]))];
    }

    private static SessionKeys Copy(SessionKeys keys) => new([.. keys.Send], [.. keys.Receive]);

    private static IEnumerable<FuzzTarget> Bulk(NodeIdentity dialler, NodeIdentity listener)
    {
        yield return new FuzzTarget("transport.bulkFrames", Frames(), bytes => Read(bytes));
        X509Certificate2 certificate = BulkHandshake.CreateCertificate();
        byte[] flight = FirstFlight(new BulkHandshake(dialler, certificate), listener.Self);
        var listens = new BulkHandshake(listener, certificate);
        yield return new FuzzTarget("transport.bulkHandshake", [flight, flight[..BulkHandshake.PrefaceSize]], bytes => Accept(listens, bytes));
    }

    private static bool Accept(BulkHandshake handshake, byte[] bytes)
    {
        using var stream = new OneWayStream(bytes);
        try
        {
            if (handshake.ReadPrefaceAsync(stream, CancellationToken.None).GetAwaiter().GetResult() is not { } claimed) return false;
            handshake.AcceptAsync(stream, claimed, CancellationToken.None).GetAwaiter().GetResult().Stream.Dispose();
        }
        catch (Exception e) when (e is AuthenticationException or IOException or TransportException)
        {
            return false;
        }
        throw new FindingException("somebody without a key got in");
    }

    /// <summary>What a dialler says first: the preface and the client's hello of TLS.</summary>
    private static byte[] FirstFlight(BulkHandshake handshake, PublicKey listener)
    {
        using var stream = new OneWayStream([]);
        try { handshake.DialAsync(stream, listener, false, CancellationToken.None).GetAwaiter().GetResult().Dispose(); }
        catch (Exception e) when (e is AuthenticationException or IOException) { /* nobody answered */ }
        return stream.Written;
    }

    private static byte[][] Frames()
    {
        var queue = new SendQueue(100, 1 << 20);
        foreach (int size in new[] { 0, 10, 1_000, FrameHead.Chunk + 1 })
            foreach (FrameType type in Enum.GetValues<FrameType>()) queue.TryEnqueue(new Message(type, 1, 7, new byte[size]));
        queue.Finish();
        var frames = new List<byte[]>();
        var buffer = new byte[SendQueue.BufferSize];
        while (queue.Fill(buffer) is { Length: > 0 } filled) frames.Add(buffer[..filled.Length]);
        return [.. frames];
    }

    private static bool Read(byte[] bytes)
    {
        var reader = new FrameReader(new MemoryStream(bytes), static _ => { });
        try
        {
            while (true)
            {
                Message message = reader.ReadAsync(CancellationToken.None).AsTask().GetAwaiter().GetResult();
                Targets.Require(message.Payload.Length <= bytes.Length, "a message longer than what came");
            }
        }
        catch (EndOfStreamException)
        {
            return true;
        }
        catch (TransportException e)
        {
            Targets.Require(e.Message.Length > 0, "refused without a reason");
            return false;
        }
    }

    /// <summary>Reads what was given and then ends; keeps what is written.</summary>
    private sealed class OneWayStream(byte[] incoming) : Stream
    {
        private readonly MemoryStream _in = new(incoming), _out = new();

        public byte[] Written => _out.ToArray();

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override int Read(byte[] buffer, int offset, int count) => _in.Read(buffer, offset, count);

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => new(_in.Read(buffer.Span));

        public override void Write(byte[] buffer, int offset, int count) => _out.Write(buffer, offset, count);

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            _out.Write(buffer.Span);
            return ValueTask.CompletedTask;
        }

        public override void Flush()
        {
            // Nothing is held back.
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
