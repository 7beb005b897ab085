namespace Ptoy.EndToEnd.Network.Faults;

/// <summary>What is wrong with one direction of a link at a moment.</summary>
internal sealed record LinkFault
{
    /// <summary>A link as it should be.</summary>
    public static readonly LinkFault None = new();

    /// <summary>Nothing passes: datagrams are lost, streams stand still, new connections are not made.</summary>
    public bool Blocked { get; init; }

    /// <summary>Added to the way of every byte.</summary>
    public TimeSpan Delay { get; init; }

    /// <summary>Up to so much more, for each datagram anew: those that overtake one another arrive out of order.</summary>
    public TimeSpan Jitter { get; init; }

    /// <summary>Share of the datagrams that is lost, 0 to 1.</summary>
    public double Loss { get; init; }

    /// <summary>Share of the datagrams that arrives twice, 0 to 1.</summary>
    public double Duplicate { get; init; }

    /// <summary>Most bytes a second in a stream; 0 for no limit.</summary>
    public long BytesPerSecond { get; init; }
}

/// <summary>What the proxies did, over all links.</summary>
internal sealed class LinkCounters
{
    public long Datagrams;
    public long Lost;
    public long Doubled;
    public long Delayed;
    public long Connections;
    public long Cut;
    public long StreamBytes;

    public static void Count(ref long counter, long by = 1) => Interlocked.Add(ref counter, by);

    public override string ToString() =>
        $"{Datagrams} datagrams: {Lost} lost, {Doubled} doubled, {Delayed} delayed; {Connections} streams with {StreamBytes >> 20} "
            + $"MiB: {Cut} cut";
}
