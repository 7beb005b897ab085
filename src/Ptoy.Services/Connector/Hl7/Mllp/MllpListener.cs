using System.Net;
using System.Net.Sockets;
using Ptoy.Services.Connector.Hl7.Parsing;

namespace Ptoy.Services.Connector.Hl7.Mllp;

/// <summary>
/// Listens for senders. Connections, bytes of a block and waiting times are bounded; one sender's blocks are taken one after the other,
/// each answered before the next. What ends a connection is logged with the reason and the connection's number, never with content.
/// </summary>
internal sealed class MllpListener(Hl7Options options, Hl7Inbox inbox, TimeProvider time, ILogger log)
{
    private readonly MllpTls? _tls = options.Certificate is null ? null : new MllpTls(options);
    private readonly TaskCompletionSource<IPEndPoint> _bound = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _number;
    private int _open;

    /// <summary>Where it listens, once it does.</summary>
    public Task<IPEndPoint> Bound => _bound.Task;

    /// <summary>Open connections.</summary>
    public int Open => Volatile.Read(ref _open);

    /// <summary>Listens until told to stop. Throws <see cref="IOException"/> when the address cannot be used.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        _tls?.Check();
        using var listener = new TcpListener(IPAddress.Parse(options.Host), options.Port);
        try
        {
            listener.Start(backlog: 128);
        }
        catch (SocketException e)
        {
            throw new IOException($"mllp: cannot listen on {options.Host}:{options.Port}: {e.SocketErrorCode}", e);
        }
        _bound.TrySetResult((IPEndPoint)listener.LocalEndpoint);
        var open = new HashSet<Task>();
        try
        {
            while (true)
            {
                Socket socket = await listener.AcceptSocketAsync(stop);
                open.RemoveWhere(t => t.IsCompleted);
                if (Open >= options.MaxConnections)
                {
                    log.LogWarning("mllp: connection turned away: {Count} are open already", options.MaxConnections);
                    socket.Dispose();
                    continue;
                }
                Interlocked.Increment(ref _open);
                open.Add(ServeAsync(socket, Interlocked.Increment(ref _number), stop));
            }
        }
        finally
        {
            await Task.WhenAll(open);
        }
    }

    private async Task ServeAsync(Socket socket, long number, CancellationToken stop)
    {
        // The rest goes on elsewhere: the listener shall not wait for a handshake.
        await Task.Yield();
        try
        {
            using (socket)
            {
                socket.NoDelay = true;
                await using Stream plain = new NetworkStream(socket, ownsSocket: false);
                using var patience = new Patience(
                    time, TimeSpan.FromSeconds(options.IdleSeconds), TimeSpan.FromSeconds(options.MessageSeconds), stop);
                await using Stream stream = _tls is null ? plain : await SecureAsync(plain, patience);
                await TalkAsync(stream, patience);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The daemon stops; what was not acknowledged is sent again.
        }
        catch (OperationCanceledException)
        {
            log.LogWarning("mllp: connection {Number} closed: nothing came for too long, or a block took too long", number);
        }
        catch (MllpException e)
        {
            log.LogWarning("mllp: connection {Number} closed: {Reason}", number, e.Message);
        }
        catch (Hl7Exception e)
        {
            log.LogWarning("mllp: connection {Number} closed: a block that is no message: {Reason}", number, e.Problem);
        }
        catch (IOException)
        {
            log.LogInformation("mllp: connection {Number} broke off", number);
        }
        finally
        {
            Interlocked.Decrement(ref _open);
        }
    }

    private async Task<Stream> SecureAsync(Stream plain, Patience patience)
    {
        patience.Begin();
        return await _tls!.SecureAsync(plain, patience.Token);
    }

    private async Task TalkAsync(Stream stream, Patience patience)
    {
        var reader = new MllpReader(stream, options.MaxMessageBytes);
        while (true)
        {
            patience.Wait();
            if (await reader.ReadAsync(patience.Begin, patience.Token) is not { } block) return;
            patience.Work();
            foreach (byte[] answer in await inbox.ReceiveAsync(block, patience.Token))
            {
                patience.Begin();
                await stream.WriteAsync(MllpReader.Frame(answer), patience.Token);
            }
        }
    }

    /// <summary>How long is waited for what: one clock for a connection, set again at each step.</summary>
    private sealed class Patience : IDisposable
    {
        private readonly CancellationTokenSource _source;
        private readonly ITimer _timer;
        private readonly TimeSpan _idle, _message;

        public Patience(TimeProvider time, TimeSpan idle, TimeSpan message, CancellationToken stop)
        {
            (_idle, _message) = (idle, message);
            _source = CancellationTokenSource.CreateLinkedTokenSource(stop);
            _timer = time.CreateTimer(_ => Cancel(), null, idle, Timeout.InfiniteTimeSpan);
        }

        public CancellationToken Token => _source.Token;

        /// <summary>Between blocks.</summary>
        public void Wait() => _timer.Change(_idle, Timeout.InfiniteTimeSpan);

        /// <summary>A block, handshake or answer began.</summary>
        public void Begin() => _timer.Change(_message, Timeout.InfiniteTimeSpan);

        /// <summary>While a block is written to disk nobody is to blame but us.</summary>
        public void Work() => _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

        public void Dispose()
        {
            _timer.Dispose();
            _source.Dispose();
        }

        private void Cancel()
        {
            try { _source.Cancel(); }
            catch (ObjectDisposedException) { }
        }
    }
}
