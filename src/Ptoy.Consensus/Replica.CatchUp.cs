using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
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

    /// <summary>Highest height that a certificate shows to be decided.</summary>
    private ulong _provenCommitted;

    private ulong _fetchedAt;

    private void NoteExecuted(int sender, ulong height) => _claims[sender] = Math.Max(_claims[sender], height);

    /// <summary>The highest height that certificates or f+1 peers say is decided.</summary>
    private ulong KnownCommitted()
    {
        Span<ulong> claims = stackalloc ulong[_claims.Length];
        int count = 0;
        for (int i = 0; i < _claims.Length; i++)
        {
            if (i != _self) claims[count++] = _claims[i];
        }
        claims = claims[..count];
        claims.Sort();
        return Math.Max(Math.Max(claims[count - 1 - _set.Faulty], _provenCommitted), CertifiedHeight);
    }

    /// <summary>The highest height that is known to be proposed or decided anywhere.</summary>
    public ulong KnownHeight
    {
        get
        {
            ulong known = KnownCommitted();
            for (ulong h = _slots.Top; h > known; h--)
            {
                if (_slots[h]?.Current is not null) return h;
            }
            return known;
        }
    }

    private void SendStatus(bool asks)
    {
        _statusAt = _now;
        for (int peer = 0; peer < _set.Count; peer++)
        {
            // Who asks at its start also answers: two that start at once need not ask twice.
            if (peer != _self) SendStatus(peer, asks, complete: asks);
        }
    }

    private void SendStatus(int peer, bool asks, bool complete)
    {
        if (_self < 0) return;
        var statement = new StatusStatement(_config.ChainId, _set.Epoch, (byte)_self, View, ViewActive, Committed, ExecutedHeight,
            Math.Min(_certified, ExecutedHeight), Stable, asks, Suspects, complete, HeldOf(peer, complete), _heldResults[peer]);
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
        CheckNotForgotten(status);
        if (_self < 0 || Halted is not null) return;
        if (status.Complete) NoteAnswer(sender);
        NoteComplaint(sender, status.Suspects ? status.View : null);
        if (status.Asks) Tell(sender);
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

    private void Tell(int peer)
    {
        if (_toldAt[peer] is { } last && _now - last < (ulong)Math.Max(1, _config.ResendTicks / 4)) return;
        _toldAt[peer] = _now;
        SendStatus(peer, asks: false, complete: true);
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
        if (slot.Find(hash) is not null) return;
        slot.Learn(hash, block);
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
        if (_self >= 0 && ExistingSlot(request.Height)?.Find(request.BlockHash) is { } known)
            SendTo(sender, new BlockReply(known.Block));
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
        int[] others = [.. Enumerable.Range(0, _set.Count).Where(i => i != _self)];
        int[] replicas = [.. others.Where(i => _claims[i] > Committed)];
        if (replicas.Length == 0) replicas = others;
        _out.Fetch = new FetchRequest(Committed + 1, Math.Min(known, Committed + FetchHeights), replicas);
    }
}
