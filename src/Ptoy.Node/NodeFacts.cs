using Ptoy.Protocol;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Rpc;

namespace Ptoy.Node;

/// <summary>What does not change while the node runs, and how it is doing.</summary>
public sealed record NodeFacts
{
    /// <summary>Genesis hash.</summary>
    public required Hash ChainId { get; init; }

    /// <summary>This node's key.</summary>
    public required PublicKey NodeKey { get; init; }

    /// <summary>The organisation that runs this node.</summary>
    public required Address Organisation { get; init; }

    /// <summary>Every member organisation.</summary>
    public required IReadOnlyList<Address> Organisations { get; init; }

    /// <summary>Where members serve JSON-RPC, as far as this node knows.</summary>
    public IReadOnlyList<MemberEndpoint> Endpoints { get; init; } = [];

    /// <summary>Counters for people and monitors: no personal data.</summary>
    public required Func<object> Health { get; init; }
}
