using Ptoy.Protocol.Crypto;

namespace Ptoy.Node.Transport;

/// <summary>Counters of one peer since this node started, except the round trip times, which are the latest (milliseconds; 0 when unknown).</summary>
/// <param name="Node">The peer's node key.</param>
/// <param name="VotesUp">Whether votes reach it.</param>
/// <param name="BulkUp">Whether bulk reaches it.</param>
/// <param name="VotesSent">Votes handed to UDP.</param>
/// <param name="VotesReceived">Votes received, on either carrier.</param>
/// <param name="VotesDropped">Votes dropped because the queue was full or the connection broke.</param>
/// <param name="VotesQueued">Votes waiting now.</param>
/// <param name="VoteBytesSent">Bytes of sealed votes sent.</param>
/// <param name="VoteBytesReceived">Bytes of sealed votes received.</param>
/// <param name="PacketsRefused">Packets that did not authenticate: tampered with, replayed, or from another session.</param>
/// <param name="BulkSent">Bulk messages written.</param>
/// <param name="BulkReceived">Bulk messages received.</param>
/// <param name="BulkRefused">Bulk messages not taken because the queue was full or the peer down.</param>
/// <param name="BulkBytesQueued">Bytes of bulk messages waiting now.</param>
/// <param name="BulkBytesSent">Bulk bytes written, before encryption.</param>
/// <param name="BulkBytesReceived">Bulk bytes read, after decryption.</param>
/// <param name="VoteConnects">Times the vote carrier came up.</param>
/// <param name="BulkConnects">Times the bulk carrier came up.</param>
/// <param name="VoteRenewals">Times the vote session went over to keys agreed anew.</param>
/// <param name="BulkRenewals">Times a bulk connection took the place of one that worked.</param>
/// <param name="VoteRtt">Round trip over UDP.</param>
/// <param name="BulkRtt">Round trip over TLS.</param>
public sealed record PeerSnapshot(
    PublicKey Node, bool VotesUp, bool BulkUp,
    long VotesSent, long VotesReceived, long VotesDropped, int VotesQueued, long VoteBytesSent, long VoteBytesReceived, long PacketsRefused,
    long BulkSent, long BulkReceived, long BulkRefused, long BulkBytesQueued, long BulkBytesSent, long BulkBytesReceived,
    long VoteConnects, long BulkConnects, long VoteRenewals, long BulkRenewals, double VoteRtt, double BulkRtt);

/// <summary>All counters.</summary>
/// <param name="Peers">One entry a member.</param>
/// <param name="Votes">Connection attempts on the vote carrier that were turned away.</param>
/// <param name="Bulk">Those on the bulk carrier.</param>
public sealed record TransportSnapshot(IReadOnlyList<PeerSnapshot> Peers, RefusalSnapshot Votes, RefusalSnapshot Bulk)
{
    /// <summary>Connection attempts refused: no member, another chain, a bad signature, too many at once.</summary>
    public long StrangersRefused => Votes.Total + Bulk.Total;
}

/// <summary>The live counters of one peer; fields so that they can be incremented in place.</summary>
internal sealed class PeerMetrics
{
    public long VotesSent, VotesReceived, VotesDropped, VoteBytesSent, VoteBytesReceived, PacketsRefused, VoteConnects, VoteRenewals;
    public long BulkSent, BulkReceived, BulkRefused, BulkBytesSent, BulkBytesReceived, BulkConnects, BulkRenewals;
    public double BulkRtt;

    public static void Count(ref long counter, long by = 1) => Interlocked.Add(ref counter, by);
}
