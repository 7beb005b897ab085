using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Simulation;

/// <summary>Proposes one block to the even peers and a twin of it to the odd ones, and votes for whichever each of them was shown.</summary>
internal sealed class Equivocator(World world, int identity) : Adversary(world, identity)
{
    public override void Send(int to, ConsensusEnvelope envelope) => Put(to, to % 2 == 0 ? envelope : Other(envelope));

    private ConsensusEnvelope Other(ConsensusEnvelope envelope)
    {
        switch (envelope.Message)
        {
            case PrePrepare m:
                ConsensusEnvelope twin = WithBlock(envelope, m, m.Block.Header with { TimeMs = m.Block.Header.TimeMs + 1 });
                // Several equivocators know of each other's twins, and vote for them alike.
                World.Twins[m.Block.ComputeHash()] = ((PrePrepare)twin.Message!).Block.ComputeHash();
                Totals.Equivocations++;
                return twin;
            case Prepare m when World.Twins.TryGetValue(m.BlockHash, out Hash other):
                return envelope with { Message = new Prepare(m.View, m.Height, other, SignVote(false, envelope.Epoch, m.View, m.Height, other)) };
            case Commit m when World.Twins.TryGetValue(m.BlockHash, out Hash other):
                return envelope with { Message = new Commit(m.View, m.Height, other, SignVote(true, envelope.Epoch, m.View, m.Height, other)) };
            default:
                return envelope;
        }
    }
}

/// <summary>Sends everybody its vote and the opposite of it.</summary>
internal sealed class DoubleVoter(World world, int identity) : Adversary(world, identity)
{
    public override void Send(int to, ConsensusEnvelope envelope)
    {
        Put(to, envelope);
        ConsensusMessage? other = envelope.Message switch
        {
            Prepare m => new Prepare(m.View, m.Height, Opposite(m.BlockHash), SignVote(false, envelope.Epoch, m.View, m.Height, Opposite(m.BlockHash))),
            Commit m => new Commit(m.View, m.Height, Opposite(m.BlockHash), SignVote(true, envelope.Epoch, m.View, m.Height, Opposite(m.BlockHash))),
            _ => null,
        };
        if (other is null) return;
        Totals.DoubleVotes++;
        Put(to, envelope with { Message = other, Votes = [] });
    }

    private static Hash Opposite(Hash block) => Digest.Of("ptoy/sim/opposite", block.ToArray());
}

/// <summary>Proposes upon a state root that is not the one of that height, and signs other outcomes than it computed.</summary>
internal sealed class WrongRoots(World world, int identity) : Adversary(world, identity)
{
    public override void Send(int to, ConsensusEnvelope envelope)
    {
        if (envelope.Message is PrePrepare m)
        {
            Totals.WrongRoots++;
            envelope = WithBlock(envelope, m, m.Block.Header with { ExecutedStateRoot = Wrong(m.Block.Header.ExecutedStateRoot) });
        }
        Put(to, envelope with { Votes = [.. envelope.Votes.Select(v => Altered(envelope.Epoch, v))] });
    }

    private ExecutionVote Altered(ulong epoch, ExecutionVote vote)
    {
        Totals.WrongRoots++;
        ExecutionVote other = vote with { StateRoot = Wrong(vote.StateRoot) };
        return other with { Signature = Sign(ExecutionStatement.Domain, other.Statement(World.ChainId, epoch)) };
    }

    private static Hash Wrong(Hash root) => Digest.Of("ptoy/sim/wrong", root.ToArray());
}

/// <summary>Proposes blocks whose bodies nobody gets.</summary>
internal sealed class Withholder(World world, int identity) : Adversary(world, identity)
{
    public override void Send(int to, ConsensusEnvelope envelope)
    {
        if (envelope.Message is PrePrepare { Block: { TransactionHashes.Length: > 0 } block }) World.Withhold(block.ComputeHash());
        Put(to, envelope);
    }
}

/// <summary>Proposes what no replica may accept, now as primary, now out of turn.</summary>
internal sealed class BadProposer(World world, int identity) : Adversary(world, identity)
{
    private const ulong Hour = 3_600_000;

    public override void Send(int to, ConsensusEnvelope envelope)
    {
        // The same to everybody: what half of them refuse needs no checking by the rest.
        if (envelope.Message is not PrePrepare m || Choice(m) >= Kinds)
        {
            Put(to, envelope);
            return;
        }
        Totals.BadProposals++;
        Put(to, Bad(envelope, m));
    }

    public override void Tick()
    {
        if (!Node.Up || Node.Replica!.IsPrimary || !World.Random.Chance(0.1)) return;
        Totals.BadProposals++;
        var replica = Node.Replica;
        ExecutionStatement executed = Node.Disk.Last;
        var header = new BlockHeader(World.ChainId, Node.Epoch, replica.Committed + 1, MerkleTree.Root([]), World.ClockOf(Node),
            executed.Height, executed.ChainHash, executed.StateRoot);
        var block = new Block(header, []);
        var proposal = new PrePrepare(replica.View, block, SignVote(false, Node.Epoch, replica.View, header.Height, block.ComputeHash()));
        World.ForEachPeer(Node, (to, self) => Put(to, new ConsensusEnvelope(Node.Epoch, (byte)self, proposal, [])));
    }

    private const int Kinds = 5;

    /// <summary>Which kind of badness a proposal gets; some are left as they are.</summary>
    private static int Choice(PrePrepare m) => (int)(m.Block.Header.TimeMs % (Kinds + 3));

    private ConsensusEnvelope Bad(ConsensusEnvelope envelope, PrePrepare m)
    {
        BlockHeader header = m.Block.Header;
        ExecutionStatement genesis = Node.Disk.StatementAt(Node.Disk.Base)!;
        return Choice(m) switch
        {
            0 => WithBlock(envelope, m, header with { TimeMs = header.TimeMs + Hour }),
            1 => WithBlock(envelope, m, header with { Height = header.Height + 2 * Node.Config.Window }),
            2 => WithBlock(envelope, m, header with { ExecutedHeight = genesis.Height, ExecutedChainHash = genesis.ChainHash, ExecutedStateRoot = genesis.StateRoot }),
            3 => WithBlock(envelope, m, header with { ChainId = Digest.Of("ptoy/sim/elsewhere", []) }),
            _ => WithBlock(envelope, m, header with { Height = header.Height + 1 }),
        };
    }
}
