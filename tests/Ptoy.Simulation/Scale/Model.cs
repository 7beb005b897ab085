namespace Ptoy.Simulation;

/// <summary>What things cost: measured on one machine, put in by hand, the same for every n.</summary>
internal sealed record Model
{
    public required string Name { get; init; }

    /// <summary>One way, in microseconds.</summary>
    public required long LatencyMicros { get; init; }

    /// <summary>What a node can send, in bytes a microsecond (1 Gbit/s is 125).</summary>
    public double BytesPerMicro { get; init; } = 125;

    /// <summary>Ed25519, libsodium.</summary>
    public double SignMicros { get; init; } = 15;

    public double VerifyMicros { get; init; } = 50;

    /// <summary>Threads that verify beside the consensus thread.</summary>
    public int Verifiers { get; init; } = 3;

    /// <summary>Decoding, queues and the step itself, a message.</summary>
    public double MessageMicros { get; init; } = 6;

    public double ByteMicros { get; init; } = 0.004;

    /// <summary>One synced write of the consensus log, whatever gathered for it.</summary>
    public long SyncMicros { get; init; } = 1500;

    /// <summary>Executing a block without a virtual machine: the ordering alone, a transaction.</summary>
    public double ExecuteMicros { get; init; } = 2;

    public int TransactionsPerBlock { get; init; } = 400;

    public int BytesPerTransaction { get; init; } = 250;

    /// <summary>Heights in flight under load.</summary>
    public int InFlight { get; init; } = 16;

    public static Model[] All { get; } =
    [
        new() { Name = "region", LatencyMicros = 500 },
        new() { Name = "country", LatencyMicros = 10_000 },
    ];
}

/// <summary>One row of the table.</summary>
internal sealed record ScaleRow(
    string Model, int Replicas, int Quorum, double HeightsPerSecond, double TransactionsPerSecond, double LatencyP50Ms, double LatencyP99Ms,
    double UnloadedP50Ms, double MessagesPerHeight, double KilobytesPerHeight, double PrimaryCpu, double PrimaryNetwork)
{
    public const string Header =
        "model,n,quorum,heights_per_s,transactions_per_s,p50_ms,p99_ms,unloaded_p50_ms,messages_per_height,kilobytes_per_height,primary_verifiers_busy,primary_link_busy";

    public string Csv => string.Create(System.Globalization.CultureInfo.InvariantCulture,
        $"{Model},{Replicas},{Quorum},{HeightsPerSecond:F1},{TransactionsPerSecond:F0},{LatencyP50Ms:F1},{LatencyP99Ms:F1},{UnloadedP50Ms:F1},{MessagesPerHeight:F0},{KilobytesPerHeight:F0},{PrimaryCpu:F2},{PrimaryNetwork:F2}");
}
