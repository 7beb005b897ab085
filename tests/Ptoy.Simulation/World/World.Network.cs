using Ptoy.Consensus;
using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Wire;

namespace Ptoy.Simulation;

/// <summary>The network: who hears what, when, and how often.</summary>
internal sealed partial class World
{
    /// <summary>Which side of a partition each node is on.</summary>
    private int[] _groups;

    private readonly HashSet<ulong> _countedViews = [];

    private bool _healed;

    /// <summary>Sends what a node wants sent; a faulty one sends what it likes instead.</summary>
    public void Send(SimNode from, Outbound outbound)
    {
        ConsensusEnvelope envelope = outbound.Envelope;
        Hash blockHash = envelope.Message is PrePrepare { Block: { } block } ? block.ComputeHash() : Hash.Zero;
        if (envelope.Message is PrePrepare p) Check.Proposed(from.Identity, envelope.Epoch, p.View, p.Block, blockHash);
        Totals.Sent += outbound.To == Outbound.Everyone ? EpochOf(envelope.Epoch).Identities.Length - 1 : 1;
        CountView(envelope);
        Epoch epoch = EpochOf(envelope.Epoch);
        Adversary? adversary = _healed && !_scenario.Incorrigible ? null : _adversaries[from.Identity];
        if (adversary is null && IsHonest(from)) Check.Sent(from, envelope, blockHash);
        VerifiedEnvelope? message = adversary is null ? Verified(from, epoch, envelope, blockHash) : null;
        for (int index = 0; index < epoch.Identities.Length; index++)
        {
            int to = epoch.Identities[index];
            if (to == from.Identity || (outbound.To != Outbound.Everyone && outbound.To != index)) continue;
            if (adversary is not null)
            {
                adversary.Send(to, envelope);
                continue;
            }
            Observer?.Sent(Time, from, to, envelope);
            Deliver(from, to, message!, 0);
        }
    }

    /// <summary>
    /// A faulty node puts something on the wire. What is forged must not pass the verifier; what it signed with its own key may.
    /// </summary>
    public void SendForged(SimNode from, int to, ConsensusEnvelope envelope, bool forged, int late)
    {
        Observer?.Sent(Time, from, to, envelope);
        if (envelope.Message is PrePrepare m && envelope.Sender == EpochOf(from.Epoch).IndexOf(from.Identity))
            Check.Proposed(from.Identity, envelope.Epoch, m.View, m.Block, m.Block.ComputeHash());
        Epoch epoch = EpochOf(Knows(envelope.Epoch) && !forged ? envelope.Epoch : from.Epoch);
        ConsensusEnvelope? readable = envelope;
        if (_scenario.Encoded) Codec.TryDecode(Codec.Encode(envelope), ConsensusEnvelope.MaxBytes, out readable, out string _);
        VerifiedEnvelope? message = readable is null ? null : epoch.Verifier.Verify(readable, out _);
        if (message is null)
        {
            Totals.Refused++;
            return;
        }
        if (forged) throw new InvariantException($"forgery: a {envelope.Message?.GetType().Name ?? "vote"} that node {from.Identity} forged passes the verifier");
        Deliver(from, to, message, late);
    }

    private VerifiedEnvelope Verified(SimNode from, Epoch epoch, ConsensusEnvelope envelope, Hash blockHash)
    {
        // What correct software sends is right: in most worlds only the messages of faulty nodes are verified, which is where time goes.
        if (!_scenario.Encoded)
        {
            if (envelope.Message is BlockReply { Block: { } block }) blockHash = block.ComputeHash();
            return new VerifiedEnvelope(envelope, blockHash);
        }
        envelope = Codec.Decode<ConsensusEnvelope>(Codec.Encode(envelope), ConsensusEnvelope.MaxBytes);
        return epoch.Verifier.Verify(envelope, out string error) ?? throw new InvariantException($"{from.Name} sent what does not verify: {error}");
    }

    private void Deliver(SimNode from, int to, VerifiedEnvelope message, int late)
    {
        if (IsDropped(message.Envelope, to)) return;
        foreach (SimNode node in _copies[to])
        {
            if (Lost(from, node)) continue;
            int copies = !_healed && _scenario.Duplication > 0 && Random.Chance(_scenario.Duplication) ? 2 : 1;
            Totals.Duplicated += copies - 1;
            // Meant for whichever life of the node is there when it arrives.
            for (int i = 0; i < copies; i++) At(Delay() + late, EventKind.Message, node, message, life: -1);
        }
    }

    private void Arrive(SimNode node, VerifiedEnvelope message)
    {
        if (!node.Up) return;
        if (message.Envelope.Epoch != node.Epoch)
        {
            // Its driver has the verifier of one epoch and refuses the rest; a later one says that it is behind.
            node.HeardLaterEpoch |= message.Envelope.Epoch > node.Epoch;
            Totals.OtherEpoch++;
            return;
        }
        Totals.Delivered++;
        node.HeardAt = Time;
        bool liar = _doubleVotes?.Hear(node, message.Envelope) == true;
        _adversaries[node.Identity]?.Hear(message.Envelope);
        node.Receive(message);
        if (liar && !node.HasAccused(message.Envelope.Sender) && IsHonest(node))
            throw new InvariantException($"evidence: {node.Name} holds two contradictory votes of replica {message.Envelope.Sender} and says nothing");
    }

    private bool Lost(SimNode from, SimNode to)
    {
        if (_groups[from.Slot] != _groups[to.Slot])
        {
            Totals.Partitioned++;
            return true;
        }
        if (_healed || _scenario.Loss == 0 || !Random.Chance(_scenario.Loss)) return false;
        Totals.Dropped++;
        return true;
    }

    private int Delay()
    {
        if (_scenario.Steady) return 2;
        int delay = Random.Between(1, 4);
        if (_healed) return delay + _scenario.SlowAfterwards;
        if (_scenario.MaxDelay <= 4 || !Random.Chance(0.1)) return delay;
        Totals.Delayed++;
        return Random.Between(5, _scenario.MaxDelay);
    }

    /// <summary>A replica that is behind asks one peer for certified blocks, over the same bad network.</summary>
    public void Fetch(SimNode node, FetchRequest request)
    {
        int index = request.Replicas[Random.Between(0, request.Replicas.Count - 1)];
        int identity = EpochOf(node.Epoch).Identities[index];
        SimNode peer = _copies[identity][0];
        if (Lost(node, peer) || Lost(peer, node)) return;
        At(2 * Delay(), EventKind.Fetched, node, request, number: peer.Slot);
    }

    private void Fetched(SimNode node, FetchRequest request, int slot)
    {
        SimNode peer = _nodes[slot];
        if (!peer.Up) return;
        GiveBlocks(node, peer, request.From, request.To);
    }

    /// <summary>A forger serves a decided block with another time, or with too few signatures.</summary>
    private void RefuseForged(MessageVerifier verifier, CertifiedBlock block)
    {
        CertifiedBlock forged = Random.Chance(0.5)
            ? block with { Block = block.Block with { Header = block.Block.Header with { TimeMs = block.Block.Header.TimeMs + 1 } } }
            : block with { Certificate = block.Certificate with { Signatures = block.Certificate.Signatures[..1] } };
        if (verifier.VerifyBlock(forged, out _) is not null) throw new InvariantException("forgery: a forged decided block passes the verifier");
        Totals.Refused++;
    }

    /// <summary>Whether a node can have the bodies of a block: not when its proposer keeps them to itself.</summary>
    public bool CanGetBodies(SimNode node, BodyRequest want)
    {
        if (!_withheld.Contains(want.BlockHash)) return true;
        foreach (SimNode other in _nodes)
        {
            if (other != node && other.Up && IsHonest(other) && other.Disk.Bodies.Contains(want.BlockHash) && _groups[other.Slot] == _groups[node.Slot]) return true;
        }
        return false;
    }

    /// <summary>Does something for every other member of the node's epoch, with the node's own index.</summary>
    public void ForEachPeer(SimNode node, Action<int, int> action)
    {
        Epoch epoch = EpochOf(node.Epoch);
        int self = epoch.IndexOf(node.Identity);
        if (self < 0) return;
        foreach (int peer in epoch.Identities)
        {
            if (peer != node.Identity) action(peer, self);
        }
    }

    /// <summary>What equivocators show to one half instead of a block.</summary>
    public Dictionary<Hash, Hash> Twins { get; } = [];

    private readonly HashSet<Hash> _withheld = [];

    public void Withhold(Hash block)
    {
        if (_withheld.Add(block)) Totals.Withheld++;
    }

    private void CountView(ConsensusEnvelope envelope)
    {
        if (envelope.Message is not NewView view || !_countedViews.Add((envelope.Epoch << 48) | view.Statement.View)) return;
        Totals.ViewChanges++;
        ulong checkpoint = view.Statement.ViewChanges.Max(v => v.Statement.CheckpointHeight);
        Totals.Reproposed += view.Statement.ViewChanges.SelectMany(v => v.Statement.Prepared)
            .Select(p => p.Statement.Height).Where(h => h > checkpoint).Distinct().Count();
    }
}
