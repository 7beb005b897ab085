using Ptoy.Node.Config;
using Ptoy.Node.Transport;
using Ptoy.Protocol.Crypto;

namespace Ptoy.Node.Membership;

/// <summary>
/// With whom this node talks: the members of this epoch and the next, candidates, and what the operator configured. An address in the
/// configuration wins over the chain's. A configured peer that the chain has never heard of is the way in for a node that starts from
/// nothing; one that was a member and is one no more is refused, whatever the configuration says.
/// </summary>
public sealed class PeerBook(ITransport transport, MemberBook members, EpochBook epochs, IReadOnlyList<PeerConfig> configured, ILogger<PeerBook> log)
{
    private readonly Lock _applying = new();
    private HashSet<PublicKey> _allowed = [];

    /// <summary>Tells the transport who may connect now.</summary>
    public void Apply()
    {
        lock (_applying)
        {
            IReadOnlyCollection<PeerAddress> peers = Peers();
            HashSet<PublicKey> allowed = [.. peers.Select(p => p.Node)];
            foreach (PublicKey gone in _allowed.Except(allowed)) log.LogInformation("node {Node} is a peer no more", gone);
            foreach (PublicKey come in allowed.Except(_allowed)) log.LogInformation("node {Node} is a peer", come);
            _allowed = allowed;
            transport.UpdatePeers(peers);
        }
    }

    /// <summary>Who may connect, and where each is reached.</summary>
    public IReadOnlyCollection<PeerAddress> Peers()
    {
        GovernanceFacts now = members.Now;
        var peers = new Dictionary<PublicKey, PeerAddress>();
        IEnumerable<MemberEntry> known = [.. now.Members, .. now.NextMembers, .. now.Candidates.Select(c => c.Node)];
        HashSet<PublicKey> named = [.. known.Select(m => m.NodeKey), .. epochs.Chain.Newest.Members.Select(m => m.NodeKey)];
        foreach (MemberEntry member in known)
        {
            if (member.Endpoint is { } at) peers[member.NodeKey] = new PeerAddress(member.NodeKey, at.Host, at.VotePort, at.BulkPort);
        }
        foreach (PeerConfig peer in configured)
        {
            bool left = !named.Contains(peer.NodeKey) && epochs.Chain.Ever(peer.NodeKey);
            if (!left) peers[peer.NodeKey] = new PeerAddress(peer.NodeKey, peer.Host, peer.VotePort, peer.BulkPort);
        }
        peers.Remove(transport.Self);
        return peers.Values;
    }
}
