using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Consensus;

/// <summary>
/// Votes kept for their signers. A replica that comes back is shown what it signed; what its log does not know it forgot, and it signs no
/// more with that key. After a restart of the keepers too, what they have on disk still shows whose votes counted: prepared
/// certificates in the log, commit and execution certificates in the ledger.
/// </summary>
public sealed partial class Replica
{
    /// <summary>The newest vote held of each peer.</summary>
    private readonly HeldVote?[] _held;

    /// <summary>The newest execution vote held of each peer.</summary>
    private readonly ExecutionVote?[] _heldResults;

    /// <summary>Peers heard from since the start.</summary>
    private readonly HashSet<int> _answered = [];

    /// <summary>When each peer was last told everything held from it, in ticks.</summary>
    private readonly ulong?[] _toldAt;

    private const string WhatNow = "This node follows and signs nothing more with its key; rejoin with a new node key.";

    private static readonly LogKey ForgottenKey = new(LogKind.Forgotten, 0, 0);

    private bool _heardEnough;

    private bool ForgetsAll => _config.Fault is PlantedFault.VoteForgottenAtRestart or PlantedFault.RejoinAfterWipe;

    private void NoteHeld(int sender, HeldVote vote)
    {
        if (sender == _self) return;
        HeldVote? known = _held[sender];
        bool newer = known is null || (vote.View, vote.Height, vote.IsCommit).CompareTo((known.View, known.Height, known.IsCommit)) > 0;
        if (newer) _held[sender] = vote;
    }

    private void NoteHeldResult(int sender, ExecutionVote vote)
    {
        if (sender != _self && !(_heldResults[sender]?.Height >= vote.Height)) _heldResults[sender] = vote;
    }

    /// <summary>Takes the votes out of a certificate that is on disk here.</summary>
    private void HoldFrom(VoteStatement statement, bool commit, ReplicaSignature[] signatures)
    {
        Slot? slot = SlotAt(statement.Height);
        foreach (ReplicaSignature signature in signatures)
        {
            if (signature.Replica >= _set.Count || signature.Replica == _self) continue;
            NoteHeld(signature.Replica, new HeldVote(commit, statement.View, statement.Height, statement.BlockHash, signature.Signature));
            if (slot is null) continue;
            var vote = new Vote(statement.View, statement.BlockHash, signature.Signature);
            (commit ? slot.Commits : slot.Prepares).Add(signature.Replica, vote);
        }
    }

    private void HoldFrom(ExecutionCertificate certificate)
    {
        ExecutionStatement s = certificate.Statement;
        foreach (ReplicaSignature signature in certificate.Signatures)
        {
            if (signature.Replica >= _set.Count || signature.Replica == _self) continue;
            NoteHeldResult(signature.Replica,
                new ExecutionVote(s.Height, s.ChainHash, s.StateRoot, s.ReceiptsRoot, s.NextValidators, s.TimeMs, signature.Signature));
        }
    }

    /// <summary>Votes to show to a peer: the newest, or all.</summary>
    private HeldVote[] HeldOf(int peer, bool all)
    {
        HeldVote? newest = _held[peer];
        if (!all) return newest is null ? [] : [newest];
        var votes = new List<HeldVote>();
        for (ulong h = _slots.Low + 1; h <= _slots.Top && votes.Count < StatusStatement.MaxHeld - 2; h++)
        {
            if (_slots[h] is not { } slot) continue;
            if (slot.Prepares[peer] is { Signature: { } prepared } prepare)
                votes.Add(new HeldVote(false, prepare.View, h, prepare.Block, prepared));
            if (slot.Commits[peer] is { Signature: { } committed } commit)
                votes.Add(new HeldVote(true, commit.View, h, commit.Block, committed));
        }
        if (newest is not null) votes.Add(newest);
        return [.. votes];
    }

    /// <summary>
    /// A peer shows votes under this node's key. One that the log does not know means that the log is not the newest one of
    /// this key: whatever is signed from here on could contradict it.
    /// </summary>
    private void CheckNotForgotten(StatusStatement status)
    {
        if (!_signs || ForgetsAll) return;
        foreach (HeldVote vote in status.Yours)
        {
            if (vote.Height <= _pruned || _safety.Knows(vote.IsCommit, vote.View, vote.Height, vote.BlockHash)) continue;
            string domain = vote.IsCommit ? VoteStatement.CommitDomain : VoteStatement.PrepareDomain;
            // Signing is deterministic: the signature is this key's exactly when it is what signing gives now.
            if (Sign(domain, StatementOf(vote.View, vote.Height, vote.BlockHash)) != vote.Signature) continue;
            BecomeLearner($"a peer holds a vote of this node for height {vote.Height} in view {vote.View} that the consensus log does not "
                + $"know: the log is incomplete or was restored from elsewhere. {WhatNow}");
            return;
        }
        if (status.YourResult is not { } result || result.Height <= ExecutedHeight) return;
        if (Sign(ExecutionStatement.Domain, result.Statement(_config.ChainId, _set.Epoch)) != result.Signature) return;
        BecomeLearner($"a peer holds this node's vote on the outcome of height {result.Height}, but the ledger ends at {ExecutedHeight}: "
            + $"the data directory was restored from an earlier state. {WhatNow}");
    }

    /// <summary>
    /// Before its first vote a replica hears from so many peers, each with all that it holds, that with itself they are a quorum: any of
    /// them could hold a vote that its log does not know. Without them nothing could be decided anyway.
    /// </summary>
    private void NoteAnswer(int sender)
    {
        if (_heardEnough || _self < 0) return;
        _answered.Add(sender);
        if (_answered.Count < _quorum - 1) return;
        _heardEnough = true;
        _progressAt = _now;
        PullUp();
        AfterViewChange();
        ConsiderAbove(_slots.Low);
        RotateWhenDue();
    }

    /// <summary>For good: the log says so from now on, also when what gave it away is long gone.</summary>
    private void BecomeLearner(string reason)
    {
        _signs = false;
        _out.Notices.Add(reason);
        if (_self >= 0) _log.Put(ForgottenKey, System.Text.Encoding.UTF8.GetBytes(reason));
    }
}
