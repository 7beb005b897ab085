using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Consensus;

/// <summary>Execution votes and certificates; section 4.3 of the paper: checkpoints and garbage collection.</summary>
public sealed partial class Replica
{
    private sealed class Collector(int replicas)
    {
        public ExecutionVote?[] Votes { get; } = new ExecutionVote?[replicas];

        public ExecutionCertificate? Certificate { get; set; }

        public bool Announced { get; set; }
    }

    private readonly Dictionary<ulong, Collector> _collectors = [];

    /// <summary>Outcomes of the last heights executed here, genesis or snapshot included.</summary>
    private readonly SortedDictionary<ulong, ExecutionStatement> _history = [];

    private ExecutionCertificate? _newestCertificate;
    private ExecutionCertificate? _stableCertificate;

    /// <summary>Heights up to this one are gone from slots and log.</summary>
    private ulong _pruned;

    /// <summary>All heights up to this one have execution certificates here.</summary>
    private ulong _certified;

    private void OnExecuted(ExecutionStatement statement, ulong? barrier)
    {
        if (statement.Height != ExecutedHeight + 1 || statement.Height > Committed)
            throw new ArgumentException($"height {statement.Height} is reported as executed after {ExecutedHeight}, with {Committed} committed", nameof(statement));
        NoteBarrier(statement, barrier);
        ExecutedHeight = statement.Height;
        _history[statement.Height] = statement;
        while (_history.Count > (int)(2 * _config.Window)) _history.Remove(_history.Keys.First());
        if (_safety.Execution(statement) == Verdict.Refuse)
        {
            Halt($"height {statement.Height} was executed twice with different results");
            return;
        }
        Collector collector = CollectorAt(statement.Height)!;
        // Far behind, the others have a certificate already and nobody waits for this vote.
        if (Signs && collector.Certificate is null && statement.Height > CertifiedHeight)
        {
            ExecutionVote vote = OwnVote(statement);
            _out.Votes.Add(vote);
            collector.Votes[_self] = vote;
        }
        foreach (ExecutionVote? vote in collector.Votes)
        {
            if (vote is not null) TryCertify(collector, vote);
        }
        Announce(statement.Height, collector);
        foreach (Slot slot in SlotsAbove(Committed)) Consider(slot);
    }

    private ExecutionVote OwnVote(ExecutionStatement s) =>
        new(s.Height, s.ChainHash, s.StateRoot, s.ReceiptsRoot, s.NextValidators, s.TimeMs, Sign(ExecutionStatement.Domain, s));

    private void OnExecutionVote(int sender, ExecutionVote vote)
    {
        NoteExecuted(sender, vote.Height);
        if (CollectorAt(vote.Height) is not { } collector || collector.Certificate is not null || collector.Votes[sender] is not null) return;
        collector.Votes[sender] = vote;
        TryCertify(collector, vote);
    }

    private Collector? CollectorAt(ulong height)
    {
        if (height <= _pruned || height > ExecutedHeight + _config.Window) return null;
        if (!_collectors.TryGetValue(height, out Collector? collector)) _collectors[height] = collector = new Collector(_set.Count);
        return collector;
    }

    private void TryCertify(Collector collector, ExecutionVote candidate)
    {
        if (collector.Certificate is not null || collector.Votes.Count(v => Agrees(v, candidate)) < _config.Quorum) return;
        var signatures = new List<ReplicaSignature>(_set.Count);
        for (int i = 0; i < collector.Votes.Length; i++)
        {
            if (Agrees(collector.Votes[i], candidate)) signatures.Add(new ReplicaSignature((byte)i, collector.Votes[i]!.Signature));
        }
        OnCertificate(new ExecutionCertificate(candidate.Statement(_config.ChainId, _set.Epoch), [.. signatures]));
    }

    private static bool Agrees(ExecutionVote? vote, ExecutionVote with) =>
        vote is not null && vote.StateRoot == with.StateRoot && vote.ChainHash == with.ChainHash && vote.ReceiptsRoot == with.ReceiptsRoot
        && vote.NextValidators == with.NextValidators && vote.TimeMs == with.TimeMs;

    /// <summary>A certificate made here or shown by a peer.</summary>
    private void OnCertificate(ExecutionCertificate certificate)
    {
        ulong height = certificate.Statement.Height;
        if (height <= _base) return;
        if (_history.TryGetValue(height, out ExecutionStatement? mine) && mine != certificate.Statement)
        {
            Halt($"state diverged: a quorum certified another result of height {height} than was computed here");
            return;
        }
        bool opens = height > CertifiedHeight && _slots.Keys.Any(h => h > CertifiedHeight + _config.Window);
        if (height > CertifiedHeight) _newestCertificate = certificate;
        if (CollectorAt(height) is not { } collector) return;
        collector.Certificate ??= certificate;
        Announce(height, collector);
        if (!opens) return;
        foreach (Slot slot in SlotsAbove(Committed)) Consider(slot);
    }

    /// <summary>A certificate is passed on once the height is executed here, so that the driver has what it is about.</summary>
    private void Announce(ulong height, Collector collector)
    {
        if (collector.Certificate is null || collector.Announced || height > ExecutedHeight || Halted is not null) return;
        collector.Announced = true;
        _out.Certified.Add(collector.Certificate);
        while (_collectors.TryGetValue(_certified + 1, out Collector? next) && next.Announced) _certified++;
        if (height % _config.CheckpointInterval == 0 && height > Stable) MakeStable(collector.Certificate);
        if (height == _barrier) _out.EpochEnded = collector.Certificate;
    }

    private void MakeStable(ExecutionCertificate certificate)
    {
        Stable = certificate.Statement.Height;
        _stableCertificate = certificate;
        _certified = Math.Max(_certified, Stable);
        while (_collectors.TryGetValue(_certified + 1, out Collector? next) && next.Announced) _certified++;
        _log.Put(LogKind.Checkpoint, Stable, 0, certificate);
        Prune(Stable);
    }

    private void Prune(ulong height)
    {
        if (height <= _pruned) return;
        _pruned = height;
        foreach (ulong key in _slots.Keys.Where(k => k <= height).ToArray()) _slots.Remove(key);
        foreach (ulong key in _collectors.Keys.Where(k => k <= height).ToArray()) _collectors.Remove(key);
        _safety.Forget(height);
        _log.DeleteUpTo(height, new LogKey(LogKind.Checkpoint, Stable, 0));
    }
}
