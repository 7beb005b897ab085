using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Consensus;

/// <summary>Section 4.2 of the paper: pre-prepare, prepare, commit.</summary>
public sealed partial class Replica
{
    private enum HeaderVerdict
    {
        Good,
        /// <summary>Cannot be judged yet.</summary>
        Hold,
        /// <summary>Never acceptable as a fresh proposal.</summary>
        Bad,
        /// <summary>It names another state than this replica computed.</summary>
        Diverges,
    }

    /// <summary>Rounds of sending again after which bodies are asked for again.</summary>
    private const ulong BodyPatience = 5;

    /// <summary>Accusations remembered, so that a liar does not fill the log of this node too.</summary>
    private const int MostAccused = 1024;

    private readonly HashSet<(int Replica, ulong Height)> _accused = [];

    private bool AnyBlock => _config.Fault == PlantedFault.DigestNotCompared;

    private void OnPrePrepare(int sender, PrePrepare message, Hash hash)
    {
        BlockHeader header = message.Block.Header;
        if (message.View < View && _config.Fault == PlantedFault.LowerViewVote) VoteInLowerView(message, hash);
        if (message.View < View || message.Block.IsNull) return;
        if (sender != PrimaryOf(message.View) && _config.Fault != PlantedFault.PrimaryNotChecked) return;
        if (SlotAt(header.Height) is not { } slot) return;
        if (message.View > View || !ViewActive)
        {
            if (slot.Early is null || slot.Early.Value.Message.View < message.View) slot.Early = (sender, message, hash);
            return;
        }
        AddPrepare(slot, sender, new Vote(message.View, hash, message.Signature));
        if (slot.Current is { } current && current.View == View)
        {
            // The same proposal again, or the bytes of one that a new view named; another one is never taken.
            if (current.BlockHash == hash) LearnBlock(slot, hash, message.Block);
            return;
        }
        // What the new view is above is settled: after a restart this replica may have nothing of it in memory to compare with.
        if (header.Height <= _viewBase) return;
        if (slot.Decision is { } decision && decision.Statement.BlockHash != hash) return;
        slot.Current = new Proposal(View, hash, FromNewView: false);
        slot.Learn(hash, message.Block);
        Consider(slot);
    }

    private void VoteInLowerView(PrePrepare message, Hash hash)
    {
        ulong height = message.Block.Header.Height;
        if (!Votes || SlotAt(height) is null || _safety.Prepare(message.View, height, hash) == Verdict.Refuse) return;
        var vote = new Prepare(message.View, height, hash, Sign(VoteStatement.PrepareDomain, StatementOf(message.View, height, hash)));
        _log.Put(LogKind.Prepare, height, message.View, vote);
        Broadcast(vote);
    }

    /// <summary>Moves a height on as far as it goes: header, bodies, prepare, commit.</summary>
    private void Consider(Slot slot)
    {
        if (Halted is not null || !ViewActive || slot.Current is not { } current || current.View != View) return;
        if (slot.Find(current.BlockHash) is not { } known)
        {
            TryCommit(slot);
            return;
        }
        switch (CheckHeader(slot, current, known))
        {
            case HeaderVerdict.Bad:
                // Not a proposal that a correct primary makes. Without a quorum it dies in this view.
                return;
            case HeaderVerdict.Diverges:
                OnDivergence(slot, current, known.Block);
                return;
            case HeaderVerdict.Hold:
                AskForBodies(slot, known);
                return;
            default:
                AskForBodies(slot, known);
                if (known.BodiesHeld || _config.Fault == PlantedFault.BodyNotAwaited) PrepareNow(slot, current, known);
                TryCommit(slot);
                return;
        }
    }

    private HeaderVerdict CheckHeader(Slot slot, Proposal current, KnownBlock known)
    {
        BlockHeader header = known.Block.Header;
        if (header.Height != slot.Height && _config.Fault != PlantedFault.GapFilledWrong) return HeaderVerdict.Bad;
        if (known.Block.IsNull) return HeaderVerdict.Good;
        if (header.ChainId != _config.ChainId || header.Epoch != _set.Epoch) return HeaderVerdict.Bad;
        bool planted = _config.Fault == PlantedFault.WatermarkIgnored;
        if (header.ExecutedHeight + _config.Window < header.Height && !planted) return HeaderVerdict.Bad;
        // A view change shows what is prepared above the newest certificate, within one window: vote on nothing beyond.
        if (header.Height > CertifiedHeight + _config.Window && !planted) return HeaderVerdict.Hold;
        if (header.ExecutedHeight > ExecutedHeight) return HeaderVerdict.Hold;
        if (IsFresh(slot, current) && CheckFresh(known) is var fresh and not HeaderVerdict.Good) return fresh;
        // Older than anything remembered (only after a restart from a snapshot): nothing to compare with.
        if (!_history.TryGetValue(header.ExecutedHeight, out ExecutionStatement? mine)) return HeaderVerdict.Good;
        bool agrees = mine.ChainHash == header.ExecutedChainHash && mine.StateRoot == header.ExecutedStateRoot;
        return agrees || _config.Fault == PlantedFault.HeaderStateNotChecked ? HeaderVerdict.Good : HeaderVerdict.Diverges;
    }

    /// <summary>
    /// True for a proposal of this view's primary that this replica has not voted for yet: what was prepared once is judged no more.
    /// </summary>
    private bool IsFresh(Slot slot, Proposal current) =>
        !current.FromNewView && (_self < 0 || slot.Prepares[_self] is not { Signature: not null } mine || mine.View != current.View);

    /// <summary>
    /// Bounds that a primary keeps or gets no vote: the date, which drives expiries, near the local clock, and the size of the bodies. They
    /// differ a little between replicas, so they decide votes and nothing else.
    /// </summary>
    private HeaderVerdict CheckFresh(KnownBlock known)
    {
        if (_config.Fault == PlantedFault.TimeNotChecked) return HeaderVerdict.Good;
        ulong time = known.Block.Header.TimeMs;
        if (time > _nowMs + _config.MaxDriftMs) return HeaderVerdict.Hold;
        if (time + _config.MaxAgeMs < _nowMs) return HeaderVerdict.Bad;
        return known.BodyBytes > _config.MaxBodyBytes ? HeaderVerdict.Bad : HeaderVerdict.Good;
    }

    /// <summary>
    /// A proposal alone may be a lie of the primary and is refused; a quorum that prepared it says that this replica is the
    /// one that is wrong, and it must not go on.
    /// </summary>
    private void OnDivergence(Slot slot, Proposal current, Block block)
    {
        bool prepared = current.FromNewView || slot.Prepares.Count(current.View, current.BlockHash) >= _quorum;
        if (prepared)
        {
            Halt($"state diverged: the block of height {slot.Height} rests on another state of height "
                + $"{block.Header.ExecutedHeight} than was computed here");
        }
    }

    private void AskForBodies(Slot slot, KnownBlock known)
    {
        if (known.Block.TransactionHashes.Length == 0) known.BodiesHeld = true;
        if (known.BodiesHeld) return;
        // Asked again after a while: nobody may have had them all the first time.
        ulong patience = BodyPatience * (ulong)_config.ResendTicks;
        if (known.BodiesAskedAt is { } asked && _now - asked < patience) return;
        known.BodiesAskedAt = _now;
        _out.WantBodies.Add(new BodyRequest(slot.Height, known.Hash, known.Block, Primary));
    }

    private void OnBodiesReady(BodiesReady input)
    {
        if (ExistingSlot(input.Height) is not { } slot || slot.Find(input.BlockHash) is not { } known) return;
        known.BodiesHeld = true;
        known.BodyBytes = input.Bytes;
        Consider(slot);
    }

    private void PrepareNow(Slot slot, Proposal current, KnownBlock known)
    {
        if (!Votes || slot.Prepares[_self] is { Signature: not null } mine && mine.View >= current.View) return;
        Verdict verdict = _safety.Prepare(current.View, slot.Height, current.BlockHash);
        if (verdict == Verdict.Refuse) return;
        var message = new Prepare(current.View, slot.Height, current.BlockHash,
            Sign(VoteStatement.PrepareDomain, StatementOf(current.View, slot.Height, current.BlockHash)));
        LogBlock(slot, current, known);
        _log.Put(LogKind.Prepare, slot.Height, current.View, message);
        Broadcast(message);
        AddPrepare(slot, _self, new Vote(current.View, current.BlockHash, message.Signature));
    }

    /// <summary>The block and its bodies go to disk in the same write as the vote.</summary>
    private void LogBlock(Slot slot, Proposal current, KnownBlock known)
    {
        if (known.Logged) return;
        known.Logged = true;
        _log.Put(LogKind.Block, slot.Height, current.View, known.Block);
        if (known.Block.TransactionHashes.Length > 0 && _config.Fault != PlantedFault.BodyNotSynced) _out.SyncBodies.Add(known.Block);
    }

    private void OnPrepare(int sender, Prepare message)
    {
        if (SlotAt(message.Height) is not { } slot) return;
        AddPrepare(slot, sender, new Vote(message.View, message.BlockHash, message.Signature));
        if (message.View != View) return;
        // Prepares can outnumber what the header check allowed: then this replica is the odd one out.
        if (slot.Current is { FromNewView: false } current && current.BlockHash == message.BlockHash
            && slot.Prepares.Count(View, message.BlockHash) >= _quorum && slot.Find(message.BlockHash) is { BodiesHeld: false })
            Consider(slot);
        else
            TryCommit(slot);
    }

    private void AddPrepare(Slot slot, int sender, Vote vote)
    {
        NoteHeld(sender, new HeldVote(false, vote.View, slot.Height, vote.Block, vote.Signature!));
        if (slot.Prepares.Add(sender, vote) is { } other) Accuse(sender, slot.Height, false, other, vote);
    }

    /// <summary>Prepared: a quorum prepared the current proposal. Log the certificate with the commit vote, then send the vote.</summary>
    private void TryCommit(Slot slot)
    {
        if (Halted is not null || !ViewActive || slot.Current is not { } current || current.View != View) return;
        int needed = _config.Fault == PlantedFault.CommitWithoutPrepared ? 1 : _quorum;
        if (slot.Prepares.Count(current.View, current.BlockHash, AnyBlock) < needed) return;
        if (slot.Find(current.BlockHash) is not { } known)
        {
            Want(slot, current.BlockHash, slot.Prepares.Signatures(current.View, current.BlockHash));
            return;
        }
        if (CheckHeader(slot, current, known) == HeaderVerdict.Diverges)
        {
            OnDivergence(slot, current, known.Block);
            return;
        }
        // A commit vote follows an own prepare: only then are block and bodies on this disk.
        if (!Votes) return;
        Vote mine = slot.Prepares[_self];
        if (mine.Signature is null || mine.View != current.View || mine.Block != current.BlockHash) return;
        CommitNow(slot, current);
        TryDecide(slot, current.View, current.BlockHash);
    }

    private void CommitNow(Slot slot, Proposal current)
    {
        if (slot.Commits[_self] is { Signature: not null } mine && mine.View >= current.View) return;
        VoteStatement statement = StatementOf(current.View, slot.Height, current.BlockHash);
        var certificate = new PreparedCertificate(statement, slot.Prepares.Signatures(current.View, current.BlockHash, AnyBlock));
        if (_safety.Commit(certificate) == Verdict.Refuse) return;
        PreparedCertificate? older = slot.Prepared;
        slot.Prepared = certificate;
        _log.Put(LogKind.Prepared, slot.Height, current.View, certificate);
        var message = new Commit(current.View, slot.Height, current.BlockHash, Sign(VoteStatement.CommitDomain, statement));
        _log.Put(LogKind.Commit, slot.Height, current.View, message);
        // Last, so that no part of this write leaves a commit without a prepared certificate.
        if (older is not null && older.Statement.View != current.View)
            _log.Delete(new LogKey(LogKind.Prepared, slot.Height, older.Statement.View));
        Broadcast(message);
        AddCommit(slot, _self, new Vote(current.View, current.BlockHash, message.Signature));
    }

    private void OnCommit(int sender, Commit message)
    {
        if (SlotAt(message.Height) is not { } slot) return;
        AddCommit(slot, sender, new Vote(message.View, message.BlockHash, message.Signature));
        TryDecide(slot, message.View, message.BlockHash);
    }

    private void AddCommit(Slot slot, int sender, Vote vote)
    {
        NoteHeld(sender, new HeldVote(true, vote.View, slot.Height, vote.Block, vote.Signature!));
        if (slot.Commits.Add(sender, vote) is { } other) Accuse(sender, slot.Height, true, other, vote);
    }

    /// <summary>Committed: a quorum of commit votes in one view, whatever view this replica is in.</summary>
    private void TryDecide(Slot slot, ulong view, Hash hash)
    {
        if (slot.Decision is not null || slot.Commits.Count(view, hash, AnyBlock) < _quorum) return;
        Decide(slot, new CommitCertificate(StatementOf(view, slot.Height, hash), slot.Commits.Signatures(view, hash, AnyBlock)));
    }

    private void Decide(Slot slot, CommitCertificate certificate)
    {
        Hash hash = certificate.Statement.BlockHash;
        if (slot.Decision is { } known)
        {
            if (known.Statement.BlockHash != hash) Halt($"two blocks are decided at height {slot.Height}");
            return;
        }
        slot.Decision = certificate;
        if (slot.Find(hash) is null) Want(slot, hash, certificate.Signatures);
        Deliver();
    }

    private void Deliver()
    {
        while (Halted is null && ExistingSlot(Committed + 1) is { DecidedBlock: { } block } slot)
        {
            Committed++;
            _next = Math.Max(_next, Committed + 1);
            slot.Wanted = null;
            _out.Committed.Add(new DecidedBlock(block, slot.Decision!.Statement.BlockHash, slot.Decision));
            OnProgress();
        }
        RotateWhenDue();
    }

    /// <summary>Says once for each replica and height that it contradicted itself, with the proof.</summary>
    private void Accuse(int replica, ulong height, bool commit, Vote first, Vote second)
    {
        if (replica == _self || _config.Fault == PlantedFault.EvidenceNotMade || !_accused.Add((replica, height))) return;
        if (_accused.Count > MostAccused) _accused.Clear();
        var proof = new ContradictoryVotes(_set.Members[replica].NodeKey, commit,
            StatementOf(first.View, height, first.Block), first.Signature!,
            StatementOf(second.View, height, second.Block), second.Signature!);
        _out.Evidence.Add(new Evidence(replica,
            new HeldVote(commit, first.View, height, first.Block, first.Signature!),
            new HeldVote(commit, second.View, height, second.Block, second.Signature!), proof));
    }
}
