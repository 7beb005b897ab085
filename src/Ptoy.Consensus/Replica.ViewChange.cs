using Ptoy.Protocol;
using Ptoy.Protocol.Consensus;
using Ptoy.Protocol.Ledger;

namespace Ptoy.Consensus;

/// <summary>Sections 4.4 and 4.5.2 of the paper: asking for a view, and opening it.</summary>
public sealed partial class Replica
{
    /// <summary>Of each replica the view change with the highest view.</summary>
    private readonly ViewChange?[] _viewChanges;

    /// <summary>The message that opened the current view; null in view 0.</summary>
    private NewView? _newView;

    /// <summary>The height above which the current view proposes afresh: its primary's tenure counts from here.</summary>
    private ulong _viewBase;

    private ulong TenureEnd => _config.Tenure == 0 ? ulong.MaxValue : _viewBase + _config.Tenure;

    /// <summary>For tests: asks for the next view at once, alone.</summary>
    internal void AskForNextView() => AskForView(View + 1, "told to");

    /// <summary>
    /// The primary's tenure is over: an orderly view change. It proposes nothing above its tenure, so nothing is in flight; it is no
    /// mark against it, and timeouts do not grow.
    /// </summary>
    private void RotateWhenDue()
    {
        if (!ViewActive || Committed < TenureEnd || Committed >= _barrier || Halted is not null) return;
        int attempts = _attempts;
        AskForView(View + 1, $"primary {Primary} has served its tenure of {_config.Tenure} heights");
        _attempts = attempts;
    }

    private void AskForView(ulong view, string reason)
    {
        if (!Votes || !_safety.AskFor(view)) return;
        View = view;
        ViewActive = false;
        _waitingSince = null;
        _quorumAskedAt = null;
        _attempts++;
        _resentAt = _now;
        _out.Notices.Add($"asking for view {view}: {reason}");
        // Everything prepared above the newest certificate: leaving one out could undo a decision.
        var prepared = new List<PreparedCertificate>();
        for (ulong h = CertifiedHeight + 1; h <= _slots.Top && _config.Fault != PlantedFault.ViewChangeForgetsPrepared; h++)
        {
            if (_slots[h]?.Prepared is { } certificate) prepared.Add(certificate);
        }
        var statement = new ViewChangeStatement(_config.ChainId, _set.Epoch, (byte)_self, view, _newestCertificate, [.. prepared]);
        var message = new ViewChange(statement, Sign(ViewChangeStatement.Domain, statement));
        _log.Put(LogKind.ViewChange, 0, view, message);
        _log.DeleteViewsBelow(LogKind.ViewChange, view);
        _viewChanges[_self] = message;
        Broadcast(message);
        AfterViewChange();
    }

    private void OnViewChange(int sender, ViewChange message)
    {
        ulong view = message.Statement.View;
        if (_viewChanges[sender] is not { } known || known.Statement.View < view) _viewChanges[sender] = message;
        if (message.Statement.Checkpoint is { } checkpoint) OnCertificate(checkpoint);
        if (ViewActive && view <= View) HelpWithView(sender);
        PullUp();
        CountComplaints();
        AfterViewChange();
    }

    /// <summary>f+1 replicas ask for higher views: at least one of them is correct, so join them.</summary>
    private void PullUp()
    {
        ulong[] views = [.. _viewChanges.Where((v, i) => v is not null && i != _self).Select(v => v!.Statement.View).OrderDescending()];
        if (views.Length > _set.Faulty && views[_set.Faulty] > View) AskForView(views[_set.Faulty], "f+1 replicas ask for it");
    }

    private void AfterViewChange()
    {
        if (ViewActive || Halted is not null) return;
        if (_viewChanges.Count(v => v?.Statement.View >= View) >= _quorum)
        {
            _quorumAskedAt ??= _now;
            // The primary of this view has gone on to a higher one: it will not open this one any more.
            if (_viewChanges[Primary]?.Statement.View > View)
            {
                AskForView(View + 1, $"primary {Primary} has gone on");
                return;
            }
        }
        if (Primary != _self || !Votes || _viewChanges[_self]?.Statement.View != View) return;
        ViewChange[] changes = [.. _viewChanges.Where(v => v?.Statement.View == View).Select(v => v!)];
        int quorum = NewViewPlan.QuorumOf(_config);
        if (changes.Length < quorum || !_safety.Open(View)) return;
        changes = changes[..quorum];
        ReProposal[] proposals = new NewViewPlan(_config, _base, changes).Proposals;
        var statement = new NewViewStatement(_config.ChainId, _set.Epoch, View, changes, proposals);
        var message = new NewView(statement, Sign(NewViewStatement.Domain, statement));
        Broadcast(message);
        EnterView(message);
    }

    private void OnNewView(NewView message)
    {
        NewViewStatement statement = message.Statement;
        if (statement.View < View || (statement.View == View && ViewActive)) return;
        if (NewViewPlan.Check(_config, _base, statement) is { } problem)
        {
            _out.Notices.Add($"new view {statement.View} refused: {problem}");
            return;
        }
        EnterView(message);
    }

    private void EnterView(NewView message)
    {
        ulong view = message.Statement.View;
        _log.Put(LogKind.NewView, 0, view, message);
        _log.DeleteViewsBelow(LogKind.NewView, view);
        _log.DeleteViewsBelow(LogKind.ViewChange, view + 1);
        _safety.Enter(view);
        _out.Notices.Add($"entering view {view}, primary {PrimaryOf(view)}, {message.Statement.Proposals.Length} heights proposed again");
        OpenView(message);
        for (ulong h = _slots.Low + 1; h <= _slots.Top; h++)
        {
            if (_slots[h] is { } slot) TakeEarly(slot);
        }
        // What was decided while the view change went on may already be all of this primary's tenure.
        RotateWhenDue();
    }

    /// <summary>Takes the proposals of a new view (also at restart, from the log).</summary>
    private void OpenView(NewView message)
    {
        var plan = new NewViewPlan(_config, _base, message.Statement.ViewChanges);
        View = message.Statement.View;
        ViewActive = true;
        _newView = message;
        _viewBase = plan.Top;
        _next = Math.Max(plan.Top, Committed) + 1;
        _waitingSince = null;
        _quorumAskedAt = null;
        _progressAt = _now;
        _resentAt = _now;
        if (plan.Checkpoint is { } checkpoint) OnCertificate(checkpoint);
        for (ulong h = _slots.Low + 1; h <= _slots.Top; h++)
        {
            if (_slots[h] is not { } slot) continue;
            slot.Current = null;
            slot.Wanted = null;
        }
        ReProposal[] proposals = _config.Fault == PlantedFault.NewViewNotChecked ? message.Statement.Proposals : plan.Proposals;
        foreach (ReProposal proposal in proposals) TakeReProposal(proposal, plan);
        for (ulong h = _slots.Low + 1; h <= _slots.Top; h++) _slots[h]?.DropUnusedBlocks();
        ConsiderAbove(_slots.Low);
    }

    private void TakeReProposal(ReProposal proposal, NewViewPlan plan)
    {
        if (SlotAt(proposal.Height) is not { } slot) return;
        if (slot.Decision is { } decision && decision.Statement.BlockHash != proposal.BlockHash)
        {
            Halt($"a new view proposes another block for height {proposal.Height}, which is decided");
            return;
        }
        slot.Current = new Proposal(View, proposal.BlockHash, FromNewView: true);
        if (slot.Find(proposal.BlockHash) is not null) return;
        if (plan.Prepared.TryGetValue(proposal.Height, out PreparedCertificate? prepared))
            Want(slot, proposal.BlockHash, prepared.Signatures);
        Block filler = NewViewPlan.Filler(_config, proposal.Height);
        if (filler.ComputeHash() == proposal.BlockHash) slot.Learn(proposal.BlockHash, filler);
    }

    private void TakeEarly(Slot slot)
    {
        if (slot.Early is not { } early || early.Message.View > View) return;
        slot.Early = null;
        OnPrePrepare(early.Sender, early.Message, early.BlockHash);
    }

    /// <summary>A peer has not heard of the open view.</summary>
    private void HelpWithView(int peer)
    {
        if (_newView is not null && MayHelp(peer)) SendTo(peer, _newView);
    }
}
