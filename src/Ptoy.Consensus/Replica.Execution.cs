using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Consensus;

/// <summary>Execution votes and certificates; section 4.3 of the paper: checkpoints and garbage collection.</summary>
public sealed partial class Replica
{
    /// <summary>Outcomes of the last heights executed here, genesis or snapshot included.</summary>
    private readonly Dictionary<ulong, ExecutionStatement> _history = [];

    private ExecutionCertificate? _newestCertificate;
    private ExecutionCertificate? _stableCertificate;

    /// <summary>Heights up to this one are gone from the log.</summary>
    private ulong _pruned;

    /// <summary>All heights up to this one have execution certificates here.</summary>
    private ulong _certified;

    private void OnExecuted(ExecutionStatement statement, ulong? barrier)
    {
        if (statement.Height != ExecutedHeight + 1 || statement.Height > Committed)
        {
            throw new ArgumentException(
                $"height {statement.Height} is reported as executed after {ExecutedHeight}, with {Committed} committed", nameof(statement));
        }
        NoteBarrier(statement, barrier);
        ExecutedHeight = statement.Height;
        _history[statement.Height] = statement;
        if (statement.Height > 2 * _config.Window) _history.Remove(statement.Height - (2 * _config.Window));
        if (_safety.Execution(statement) == Verdict.Refuse)
        {
            Halt($"height {statement.Height} was executed twice with different results");
            return;
        }
        if (ResultSlot(statement.Height) is { } slot)
        {
            // Far behind, the others have a certificate already and nobody waits for this vote.
            if (Signs && slot.Certificate is null && statement.Height > CertifiedHeight)
            {
                ExecutionVote vote = OwnVote(statement);
                _out.Votes.Add(vote);
                slot.Results[_self] = vote;
            }
            foreach (ExecutionVote? vote in slot.Results)
            {
                if (vote is not null) TryCertify(slot, vote);
            }
            Announce(slot);
        }
        Trim();
        ConsiderAbove(Committed);
    }

    private ExecutionVote OwnVote(ExecutionStatement s) =>
        new(s.Height, s.ChainHash, s.StateRoot, s.ReceiptsRoot, s.NextValidators, s.TimeMs, Sign(ExecutionStatement.Domain, s));

    private void OnExecutionVote(int sender, ExecutionVote vote)
    {
        NoteExecuted(sender, vote.Height);
        NoteHeldResult(sender, vote);
        if (ResultSlot(vote.Height) is not { } slot || slot.Certificate is not null) return;
        if (slot.Results[sender] is { } known)
        {
            if (!Agrees(known, vote)) _out.Notices.Add($"replica {sender} signed two different outcomes of height {vote.Height}");
            return;
        }
        slot.Results[sender] = vote;
        if (_config.Fault == PlantedFault.ExecutionVoteEchoed && Signs && vote.Height > ExecutedHeight)
            _out.Votes.Add(OwnVote(vote.Statement(_config.ChainId, _set.Epoch)));
        TryCertify(slot, vote);
    }

    /// <summary>Where votes on the outcome of a height are collected: up to a window above what is executed here.</summary>
    private Slot? ResultSlot(ulong height) => height > ExecutedHeight + _config.Window ? null : SlotAt(height);

    private void TryCertify(Slot slot, ExecutionVote candidate)
    {
        if (slot.Certificate is not null) return;
        int count = 0;
        foreach (ExecutionVote? vote in slot.Results)
        {
            if (Agrees(vote, candidate)) count++;
        }
        if (count < (_config.Fault == PlantedFault.CheckpointWithoutQuorum ? 1 : _quorum)) return;
        var signatures = new List<ReplicaSignature>(count);
        for (int i = 0; i < slot.Results.Length; i++)
        {
            if (Agrees(slot.Results[i], candidate)) signatures.Add(new ReplicaSignature((byte)i, slot.Results[i]!.Signature));
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
        bool opens = height > CertifiedHeight && _slots.Top > CertifiedHeight + _config.Window;
        if (height > CertifiedHeight) _newestCertificate = certificate;
        if (ResultSlot(height) is not { } slot) return;
        slot.Certificate ??= certificate;
        Announce(slot);
        if (opens) ConsiderAbove(Committed);
    }

    /// <summary>A certificate is passed on once the height is executed here, so that the driver has what it is about.</summary>
    private void Announce(Slot slot)
    {
        if (slot.Certificate is null || slot.Announced || slot.Height > ExecutedHeight || Halted is not null) return;
        slot.Announced = true;
        _out.Certified.Add(slot.Certificate);
        AdvanceCertified();
        if (slot.Height == _barrier) _out.EpochEnded = slot.Certificate;
        if (slot.Height % _config.CheckpointInterval == 0 && slot.Height > Stable) MakeStable(slot.Certificate);
    }

    private void AdvanceCertified()
    {
        while (_slots[_certified + 1] is { Announced: true }) _certified++;
    }

    private void MakeStable(ExecutionCertificate certificate)
    {
        Stable = certificate.Statement.Height;
        _stableCertificate = certificate;
        _certified = Math.Max(_certified, Stable);
        _log.Put(LogKind.Checkpoint, Stable, 0, certificate);
        AdvanceCertified();
        _pruned = Stable;
        _slots.DropUpTo(Stable);
        _safety.Forget(Stable);
        _log.DeleteUpTo(Stable, new LogKey(LogKind.Checkpoint, Stable, 0));
    }

    /// <summary>
    /// A replica that catches up executes far ahead of the checkpoints it hears of. What is executed, and lies more than a window below
    /// what a quorum certified, nobody asks of it: without this, a long catch-up would keep every block in memory.
    /// </summary>
    private void Trim()
    {
        ulong done = Signs ? Math.Min(ExecutedHeight, CertifiedHeight) : ExecutedHeight;
        if (done <= _slots.Low + (2 * _config.Window)) return;
        ulong low = done - _config.Window;
        _slots.DropUpTo(low);
        _certified = Math.Max(_certified, low);
        AdvanceCertified();
    }
}
