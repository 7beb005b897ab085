namespace Ptoy.EndToEnd.Chaos.Storm;

/// <summary>What can go wrong.</summary>
internal enum FaultKind
{
    KillPrimary,
    KillOther,
    KillTwo,
    KillAll,
    PausePrimary,
    PauseOther,
    Isolate,
    Halves,
    OneWay,
    SlowLinks,
    LossyLinks,
    CutStreams,
    ClockAhead,
    ClockBehind,
    ClockJumps,
    FullDisk,
}

/// <summary>One fault: what, whom, how long, how bad.</summary>
/// <param name="Kind">What.</param>
/// <param name="Victim">The node it is about; where the primary is meant, it is looked up at the time.</param>
/// <param name="Length">From the first harm to the healing.</param>
/// <param name="Severity">0 to 1, spread over what the kind allows.</param>
internal sealed record PlannedFault(FaultKind Kind, int Victim, TimeSpan Length, double Severity)
{
    /// <summary>A fault of the links between nodes; else of a node.</summary>
    public bool IsOfLinks =>
        Kind is FaultKind.Isolate or FaultKind.Halves or FaultKind.OneWay
            or FaultKind.SlowLinks or FaultKind.LossyLinks or FaultKind.CutStreams;
}

/// <summary>Faults that act together, after a time of calm: one of them, or one of a node and one of the links.</summary>
internal sealed record Episode(TimeSpan Calm, IReadOnlyList<PlannedFault> Faults);

/// <summary>
/// Everything that will go wrong, decided by the seed alone. Kinds are dealt like cards: each comes once before any comes again, so that a
/// minute holds nearly all and ten minutes hold each several times.
/// </summary>
internal sealed class FaultPlan(int seed, int nodes, int diskNode, IReadOnlyCollection<FaultKind> left, TimeSpan longest)
{
    private const double Together = 0.35;
    private static readonly TimeSpan Shortest = TimeSpan.FromSeconds(0.5);
    private readonly Random _random = new(seed);
    private readonly Queue<FaultKind> _deck = new();

    /// <summary>The kinds of a whole deck.</summary>
    public static IReadOnlyList<FaultKind> Kinds { get; } = Enum.GetValues<FaultKind>();

    /// <summary>The next episode; there is no last one.</summary>
    public Episode Next()
    {
        TimeSpan calm = TimeSpan.FromMilliseconds(_random.Next(300, 1_500));
        PlannedFault first = Deal();
        if (first.IsOfLinks || _random.NextDouble() >= Together) return new Episode(calm, [first]);
        // What it comes together with is drawn besides the deck.
        FaultKind[] links = [.. Kinds.Where(k => new PlannedFault(k, 0, default, 0).IsOfLinks && k != FaultKind.Halves)];
        return new Episode(calm, [first, Make(links[_random.Next(links.Length)])]);
    }

    private PlannedFault Deal()
    {
        if (_deck.Count == 0)
        {
            FaultKind[] cards = [.. Kinds.Except(left)];
            _random.Shuffle(cards);
            foreach (FaultKind card in cards) _deck.Enqueue(card);
        }
        return Make(_deck.Dequeue());
    }

    private PlannedFault Make(FaultKind kind)
    {
        int victim = _random.Next(nodes);
        TimeSpan length = Shortest + ((longest - Shortest) * _random.NextDouble());
        return new PlannedFault(kind, kind == FaultKind.FullDisk ? diskNode : victim, length, _random.NextDouble());
    }
}
