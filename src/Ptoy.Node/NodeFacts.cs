using Ptoy.Node.Membership;
using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Node;

/// <summary>Who this node is, who the members are, and how it is doing.</summary>
public sealed record NodeFacts
{
    /// <summary>Genesis hash.</summary>
    public required Hash ChainId { get; init; }

    /// <summary>This node's key.</summary>
    public required PublicKey NodeKey { get; init; }

    /// <summary>The members of the newest executed height.</summary>
    public required Func<GovernanceFacts> Governance { get; init; }

    /// <summary>The organisation that runs this node, none for a node that is neither a member nor about to become one.</summary>
    public Address Organisation
    {
        get
        {
            GovernanceFacts now = Governance();
            IEnumerable<MemberEntry> known = [.. now.Members, .. now.NextMembers, .. now.Candidates.Select(c => c.Node)];
            return known.FirstOrDefault(m => m.NodeKey == NodeKey)?.Organisation ?? Address.None;
        }
    }

    /// <summary>Every member organisation.</summary>
    public IReadOnlyList<Address> Organisations => [.. Governance().Members.Select(m => m.Organisation).Distinct()];

    /// <summary>Where members serve JSON-RPC, where they told.</summary>
    public IReadOnlyList<MemberEndpoint> Endpoints =>
        [.. Governance().Members.Where(m => m.Endpoint?.Rpc is not null).Select(m => new MemberEndpoint(m.NodeKey.ToString(), m.Organisation.ToString(), m.Endpoint!.Rpc!))];

    /// <summary>Counters for people and monitors: no personal data.</summary>
    public required Func<object> Health { get; init; }
}
