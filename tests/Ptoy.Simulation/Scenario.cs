namespace Ptoy.Simulation;

/// <summary>What a seed stands for: size, parameters and the kinds and strength of faults.</summary>
internal sealed record Scenario
{
    /// <summary>Units of virtual time in a tick. A unit is a millisecond.</summary>
    public const int UnitsPerTick = 10;

    private static readonly int[] Sizes = [4, 5, 6, 7, 10];

    public required ulong Seed { get; init; }
    public required int Replicas { get; init; }
    public required ulong Window { get; init; }
    public required ulong CheckpointInterval { get; init; }
    public required int MaxInFlight { get; init; }
    public required long FaultUnits { get; init; }
    public required double Loss { get; init; }
    public required double Duplication { get; init; }
    public required int MaxDelay { get; init; }
    public required double CrashRate { get; init; }
    public required double AllCrashRate { get; init; }
    public required double PartitionRate { get; init; }
    public required int ViewTimeoutTicks { get; init; }
    public required double Idle { get; init; }

    /// <summary>A replica that proposes different blocks to different peers and votes for all of them, or −1.</summary>
    public required int Equivocator { get; init; }

    /// <summary>Every message goes through the codec.</summary>
    public required bool Encoded { get; init; }

    public static Scenario Of(ulong seed, int? replicas)
    {
        var random = new SimRandom(seed * 0x5851F42D4C957F2D + 1);
        int n = replicas ?? Sizes[seed % (ulong)Sizes.Length];
        ulong window = random.Pick<ulong>(8, 16, 32, 128);
        return new Scenario
        {
            Seed = seed,
            Replicas = n,
            Window = window,
            CheckpointInterval = random.Pick<ulong>(3, 4, 7),
            MaxInFlight = random.Pick(1, 2, 4, 8),
            FaultUnits = random.Between(2500, 5000),
            Loss = random.Pick(0, 0.02, 0.1, 0.25),
            Duplication = random.Pick(0, 0.02, 0.1),
            MaxDelay = random.Pick(4, 30, 200),
            CrashRate = random.Pick(0, 0.02, 0.08),
            AllCrashRate = random.Pick(0, 0, 0.01),
            PartitionRate = random.Pick(0, 0.03, 0.1),
            ViewTimeoutTicks = random.Pick(12, 30),
            Idle = random.Pick(0, 0, 0.5),
            Equivocator = random.Chance(0.3) ? random.Between(0, n - 1) : -1,
            Encoded = seed % 16 == 0,
        };
    }
}
