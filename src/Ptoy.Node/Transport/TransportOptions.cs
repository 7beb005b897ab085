using System.Net;

namespace Ptoy.Node.Transport;

/// <summary>What can be tuned. The defaults suit four members on one network; <see cref="Validate"/> says what is out of range.</summary>
public sealed record TransportOptions
{
    /// <summary>Configuration key of <see cref="VotePort"/>.</summary>
    public const string VotePortKey = "votePort";

    /// <summary>Configuration key of <see cref="BulkPort"/>.</summary>
    public const string BulkPortKey = "bulkPort";

    /// <summary>Address to listen on.</summary>
    public IPAddress ListenAddress { get; init; } = IPAddress.Any;

    /// <summary>UDP port for votes; 0 takes any free one.</summary>
    public int VotePort { get; init; }

    /// <summary>TCP port for bulk; 0 takes any free one.</summary>
    public int BulkPort { get; init; }

    /// <summary>Votes queued per connected peer, beyond those under way, before the oldest is dropped.</summary>
    public int VoteQueueLength { get; init; } = 4096;

    /// <summary>Their bytes, per peer, before the oldest is dropped.</summary>
    public int VoteQueueBytes { get; init; } = 32 * 1024 * 1024;

    /// <summary>Votes kept for a peer that is down; the newest stay.</summary>
    public int VoteQueueLengthWhileDown { get; init; } = 128;

    /// <summary>Votes handed to UDP and not yet acknowledged, per peer.</summary>
    public int VotesInFlight { get; init; } = 512;

    /// <summary>
    /// Bytes of small bulk messages, and again of large ones, queued per peer before <see cref="ITransport.SendBulk"/> answers false.
    /// A single message larger than that is taken when no other large one waits.
    /// </summary>
    public int BulkQueueBytes { get; init; } = 32 * 1024 * 1024;

    /// <summary>Small bulk messages, and again large ones, queued per peer before <see cref="ITransport.SendBulk"/> answers false.</summary>
    public int BulkQueueLength { get; init; } = 16_384;

    /// <summary>Received one-way messages that wait for the handler, per peer, in bytes; beyond, reading from that peer pauses.</summary>
    public int BulkInboxBytes { get; init; } = 32 * 1024 * 1024;

    /// <summary>Requests of one peer answered at the same time; more are answered with an error.</summary>
    public int ServedRequests { get; init; } = 64;

    /// <summary>How long a request waits for its answer.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a connection may take to authenticate.</summary>
    public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>First pause before dialling again; doubles, with jitter, up to <see cref="ReconnectMax"/>.</summary>
    public TimeSpan ReconnectMin { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Longest pause before dialling again.</summary>
    public TimeSpan ReconnectMax { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>A connection on which nothing came for this long is dead. A third of it is the interval of probes.</summary>
    public TimeSpan DeadAfter { get; init; } = TimeSpan.FromSeconds(6);

    /// <summary>Votes sealed under one key before the next one is derived.</summary>
    public int RekeyAfter { get; init; } = 1 << 20;

    /// <summary>Bytes of votes sealed under one key before the next one is derived.</summary>
    public long RekeyAfterBytes { get; init; } = 1L << 30;

    /// <summary>How long the two sides of a vote session use what they agreed on before they agree on new keys.</summary>
    public TimeSpan VoteRenewAfter { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How long a bulk connection is used before another one with new keys takes its place.</summary>
    public TimeSpan BulkRenewAfter { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Bytes in both directions after which another bulk connection takes its place.</summary>
    public long BulkRenewAfterBytes { get; init; } = 64L << 30;

    /// <summary>
    /// Milliseconds between two looks of the UDP engine at its timers (retransmission, acknowledgements). Sending does not wait for it:
    /// every vote wakes the engine. Must stay below the 25 ms after which a packet counts as lost.
    /// </summary>
    public int VoteTimerMilliseconds { get; init; } = 10;

    /// <summary>Throws <see cref="TransportException"/> naming the key that is out of range.</summary>
    public void Validate()
    {
        Port(VotePortKey, VotePort);
        Port(BulkPortKey, BulkPort);
        Range("transport.voteQueueLength", VoteQueueLength, 1, 1 << 20);
        Range("transport.voteQueueLengthWhileDown", VoteQueueLengthWhileDown, 0, VoteQueueLength);
        Range("transport.voteQueueBytes", VoteQueueBytes, 1, 1 << 30);
        Range("transport.votesInFlight", VotesInFlight, 1, 1 << 16);
        Range("transport.bulkQueueBytes", BulkQueueBytes, 1, 1 << 30);
        Range("transport.bulkQueueLength", BulkQueueLength, 1, 1 << 20);
        Range("transport.bulkInboxBytes", BulkInboxBytes, 1, 1 << 30);
        Range("transport.servedRequests", ServedRequests, 1, 4096);
        Range("transport.requestTimeout", RequestTimeout.TotalMilliseconds, 1, 3_600_000);
        Range("transport.handshakeTimeout", HandshakeTimeout.TotalMilliseconds, 1, 60_000);
        Range("transport.reconnectMin", ReconnectMin.TotalMilliseconds, 1, 60_000);
        Range("transport.reconnectMax", ReconnectMax.TotalMilliseconds, ReconnectMin.TotalMilliseconds, 600_000);
        Range("transport.deadAfter", DeadAfter.TotalMilliseconds, 300, 600_000);
        Range("transport.rekeyAfter", RekeyAfter, 1, 1 << 30);
        Range("transport.rekeyAfterBytes", RekeyAfterBytes, 1, 1L << 36);
        Range("transport.voteRenewAfter", VoteRenewAfter.TotalMilliseconds, 1, 86_400_000);
        Range("transport.bulkRenewAfter", BulkRenewAfter.TotalMilliseconds, 1, 86_400_000);
        Range("transport.bulkRenewAfterBytes", BulkRenewAfterBytes, 1, 1L << 38);
        Range("transport.voteTimerMilliseconds", VoteTimerMilliseconds, 1, 20);
    }

    private static void Port(string key, int port) => Range(key, port, 0, IPEndPoint.MaxPort);

    private static void Range(string key, double value, double least, double most)
    {
        if (!(value >= least && value <= most)) throw new TransportException($"{key} is {value}; it must lie between {least} and {most}");
    }
}
