namespace Ptoy.Simulation;

/// <summary>What a seed stands for: size, parameters and the kinds and strength of faults.</summary>
internal sealed record Scenario
{
    /// <summary>Units of virtual time in a tick. A unit is a millisecond.</summary>
    public const int UnitsPerTick = 10;

    /// <summary>Small networks more often than large ones: they find as much for less.</summary>
    private static readonly int[] Sizes = [4, 5, 4, 6, 4, 7, 5, 4, 7, 10];

    public required ulong Seed { get; init; }
    public required int Replicas { get; init; }
    public ulong Window { get; init; } = 16;
    public ulong CheckpointInterval { get; init; } = 4;
    public int MaxInFlight { get; init; } = 4;

    /// <summary>How long the faults last, in units.</summary>
    public long FaultUnits { get; init; }

    /// <summary>Heights that every correct node must execute after the faults.</summary>
    public ulong HeightsAfter { get; init; } = World.HeightsAfterFaults;

    /// <summary>How often chance is asked for crashes and partitions, in units.</summary>
    public int ChaosEvery { get; init; } = 50;

    public double Loss { get; init; }
    public double Duplication { get; init; }

    /// <summary>Most units that one message in ten is late.</summary>
    public int MaxDelay { get; init; } = 4;

    public double CrashRate { get; init; }
    public double AllCrashRate { get; init; }
    public double PartitionRate { get; init; }
    public int ViewTimeoutTicks { get; init; } = 12;
    public int HeartbeatTicks { get; init; } = 50;
    public int MaxDoublingTicks { get; init; } = 1500;

    /// <summary>How often clients have nothing to do.</summary>
    public double Idle { get; init; }

    /// <summary>What each identity is; shorter than the network when the rest is honest.</summary>
    public IReadOnlyList<Role> Cast { get; init; } = [];

    /// <summary>Whether the faulty stay faulty once the network is healed.</summary>
    public bool Incorrigible { get; init; }

    /// <summary>Least units that a message takes once the network is healed: above the first view timeouts, only growing ones help.</summary>
    public int SlowAfterwards { get; init; }

    /// <summary>Blocks that a node keeps for others; those further behind get a snapshot. 0 keeps all.</summary>
    public int KeptBlocks { get; init; }

    /// <summary>Changes of members, one after another.</summary>
    public IReadOnlyList<Change> Changes { get; init; } = [];

    /// <summary>All who are ever members.</summary>
    public int Identities => Math.Max(Replicas, Changes.Count == 0 ? 0 : Changes.Max(c => c.Members.Max()) + 1);

    /// <summary>Every message goes through the codec, and what correct nodes send is verified as well.</summary>
    public bool Encoded { get; init; }

    /// <summary>Delays are all the same, so that a script reads the same whatever chance says.</summary>
    public bool Steady { get; init; }

    public Role RoleOf(int identity) => identity < Cast.Count ? Cast[identity] : Role.Honest;

    public static Scenario Of(ulong seed, int? replicas)
    {
        var random = new SimRandom(seed * 0x5851F42D4C957F2D + 1);
        int n = replicas ?? Sizes[seed % (ulong)Sizes.Length];
        bool slow = random.Chance(0.04);
        var scenario = new Scenario
        {
            Seed = seed,
            Replicas = n,
            Window = random.Pick<ulong>(8, 16, 32, 128),
            CheckpointInterval = random.Pick<ulong>(3, 4, 7),
            MaxInFlight = random.Pick(1, 2, 4, 8),
            FaultUnits = random.Between(600, 1600),
            Loss = random.Pick(0, 0.02, 0.1, 0.25),
            Duplication = random.Pick(0, 0.02, 0.1),
            MaxDelay = random.Pick(4, 30, 200),
            CrashRate = random.Pick(0, 0.02, 0.08),
            AllCrashRate = random.Pick(0, 0, 0.01),
            PartitionRate = random.Pick(0, 0.03, 0.1),
            ViewTimeoutTicks = random.Pick(12, 30),
            Idle = random.Pick(0, 0, 0.5),
            Incorrigible = random.Chance(0.3),
            SlowAfterwards = slow ? random.Between(100, 250) : 0,
            KeptBlocks = random.Pick(0, 0, 8),
            Encoded = seed % 16 == 0,
        };
        scenario = scenario with { Cast = CastOf(random, n) };
        return random.Chance(0.2) ? WithChanges(scenario, random) : scenario;
    }

    /// <summary>One or two changes of members: one joins, one leaves, or one comes back with another key.</summary>
    private static Scenario WithChanges(Scenario scenario, SimRandom random)
    {
        const int MinMembers = 4;
        var members = Enumerable.Range(0, scenario.Replicas).ToList();
        var changes = new List<Change>();
        int next = scenario.Replicas;
        for (int i = random.Between(1, 2); i > 0; i--)
        {
            int kind = random.Between(0, 2);
            // Who leaves is faulty if anybody is: f of a smaller set may be smaller too.
            int leaver = members.FindIndex(m => scenario.RoleOf(m) != Role.Honest);
            if (leaver < 0) leaver = random.Between(0, members.Count - 1);
            if (kind != 0 && (kind == 2 || members.Count > MinMembers)) members.RemoveAt(leaver);
            if (kind != 1) members.Add(next++);
            changes.Add(new Change(random.Between(2, 12), [.. members]));
        }
        return scenario with { Window = 8, MaxInFlight = Math.Min(scenario.MaxInFlight, 4), Changes = changes };
    }

    /// <summary>Up to f faulty ones, of any kinds.</summary>
    private static Role[] CastOf(SimRandom random, int n)
    {
        var cast = new Role[n];
        int faulty = random.Chance(0.35) ? 0 : random.Between(1, (n - 1) / 3);
        for (int i = 0; i < faulty; i++)
        {
            int identity = random.Between(0, n - 1);
            bool forgets = random.Chance(0.2);
            Role[] kinds = forgets ? Roles.Forgetful : Roles.Byzantine;
            cast[identity] = kinds[random.Between(0, kinds.Length - 1)];
        }
        return cast;
    }
}
