using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Simulation;

/// <summary>Says nothing.</summary>
internal sealed class Silent(World world, int identity) : Adversary(world, identity)
{
    public override void Send(int to, ConsensusEnvelope envelope) => Totals.Swallowed++;
}

/// <summary>Says everything late.</summary>
internal sealed class Slow(World world, int identity) : Adversary(world, identity)
{
    public override void Send(int to, ConsensusEnvelope envelope)
    {
        Totals.Late++;
        Put(to, envelope, World.Random.Between(50, 900));
    }
}

/// <summary>Says again what was said long ago, by itself and by others, to whoever.</summary>
internal sealed class Replayer(World world, int identity) : Adversary(world, identity)
{
    private const int Remembered = 128;

    private readonly List<ConsensusEnvelope> _old = [];

    public override void Send(int to, ConsensusEnvelope envelope)
    {
        Remember(envelope);
        Put(to, envelope);
        Replay(to);
    }

    public override void Hear(ConsensusEnvelope envelope) => Remember(envelope);

    public override void Tick() => World.ForEachPeer(Node, (to, _) => Replay(to));

    private void Remember(ConsensusEnvelope envelope)
    {
        if (!World.Random.Chance(0.2)) return;
        if (_old.Count < Remembered) _old.Add(envelope);
        else _old[World.Random.Between(0, Remembered - 1)] = envelope;
    }

    private void Replay(int to)
    {
        if (_old.Count == 0 || !World.Random.Chance(0.3)) return;
        Totals.Replayed++;
        Put(to, _old[World.Random.Between(0, _old.Count - 1)]);
    }
}

/// <summary>Sends far more than its share: statuses that ask, requests for what is not there, votes on nothing, far views.</summary>
internal sealed class Flooder(World world, int identity) : Adversary(world, identity)
{
    private const int PerTick = 3;

    public override void Send(int to, ConsensusEnvelope envelope) => Put(to, envelope);

    public override void Tick()
    {
        if (!Node.Up) return;
        World.ForEachPeer(Node, (to, self) =>
        {
            for (int i = 0; i < PerTick; i++)
            {
                Totals.Flooded++;
                Put(to, new ConsensusEnvelope(Node.Epoch, (byte)self, Junk((byte)self), []));
            }
        });
    }

    private ConsensusMessage Junk(byte self)
    {
        ulong epoch = Node.Epoch, view = Node.Replica!.View, committed = Node.Replica.Committed;
        ulong height = committed + (ulong)World.Random.Between(1, 300);
        Hash block = World.NewTransaction();
        switch (World.Random.Between(0, 4))
        {
            case 0:
                var status = new StatusStatement(World.ChainId, epoch, self, view, true, height, committed, 0, 0, true, false, false, [], null);
                return new Status(status, Sign(StatusStatement.Domain, status));
            case 1:
                var request = new BlockRequestStatement(World.ChainId, epoch, self, height, block);
                return new BlockRequest(request, Sign(BlockRequestStatement.Domain, request));
            case 2:
                return new Prepare(view, height, block, SignVote(false, epoch, view, height, block));
            case 3:
                return new Commit(view + 1, height, block, SignVote(true, epoch, view + 1, height, block));
            default:
                var far = new ViewChangeStatement(World.ChainId, epoch, self, view + (ulong)World.Random.Between(1, 1000), null, []);
                return new ViewChange(far, Sign(ViewChangeStatement.Domain, far));
        }
    }
}
