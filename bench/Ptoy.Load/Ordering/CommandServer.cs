using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Load.Ordering;

/// <summary>
/// Where clients hand in batches, over TCP on loopback: frames of u32 length and bytes. A client's frame is a batch, or empty to ask how the
/// node is; the node's is a kind and, as it says, the hashes of certified batches, the hash of a refused one, or the status as JSON.
/// </summary>
internal sealed class CommandServer : IDisposable
{
    public const byte Certified = 1, Refused = 2, Status = 3;
    private const int MostWaiting = 4_096;

    private readonly TcpListener _listener;
    private readonly Func<Hash, byte[], bool> _submit;
    private readonly Func<byte[]> _status;
    private readonly ConcurrentDictionary<Hash, Channel<byte[]>> _owners = new();
    private readonly CancellationTokenSource _stop = new();

    /// <summary>Listens; <paramref name="submit"/> takes a well-formed batch or answers false.</summary>
    public CommandServer(int port, Func<Hash, byte[], bool> submit, Func<byte[]> status)
    {
        (_submit, _status) = (submit, status);
        _listener = new TcpListener(IPAddress.Loopback, port);
        _listener.Start();
        _ = AcceptAsync();
    }

    /// <summary>Tells the clients of these batches that a quorum certified their result.</summary>
    public void Notify(IEnumerable<Hash> batches)
    {
        var told = new Dictionary<Channel<byte[]>, List<Hash>>();
        foreach (Hash batch in batches)
        {
            if (!_owners.TryRemove(batch, out Channel<byte[]>? owner)) continue;
            if (!told.TryGetValue(owner, out List<Hash>? hashes)) told.Add(owner, hashes = []);
            hashes.Add(batch);
        }
        foreach ((Channel<byte[]> owner, List<Hash> hashes) in told) owner.Writer.TryWrite(Frame(Certified, hashes));
    }

    public void Dispose()
    {
        _stop.Cancel();
        _listener.Dispose();
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                TcpClient client = await _listener.AcceptTcpClientAsync(_stop.Token).ConfigureAwait(false);
                client.NoDelay = true;
                var answers = Channel.CreateBounded<byte[]>(new BoundedChannelOptions(MostWaiting) { SingleReader = true });
                _ = ServeAsync(client, answers);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The end of the process.
        }
    }

    private async Task ServeAsync(TcpClient client, Channel<byte[]> answers)
    {
        using TcpClient own = client;
        Task writing = WriteAsync(client.GetStream(), answers.Reader);
        try
        {
            var reader = new CommandFrames(client.GetStream());
            while (await reader.ReadAsync(_stop.Token).ConfigureAwait(false) is { } frame)
            {
                if (frame.Length == 0)
                {
                    await answers.Writer.WriteAsync([Status, .. _status()], _stop.Token).ConfigureAwait(false);
                    continue;
                }
                Hash hash = Digest.Of(Domains.Transaction, frame);
                _owners[hash] = answers;
                if (CommandBatch.Count(frame) > 0 && _submit(hash, frame)) continue;
                _owners.TryRemove(hash, out _);
                await answers.Writer.WriteAsync(Frame(Refused, [hash]), _stop.Token).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or InvalidDataException)
        {
            // The client left; what it handed in is ordered all the same.
        }
        answers.Writer.TryComplete();
        await writing.ConfigureAwait(false);
    }

    private async Task WriteAsync(NetworkStream stream, ChannelReader<byte[]> answers)
    {
        try
        {
            await foreach (byte[] answer in answers.ReadAllAsync(_stop.Token).ConfigureAwait(false))
                await CommandFrames.WriteAsync(stream, answer, _stop.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // As above.
        }
    }

    private static byte[] Frame(byte kind, IReadOnlyList<Hash> hashes)
    {
        var frame = new byte[1 + (hashes.Count * Hash.Size)];
        frame[0] = kind;
        for (int i = 0; i < hashes.Count; i++) hashes[i].CopyTo(frame.AsSpan(1 + (i * Hash.Size)));
        return frame;
    }
}

/// <summary>Frames of u32 length (big-endian) and bytes.</summary>
internal sealed class CommandFrames(Stream stream)
{
    private readonly byte[] _head = new byte[4];

    /// <summary>The next frame; null at the end. Throws <see cref="InvalidDataException"/> for one that is too long.</summary>
    public async ValueTask<byte[]?> ReadAsync(CancellationToken cancellation)
    {
        int read = await stream.ReadAtLeastAsync(_head, _head.Length, throwOnEndOfStream: false, cancellation).ConfigureAwait(false);
        if (read < _head.Length) return null;
        uint length = BinaryPrimitives.ReadUInt32BigEndian(_head);
        if (length > CommandBatch.MostBytes) throw new InvalidDataException($"a frame of {length} bytes");
        var frame = new byte[length];
        await stream.ReadExactlyAsync(frame, cancellation).ConfigureAwait(false);
        return frame;
    }

    public static async ValueTask WriteAsync(Stream stream, ReadOnlyMemory<byte> bytes, CancellationToken cancellation)
    {
        var frame = new byte[4 + bytes.Length];
        BinaryPrimitives.WriteUInt32BigEndian(frame, (uint)bytes.Length);
        bytes.CopyTo(frame.AsMemory(4));
        await stream.WriteAsync(frame, cancellation).ConfigureAwait(false);
    }
}
