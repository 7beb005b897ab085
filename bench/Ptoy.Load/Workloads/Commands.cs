using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Ptoy.Load.Engine;
using Ptoy.Load.Network;
using Ptoy.Load.Ordering;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Load.Workloads;

/// <summary>
/// Unsigned commands in client batches, ordered only: an item is a batch, handed to each node in turn over TCP, done when that node tells
/// that the execution certificate of its block exists.
/// </summary>
internal sealed class Commands(Cluster cluster, int perBatch, int payload) : IWorkload
{
    private static readonly TimeSpan Again = TimeSpan.FromMilliseconds(100);

    private readonly ConcurrentDictionary<Hash, int> _items = new();
    private readonly Link?[] _links = new Link?[cluster.Nodes.Count];
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Task> _tasks = [];
    private Recorder? _recorder;
    private ulong _next;

    private sealed record Link(TcpClient Client, Channel<byte[]> Queue);

    private sealed record Batch(Hash Hash, byte[] Bytes);

    public string Name => "ordering";

    public int Weight => perBatch;

    public Task PrepareAsync()
    {
        for (int i = 0; i < _links.Length; i++)
        {
            int node = i;
            _links[i] = Connect(i);
            _tasks.Add(Task.Run(() => KeepAsync(node)));
        }
        return Task.CompletedTask;
    }

    public Task<IReadOnlyList<Message>> MakeAsync(int items, int first, int perMessage)
    {
        const ulong Client = 1;
        var messages = new Message[items];
        for (int i = 0; i < items; i++, _next += (ulong)perBatch)
        {
            byte[] bytes = CommandBatch.Make(Client, _next, perBatch, payload);
            Hash hash = Digest.Of(Domains.Transaction, bytes);
            _items[hash] = first + i;
            messages[i] = new Message(first + i, 1, i % _links.Length, new Batch(hash, bytes));
        }
        return Task.FromResult<IReadOnlyList<Message>>(messages);
    }

    public void Begin(Recorder recorder) => Volatile.Write(ref _recorder, recorder);

    public void Send(Message message)
    {
        var batch = (Batch)message.Content;
        for (int i = 0; i < _links.Length; i++)
        {
            if (Volatile.Read(ref _links[(message.Node + i) % _links.Length]) is { } link && link.Queue.Writer.TryWrite(batch.Bytes)) return;
        }
        Volatile.Read(ref _recorder)?.Refuse(message.First, "no node is connected");
    }

    public void TakeBack(IEnumerable<Message> unsent)
    {
        foreach (Message message in unsent) _items.TryRemove(((Batch)message.Content).Hash, out _);
    }

    public Task<string?> CheckAsync() => Task.FromResult<string?>(null);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        foreach (Link? link in _links) link?.Client.Dispose();
        await Task.WhenAll(_tasks).ConfigureAwait(false);
        _stop.Dispose();
    }

    private Link Connect(int node)
    {
        var client = new TcpClient { NoDelay = true };
        client.Connect(IPAddress.Loopback, cluster.CommandPort(node));
        return new Link(client, Channel.CreateUnbounded<byte[]>(new UnboundedChannelOptions { SingleReader = true }));
    }

    /// <summary>Serves a connection until it is lost, then makes it again. What was under way on it stays without an outcome.</summary>
    private async Task KeepAsync(int node)
    {
        using var pause = new PeriodicTimer(Again);
        while (!_stop.IsCancellationRequested)
        {
            if (_links[node] is { } link)
            {
                Task sending = SendAsync(link);
                await ReceiveAsync(link).ConfigureAwait(false);
                link.Queue.Writer.TryComplete();
                link.Client.Dispose();
                await sending.ConfigureAwait(false);
                Volatile.Write(ref _links[node], null);
            }
            try
            {
                await pause.WaitForNextTickAsync(_stop.Token).ConfigureAwait(false);
                Volatile.Write(ref _links[node], Connect(node));
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException)
            {
                // Still down, or the end of the run.
            }
        }
    }

    private async Task SendAsync(Link link)
    {
        try
        {
            await foreach (byte[] batch in link.Queue.Reader.ReadAllAsync(_stop.Token).ConfigureAwait(false))
                await CommandFrames.WriteAsync(link.Client.GetStream(), batch, _stop.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException or InvalidOperationException)
        {
            // The reading side ends as well.
        }
    }

    private async Task ReceiveAsync(Link link)
    {
        try
        {
            var frames = new CommandFrames(link.Client.GetStream());
            while (await frames.ReadAsync(_stop.Token).ConfigureAwait(false) is { } frame)
            {
                if (Volatile.Read(ref _recorder) is not { } recorder) continue;
                for (int at = 1; at + Hash.Size <= frame.Length; at += Hash.Size)
                {
                    if (!_items.TryRemove(new Hash(frame.AsSpan(at, Hash.Size)), out int item)) continue;
                    if (frame[0] == CommandServer.Certified) recorder.Complete(item);
                    else if (frame[0] == CommandServer.Refused) recorder.Refuse(item, "the node's pool is full");
                }
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException or InvalidOperationException)
        {
            // Lost.
        }
    }
}
