using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;

namespace Ptoy.Simulation;

/// <summary>Follows the votes of replicas that vote twice, to know when a node must notice.</summary>
internal sealed class DoubleVotes(World world)
{
    /// <summary>The newest vote heard in this life of a node: of each replica, phase and height.</summary>
    private readonly Dictionary<(int Slot, int Life, int Sender, bool Commit, ulong Height), (ulong View, Hash Block)> _heard = [];

    /// <summary>True when this message gives the node proof that its sender lied.</summary>
    public bool Hear(SimNode node, ConsensusEnvelope envelope)
    {
        if (envelope.Epoch != node.Epoch || world.RoleOf(world.NodeOf(world.EpochOf(envelope.Epoch).Identities[envelope.Sender])) != Role.DoubleVoter) return false;
        (bool Commit, ulong View, ulong Height, Hash Block)? vote = envelope.Message switch
        {
            Prepare m => (false, m.View, m.Height, m.BlockHash),
            Commit m => (true, m.View, m.Height, m.BlockHash),
            _ => null,
        };
        if (vote is not { } v || v.Height <= node.Replica!.Stable || v.Height > node.Replica.Stable + node.Config.Window) return false;
        var key = (node.Slot, node.Life, (int)envelope.Sender, v.Commit, v.Height);
        if (_heard.TryGetValue(key, out (ulong View, Hash Block) known) && known.View == v.View)
            return known.Block != v.Block;
        if (known.View <= v.View) _heard[key] = (v.View, v.Block);
        return false;
    }
}
