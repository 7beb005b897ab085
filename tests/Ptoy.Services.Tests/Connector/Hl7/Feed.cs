using System.Net.Sockets;
using System.Text;
using NUnit.Framework;
using Ptoy.Services.Common;
using Ptoy.Services.Connector;
using Ptoy.Services.Connector.Hl7;
using Ptoy.Services.Connector.Hl7.Mllp;

namespace Ptoy.Services.Tests.Connector.Hl7;

/// <summary>A running feed on a port of its own, with a folder of its own.</summary>
internal sealed class Feed : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly string _folder;
    private readonly SealedStore _store;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _run;
    private readonly bool _keepFolder;

    private Feed(string folder, Hl7Options options, IIntake intake, TimeProvider time, bool keepFolder)
    {
        (_folder, _keepFolder) = (folder, keepFolder);
        _store = SealedStore.Open(folder, Enumerable.Repeat((byte)7, 32).ToArray());
        Part = new Hl7Part(options, _store, intake, time, Log);
        _run = Part.RunAsync(_stop.Token);
    }

    public Hl7Part Part { get; }

    public CapturedLog<Hl7Part> Log { get; } = new();

    public int Port { get; private set; }

    public static async Task<Feed> StartAsync(IIntake intake, Hl7Options? options = null, string? folder = null, TimeProvider? time = null)
    {
        var feed = new Feed(folder ?? Directory.CreateTempSubdirectory("ptoy-hl7").FullName,
            (options ?? new Hl7Options()) with { Port = 0 }, intake, time ?? TimeProvider.System, folder is not null);
        Task first = await Task.WhenAny(feed.Part.Bound, feed._run);
        await first;
        feed.Port = (await feed.Part.Bound).Port;
        return feed;
    }

    public async Task<Sender> ConnectAsync()
    {
        var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", Port);
        return new Sender(client);
    }

    /// <summary>Sends one message on a connection of its own and gives the answer.</summary>
    public async Task<string> SendAsync(byte[] message)
    {
        using Sender sender = await ConnectAsync();
        return await sender.SendAsync(message) ?? throw new InvalidOperationException("the connection was closed");
    }

    /// <summary>Waits until everything acknowledged was worked on.</summary>
    public async Task SettleAsync()
    {
        Task first = await Task.WhenAny(Part.WhenEmptyAsync().WaitAsync(Patience), _run);
        await first;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _run;
        _stop.Dispose();
        _store.Dispose();
        if (!_keepFolder) Directory.Delete(_folder, recursive: true);
    }
}

/// <summary>A sender's connection.</summary>
internal sealed class Sender(TcpClient client) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly NetworkStream _stream = client.GetStream();
    private MllpReader? _reader;

    /// <summary>Sends a message; the answer, or null when the connection was closed.</summary>
    public async Task<string?> SendAsync(byte[] message)
    {
        await SendRawAsync(MllpReader.Frame(message));
        return await ReadAsync();
    }

    public async Task SendRawAsync(byte[] bytes)
    {
        try { await _stream.WriteAsync(bytes); }
        catch (IOException) { }
    }

    public async Task<string?> ReadAsync()
    {
        using var limit = new CancellationTokenSource(Patience);
        _reader ??= new MllpReader(_stream, 1 << 26);
        try { return await _reader.ReadAsync(() => { }, limit.Token) is { } answer ? Encoding.UTF8.GetString(answer) : null; }
        catch (IOException) { return null; }
        catch (MllpException) { return null; }
    }

    /// <summary>Says that nothing more will come.</summary>
    public void EndSending() => client.Client.Shutdown(SocketShutdown.Send);

    public void Dispose() => client.Dispose();
}
