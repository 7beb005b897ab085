using Ptoy.Consensus;
using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Wire;

namespace Ptoy.Simulation;

/// <summary>
/// A network without faults in which time is what a <see cref="Model"/> says: links with latency and bandwidth, processors that take their
/// time to sign and to verify, disks that take theirs to sync. The replicas are the real ones.
/// </summary>
internal sealed class ScaleWorld
{
    private const long TickMicros = 10_000;
    private const ulong Epoch2026 = 1_767_225_600_000;

    private readonly PriorityQueue<Action, (long Time, long Order)> _events = new();
    private readonly Model _model;
    private readonly ScaleNode[] _nodes;
    private readonly Dictionary<ulong, long> _proposedAt = [];
    private readonly List<long> _latencies = [];
    private readonly ulong _goal;
    private long _order;
    private ulong _transaction;

    public ScaleWorld(Model model, int replicas, int inFlight, ulong heights)
    {
        _model = model;
        _goal = heights;
        ChainId = Digest.Of("ptoy/sim/scale", BitConverter.GetBytes(replicas));
        Set = Keys.Set(0, Enumerable.Range(0, replicas));
        _nodes = [.. Enumerable.Range(0, replicas).Select(i => new ScaleNode(this, model, i, inFlight))];
    }

    public Hash ChainId { get; }

    public ValidatorSet Set { get; }

    public long Now { get; private set; }

    public long Messages { get; private set; }

    public long Bytes { get; private set; }

    public IReadOnlyList<long> Latencies => _latencies;

    /// <summary>Share of the time that the primary's verifiers were busy.</summary>
    public double PrimaryCpu => _nodes[0].VerifyingMicros / ((double)Now * _model.Verifiers);

    public double PrimaryNetwork => _nodes[0].SendingMicros / (double)Now;

    public ulong ClockMs => Epoch2026 + (ulong)(Now / 1000);

    public void At(long time, Action action) => _events.Enqueue(action, (Math.Max(time, Now), _order++));

    /// <summary>Runs until the first node has decided so many heights.</summary>
    public void Run()
    {
        foreach (ScaleNode node in _nodes) node.Start();
        foreach (ScaleNode node in _nodes) Tick(node);
        while (_nodes[0].Committed < _goal && _events.TryDequeue(out Action? action, out (long Time, long Order) at))
        {
            Now = at.Time;
            action();
        }
    }

    private void Tick(ScaleNode node)
    {
        node.Tick();
        At(Now + TickMicros, () => Tick(node));
    }

    /// <summary>Every node passes on its share of the transactions that the block lists, before or while it is proposed.</summary>
    public Hash[] NextTransactions()
    {
        long share = (long)_model.TransactionsPerBlock * _model.BytesPerTransaction * (_nodes.Length - 1) / _nodes.Length;
        foreach (ScaleNode node in _nodes) node.Occupy(share);
        Bytes += share * _nodes.Length;
        var hashes = new Hash[_model.TransactionsPerBlock];
        for (int i = 0; i < hashes.Length; i++) hashes[i] = Digest.Of("ptoy/sim/tx", BitConverter.GetBytes(_transaction++));
        return hashes;
    }

    public void Proposed(ulong height) => _proposedAt[height] = Now;

    public void Decided(ulong height)
    {
        if (_proposedAt.Remove(height, out long since)) _latencies.Add(Now - since);
    }

    public void Send(ScaleNode from, Outbound outbound)
    {
        ConsensusEnvelope envelope = outbound.Envelope;
        int size = Codec.Encode(envelope).Length;
        Hash block = envelope.Message switch { PrePrepare m => m.Block.ComputeHash(), BlockReply m => m.Block.ComputeHash(), _ => Hash.Zero };
        var message = new VerifiedEnvelope(envelope, block);
        int signatures = Signatures(envelope);
        foreach (ScaleNode to in _nodes)
        {
            if (to == from || (outbound.To != Outbound.Everyone && outbound.To != to.Index)) continue;
            Messages++;
            Bytes += size;
            long arrives = from.Occupy(size) + _model.LatencyMicros;
            At(arrives, () => to.Arrive(message, size, signatures));
        }
    }

    private static int Signatures(ConsensusEnvelope envelope) => envelope.Votes.Length + envelope.Message switch
    {
        null => 0,
        Decision m => m.Certificate.Signatures.Length,
        Checkpoint m => m.Certificate.Signatures.Length,
        NewView m => m.Statement.ViewChanges.Sum(v => 1 + v.Statement.Prepared.Sum(p => p.Signatures.Length)),
        ViewChange m => 1 + m.Statement.Prepared.Sum(p => p.Signatures.Length),
        _ => 1,
    };
}
