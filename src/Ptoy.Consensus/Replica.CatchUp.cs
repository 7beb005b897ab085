using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Crypto;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Consensus;

/// <summary>Replicas that missed something: status, decisions, blocks by hash, and fetching through the driver.</summary>
public sealed partial class Replica
{
    /// <summary>Decisions sent to a peer at a time.</summary>
    private const int HelpHeights = 4;

    /// <summary>Most blocks fetched at a time.</summary>
    private const ulong FetchHeights = 64;

    /// <summary>Committed heights that each peer claims.</summary>
    private readonly ulong[] _claims;

    /// <summary>When each peer was last helped, in ticks.</summary>
    private readonly ulong?[] _helpedAt;

    /// <summary>The newest vote held of each peer, to show it when it comes back.</summary>
    private readonly HeldVote?[] _held;

    /// <summary>Highest height that a certificate shows to be decided.</summary>
    private ulong _provenCommitted;

    private ulong _fetchedAt;

    /// <summary>Peers heard from since the start.</summary>
    private readonly HashSet<int> _answered = [];

    private bool _heardEnough;

    private void NoteHeld(int sender, HeldVote vote)
    {
        if (sender == _self) return;
        HeldVote? known = _held[sender];
        bool newer = known is null || (vote.View, vote.Height, vote.IsCommit).CompareTo((known.View, known.Height, known.IsCommit)) > 0;
        if (newer) _held[sender] = vote;
    }

    private void NoteExecuted(int sender, ulong height) => _claims[sender] = Math.Max(_claims[sender], height);

    /// <summary>The highest height that certificates or f+1 peers say is decided.</summary>
    private ulong KnownCommitted()
    {
        ulong claimed = _claims.Where((_, i) => i != _self).OrderDescending().ElementAt(_set.Faulty);
        return Math.Max(Math.Max(claimed, _provenCommitted), CertifiedHeight);
    }

    /// <summary>The highest height that is known to be proposed or decided anywhere.</summary>
    public ulong KnownHeight => _slots.Values.Where(s => s.Current is not null).Select(s => s.Height).Append(KnownCommitted()).Max();

    private void SendStatus(bool asks)
    {
        _statusAt = _now;
        for (int peer = 0; peer < _set.Count; peer++)
        {
            if (peer != _self) SendStatus(peer, asks);
        }
    }

    private void SendStatus(int peer, bool asks)
    {
        if (_self < 0) return;
        var statement = new StatusStatement(_config.ChainId, _set.Epoch, (byte)_self, View, ViewActive, Committed, ExecutedHeight, _certified,
            Stable, asks, _held[peer]);
        SendTo(peer, new Status(statement, Sign(StatusStatement.Domain, statement)));
    }

    private bool MayHelp(int peer)
    {
        if (_helpedAt[peer] is { } last && _now - last < (ulong)Math.Max(1, _config.ResendTicks / 4)) return false;
        _helpedAt[peer] = _now;
        return true;
    }

    private void OnStatus(int sender, StatusStatement status)
    {
        NoteExecuted(sender, status.Committed);
        if (status.YourNewest is { } vote) CheckNotForgotten(vote);
        if (_self < 0 || Halted is not null) return;
        NoteAnswer(sender);
        if (status.Asks) SendStatus(sender, asks: false);
        bool needsView = ViewActive && _newView is not null && (status.View < View || (status.View == View && !status.ViewActive));
        bool needsHeights = status.Committed < Committed || status.Certified < ExecutedHeight || status.Stable < Stable;
        if ((!needsView && !needsHeights) || !MayHelp(sender)) return;
        if (needsView) SendTo(sender, _newView!);
        if (status.Stable < Stable && _stableCertificate is { } stable) SendTo(sender, new Checkpoint(stable));
        for (ulong h = status.Committed + 1; h <= Committed && h <= status.Committed + HelpHeights; h++)
        {
            if (ExistingSlot(h)?.Decision is { } decision) SendTo(sender, new Decision(decision));
        }
        SendExecutionVotes(sender, Math.Max(status.Certified, status.Stable));
    }

    private void SendExecutionVotes(int peer, ulong above)
    {
        if (!Signs) return;
        var votes = new List<ExecutionVote>();
        for (ulong h = Math.Max(above, _base) + 1; h <= ExecutedHeight && votes.Count < ConsensusEnvelope.MaxVotes; h++)
        {
            if (_history.TryGetValue(h, out ExecutionStatement? statement)) votes.Add(OwnVote(statement));
        }
        if (votes.Count > 0) _out.Send.Add(new Outbound(peer, new ConsensusEnvelope(_set.Epoch, (byte)_self, null, [.. votes])));
    }

    /// <summary>
    /// A peer shows a vote under this node's key. One that the log does not know means that the log is not the newest one of
    /// this key: whatever is signed from here on could contradict it.
    /// </summary>
    private void CheckNotForgotten(HeldVote vote)
    {
        if (!_signs || _config.Fault == PlantedFault.VoteForgottenAtRestart) return;
        if (vote.Height <= _pruned || _safety.Knows(vote.IsCommit, vote.View, vote.Height, vote.BlockHash)) return;
        string domain = vote.IsCommit ? VoteStatement.CommitDomain : VoteStatement.PrepareDomain;
        if (Sign(domain, StatementOf(vote.View, vote.Height, vote.BlockHash)) != vote.Signature) return;
        BecomeLearner($"a peer holds a vote of this node for height {vote.Height} in view {vote.View} that the consensus log does not know: "
            + "the log is incomplete or was restored from elsewhere. This node signs nothing more with its key; rejoin with a new node key.");
    }

    /// <summary>
    /// Before its first vote a replica hears from so many peers that with itself they are a quorum: any of them could hold a
    /// vote that its log does not know. Without them nothing could be decided anyway.
    /// </summary>
    private void NoteAnswer(int sender)
    {
        if (_heardEnough || _self < 0) return;
        _answered.Add(sender);
        if (_answered.Count < _config.Quorum - 1) return;
        _heardEnough = true;
        _progressAt = _now;
        PullUp();
        AfterViewChange();
        foreach (Slot slot in SlotsAbove(_pruned)) Consider(slot);
    }

    private void BecomeLearner(string reason)
    {
        _signs = false;
        _out.Notices.Add(reason);
    }

    private void OnDecision(int sender, CommitCertificate certificate)
    {
        ulong height = certificate.Statement.Height;
        NoteExecuted(sender, height);
        _provenCommitted = Math.Max(_provenCommitted, height);
        if (SlotAt(height) is { } slot) Decide(slot, certificate);
    }

    private void OnCommittedBlock(VerifiedBlock verified)
    {
        CommitCertificate certificate = verified.Certificate;
        if (certificate.Statement.Epoch != _set.Epoch) return;
        if (SlotAt(certificate.Statement.Height) is not { } slot) return;
        LearnBlock(slot, certificate.Statement.BlockHash, verified.Block);
        Decide(slot, certificate);
        Deliver();
    }

    private void LearnBlock(Slot slot, Hash hash, Block block)
    {
        if (!slot.Blocks.TryAdd(hash, block)) return;
        if (slot.Wanted?.BlockHash == hash) slot.Wanted = null;
        Deliver();
        Consider(slot);
    }

    private void Want(Slot slot, Hash hash, ReplicaSignature[] holders)
    {
        if (slot.Wanted?.BlockHash == hash) return;
        byte[] others = [.. holders.Select(s => s.Replica).Where(r => r != _self)];
        if (others.Length == 0) return;
        // Start at different holders for different heights and replicas, so that none is asked for everything.
        slot.Wanted = (hash, others, (int)((slot.Height + (ulong)Math.Max(_self, 0)) % (ulong)others.Length));
        AskForWanted(slot);
    }

    private void AskForWanted(Slot slot)
    {
        if (_self < 0 || slot.Wanted is not { } wanted) return;
        var statement = new BlockRequestStatement(_config.ChainId, _set.Epoch, (byte)_self, slot.Height, wanted.BlockHash);
        SendTo(wanted.Holders[wanted.Next], new BlockRequest(statement, Sign(BlockRequestStatement.Domain, statement)));
        slot.Wanted = wanted with { Next = (wanted.Next + 1) % wanted.Holders.Length };
    }

    private void OnBlockRequest(int sender, BlockRequestStatement request)
    {
        if (_self >= 0 && ExistingSlot(request.Height)?.Blocks.TryGetValue(request.BlockHash, out Block? block) == true)
            SendTo(sender, new BlockReply(block));
    }

    private void OnBlockReply(Block block, Hash hash)
    {
        if (ExistingSlot(block.Header.Height) is { Wanted: { } wanted } slot && wanted.BlockHash == hash) LearnBlock(slot, hash, block);
    }

    private void TickFetch()
    {
        ulong known = KnownCommitted();
        known = Math.Min(known, _barrier ?? ulong.MaxValue);
        if (known <= Committed || _now - _fetchedAt < (ulong)_config.ResendTicks) return;
        // A few heights behind is a race with commit votes under way; they get a moment to come in.
        if (known - Committed < HelpHeights && _now - _progressAt < (ulong)_config.ResendTicks) return;
        _fetchedAt = _now;
        int[] replicas = [.. Enumerable.Range(0, _set.Count).Where(i => i != _self && _claims[i] > Committed)];
        if (replicas.Length == 0) replicas = [.. Enumerable.Range(0, _set.Count).Where(i => i != _self)];
        _out.Fetch = new FetchRequest(Committed + 1, Math.Min(known, Committed + FetchHeights), replicas);
    }
}
