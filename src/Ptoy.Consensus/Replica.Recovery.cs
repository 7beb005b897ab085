using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Ledger;
using Ptoy.Protocol.Wire;

namespace Ptoy.Consensus;

/// <summary>Start: from genesis, or from the ledger and the consensus log.</summary>
public sealed partial class Replica
{
    /// <summary>
    /// Starts a replica. <paramref name="log"/> is every record that <see cref="Ready.Persist"/> ever wrote and did not delete,
    /// in any order. Throws <see cref="ArgumentException"/> for unusable configuration or ledger state and
    /// <see cref="ConsensusLogException"/> for a log that is another node's or ahead of the ledger. A log that is damaged, or missing
    /// while the ledger has blocks, makes a learner, with a notice: what the node signed is forgotten.
    /// </summary>
    public Replica(ReplicaConfig config, LedgerState ledger, IReadOnlyCollection<LogRecord> log, ulong nowMs)
    {
        if (config.Problem() is { } problem) throw new ArgumentException(problem, nameof(config));
        _config = config;
        _set = config.Validators;
        _quorum = config.Quorum;
        _safety = new SafetyRules(_quorum, config.Fault);
        _slots = new SlotTable(_set.Count);
        _self = config.Self;
        _signs = _self >= 0;
        _nowMs = nowMs;
        _viewChanges = new ViewChange?[_set.Count];
        _claims = new ulong[_set.Count];
        _helpedAt = new ulong?[_set.Count];
        _toldAt = new ulong?[_set.Count];
        _held = new HeldVote?[_set.Count];
        _heldResults = new ExecutionVote?[_set.Count];
        _complaints = new ulong?[_set.Count];
        _lostAt = new ulong?[_set.Count];
        RecoverLedger(ledger);
        RecoverLog(log);
        foreach (CommitCertificate certificate in ledger.Commits)
        {
            if (certificate.Statement.Epoch == _set.Epoch) HoldFrom(certificate.Statement, commit: true, certificate.Signatures);
        }
        if (_newestCertificate is not null) HoldFrom(_newestCertificate);
        if (_barrier is not null && CertifiedHeight >= _barrier) _out.EpochEnded = _newestCertificate;
        if (_self >= 0) SendStatus(asks: true);
    }

    private void RecoverLedger(LedgerState ledger)
    {
        if (ledger.Recent.Count == 0) throw new ArgumentException("the ledger shows no executed height, not even genesis", nameof(ledger));
        ulong expected = ledger.Recent[0].Height;
        foreach (ExecutionStatement statement in ledger.Recent)
        {
            if (statement.Height != expected++)
                throw new ArgumentException($"the ledger's statements have a gap before height {statement.Height}", nameof(ledger));
            if (statement.ChainId != _config.ChainId) throw new ArgumentException("the ledger is of another chain", nameof(ledger));
            _history[statement.Height] = statement;
        }
        ExecutedHeight = ledger.Recent[^1].Height;
        Committed = ExecutedHeight;
        if (ledger.EpochBase > ExecutedHeight)
        {
            throw new ArgumentException(
                $"the epoch begins above height {ledger.EpochBase}, but the ledger ends at {ExecutedHeight}", nameof(ledger));
        }
        _base = _pruned = _certified = _viewBase = Stable = ledger.EpochBase;
        _slots.DropUpTo(_base);
        if (ledger.NewestCertificate?.Statement.Epoch == _set.Epoch) _newestCertificate = ledger.NewestCertificate;
        if (ledger.Barrier is { } barrier) SetBarrier(barrier, ExecutedHeight);
        _next = Committed + 1;
    }

    private void RecoverLog(IReadOnlyCollection<LogRecord> log)
    {
        foreach (LogRecord record in log) _log.Recover(record.Key);
        if (_self >= 0 && log.FirstOrDefault(r => r.Key == ForgottenKey) is { } forgotten)
        {
            _signs = false;
            _out.Notices.Add(System.Text.Encoding.UTF8.GetString(forgotten.Value ?? []));
        }
        if (Damage(log) is { } damage)
        {
            BecomeLearner($"the consensus log is damaged at {damage}: what this node voted for is not known any more. {WhatNow}");
            return;
        }
        log = OwnEpoch(log);
        RecoverMarker(log.FirstOrDefault(r => r.Key.Kind == LogKind.Marker));
        ILookup<LogKind, LogRecord> kinds = log.OrderBy(r => r.Key.Height).ThenBy(r => r.Key.View).ToLookup(r => r.Key.Kind);
        foreach (LogRecord record in kinds[LogKind.Checkpoint]) RecoverCheckpoint(Read<ExecutionCertificate>(record));
        foreach (LogRecord record in kinds[LogKind.Block]) RecoverBlock(Read<Block>(record));
        foreach (LogRecord record in kinds[LogKind.Prepared])
        {
            PreparedCertificate certificate = Read<PreparedCertificate>(record);
            if (SlotAt(record.Key.Height) is { } slot) slot.Prepared = certificate;
            HoldFrom(certificate.Statement, commit: false, certificate.Signatures);
        }
        if (!ForgetsAll)
        {
            foreach (LogRecord record in kinds[LogKind.Prepare])
            {
                Prepare vote = Read<Prepare>(record);
                RecoverVote(false, new Vote(vote.View, vote.BlockHash, vote.Signature), vote.Height);
            }
            foreach (LogRecord record in kinds[LogKind.Commit])
            {
                Commit vote = Read<Commit>(record);
                RecoverVote(true, new Vote(vote.View, vote.BlockHash, vote.Signature), vote.Height);
            }
        }
        NewView? newView = kinds[LogKind.NewView].LastOrDefault() is { } opened ? Read<NewView>(opened) : null;
        ViewChange? asked = kinds[LogKind.ViewChange].LastOrDefault() is { } own ? Read<ViewChange>(own) : null;
        if (_config.Fault == PlantedFault.ViewForgottenAtRestart) (newView, asked) = (null, null);
        RecoverView(newView, asked);
        _certified = Math.Max(_certified, Math.Max(_pruned, Math.Min(CertifiedHeight, ExecutedHeight)));
    }

    private void RecoverMarker(LogRecord? marker)
    {
        if (_self < 0) return;
        byte[] mine = [.. _config.ChainId.ToArray(), .. _set.Members[_self].NodeKey.Bytes];
        if (marker is null)
        {
            // No marker is written then: a second restart must not take the empty log for the one that got lost.
            if (ExecutedHeight == 0 || _config.KeyIsNew || _config.Fault == PlantedFault.RejoinAfterWipe)
            {
                _log.Put(new LogKey(LogKind.Marker, 0, 0), mine);
            }
            else
            {
                BecomeLearner($"the consensus log is missing, but the ledger has {ExecutedHeight} blocks: what this node voted for is "
                    + $"forgotten. {WhatNow}");
            }
            return;
        }
        if (!marker.Value.AsSpan().SequenceEqual(mine))
        {
            throw new ConsensusLogException("the consensus log belongs to another node key or chain; "
                + "check the data directory and the node key file");
        }
    }

    /// <summary>
    /// The records of this epoch. Those of earlier ones are deleted: their epoch has ended, so nobody counts a vote in it any more. One of
    /// a later epoch means that the ledger lost blocks. Heights never repeat, so a height tells the epoch; what has none says it itself.
    /// </summary>
    private List<LogRecord> OwnEpoch(IReadOnlyCollection<LogRecord> log)
    {
        var own = new List<LogRecord>(log.Count);
        foreach (LogRecord record in log)
        {
            ulong epoch = EpochOf(record);
            if (epoch > _set.Epoch)
                throw new ConsensusLogException($"the consensus log has a record of epoch {epoch}, but the ledger is in epoch "
                    + $"{_set.Epoch}: the ledger lost blocks; "
                + "restore both from the same moment or resync into a new data directory with a new node key");
            if (epoch < _set.Epoch) _log.Delete(record.Key);
            else own.Add(record);
        }
        return own;
    }

    private ulong EpochOf(LogRecord record)
    {
        if (record.Key.Kind is LogKind.Marker or LogKind.Forgotten) return _set.Epoch;
        if (record.Key.Height > _barrier) return _set.Epoch + 1;
        if (record.Key.Height > 0 && record.Key.Height <= _base) return _set.Epoch - 1;
        return record.Key.Kind switch
        {
            LogKind.Block => Read<Block>(record).Header.Epoch,
            LogKind.Prepared => Read<PreparedCertificate>(record).Statement.Epoch,
            LogKind.ViewChange => Read<ViewChange>(record).Statement.Epoch,
            LogKind.NewView => Read<NewView>(record).Statement.Epoch,
            LogKind.Checkpoint => Read<ExecutionCertificate>(record).Statement.Epoch,
            _ => _set.Epoch,
        };
    }

    private void RecoverCheckpoint(ExecutionCertificate certificate)
    {
        ulong height = certificate.Statement.Height;
        if (height > ExecutedHeight)
            throw new ConsensusLogException($"the consensus log has a checkpoint of height {height}, but the ledger ends at "
                + $"{ExecutedHeight}: the ledger lost blocks; "
                + "restore both from the same moment or resync into a new data directory with a new node key");
        if (height <= Stable) return;
        Stable = height;
        _pruned = height;
        _certified = height;
        _slots.DropUpTo(height);
        _safety.Forget(height);
        _stableCertificate = certificate;
        if (height > CertifiedHeight) _newestCertificate = certificate;
    }

    private void RecoverBlock(Block block)
    {
        if (SlotAt(block.Header.Height) is not { } slot) return;
        Hash hash = block.ComputeHash();
        KnownBlock known = slot.Learn(hash, block);
        known.Logged = true;
        known.BodiesHeld = true;
    }

    private void RecoverVote(bool commit, Vote vote, ulong height)
    {
        _safety.Recover(commit, vote.View, height, vote.Block);
        if (_self < 0 || SlotAt(height) is not { } slot) return;
        (commit ? slot.Commits : slot.Prepares).Add(_self, vote);
    }

    private void RecoverView(NewView? newView, ViewChange? asked)
    {
        if (newView is not null)
        {
            _safety.Enter(newView.Statement.View);
            OpenView(newView);
        }
        if (asked is not null && asked.Statement.View > View)
        {
            _safety.RecoverAsked(asked.Statement.View);
            View = asked.Statement.View;
            ViewActive = false;
            _attempts = 1;
            if (_self >= 0) _viewChanges[_self] = asked;
            Broadcast(asked);
            return;
        }
        // What was voted for in the open view is what it proposes, as far as this replica knows; a primary goes on after it.
        for (ulong h = _slots.Low + 1; h <= _slots.Top; h++)
        {
            if (_self < 0 || _slots[h] is not { } slot) continue;
            if (slot.Prepares[_self] is not { Signature: not null } mine || mine.View != View) continue;
            slot.Current ??= new Proposal(View, mine.Block, FromNewView: false);
            _next = Math.Max(_next, slot.Height + 1);
            if (slot.Height > Committed) ResendVotes(slot, Outbound.Everyone);
            Consider(slot);
        }
    }

    /// <summary>
    /// Where a log is damaged, or null: every record reads, and every commit vote above the last checkpoint has the prepared certificate
    /// that it rests on. (Below it, a power cut may have undone a part of the deletions.)
    /// </summary>
    private string? Damage(IReadOnlyCollection<LogRecord> log)
    {
        var prepared = new Dictionary<ulong, ulong>();
        ulong low = _base;
        foreach (LogRecord record in log)
        {
            (LogKind kind, ulong height, ulong view) = (record.Key.Kind, record.Key.Height, record.Key.View);
            if (Unreadable(record) is { } error) return $"{kind} of height {height}, view {view}: {error}";
            if (kind == LogKind.Prepared) prepared[height] = Math.Max(prepared.GetValueOrDefault(height), view);
            if (kind == LogKind.Checkpoint) low = Math.Max(low, height);
        }
        foreach (LogRecord record in log)
        {
            (LogKind kind, ulong height, ulong view) = (record.Key.Kind, record.Key.Height, record.Key.View);
            if (kind != LogKind.Commit || height <= low || (prepared.TryGetValue(height, out ulong known) && known >= view)) continue;
            return $"the commit of height {height}, view {view}: its prepared certificate is missing";
        }
        return null;
    }

    private static string? Unreadable(LogRecord record) => record.Key.Kind switch
    {
        LogKind.Marker or LogKind.Forgotten => null,
        LogKind.Block => Problem<Block>(record),
        LogKind.Prepare => Problem<Prepare>(record),
        LogKind.Prepared => Problem<PreparedCertificate>(record),
        LogKind.Commit => Problem<Commit>(record),
        LogKind.ViewChange => Problem<ViewChange>(record),
        LogKind.NewView => Problem<NewView>(record),
        LogKind.Checkpoint => Problem<ExecutionCertificate>(record),
        _ => $"kind {(byte)record.Key.Kind} is not known",
    };

    private static string? Problem<T>(LogRecord record) where T : class, IWire =>
        Codec.TryDecode(record.Value, ConsensusEnvelope.MaxBytes, out T? _, out string error) ? null : error;

    private static T Read<T>(LogRecord record) where T : class, IWire => Codec.Decode<T>(record.Value, ConsensusEnvelope.MaxBytes);
}
