using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Wire;

namespace Ptoy.Simulation;

/// <summary>
/// A Byzantine replica: correct software whose messages somebody else gets hold of. It has its own key and nobody else's.
/// </summary>
internal abstract class Adversary(World world, int identity)
{
    protected World World => world;

    protected int Identity => identity;

    protected SimNode Node => world.NodeOf(identity);

    protected Totals Totals => world.Totals;

    /// <summary>The one for a role; null for a role that needs none.</summary>
    public static Adversary? Of(Role role, World world, int identity) => role switch
    {
        Role.Equivocator => new Equivocator(world, identity),
        Role.DoubleVoter => new DoubleVoter(world, identity),
        Role.Silent => new Silent(world, identity),
        Role.Slow => new Slow(world, identity),
        Role.Replayer => new Replayer(world, identity),
        Role.Forger => new Forger(world, identity),
        Role.Withholder => new Withholder(world, identity),
        Role.WrongRoots => new WrongRoots(world, identity),
        Role.BadProposer => new BadProposer(world, identity),
        Role.Flooder => new Flooder(world, identity),
        _ => null,
    };

    /// <summary>The software wants this sent to an identity.</summary>
    public abstract void Send(int to, ConsensusEnvelope envelope);

    /// <summary>A message of another came in.</summary>
    public virtual void Hear(ConsensusEnvelope envelope) { }

    /// <summary>Every tick.</summary>
    public virtual void Tick() { }

    protected void Put(int to, ConsensusEnvelope envelope, int late = 0) => world.SendForged(Node, to, envelope, forged: false, late);

    /// <summary>Sends what no verifier may let pass.</summary>
    protected void PutForged(int to, ConsensusEnvelope envelope)
    {
        Totals.Forged++;
        world.SendForged(Node, to, envelope, forged: true, late: 0);
    }

    protected Signature Sign<T>(string domain, T statement) where T : IWire => Keys.SignerOf(identity).Sign(domain, Codec.Encode(statement));

    protected Signature SignVote(bool commit, ulong epoch, ulong view, ulong height, Hash block) =>
        Sign(commit ? VoteStatement.CommitDomain : VoteStatement.PrepareDomain, new VoteStatement(world.ChainId, epoch, view, height, block));

    /// <summary>A proposal with another block in it, signed anew.</summary>
    protected ConsensusEnvelope WithBlock(ConsensusEnvelope envelope, PrePrepare proposal, BlockHeader header)
    {
        Block block = proposal.Block with { Header = header };
        Signature signature = SignVote(false, envelope.Epoch, proposal.View, header.Height, block.ComputeHash());
        return envelope with { Message = new PrePrepare(proposal.View, block, signature) };
    }
}
