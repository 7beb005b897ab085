using System.Diagnostics;
using System.Globalization;
using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using Ptoy.Node.Transport;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Bench;

/// <summary>
/// Message rate and round trip of both carriers next to raw TLS (SslStream), all on loopback in one process and one run. The sender keeps a bounded
/// number of bytes under way, the same for all three, so that no queue drops anything.
/// </summary>
internal static class TransportBench
{
    private const int UnderWayBytes = 4 * 1024 * 1024, UnderWayMessages = 1024;
    private static readonly int[] Sizes = [200, 1024, 16 * 1024, 1024 * 1024];

    private sealed record Row(string Carrier, int Size, double Rate, double Megabytes, double P50, double P99);

    public static async Task<int> RunAsync(string[] args)
    {
        if (args is not ([] or ["--seconds", _]) || !TryParse(args, out double seconds))
        {
            await Console.Error.WriteLineAsync("dev bench transport [--seconds N]: message rate and round trip of both carriers next to raw TLS");
            return 2;
        }
        var span = TimeSpan.FromSeconds(seconds);
        var rows = new List<Row>();
        await using (var tls = await RawTls.StartAsync())
        {
            foreach (int size in Sizes) rows.Add(await MeasureAsync("raw TLS 1.3", size, tls, span));
        }
        await using (var pair = await Pair.StartAsync())
        {
            foreach (int size in Sizes) rows.Add(await MeasureAsync("bulk (TLS)", size, new BulkChannel(pair), span));
            foreach (int size in Sizes.Where(s => s <= 60 * 1024)) rows.Add(await MeasureAsync("votes (UDP)", size, new VoteChannel(pair), span));
        }
        Print(rows);
        Save(rows);
        return 0;
    }

    private static bool TryParse(string[] args, out double seconds)
    {
        seconds = 2;
        return args.Length == 0 || (double.TryParse(args[1], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out seconds) && seconds is > 0 and <= 600);
    }

    private static async Task<Row> MeasureAsync(string carrier, int size, IChannel channel, TimeSpan span)
    {
        var message = new byte[size];
        await RateAsync(channel, message, span / 4); // warm
        double rate = await RateAsync(channel, message, span);
        double[] trips = await RoundTripsAsync(channel, message, span / 2);
        return new Row(carrier, size, rate, rate * size / 1e6, At(trips, 0.5), At(trips, 0.99));
    }

    private static async Task<double> RateAsync(IChannel channel, byte[] message, TimeSpan span)
    {
        int window = Math.Clamp(UnderWayBytes / message.Length, 1, UnderWayMessages);
        using var room = new SemaphoreSlim(window);
        long received = 0;
        channel.Received = () =>
        {
            Interlocked.Increment(ref received);
            room.Release();
        };
        long start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < span)
        {
            await room.WaitAsync();
            await channel.SendAsync(message);
        }
        // What is under way counts when it has arrived.
        for (int i = 0; i < window; i++) await room.WaitAsync();
        return received / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static async Task<double[]> RoundTripsAsync(IChannel channel, byte[] message, TimeSpan span)
    {
        using var back = new SemaphoreSlim(0);
        channel.Received = () => channel.Answer(message);
        channel.Answered = () => back.Release();
        var trips = new List<double>();
        long start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < span || trips.Count < 100)
        {
            long sent = Stopwatch.GetTimestamp();
            await channel.SendAsync(message);
            await back.WaitAsync();
            trips.Add(Stopwatch.GetElapsedTime(sent).TotalMicroseconds);
        }
        return [.. trips.Order()];
    }

    private static double At(double[] sorted, double share) => sorted[(int)(share * (sorted.Length - 1))];

    private static void Print(List<Row> rows)
    {
        Console.WriteLine($"{"carrier",-14}{"bytes",10}{"messages/s",14}{"MB/s",10}{"of TLS",9}{"p50 µs",10}{"p99 µs",10}{"of TLS",9}");
        foreach (Row row in rows)
        {
            Row raw = rows.First(r => r.Size == row.Size);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{row.Carrier,-14}{row.Size,10}{row.Rate,14:N0}{row.Megabytes,10:N1}{row.Rate / raw.Rate,9:0.00}{row.P50,10:N0}{row.P99,10:N0}{row.P50 / raw.P50,9:0.00}"));
        }
        Console.WriteLine($"round trips of one message at a time; at most {UnderWayMessages} messages or {UnderWayBytes >> 20} MiB under way for the rate");
    }

    private static void Save(List<Row> rows)
    {
        string folder = Path.Combine("out", "bench");
        Directory.CreateDirectory(folder);
        string file = Path.Combine(folder, "transport.csv");
        File.WriteAllLines(file,
        [
            "carrier,bytes,messages_per_second,megabytes_per_second,rate_of_tls,round_trip_p50_us,round_trip_p99_us,p50_of_tls",
            .. rows.Select(r => string.Create(CultureInfo.InvariantCulture,
                $"{r.Carrier},{r.Size},{r.Rate:0.#},{r.Megabytes:0.##},{r.Rate / rows.First(t => t.Size == r.Size).Rate:0.###},{r.P50:0.#},{r.P99:0.#},{r.P50 / rows.First(t => t.Size == r.Size).P50:0.###}")),
        ]);
        Console.WriteLine($"written to {file}");
    }

    /// <summary>Two nodes that are members of one another.</summary>
    private sealed class Pair : IAsyncDisposable
    {
        private readonly SigningKey _keyA = Key(1), _keyB = Key(2);

        private Pair()
        {
            var options = new TransportOptions { ListenAddress = IPAddress.Loopback };
            Hash chain = Digest.Of("ptoy/bench/v1", "transport"u8);
            A = new NodeTransport(_keyA, chain, options, NullLogger.Instance);
            B = new NodeTransport(_keyB, chain, options, NullLogger.Instance);
        }

        public NodeTransport A { get; }

        public NodeTransport B { get; }

        /// <summary>Something came at A or B.</summary>
        public Action AtA { get; set; } = static () => { };

        public Action AtB { get; set; } = static () => { };

        public static async Task<Pair> StartAsync()
        {
            var pair = new Pair();
            using var up = new CountdownEvent(4);
            await pair.A.StartAsync(Handlers(() => pair.AtA(), up));
            await pair.B.StartAsync(Handlers(() => pair.AtB(), up));
            pair.A.UpdatePeers([new PeerAddress(pair.B.Self, "127.0.0.1", pair.B.VotePort, pair.B.BulkPort)]);
            pair.B.UpdatePeers([new PeerAddress(pair.A.Self, "127.0.0.1", pair.A.VotePort, pair.A.BulkPort)]);
            await Task.Run(() => up.Wait());
            return pair;
        }

        public async ValueTask DisposeAsync()
        {
            await A.DisposeAsync();
            await B.DisposeAsync();
            _keyA.Dispose();
            _keyB.Dispose();
        }

        private static TransportHandlers Handlers(Action came, CountdownEvent up) => new()
        {
            OnVote = (_, _) => came(),
            OnBulk = (_, _, _) =>
            {
                came();
                return ValueTask.CompletedTask;
            },
            OnPeerUp = (_, _) => up.Signal(),
        };

        private static SigningKey Key(byte seed)
        {
            var bytes = new byte[SigningKey.SeedSize];
            bytes[0] = seed;
            return new SigningKey(bytes);
        }
    }

    private sealed class BulkChannel(Pair pair) : IChannel
    {
        public Action Received { set => pair.AtB = value; }

        public Action Answered { set => pair.AtA = value; }

        public async ValueTask SendAsync(byte[] message)
        {
            if (!await pair.A.SendBulkAsync(pair.B.Self, 1, message, CancellationToken.None)) throw new InvalidOperationException("the bulk connection is down");
        }

        public void Answer(byte[] message)
        {
            if (!pair.B.SendBulk(pair.A.Self, 1, message)) throw new InvalidOperationException("the bulk queue is full");
        }
    }

    private sealed class VoteChannel(Pair pair) : IChannel
    {
        public Action Received { set => pair.AtB = value; }

        public Action Answered { set => pair.AtA = value; }

        public ValueTask SendAsync(byte[] message)
        {
            pair.A.SendVote(pair.B.Self, message);
            return ValueTask.CompletedTask;
        }

        public void Answer(byte[] message) => pair.B.SendVote(pair.A.Self, message);
    }
}

/// <summary>A way from one end to the other and back.</summary>
internal interface IChannel
{
    /// <summary>Called at the far end for each message.</summary>
    Action Received { set; }

    /// <summary>Called at the near end for each answer.</summary>
    Action Answered { set; }

    ValueTask SendAsync(byte[] message);

    /// <summary>Sends from the far end.</summary>
    void Answer(byte[] message);
}
