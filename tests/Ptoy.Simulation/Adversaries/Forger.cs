using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Simulation;

/// <summary>
/// Shows what nobody signed: certificates with too few signatures or with its own in the places of others, votes in the name of others
/// and of other epochs, new views that do not follow.
/// </summary>
internal sealed class Forger(World world, int identity) : Adversary(world, identity)
{
    public override void Send(int to, ConsensusEnvelope envelope)
    {
        if (envelope.Message is NewView opened && World.Random.Chance(0.7))
        {
            // It is this view's primary and its signature is right: only the replica can see that the proposals do not follow.
            Totals.Forged++;
            Put(to, envelope with { Message = Altered(opened) });
            return;
        }
        Put(to, envelope);
        if (World.Random.Chance(0.1)) PutForged(to, Forged(envelope));
    }

    private ConsensusEnvelope Forged(ConsensusEnvelope envelope)
    {
        ConsensusEnvelope bare = envelope with { Votes = [] };
        ulong epoch = envelope.Epoch, height = Node.Replica?.Committed + 1 ?? 1, view = Node.Replica?.View ?? 0;
        Hash block = World.NewTransaction();
        var statement = new VoteStatement(World.ChainId, epoch, view, height, block);
        switch (World.Random.Between(0, 6))
        {
            case 0:
                return bare with { Message = new Decision(new CommitCertificate(statement, Signatures(VoteStatement.CommitDomain, statement))) };
            case 1:
                ExecutionStatement last = Node.Disk.Last;
                ExecutionStatement wrong = last with { Height = last.Height + 1, StateRoot = block, ChainHash = block };
                return bare with { Message = new Checkpoint(new ExecutionCertificate(wrong, Signatures(ExecutionStatement.Domain, wrong))) };
            case 2:
                var prepared = new PreparedCertificate(statement, Signatures(VoteStatement.PrepareDomain, statement));
                var change = new ViewChangeStatement(World.ChainId, epoch, envelope.Sender, view + 1, null, [prepared]);
                return bare with { Message = new ViewChange(change, Sign(ViewChangeStatement.Domain, change)) };
            case 3:
                // Rightly signed for another epoch.
                return new ConsensusEnvelope(epoch + 1, envelope.Sender, new Prepare(view, height, block, SignVote(false, epoch + 1, view, height, block)), []);
            case 4:
                return new ConsensusEnvelope(epoch, Another(envelope.Sender), new Commit(view, height, block, SignVote(true, epoch, view, height, block)), []);
            case 5:
                var opened = new NewViewStatement(World.ChainId, epoch, NotMine(view), [], []);
                return bare with { Message = new NewView(opened, Sign(NewViewStatement.Domain, opened)) };
            default:
                var vote = new ExecutionVote(height, block, block, block, Hash.Zero, 1, new Signature(SuiteId.Ed25519, new byte[64]));
                return new ConsensusEnvelope(epoch, envelope.Sender, null, [vote]);
        }
    }

    /// <summary>Its own signature alone, or in the places of a quorum.</summary>
    private ReplicaSignature[] Signatures<T>(string domain, T statement) where T : Ptoy.Protocol.Wire.IWire
    {
        Epoch epoch = World.EpochOf(Node.Epoch);
        Signature mine = Sign(domain, statement);
        return World.Random.Chance(0.5)
            ? [new ReplicaSignature((byte)epoch.IndexOf(Identity), mine)]
            : [.. Enumerable.Range(0, epoch.Set.Quorum).Select(i => new ReplicaSignature((byte)i, mine))];
    }

    private byte Another(byte self) => (byte)((self + 1) % World.EpochOf(Node.Epoch).Set.Count);

    /// <summary>The next view whose primary is somebody else.</summary>
    private ulong NotMine(ulong view)
    {
        ValidatorSet set = World.EpochOf(Node.Epoch).Set;
        int self = World.EpochOf(Node.Epoch).IndexOf(Identity);
        do view++;
        while (set.PrimaryOf(view) == self);
        return view;
    }

    private NewView Altered(NewView opened)
    {
        NewViewStatement statement = opened.Statement;
        statement = World.Random.Between(0, 2) switch
        {
            0 => statement with { ViewChanges = statement.ViewChanges[..^1] },
            1 when statement.Proposals.Length > 0 => statement with { Proposals = statement.Proposals[..^1] },
            _ => statement with { Proposals = [.. statement.Proposals.Select(p => p with { BlockHash = World.NewTransaction() }), new ReProposal(Next(statement), World.NewTransaction())] },
        };
        return new NewView(statement, Sign(NewViewStatement.Domain, statement));
    }

    private ulong Next(NewViewStatement statement) => statement.Proposals.Length > 0 ? statement.Proposals[^1].Height + 1 : Node.Disk.Last.Height + 1;
}
