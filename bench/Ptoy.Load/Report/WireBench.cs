using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Ptoy.Load.Network;
using Ptoy.Load.Ordering;
using Ptoy.Load.Results;
using Ptoy.Load.Workloads;
using Ptoy.Node.Methods;
using Ptoy.Node.Rpc;
using Ptoy.Node.Transport;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Load.Report;

/// <summary>What moving bytes costs both ends together, in CPU microseconds of this process, over loopback.</summary>
internal static class WireBench
{
    /// <summary>
    /// A batch of <c>tx_submit</c> over WebSocket with its answer and the notice of its certificates: server and generator together, with
    /// handlers that only decode the base64.
    /// </summary>
    public static async Task<double> SubmitAsync(IReadOnlyList<byte[]> transactions, int rounds)
    {
        var notices = new RpcTopic<Topics.BlockNotice>("blocks", "Certified blocks.", [], (_, _) => _ => true);
        await using RpcServer server = await RpcServer.StartAsync(
            new RpcServerOptions { Listen = ["http://127.0.0.1:0"], CallsPerSecond = 1_000_000 },
            new RpcServices
            {
                Identity = new RpcIdentity(Hash.Zero, PublicOf(1)), Topics = [notices],
                Methods = [new RpcMethod
                {
                    Name = "tx_submit", Summary = "Stands for the real one.", Result = "TxSubmitResult", Params = [new RpcParam("tx", RpcType.Base64, true, "a transaction")],
                    Handler = (_, p, _) => Task.FromResult<object?>(Take(p)),
                    BatchHandler = (calls, _) => Task.FromResult<IReadOnlyList<object?>>([.. calls.Select(c => Take(c.Parameters))]),
                }],
            }).ConfigureAwait(false);
        using var arrived = new SemaphoreSlim(0);
        int noticed = 0;
        void OnMessage(int node, ReadOnlySpan<byte> json)
        {
            if (json[0] == '[' && json.IndexOf("\"error\""u8) < 0) arrived.Release();
            else if (json.IndexOf("\"transactions\""u8) >= 0) RpcMessages.Block(json, (_, _) => noticed++);
        }
        await using NodeSocket socket = await NodeSocket.OpenAsync(0, server.Addresses[0], OnMessage).ConfigureAwait(false);
        socket.Send("""{"jsonrpc":"2.0","id":"blocks","method":"subscribe","params":{"topic":"blocks"}}"""u8.ToArray());
        using Account unused = Account.New(0);
        byte[] message = RpcMessages.Submit([.. transactions.Select(t => new Prepared(Hash.Zero, t, 0, unused, 0))], 0);
        string[] hashes = [.. transactions.Select(_ => Hash.Zero.ToString())];
        async Task RunAsync(int count)
        {
            for (int i = 0; i < count; i++)
            {
                socket.Send(message);
                notices.Publish(new Topics.BlockNotice(1, hashes[0], 1, hashes[0], hashes));
                await arrived.WaitAsync(TimeSpan.FromSeconds(30)).ConfigureAwait(false);
            }
        }
        await RunAsync(rounds / 4).ConfigureAwait(false);
        double before = CpuClock.Process();
        await RunAsync(rounds).ConfigureAwait(false);
        return (CpuClock.Process() - before) / rounds / transactions.Count;
    }

    /// <summary>One message from a node to another over the bulk carrier (TLS), and one vote over UDP: both ends together.</summary>
    public static async Task<(double BulkMessage, double Vote)> TransportAsync(int bulkBytes, int voteBytes, int rounds)
    {
        using SigningKey first = NewKey(), second = NewKey();
        Hash chain = Digest.Of("bench/chain", [2]);
        var options = new TransportOptions { ListenAddress = IPAddress.Loopback };
        await using var a = new NodeTransport(first, chain, options, NullLogger.Instance);
        await using var b = new NodeTransport(second, chain, options, NullLogger.Instance);
        using var arrived = new SemaphoreSlim(0);
        var takes = new TransportHandlers
        {
            OnVote = (_, _) => arrived.Release(),
            OnBulk = (_, _, _) =>
            {
                arrived.Release();
                return ValueTask.CompletedTask;
            },
        };
        await a.StartAsync(new TransportHandlers()).ConfigureAwait(false);
        await b.StartAsync(takes).ConfigureAwait(false);
        a.UpdatePeers([new PeerAddress(b.Self, "127.0.0.1", b.VotePort, b.BulkPort)]);
        b.UpdatePeers([new PeerAddress(a.Self, "127.0.0.1", a.VotePort, a.BulkPort)]);
        using var poll = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        while (!a.IsUp(b.Self, Carrier.Bulk) || !a.IsUp(b.Self, Carrier.Votes)) await poll.WaitForNextTickAsync().ConfigureAwait(false);
        byte[] bulk = RandomNumberGenerator.GetBytes(bulkBytes), vote = RandomNumberGenerator.GetBytes(voteBytes);
        // Several under way at once, as under load: a wake-up each would be measured otherwise.
        const int Together = 8;
        async Task<double> RunAsync(Action send)
        {
            double before = 0;
            for (int i = -rounds / 4; i < rounds; i += Together)
            {
                if (before == 0 && i >= 0) before = CpuClock.Process();
                for (int k = 0; k < Together; k++) send();
                for (int k = 0; k < Together; k++)
                {
                    if (!await arrived.WaitAsync(TimeSpan.FromSeconds(30)).ConfigureAwait(false)) throw new TimeoutException("micro-benchmark: a message did not arrive");
                }
            }
            return (CpuClock.Process() - before) / rounds;
        }
        double perBulk = await RunAsync(() => a.SendBulk(b.Self, 1, bulk)).ConfigureAwait(false);
        return (perBulk, await RunAsync(() => a.SendVote(b.Self, vote)).ConfigureAwait(false));
    }

    /// <summary>A client batch over TCP and the notice of its certificate: ordering node and generator together.</summary>
    public static async Task<double> CommandAsync(byte[] batch, int port, int rounds)
    {
        using var server = new CommandServer(port, (_, _) => true, () => []);
        using var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(IPAddress.Loopback, port).ConfigureAwait(false);
        var frames = new CommandFrames(client.GetStream());
        Hash hash = Digest.Of(Domains.Transaction, batch);
        async Task RunAsync(int count)
        {
            for (int i = 0; i < count; i++)
            {
                await CommandFrames.WriteAsync(client.GetStream(), batch, CancellationToken.None).ConfigureAwait(false);
                // An empty frame is answered when the batch before it was taken in.
                await CommandFrames.WriteAsync(client.GetStream(), default, CancellationToken.None).ConfigureAwait(false);
                await frames.ReadAsync(CancellationToken.None).ConfigureAwait(false);
                server.Notify([hash]);
                await frames.ReadAsync(CancellationToken.None).ConfigureAwait(false);
            }
        }
        await RunAsync(rounds / 4).ConfigureAwait(false);
        double before = CpuClock.Process();
        await RunAsync(rounds).ConfigureAwait(false);
        return (CpuClock.Process() - before) / rounds;
    }

    private static TxSubmitResult Take(JsonElement parameters) => new(Digest.Of(Domains.Transaction, parameters.GetProperty("tx").GetBytesFromBase64()).ToString());

    private static SigningKey NewKey() => new(RandomNumberGenerator.GetBytes(SigningKey.SeedSize));

    private static PublicKey PublicOf(byte seed)
    {
        using var key = new SigningKey([.. Enumerable.Repeat(seed, SigningKey.SeedSize)]);
        return key.Public;
    }
}
