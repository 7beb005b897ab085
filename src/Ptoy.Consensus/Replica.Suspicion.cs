namespace Ptoy.Consensus;

/// <summary>
/// When the primary is given up. A replica that waited in vain does not leave the view by itself: it says so in its status and goes on
/// voting, and f+1 such complaints, at least one of them from a correct replica, make everyone ask for the next view. A replica that was
/// cut off for a while can therefore vote again as soon as it is back, instead of waiting alone in a view that nobody joins.
/// </summary>
public sealed partial class Replica
{
    /// <summary>By replica: the view whose primary it gives up, or null.</summary>
    private readonly ulong?[] _complaints;

    /// <summary>The view in which this replica waited in vain. A commit takes it back.</summary>
    private ulong? _timedOut;

    /// <summary>The view whose primary leaves out a transaction. A commit of others does not take it back.</summary>
    private ulong? _censored;

    /// <summary>By replica: since when its connection is broken and nothing came from it, null while it is not known to be.</summary>
    private readonly ulong?[] _lostAt;

    private bool Suspects => ViewActive && (_timedOut == View || _censored == View);

    private void OnSuspect(ulong view)
    {
        if (!Votes || !ViewActive || view != View || _censored == view) return;
        _censored = view;
        Complain("a transaction is not ordered in time");
    }

    private void WaitedInVain(string reason)
    {
        if (_timedOut == View) return;
        _timedOut = View;
        _out.TimedOut.Add(new TimedOutView(View, Primary));
        Complain(reason);
    }

    private void Complain(string reason)
    {
        _out.Notices.Add($"complaining about primary {Primary} of view {View}: {reason}");
        SendStatus(asks: false);
        CountComplaints();
    }

    private void NoteComplaint(int sender, ulong? view)
    {
        _complaints[sender] = view;
        CountComplaints();
    }

    private void CountComplaints()
    {
        if (!Votes || !ViewActive) return;
        int count = Suspects ? 1 : 0;
        for (int i = 0; i < _complaints.Length; i++)
        {
            // Who asks for a higher view has given up on this one too.
            if (i != _self && (_complaints[i] == View || _viewChanges[i]?.Statement.View > View)) count++;
        }
        if (count > _set.Faulty) AskForView(View + 1, $"{count} replicas give up on primary {Primary}");
    }

    private void OnPeerLink(PeerLink link)
    {
        if (link.Replica < 0 || link.Replica >= _set.Count || link.Replica == _self) return;
        _lostAt[link.Replica] = link.Up ? null : _lostAt[link.Replica] ?? _now;
    }

    /// <summary>
    /// True when the primary's connection has been broken for so long that waiting on is a waste. At most f replicas can be dead, so
    /// this counts for f views in a row and no more, and not while more than f connections are broken: then the fault is nearer than the
    /// primary.
    /// </summary>
    private bool IsPrimaryLost =>
        _lostAt[Primary] is { } since && _now - since >= (ulong)_config.LostLinkTicks
        && _attempts < _set.Faulty && _lostAt.Count(l => l is not null) <= _set.Faulty;
}
