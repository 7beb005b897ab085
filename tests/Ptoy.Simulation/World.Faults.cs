using Ptoy.Consensus;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Wire;

namespace Ptoy.Simulation;

/// <summary>The network, and what goes wrong.</summary>
internal sealed partial class World
{
    /// <summary>How often chance is asked for crashes and partitions, in units.</summary>
    private const int ChaosEvery = 100;

    /// <summary>Which side of a partition each node is on.</summary>
    private readonly int[] _groups;

    private readonly HashSet<ulong> _countedViews = [];

    public void Send(int from, Outbound outbound)
    {
        CountView(outbound.Envelope);
        if (outbound.To != Outbound.Everyone && IsHonestOrCalm(from))
        {
            Deliver(from, outbound.To, outbound.Envelope, Verify(from, outbound.Envelope));
            return;
        }
        VerifiedEnvelope? shared = IsHonestOrCalm(from) ? Verify(from, outbound.Envelope) : null;
        for (int to = 0; to < _nodes.Length; to++)
        {
            if (to == from || (outbound.To != Outbound.Everyone && outbound.To != to)) continue;
            VerifiedEnvelope message = shared ?? Verify(from, _equivocator!.For(to, outbound.Envelope, Totals));
            Deliver(from, to, message.Envelope, message);
        }
    }

    /// <summary>A replica that is behind gets certified blocks from the ledger of one peer, over the same bad network.</summary>
    public void Fetch(SimNode node, FetchRequest request)
    {
        int peer = request.Replicas[Random.Between(0, request.Replicas.Count - 1)];
        if (Lost(node.Index, peer) || Lost(peer, node.Index)) return;
        At(2 * Delay(), node, () =>
        {
            foreach (CertifiedBlock block in _nodes[peer].Disk.Blocks
                .Skip((int)request.From - 1).Take((int)(request.To - request.From + 1)).ToArray())
            {
                VerifiedBlock verified = _verifier.VerifyBlock(block, out string error) ?? throw new InvariantException($"a fetched block does not verify: {error}");
                Totals.Fetched++;
                node.Step(new CommittedBlock(verified));
            }
        });
    }

    private bool IsHonestOrCalm(int node) => IsHonest(node) || _healed;

    private VerifiedEnvelope Verify(int from, ConsensusEnvelope envelope)
    {
        if (_scenario.Encoded) envelope = Codec.Decode<ConsensusEnvelope>(Codec.Encode(envelope), ConsensusEnvelope.MaxBytes);
        return _verifier.Verify(envelope, out string error) ?? throw new InvariantException($"node {from} sent what does not verify: {error}");
    }

    private void Deliver(int from, int to, ConsensusEnvelope envelope, VerifiedEnvelope message)
    {
        if (Lost(from, to)) return;
        int copies = !_healed && Random.Chance(_scenario.Duplication) ? 2 : 1;
        Totals.Duplicated += copies - 1;
        for (int i = 0; i < copies; i++)
        {
            // Meant for whichever life of the node is there when it arrives.
            At(Delay(), null, () =>
            {
                if (!_nodes[to].Up) return;
                Trace(to, envelope.Message?.GetType().Name ?? "votes", from, envelope.Votes.Length);
                _nodes[to].Receive(message);
            });
        }
    }

    private bool Lost(int from, int to)
    {
        if (_healed) return false;
        if (_groups[from] != _groups[to])
        {
            Totals.Partitioned++;
            return true;
        }
        if (!Random.Chance(_scenario.Loss)) return false;
        Totals.Dropped++;
        return true;
    }

    private int Delay()
    {
        int delay = Random.Between(1, 4);
        if (_healed || _scenario.MaxDelay <= 4 || !Random.Chance(0.1)) return delay;
        Totals.Delayed++;
        return Random.Between(5, _scenario.MaxDelay);
    }

    private void ChaosEvent()
    {
        if (_healed) return;
        Working = !Random.Chance(_scenario.Idle);
        bool all = Random.Chance(_scenario.AllCrashRate);
        foreach (SimNode node in _nodes)
        {
            if (node.Up && IsHonest(node.Index) && (all || Random.Chance(_scenario.CrashRate)))
            {
                Trace(node.Index, "crash", 0, 0);
                Totals.Crashes++;
                node.Crash();
            }
            else if (!node.Up && Random.Chance(0.4))
            {
                Trace(node.Index, "start", 0, 0);
                node.Start();
            }
        }
        if (Random.Chance(_scenario.PartitionRate))
        {
            for (int i = 0; i < _groups.Length; i++) _groups[i] = Random.Between(0, 1);
            Say($"partition {string.Join(' ', _groups)}");
        }
        else if (Random.Chance(0.25))
        {
            Array.Clear(_groups);
        }
        At(ChaosEvery, null, ChaosEvent);
    }

    private void Heal()
    {
        _healed = true;
        Working = true;
        Array.Clear(_groups);
        Say("healed");
        foreach (SimNode node in _nodes)
        {
            if (!node.Up) node.Start();
        }
    }

    private void CountView(ConsensusEnvelope envelope)
    {
        if (envelope.Message is not NewView view || !_countedViews.Add(view.Statement.View)) return;
        Totals.ViewChanges++;
        ulong checkpoint = view.Statement.ViewChanges.Max(v => v.Statement.CheckpointHeight);
        Totals.Reproposed += view.Statement.ViewChanges.SelectMany(v => v.Statement.Prepared)
            .Select(p => p.Statement.Height).Where(h => h > checkpoint).Distinct().Count();
    }
}
